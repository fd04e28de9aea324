"""Recognisers of a few weights for digits of 8 x 8 pixels, as networks and as packs."""

import functools

import jax
import numpy as np

from configs import smoke
from gan_jax.config.saved import plain
from gan_jax.data import load
from gan_jax.extractors.pack import save_pack
from gan_jax.extractors.record import make_record
from gan_jax.models.cnn import CNN
from gan_jax.training.fit_recogniser import fit_recogniser

STEPS = 12
SHAPE = (8, 8, 1)
NAMES = tuple(map(str, range(10)))


def tiny_cnn(**changes):
    """Its config."""
    config = smoke.get_config().judge.train
    config.update_from_flattened_dict(
        {"num_devices": 1, "compilation_cache": "", "dataset.image_size": (8, 8),
         "model.widths": (4,), "model.dense": 8, "batch_size": 16, "layers.texture": "block1",
         "num_steps": STEPS, "name": "cnn-tiny", **changes}
    )  # fmt: skip
    return config


@functools.cache
def small_digits():
    """Training and test digits."""
    options = {"name": "mnist5k", "image_size": (8, 8)}
    return load(options, "train"), load(options, "test")


def fit(config, data, **options):
    """Trains on a set, by default for `STEPS` steps with seed 0."""
    return fit_recogniser(
        config, data.images, data.labels, 10, **({"num_steps": STEPS, "seed": 0} | options)
    )


def save_tiny_pack(folder, *, seed=0, widths=None, names=NAMES):
    """The pack of a trained recogniser, or of an untrained one with other widths."""
    train, test = small_digits()
    config = tiny_cnn(seed=seed)
    if widths is None:
        fitted = fit(config, train, seed=seed, test=test)
        network, variables, accuracy = fitted.network, fitted.variables, fitted.accuracy
    else:
        config.model.widths = widths
        network, accuracy = CNN(num_classes=10, widths=widths, dense=8), 0.1
        images = np.zeros((1, *SHAPE), np.float32)
        init = jax.jit(lambda key: network.init(key, images, train=False))
        variables = init(jax.random.key(seed))
    record = make_record(
        name=config.name,
        network=network,
        image_shape=SHAPE,
        layers=dict(config.layers),
        class_names=names,
        accuracy=accuracy,
        num_test=len(test),
        training=plain(config),
        splits={"train": train.fingerprint, "test": test.fingerprint},
        versions={},
    )
    return save_pack(folder, variables, record)
