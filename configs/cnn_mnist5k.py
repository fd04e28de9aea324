"""The recogniser of the built-in digits, which configs/quickstart.py trains as its own judge.

    python train.py --config configs/cnn_mnist5k.py

Trains on 4,000 MNIST digits with small shifts, rotations and scalings, and tests on 1,000 others.
Measured on 2 cores of an AMD EPYC, JAX 0.10.2, seed 0: 31 s of training and 5 s of compilation,
98.5 % of the 1,000 test digits right (98.9 % and 98.7 % with seeds 1 and 2, an earlier state).
"""

from gan_jax.config import cnn_config


def get_config():
    config = cnn_config()
    config.name = "cnn-mnist5k"
    config.model.widths = (16, 32, 64)
    config.num_epochs = 8.0
    config.batch_size = 64
    config.evaluation.every = 125
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 50
    config.augment.shift = 0.08
    config.augment.rotation = 12.0
    config.augment.scale = 0.12
    config.augment.shear = 8.0
    return config
