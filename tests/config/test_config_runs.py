"""Every config that comes with the project, trained for a few steps and judged, at a small width.

    pytest -m slow tests/config/test_config_runs.py

Sets that do not come with the package are replaced by random images of the same shape and classes.
"""

import importlib
import json

import numpy as np
import pytest
from PIL import Image

from gan_jax import run as training
from gan_jax.extractors.released import is_released
from tests.config.test_configs import CONFIG_NAMES
from tests.runs import evaluation

_SHAPES = {"idx": (28, 28, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
_SMALL = {
    "num_steps": 4,
    "batch_size": 8,
    "steps_per_call": 2,
    "log_every": 2,
    "compilation_cache": "",
    "num_devices": 1,
    "evaluation.every": 2,
    "evaluation.batch_size": 50,
    "checkpoint.every": 4,
}
_SMALL_GAN = {
    "model.width": 16,
    "model.blocks": 1,
    "model.group_size": 4,
    "model.discriminator_width": 16,
    "evaluation.num_samples": 50,
    "evaluation.num_final_samples": 0,
    "evaluation.grid": 16,
    "collapse.action": "none",
}
_SMALL_CNN = {"model.widths": (4, 8, 8), "model.dense": 16}
_SMALL_ENLARGEMENT = {
    "super_resolution.width": 8,
    "super_resolution.blocks": 1,
    "super_resolution.warm_up_steps": 2,
}
_SMALL_STUDY = {
    "dataset.image_size": (8, 8),
    "sizes": (40,),
    "num_seeds": 1,
    "ratios": (1.0,),
    "pool_ratio": 2.0,
    "filters.recognisers": 2,
    "filters.confidence": 0.1,
    "control.extra_steps": 2,
    "num_devices": 1,
    "steps_per_call": 2,
    "compilation_cache": "",
    "recogniser.model.widths": (4,),
    "recogniser.model.dense": 8,
    "recogniser.batch_size": 8,
    "recogniser.num_steps": 4,
    "recogniser.optimizer.warmup_steps": 0,
    "gan.model.width": 4,
    "gan.model.latent_dim": 8,
    "gan.batch_size": 8,
    "gan.num_steps": 4,
}
_SMALL_SET = {
    "num_crops": 40,
    "num_test_crops": 120,
    "num_stacks": 400,
    "num_test_stacks": 200,
    "num_clips": 400,
    "num_test_clips": 200,
}


def _put_data(dataset, root):
    """Few images in place of what the config asks for, if that is not built in."""
    dataset.update({name: value for name, value in _SMALL_SET.items() if name in dataset})
    dataset.num_frames = min(dataset.num_frames, 4)
    name = dataset.tfds_name or dataset.name
    rng = np.random.default_rng(0)
    if name in _SHAPES:
        path = root / f"{name}.npz"
        images = rng.integers(256, size=(400, *_SHAPES[name]), dtype=np.uint8)
        np.savez(path, images=images, labels=np.arange(400) % 10)
        dataset.update(name="npz", tfds_name="", path=str(path), test_fraction=0.5)
    elif name in ("folder", None):
        folder = root / "folder" / "one"
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(40):
            pixels = rng.integers(256, size=(260, 260, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
        dataset.path = str(root / "folder")


def _shrink(config, root):
    if config.kind == "study":
        config.update_from_flattened_dict(_SMALL_STUDY)
        return config
    config.update_from_flattened_dict(_SMALL)
    _put_data(config.dataset, root)
    if config.kind == "cnn":
        config.update_from_flattened_dict(_SMALL_CNN)
        return config
    config.update_from_flattened_dict(_SMALL_GAN)
    config.num_seeds = min(config.num_seeds, 2)
    if config.judge.pack and config.judge.train:  # a released pack stays as it is
        packs = config.judge.pack.split(",")
        config.judge.pack = ",".join(
            one if is_released(one) else str(root / f"judge{place}" / "pack")
            for place, one in enumerate(packs)
        )
        _shrink(config.judge.train, root)
        if config.judge.train_beside:
            _shrink(config.judge.train_beside, root)
    if config.super_resolution.factor:
        config.update_from_flattened_dict(_SMALL_ENLARGEMENT)
        config.super_resolution.perceptual.pack = str(root / "loop" / "pack")
        _shrink(config.super_resolution.perceptual.train, root)
    return config


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIG_NAMES)
def test_a_config_trains_and_is_judged(name, tmp_path):
    config = _shrink(importlib.import_module(f"configs.{name}").get_config(), tmp_path)
    training.run(config, tmp_path / "run")
    assert (tmp_path / "run" / "report.html").stat().st_size > 1000
    if config.kind == "cnn":
        record = json.loads((tmp_path / "run" / "pack" / "pack.json").read_text())
        assert 0 <= record["accuracy"] <= 1
        return
    if config.kind == "study":
        protocol = json.loads((tmp_path / "run" / "study.json").read_text())["protocol"]
        assert protocol["cells_done"] == protocol["cells"] > 0
        return
    pictures = list((tmp_path / "run" / "samples").glob("*.png"))
    assert pictures
    if config.judge.pack or config.evaluation.textures:
        metrics = evaluation(tmp_path / "run")["metrics"]
        headline = "fd_semantic" if config.judge.pack else "texture_fd"
        assert np.isfinite(metrics[headline]["value"]) and metrics[headline]["value"] > 0
