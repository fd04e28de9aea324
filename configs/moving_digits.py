"""A GAN of moving images: digits that bounce in a frame of 32 x 32 pixels, 16 frames a clip.

    python train.py --config configs/cnn_moving_digits.py:frames --workdir runs/cnn_moving_frames
    python train.py --config configs/moving_digits.py

Content and motion are apart, as in MoCoGAN (Tulyakov et al. 2018), and the GAN is told the digit.
It is judged by a recogniser of clips, which is trained first where it is not there yet, and beside
it by one of frames, which the first command trains.
"""

from configs import cnn_moving_digits
from gan_jax.config import gan_config


def get_config():
    config = gan_config()
    config.dataset.name = "moving_digits"
    config.model.width = 16
    config.model.conditional = "projection"
    config.batch_size = 32
    config.num_steps = 6000
    config.updates = "simultaneous"
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-3
        optimizer.b2 = 0.99
    config.ema_half_life = 10_000.0
    config.evaluation.every = 1000
    config.evaluation.num_samples = 1000
    config.evaluation.batch_size = 100
    config.evaluation.grid = 40
    config.checkpoint.every = 500
    config.judge.pack = "runs/cnn_moving_digits/pack,runs/cnn_moving_frames/pack"
    config.judge.train = cnn_moving_digits.get_config()
    return config
