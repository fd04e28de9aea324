"""Every config that comes with the project passes the checks; test_config_runs.py trains them."""

import importlib
import pathlib

import pytest

from gan_jax.config import open_fields
from gan_jax.config.build import build_gan, build_recogniser
from gan_jax.config.checks import check_config
from gan_jax.config.study_settings import gan_run_config
from gan_jax.data.survey import Survey
from gan_jax.training.own_data import choose

_CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"
CONFIG_NAMES = sorted(path.stem for path in _CONFIGS.glob("*.py") if path.stem != "__init__")
_SHAPES = {
    "mnist5k": (28, 28, 1),
    "idx": (28, 28, 1),
    "mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "stacked_mnist": (28, 28, 3),
    "textures": (64, 64, 1),
    "folder": (64, 64, 3),
    "moving_digits": (16, 32, 32, 1),
}


def _image_shape(config):
    """(h, w, c) of the images that the config's dataset has."""
    shape = _SHAPES[config.dataset.tfds_name or config.dataset.name]
    return (*config.dataset.image_size, shape[2]) if config.dataset.image_size else shape


@pytest.mark.parametrize("name", CONFIG_NAMES)
def test_a_config_is_valid_and_its_networks_fit_its_images(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    if open_fields(config):
        found = Survey("folder", 500, 0, (300, 400), True, 3, (300, 200))
        config = choose(config, found, pathlib.Path("run"))
    check_config(config)
    if config.kind == "study":
        dataset = config.dataset
        config = gan_run_config(config, pathlib.Path("images.npz"), config.seed)
        config.dataset = dataset
    classes = config.model.get("num_textures", 10)
    classes = classes if classes > 1 else 10
    shape = _image_shape(config)
    if config.kind == "cnn":
        build_recogniser(config, classes, 100)
    else:
        build_gan(config, shape, config.num_steps or 100, num_classes=classes)


def test_every_config_says_how_it_is_run():
    for name in CONFIG_NAMES:
        module = importlib.import_module(f"configs.{name}")
        assert f"python train.py --config configs/{name}.py" in module.__doc__, name
