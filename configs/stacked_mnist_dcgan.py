"""A plain DCGAN on Stacked MNIST: 1,000 modes, of which such a GAN is known to lose many.

    python train.py --config configs/stacked_mnist_dcgan.py

Three of the built-in digits are stacked as the channels of an image (Metz et al. 2017, section
3.3.1), and the recogniser of the digits reads each channel by itself. The end of the run counts the
modes among 26,000 images, as is usual (Lin et al. 2018), and their divergence from real ones:
`modes` and `modes_kl` in eval.json, each beside what other test images score at the same n.
For digits of full MNIST give --config.dataset.stack=tfds:mnist, or idx with
--config.dataset.path=DIR; the released stacked-v1 reads these too.

Measured on one of 2 cores of an AMD EPYC, JAX 0.10.2, seeds 0 and 1, 410 s in all: 994 modes, KL
0.309 (floor 0.039). With a discriminator a quarter as wide
(--config.model.discriminator_width=8): 702 modes, KL 1.35. docs/stacked_mnist.md has the table.

These numbers are by a judge from before packs were released (docs/released.md): compare them with
each other only.
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
