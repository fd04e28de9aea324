"""Packs that were never trained, for what only needs one to be there."""

import jax
import jax.numpy as jnp

from gan_jax.config import cnn_config
from gan_jax.config.saved import plain
from gan_jax.extractors.pack import save_pack
from gan_jax.extractors.record import make_record
from gan_jax.models.cnn import CNN


def untrained_pack(folder, *, seed=7, shape=(16, 16, 1), widths=(3, 4), classes=10, training=None):
    """Writes a pack of random weights that says it was trained with this seed; returns it."""
    network = CNN(classes, widths=widths, dense=8)
    images = jnp.zeros((1, *shape))
    variables = jax.jit(lambda: network.init(jax.random.key(seed), images, train=False))()
    config = cnn_config()
    config.seed = seed
    config.model.widths, config.model.dense = widths, 8
    record = make_record(
        name="cnn-made",
        network=network,
        image_shape=shape,
        layers={"semantic": "penultimate", "texture": "block2"},
        class_names=tuple(str(i) for i in range(classes)),
        accuracy=0.5,
        num_test=2,
        training=plain(config) if training is None else training,
        splits={},
        versions={},
    )
    return save_pack(folder, variables, record)
