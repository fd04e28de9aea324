"""A GAN on images of one's own, 28 to 64 pixels: the recipe to begin with.

    python train.py --config configs/folder.py --config.dataset.path=DIR

Relativistic loss with R1 and R2 and a DCGAN's networks: stable without a search. Other sizes:
--config.dataset.image_size='(28,28)'. Which gamma suits the data, one command answers:
--config.sweep.gamma=0.25,1,4 --config.num_seeds=2. For a few thousand images or fewer add
--config.augment.translation=0.125 --config.augment.cutout=0.5. A judge, where there are labels:
see README, "Your own data"; --config.judge.pack=PACK.

Not measured yet.
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "folder"
    config.dataset.image_size = (64, 64)
    config.model.width = 32
    config.model.discriminator_norm = "none"
    config.model.initialization = "xavier"
    config.loss = "relativistic"
    config.r1_weight = config.r2_weight = 1.0
    config.num_steps = 20_000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 5e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99
    config.ema_half_life = 20_000.0
    config.evaluation.every = 2000
    config.checkpoint.every = 2000
    return config
