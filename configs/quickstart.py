"""A judge and a small GAN on the built-in digits: README's first command.

    python train.py --config configs/quickstart.py

The networks of configs/mnist5k_dcgan.py with the best recipe of docs/recipes.md: the relativistic
loss with R1 and R2, and classes by a projection. Images without labels:
--config.model.conditional=''.

"""

from configs import mnist5k_dcgan


def get_config():
    config = mnist5k_dcgan.get_config()
    config.model.conditional = "projection"
    config.model.discriminator_norm = "none"
    config.loss = "relativistic"
    config.r1_weight = config.r2_weight = 1.0
    config.num_steps = 4000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.b1 = 0.0
    config.evaluation.every = 1000
    config.checkpoint.every = 1000
    return config
