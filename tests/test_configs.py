"""Every config that comes with the project passes the checks, and its whole step can be built."""

import functools
import importlib
import pathlib

import jax
import jax.numpy as jnp
import pytest

from gan_jax.config import examples_a_step
from gan_jax.config_checks import check_config
from gan_jax.factory import build_gan, build_recogniser, gan_step_function
from gan_jax.state import create_cnn_state, create_gan_state
from gan_jax.steps import cnn_update
from gan_jax.study.settings import gan_run_config

_CONFIGS = pathlib.Path(__file__).resolve().parent.parent / "configs"
CONFIG_NAMES = sorted(path.stem for path in _CONFIGS.glob("*.py") if path.stem != "__init__")
_SHAPES = {
    "mnist5k": (28, 28, 1),
    "idx": (28, 28, 1),
    "mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "stacked_mnist": (28, 28, 3),
    "textures": (64, 64, 1),
    "folder": (64, 64, 3),
}


def _batch(config):
    """Shapes of a batch of the images that the config's dataset has."""
    name = config.dataset.tfds_name or config.dataset.name
    shape = _SHAPES[name]
    if config.dataset.image_size:
        shape = (*config.dataset.image_size, shape[2])
    count = examples_a_step(config)
    return {
        "images": jax.ShapeDtypeStruct((count, *shape), jnp.float32),
        "labels": jax.ShapeDtypeStruct((count,), jnp.int32),
    }, shape


@pytest.mark.parametrize("name", CONFIG_NAMES)
def test_a_config_is_valid_and_its_step_can_be_traced(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    check_config(config)
    if config.kind == "study":
        dataset = config.dataset
        config = gan_run_config(config, pathlib.Path("images.npz"), config.seed)
        config.dataset = dataset
    if config.model.get("name") == "r3gan":
        config.model.blocks = 1  # each further one is the same again
    classes = config.model.get("num_textures", 10)
    classes = classes if classes > 1 else 10
    batch, shape = _batch(config)
    key = jax.random.key(0)
    if config.kind == "cnn":
        recogniser = build_recogniser(config, classes, 100)
        step = functools.partial(cnn_update, recogniser=recogniser)
        state = jax.eval_shape(lambda: create_cnn_state(recogniser, key, shape))
    else:
        gan = build_gan(config, shape, config.num_steps or 100, num_classes=classes)
        step = functools.partial(gan_step_function(config.updates), gan=gan)
        state = jax.eval_shape(lambda: create_gan_state(gan, key, shape))
    after, metrics = jax.eval_shape(step, state, batch, key)
    same = jax.tree.map(lambda a, b: a.shape == b.shape and a.dtype == b.dtype, state, after)
    assert all(jax.tree.leaves(same))
    assert {value.shape for value in metrics.values()} == {()}


def test_every_config_says_how_it_is_run():
    for name in CONFIG_NAMES:
        module = importlib.import_module(f"configs.{name}")
        assert f"python train.py --config configs/{name}.py" in module.__doc__, name
