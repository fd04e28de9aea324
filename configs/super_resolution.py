"""Super-resolution: the recogniser, the discriminator and the generator for one another.

    python train.py --config configs/super_resolution.py
    python train.py --config configs/super_resolution.py:fashion_mnist --workdir runs/fashion_x2

The first enlarges 16 x 16 pixels of a photograph of bricks to 64 x 64, the second Fashion-MNIST
from 14 x 14 to 28 x 28 (its idx files in data/fashion_mnist). Each trains, where it is not there
yet, a small recogniser for the loss, then the network with the pixel loss alone, then with pixel,
perceptual and adversarial loss; the report compares both with bicubic interpolation, by a released
judge. On images of your own:

    python eval.py --workdir runs/super_resolution --enlarge DIR_OR_FILE --out DIR

Hardware: 2 CPU cores. Measured on one core of an Intel Xeon, JAX 0.10.2, seed 0, by
fashion-v1@813df100, after 900 of the 2,000 steps (docs/super_resolution.md has the command and the
whole table): Fashion-MNIST, 500 images: as far from real as a blur of 0.44 px (pixel loss 0.47,
bicubic 0.83), fd_texture 5.32 (pixel loss 7.60, bicubic 53.6, real images 1.37), PSNR 23.57 dB
(pixel loss 23.52, bicubic 19.34). Bricks and the whole 2,000 steps were not run by a released
judge.
"""

from configs import cnn_fashion_mnist, cnn_textures
from gan_jax.config import gan_config


def get_config(source="textures"):
    config = gan_config()
    section = config.super_resolution
    if source == "fashion_mnist":
        judge, loop = "fashion-v1", cnn_fashion_mnist.get_config()
        config.dataset.name = "idx"
        config.dataset.path = "data/fashion_mnist"
        section.factor = 2
        loop.num_epochs = 2.0
    else:
        judge, loop = "textures-v1", cnn_textures.get_config()
        config.dataset.name = "textures"
        config.dataset.photographs = "brick"
        config.dataset.image_size = (64, 64)
        config.evaluation.textures = True
        section.factor = 4
    loop.name, loop.seed, loop.model.widths = f"{loop.name}-loop", 1, (8, 16)
    config.judge.pack = judge
    section.perceptual.pack = f"runs/cnn_{source}_loop/pack"
    section.perceptual.train = loop
    section.perceptual.weight = 0.5
    section.adversarial_weight = 0.05
    section.width = 24
    section.warm_up_steps = 600
    config.model.name = "dcgan"  # the discriminator
    config.model.width = 16
    config.model.discriminator_norm = "none"
    config.loss = "relativistic"
    config.r1_weight = config.r2_weight = 1.0
    config.batch_size = 16
    config.num_steps = 2000
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 5e-4
        optimizer.b1 = 0.0
        optimizer.b2 = 0.99
    section.optimizer.learning_rate = 2e-3
    section.optimizer.schedule = "cosine"
    config.ema_half_life = 2_000.0
    config.evaluation.every = 1000
    config.evaluation.num_samples = 500
    return config
