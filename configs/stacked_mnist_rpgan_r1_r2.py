"""Stacked MNIST by relativistic pairing with R1 and R2 at every step, R3GAN's loss (Huang et al.
2024, "The GAN is dead; long live the GAN!"), here with a DCGAN's networks.

    python train.py --config configs/stacked_mnist_rpgan_r1_r2.py

`stacked_mnist_dcgan.py` says what is measured, and on which digits. Try other weights of the
penalties in factors of four; penalties at fewer steps are known to fail.

docs/leaderboard.md has it ('relativistic') after 128,000 images. Its 320,000 were not run by the
released judge.
"""

from configs import stacked_mnist_gan_r1_r2


def get_config():
    config = stacked_mnist_gan_r1_r2.get_config()
    config.loss = "relativistic"
    return config
