"""A texture GAN on one photograph of a brick wall, which then draws walls of any size.

    python train.py --config configs/texture_brick.py

It sees crops of 64 x 64 pixels only. `gan_jax.texture_sampling.sample_texture` draws any size from
the trained generator, edges that meet included. Needs scikit-image for the photograph; other
photographs that come with it: --config.dataset.photographs=grass, gravel.

Hardware: 2 CPU cores. Two networks of 0.73 and 0.17 million parameters.

Not measured as it stands. This recipe with 1,200 steps in place of 3,000 and new random crops of
the whole photograph at each step, on 2 cores of an AMD EPYC that other jobs shared, JAX 0.10.2, one
seed: 5 steps/s. Upright and cross joints have the right distance, width and grey; the sorted pixels
of a 256 x 256 sample lie 1.2 grey levels from the photograph's on average, and its power spectrum
follows the photograph's up to a third of a cycle a pixel. Joints end here and there in the middle
of a brick, as no pixel knows of noise farther than about 40 pixels away. Above that frequency there
is a faint grain that the photograph does not have, by which the discriminator always knows (its
loss ends at 0.06); with a constant learning rate it was stronger at 1,700 steps. Grass is harder:
after 1,000 steps at a constant rate it was grain without blades.
"""

from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "textures"
    config.dataset.photographs = "brick"
    config.dataset.image_size = (64, 64)
    config.model.name = "texture"
    config.model.latent_dim = 0
    config.model.width = 32
    config.model.discriminator_width = 16
    config.batch_size = 16
    config.updates = "simultaneous"
    config.num_steps = 3000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b2 = 0.99
        optimizer.schedule = "cosine"
    config.ema_half_life = 5000.0
    config.evaluation.every = 1000
    config.evaluation.num_samples = 500
    config.evaluation.grid = 16
    config.evaluation.textures = True
    return config
