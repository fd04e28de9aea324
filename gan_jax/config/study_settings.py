"""From a study's config to those of what it trains."""

from __future__ import annotations

import pathlib

from ml_collections import ConfigDict

from gan_jax.config.checks import check_config
from gan_jax.config.defaults import cnn_config, gan_config

_SHARED = ("parallel", "num_devices", "steps_per_call", "log_every", "compilation_cache")
_SHOWN = 64  # images of a GAN's last picture


def recogniser_config(config: ConfigDict, *, classical: bool) -> ConfigDict:
    """The config of a recogniser, with its augmentation or without any."""
    own = cnn_config()
    own.update(config.recogniser.copy_and_resolve_references())
    if not classical:
        own.augment = cnn_config().augment
    for name in _SHARED:
        own[name] = config[name]
    own.evaluation.batch_size = config.evaluation.batch_size
    return own


def gan_run_config(config: ConfigDict, images: pathlib.Path, seed: int) -> ConfigDict:
    """The config of a run that trains the GAN on the images in an .npz file.

    Without a judge: nothing but those images has a say in it, and its last step is what is used.
    Raises InputError for settings that cannot work.
    """
    own = gan_config()
    own.update(config.gan.copy_and_resolve_references())
    own.seed = seed
    own.dataset.name, own.dataset.path = "npz", str(images)
    own.checkpoint = config.checkpoint.copy_and_resolve_references()
    for name in _SHARED:
        own[name] = config[name]
    own.collapse.action = "none"
    own.evaluation.every = 0
    own.evaluation.num_samples = own.evaluation.grid = _SHOWN
    own.evaluation.batch_size = config.evaluation.batch_size
    check_config(own)
    return own
