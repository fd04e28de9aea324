"""The augmentation study with tiny networks: to see that everything works, not to learn from.

    python train.py --config configs/augmentation_study_smoke.py

Two sizes, two seeds; about a minute, most of it compilation.
"""

from configs import augmentation_study


def get_config():
    config = augmentation_study.get_config()
    config.dataset.image_size = (8, 8)
    config.sizes = (40, 80)
    config.num_seeds = 2
    config.ratios = (0.5, 1.0)
    config.pool_ratio = 3.0
    config.filters.recognisers = 2
    config.filters.confidence = 0.1
    config.control.extra_steps = 20
    config.control.most = 2.0
    config.steps_per_call = 10
    config.log_every = 10
    config.recogniser.model.widths = (4,)
    config.recogniser.model.dense = 8
    config.recogniser.batch_size = 16
    config.recogniser.num_steps = 20
    config.recogniser.optimizer.warmup_steps = 0
    config.gan.model.width = 4
    config.gan.model.latent_dim = 8
    config.gan.batch_size = 16
    config.gan.num_steps = 20
    return config
