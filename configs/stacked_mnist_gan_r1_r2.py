"""Stacked MNIST with the non-saturating loss, R1 and R2 at every step, and no batch normalisation
in the discriminator.

    python train.py --config configs/stacked_mnist_gan_r1_r2.py

The baseline of `stacked_mnist_rpgan_r1_r2.py`: only the loss differs. `stacked_mnist_dcgan.py` says
what is measured, and on which digits. Try other weights of the penalties in factors of four.

Its 320,000 images were not run by the released judge.
"""

from configs import stacked_mnist_dcgan


def get_config():
    config = stacked_mnist_dcgan.get_config()
    config.model.discriminator_norm = "none"
    config.r1_weight = 1.0
    config.r2_weight = 1.0
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99
    return config
