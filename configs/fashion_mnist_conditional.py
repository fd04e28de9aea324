"""Fashion-MNIST by class: the best recipe of docs/leaderboard.md, for longer.

    python train.py --config configs/fashion_mnist_conditional.py

Data and judge as in configs/fashion_mnist.py. Relativistic loss with R1 and R2, class-conditional
batch normalisation and a projection discriminator (Miyato and Koyama 2018).

Measured on one of 2 cores of an AMD EPYC, JAX 0.10.2, seed 0: 538 s of training (29 steps/s).
5,000 samples, n = 5,000 per side, judge's accuracy 91.45 %: fd_semantic 1.57 (1.41 to 1.73; 6.6 x
its floor 0.238), fd_texture 0.929 (6.8 x), coverage 0.79 (real images: 0.97), confidence 0.899
(0.923), class_agreement 0.913 (real images 0.915).

These numbers are by a judge from before packs were released (docs/released.md): compare them with
each other only.
"""

from configs import recipes


def get_config():
    config = recipes.get_config("fashion_mnist.relativistic_projection")
    config.num_seeds = 1
    config.num_steps = 16_000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.schedule = "cosine"
    config.ema_half_life = 20_000.0
    config.evaluation.every = 2000
    config.evaluation.num_samples = 5_000
    config.checkpoint.every = 2000
    return config
