"""A DCGAN on full Fashion-MNIST, judged by the released fashion-v1.

    python train.py --config configs/fashion_mnist.py

Data: the four idx files in data/fashion_mnist, or elsewhere with --config.dataset.path=DIR.

Measured on 2 shared cores of an AMD EPYC, JAX 0.10.2, seed 0, stopped after 21 minutes
of GAN training at step 6,520 of 12,000 (about 330 images a second): 5,000 samples against halves of
the 10,000 test images, n = 5,000 per side, judge's accuracy 91.3 %:
fd_semantic 6.39 (27 x its floor 0.235), fd_texture 1.70 (12 x its floor 0.138),
classifier_score 5.75, confidence 0.795, class_kl 0.0066.

These numbers are by a judge from before packs were released (docs/released.md): compare them with
each other only.
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "idx"
    config.dataset.path = "data/fashion_mnist"
    config.model.width = 64
    config.num_steps = 12_000
    config.generator_optimizer.learning_rate = 1e-3
    config.discriminator_optimizer.learning_rate = 1e-3
    config.generator_optimizer.b2 = 0.99
    config.discriminator_optimizer.b2 = 0.99
    config.ema_half_life = 20_000.0
    config.judge.pack = "fashion-v1"
    config.evaluation.every = 2000
    config.evaluation.num_samples = 5_000
    return config
