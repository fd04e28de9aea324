"""A plain DCGAN on Stacked MNIST: 1,000 modes, of which such a GAN is known to lose many.

    python train.py --config configs/stacked_mnist_dcgan.py

Three of the built-in digits are stacked as the channels of an image (Metz et al. 2017, section
3.3.1), and the recogniser of the digits reads each channel by itself. The end of the run counts the
modes among 26,000 images, as is usual (Lin et al. 2018), and their divergence from real ones:
`modes` and `modes_kl` in eval.json, each beside what other test images score at the same n.
For digits of full MNIST give --config.dataset.stack=tfds:mnist, or idx with
--config.dataset.path=DIR; the released stacked-v1 reads these too.

docs/leaderboard.md has three seeds of these networks after 128,000 of the 320,000 images. To see
modes get lost, give --config.model.discriminator_width=8.
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "stacked_mnist"
    config.model.width = 32
    config.num_steps = 5000
    config.num_seeds = 2
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
    config.evaluation.every = 2000
    config.evaluation.num_samples = 5_000
    config.evaluation.num_final_samples = 26_000
    config.checkpoint.every = 2000
    config.judge.pack = "stacked-v1"
    return config
