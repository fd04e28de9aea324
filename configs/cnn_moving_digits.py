"""Recognisers of moving digits, the judges of configs/moving_digits.py.

    python train.py --config configs/cnn_moving_digits.py
    python train.py --config configs/cnn_moving_digits.py:frames --workdir runs/cnn_moving_frames

The first reads clips: which digit moves, and in which of four directions. The second reads single
frames: which digit it is. It judges clips frame by frame, and sees whether a digit stays the same.
"""

from gan_jax.config import cnn_config


def get_config(reads="clips"):
    """The recogniser that `reads` clips or frames."""
    config = cnn_config()
    config.dataset.name = "moving_digits"
    config.model.widths = (32, 64, 64)
    config.num_steps = 1500
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 50
    config.checkpoint.every = 500
    config.name = f"cnn-moving-{'digits' if reads == 'clips' else 'frames'}"
    if reads == "frames":
        config.dataset.num_frames = 1
        config.dataset.num_clips = 60_000
        config.num_steps = 3000
        config.augment.update(rotation=10.0, scale=0.1)
    else:
        config.dataset.clip_labels = "motion"
    return config
