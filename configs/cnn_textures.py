"""The recogniser of the built-in photographs of brick, grass and gravel, a judge of textures.

    python train.py --config configs/cnn_textures.py

It names 64 x 64 crops of the three photographs, mirrored at random. Its pack gives `patch_fd`,
`gram_distance` and `fd_texture`:

    python eval.py --texture --samples SET --reference textures:brick \
        --extractor runs/cnn_textures/pack --out DIR

The photographs come with scikit-image.

Measured on one of 2 cores of an AMD EPYC, JAX 0.10.2, seed 0: 45 s of training (243 s beside much
other work), all of the 600 held-out crops right (already at step 140: the three are easy to tell
apart). On real crops the penultimate layer uses 2.3 of 128 directions and the pooled texture layer
2.7 of 64, and train.py warns of that: three photographs make three clusters. `patch_fd` and
`gram_distance` look at every position, and not at these pooled features. The pack passes its gate.
"""

from gan_jax.config import cnn_config


def get_config():
    config = cnn_config()
    config.name = "cnn-textures"
    config.dataset.name = "textures"
    config.dataset.image_size = (64, 64)
    config.dataset.crop_flips = True
    config.model.widths = (16, 32, 64)
    config.num_epochs = 2.0
    config.batch_size = 32
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 50
    config.augment.flip = True
    config.evaluation.every = 125
    return config
