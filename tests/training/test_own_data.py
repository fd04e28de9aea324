"""Images of one's own: what is found in them, what is chosen, and that what is given stands."""

import importlib
import json
import pathlib
import zipfile

import numpy as np
import pytest
from absl import flags
from ml_collections import config_flags
from PIL import Image

from gan_jax import run as training
from gan_jax.config import gan_config, open_fields
from gan_jax.config.build import build_gan
from gan_jax.config.checks import check_config
from gan_jax.data.survey import Survey, survey
from gan_jax.errors import InputError
from gan_jax.runtime import workdir
from gan_jax.training.own_data import choose, complete

_CONFIG = pathlib.Path(__file__).resolve().parents[2] / "configs" / "folder.py"
_SECTION = {"test_fraction": 0.1}


def _config(**changes):
    config = importlib.import_module("configs.folder").get_config()
    config.compilation_cache = ""
    config.update_from_flattened_dict(changes)
    return config


def _found(**changes):
    found = dict(name="folder", num_images=500, num_test=0, size=(110, 109), mixed=True, channels=3)
    return Survey(**found | dict(class_counts=(140, 120, 100, 80, 60)) | changes)


def _chosen(config=None, **found):
    return choose(config or _config(), _found(**found), pathlib.Path("runs/mine"))


def _draw(path, size, *, colour=True, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, 3) if colour else (*size, 1)
    pixels = np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)
    Image.fromarray(np.broadcast_to(pixels, (*size, 3))).save(path)


def _labelled(root):
    """Nine red and fifteen blue images of several sizes."""
    for number in range(24):
        kind = "red" if number < 9 else "blue"
        _draw(root / kind / f"{number}.png", (20 + number % 3, 30), seed=number)
    return root


def test_a_folder_is_counted_by_class_and_measured_by_its_headers(tmp_path):
    found = survey({"path": str(_labelled(tmp_path / "set")), **_SECTION})
    assert (found.name, found.num_images, found.num_test) == ("folder", 24, 0)
    assert (found.size, found.mixed, found.channels) == ((21, 30), True, 3)
    assert found.class_counts == (15, 9)


def test_grey_images_that_are_stored_in_colour_are_grey(tmp_path):
    for number in range(5):
        _draw(tmp_path / f"{number}.png", (16, 24), colour=False, seed=number)
    found = survey({"path": str(tmp_path)})
    assert (found.channels, found.size, found.mixed) == (1, (16, 24), False)
    assert found.class_counts is None
    _draw(tmp_path / "9.png", (16, 24))
    assert survey({"path": str(tmp_path)}).channels == 3


def test_a_zip_and_an_npz_are_found_as_the_folder_is(tmp_path):
    root = _labelled(tmp_path / "set")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in root.rglob("*.png"):
            archive.write(file, file.relative_to(root))
    assert survey({"path": str(tmp_path / "set.zip")}) == survey({"path": str(root)})
    images = np.zeros((30, 12, 18, 3), np.uint8)
    np.savez(tmp_path / "set.npz", x_train=images, y_train=np.arange(30) % 3,
             x_test=images[:6], y_test=np.arange(6) % 3)  # fmt: skip
    found = survey({"path": str(tmp_path / "set.npz")})
    assert (found.name, found.num_images, found.num_test) == ("npz", 36, 6)
    assert (found.size, found.channels, found.class_counts) == ((12, 18), 1, (12, 12, 12))


def test_a_part_for_testing_is_counted(tmp_path):
    for number in range(8):
        _draw(tmp_path / ("train" if number < 6 else "test") / f"{number}.png", (9, 9))
    found = survey({"path": str(tmp_path)})
    assert (found.num_images, found.num_test) == (8, 2)


@pytest.mark.parametrize("path", ["", "nowhere"])
def test_without_images_it_is_said_what_to_give(path, tmp_path):
    with pytest.raises(InputError, match=r"dataset\.path"):
        complete(_config(**{"dataset.path": path}), tmp_path)


@pytest.mark.parametrize("num_images", [24, 500, 2_000, 20_000, 1_000_000])
def test_the_recogniser_of_any_set_gets_enough_updates(num_images):
    config = _chosen(num_images=num_images, class_counts=(num_images // 2,) * 2)
    judge = config.judge.train
    assert 800 <= judge.num_steps <= 5000
    assert judge.batch_size <= config.batch_size <= 64
    assert 2 <= config.batch_size <= num_images


@pytest.mark.parametrize("num_images", [4, 60, 500, 100_000])
def test_more_of_a_small_set_is_held_out(num_images):
    fraction = _chosen(num_images=num_images).dataset.test_fraction
    assert fraction == pytest.approx({4: 0.25, 60: 0.25, 500: 0.25, 100_000: 0.1}[num_images])


@pytest.mark.parametrize(
    "size", [(1, 1), (5, 300), (20, 20), (28, 28), (64, 64), (90, 160), (333, 500), (40, 9000)]
)
@pytest.mark.parametrize("mixed", [False, True])
def test_the_networks_can_make_the_size(size, mixed):
    config = _chosen(size=size, mixed=mixed, class_counts=None)
    height, width = config.dataset.image_size
    build_gan(config, (height, width, 3), 100)
    assert 64 <= height * width <= max(64 * 64, 8 * 256)
    if 0.1 < size[0] / size[1] < 10:
        assert height / width == pytest.approx(size[0] / size[1], rel=0.12)
    if not mixed and 8 <= min(size) and height * width < 64 * 64 and max(size) <= 64:
        assert (height, width) == size


def test_larger_images_cost_width_and_steps_not_hours():
    small = _chosen(size=(28, 28), mixed=False)
    large = _chosen(_config(**{"dataset.image_size": (128, 128)}))
    assert large.num_steps < small.num_steps and large.model.width < small.model.width


@pytest.mark.parametrize("counts", [None, (500,), (3,) * 160])
def test_without_classes_that_can_be_learned_there_is_no_judge(counts):
    config = _chosen(class_counts=counts)
    assert config.judge.pack == "" and not config.judge.train
    assert config.model.conditional == ("projection" if counts and len(counts) > 1 else "")
    check_config(config)


def test_the_judge_reads_the_images_as_the_gan_does():
    config = _chosen(_config(**{"dataset.path": "mine", "dataset.white": 4095.0}))
    assert config.judge.train.dataset.to_dict() == config.dataset.to_dict()
    assert config.judge.pack == "runs/mine/judge/pack"
    check_config(config)
    assert not open_fields(config)


_BY_HAND = {
    "num_steps": 7,
    "batch_size": 12,
    "evaluation.every": 3,
    "checkpoint.every": 5,
    "model.width": 4,
    "model.conditional": "",
    "augment.translation": 0.0,
    "augment.cutout": 0.25,
    "dataset.name": "folder",
    "dataset.image_size": (12, 20),
    "dataset.channels": 3,
    "dataset.test_fraction": 0.4,
    "judge.pack": "elsewhere/pack",
    "judge.train.num_steps": 9,
    "judge.train.batch_size": 11,
    "judge.train.evaluation.every": 2,
    "judge.train.dataset.image_size": (16, 16),
}


def test_what_is_given_on_the_command_line_stands(monkeypatch):
    given = [f"--config.{field}={value}" for field, value in _BY_HAND.items()]
    monkeypatch.setattr("sys.argv", ["train.py", f"--config={_CONFIG}", *given])
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    values(["train.py", f"--config={_CONFIG}", *given])
    config = _chosen(values.config)
    assert not open_fields(config)
    found = dict.fromkeys(_BY_HAND, config)
    for field in _BY_HAND:
        for name in field.split("."):
            found[field] = found[field][name]
    assert found == _BY_HAND


@pytest.mark.parametrize("field", ["batch_size", "model.width", "judge.train.batch_size"])
def test_what_nothing_can_be_chosen_beside_is_refused(field):
    with pytest.raises(InputError, match=rf"config\.{field} is 0"):
        _chosen(_config(**{field: 0}))


def test_the_size_as_stored_can_be_asked_for_and_one_too_large_is_refused():
    config = _chosen(_config(**{"dataset.image_size": ()}), size=(100, 120), mixed=False)
    assert config.dataset.image_size == () and config.num_steps >= 1000
    with pytest.raises(InputError, match="512x512"):
        _chosen(_config(**{"dataset.image_size": (512, 512)}))


def test_an_existing_judge_is_told_of(tmp_path):
    (tmp_path / "pack").mkdir()
    data = {"dataset.path": str(_labelled(tmp_path / "set"))}
    config = _config(**data, **{"judge.pack": str(tmp_path / "pack")})
    assert f"judged by {tmp_path / 'pack'}" in complete(config, tmp_path / "run")[1]


def test_epochs_that_are_given_are_what_is_trained():
    config = _chosen(_config(**{"num_epochs": 3.0}))
    assert (config.num_steps, config.num_epochs) == (0, 3.0)
    assert config.evaluation.every == pytest.approx(3 * 375 / 64 / 4, abs=1)


def test_a_config_without_open_fields_is_left_as_it_is(tmp_path):
    config = gan_config()
    assert complete(config, tmp_path) == (config, "")


def test_what_was_found_and_chosen_is_said_in_three_lines(tmp_path):
    path = _labelled(tmp_path / "set")
    lines = complete(_config(**{"dataset.path": str(path)}), tmp_path / "run")[1].splitlines()
    assert len(lines) == 3
    assert "24 images in 2 classes of 9 to 15" in lines[0] and "21x30" in lines[0]
    assert "20x32" in lines[1] and "800 steps" in lines[1] and "minutes" in lines[1]
    assert "--config.num_steps=" in lines[2]


def test_a_run_goes_on_with_what_was_chosen_whatever_is_there_now(tmp_path):
    path, run = _labelled(tmp_path / "set"), tmp_path / "run"
    config, _ = complete(_config(**{"dataset.path": str(path), "batch_size": 8}), run)
    workdir.open_workdir(run, config)
    for number in range(3000):
        (path / "red" / f"more{number}.png").symlink_to(path / "red" / "0.png")
    again, _ = complete(_config(**{"dataset.path": str(path), "num_steps": 90}), run)
    assert again.num_steps == 90
    again.num_steps = config.num_steps
    assert again.to_dict() == config.to_dict()
    moved = run.rename(tmp_path / "moved")
    again, _ = complete(_config(**{"dataset.path": str(path)}), moved)
    assert again.judge.pack == str(moved / "judge" / "pack")


def test_crops_are_not_for_this_config(tmp_path):
    with pytest.raises(InputError, match="texture_folder"):
        complete(_config(**{"dataset.crops": "random"}), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [True, False])
def test_a_folder_trains_is_judged_and_resumes(labelled, tmp_path):
    path = _labelled(tmp_path / "set")
    changes = {
        "dataset.path": str(path if labelled else path / "blue"),
        "model.width": 4,
        "num_devices": 1,
        "evaluation.num_samples": 40,
        "evaluation.num_final_samples": 40,
        "evaluation.grid": 16,
        "judge.train.num_devices": 1,
        "judge.train.num_steps": 30,
        "judge.train.compilation_cache": "",
        "judge.train.model.widths": (4, 4, 4, 4),
        "judge.train.optimizer.warmup_steps": 2,
    }
    training.run(_config(num_steps=8, **changes), tmp_path / "run")
    training.run(_config(num_steps=12, **changes), tmp_path / "run")
    protocol = json.loads((tmp_path / "run" / "eval.json").read_text())["protocol"]
    assert protocol["step"] == 12
    assert (tmp_path / "run" / "judge" / "pack").exists() == labelled
    assert (tmp_path / "run" / "report.html").stat().st_size > 1000
