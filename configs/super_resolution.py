"""Super-resolution: the recogniser, the discriminator and the generator for one another.

    python train.py --config configs/super_resolution.py
    python train.py --config configs/super_resolution.py:fashion_mnist --workdir runs/fashion_x2

The first enlarges 16 x 16 pixels of a photograph of bricks to 64 x 64, the second Fashion-MNIST
from 14 x 14 to 28 x 28 (its idx files in data/fashion_mnist). Each trains, where it is not there
yet, a small recogniser for the loss, then the network with the pixel loss alone, then with pixel,
perceptual and adversarial loss; the report compares both with bicubic interpolation, by a released
judge. On images of your own:

    python eval.py --workdir runs/super_resolution --enlarge DIR_OR_FILE --out DIR

Hardware: 2 CPU cores. Measured on one core that other work kept busy, JAX 0.10.2, seed 0, but with
fewer steps (docs/super_resolution.md has the commands): bricks after 800 in all, 200 held-out
crops: fd_texture 11.2 (pixel loss 20.5, bicubic 296, floor 1.7) at PSNR 35.69 dB (pixel loss
36.18); Fashion-MNIST after 900, 500 images: fd_texture 8.04 (pixel loss 11.8, bicubic 64.2, floor
1.3) at 24.14 dB (24.09). The 2,000 steps that stand here were not run to their end.

These numbers are by a judge from before packs were released (docs/released.md): compare them with
each other only.
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
