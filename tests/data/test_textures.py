"""Crops of photographs: built in, and in a folder."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.errors import InputError
from tests.data.sets import SMALL, TINY_LIMIT, coded, contents, fails, places

RNG = np.random.default_rng(0)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


# The built-in photographs


def test_a_class_a_photograph_and_as_many_crops_of_each():
    train, test = (data.load({"name": "textures", "num_crops": 301}, s) for s in ("train", "test"))
    assert train.images.shape == (301, 64, 64, 1) and test.images.shape == (600, 64, 64, 1)
    assert train.class_names == test.class_names == ("brick", "grass", "gravel")
    assert sorted(np.bincount(train.labels)) == [100, 100, 101]
    assert np.bincount(test.labels).tolist() == [200] * 3
    assert len(np.unique(test.images.reshape(600, -1), axis=0)) == 600
    content = hashlib.sha256(b"600 x (64, 64, 1)\n")
    content.update(test.images)
    content.update(test.labels)
    assert content.hexdigest().startswith("b7ef3610"), "the test split of the textures changed"


def test_chosen_photographs():
    one = data.load({"name": "textures", "photographs": "gravel", **SMALL}, "train")
    assert one.class_names == ("gravel",) and set(one.labels) == {0}
    two = data.load({"name": "textures", "photographs": "gravel, brick", **SMALL}, "train")
    assert two.class_names == ("gravel", "brick")
    (gravel,) = data.load_photographs({"name": "textures"}, "all")["gravel"]
    windows = np.lib.stride_tricks.sliding_window_view(gravel[..., 0], (8, 8)).reshape(-1, 64)
    known = set(map(bytes, windows))
    assert all(bytes(image) in known for image in two.images[two.labels == 0])
    assert not any(bytes(image) in known for image in two.images[two.labels == 1])


def test_photographs_at_full_size_and_their_regions():
    config = {"name": "textures"}
    whole = data.load_photographs(config, "all")
    train, test = data.load_photographs(config, "train"), data.load_photographs(config, "test")
    assert list(whole) == ["brick", "grass", "gravel"]
    for name, (picture,) in whole.items():
        assert picture.shape == (512, 512, 1) and picture.dtype == np.uint8
        above, below = train[name]
        np.testing.assert_array_equal(np.concatenate([above, *test[name], below]), picture)
        assert test[name][0].shape == (128, 512, 1)
    with pytest.raises(InputError, match="'mnist5k' has no photographs"):
        data.load_photographs({"name": "mnist5k"}, "all")


def test_a_grid_takes_every_place_of_its_stride():
    config = {"name": "textures", "photographs": "grass", "crops": "grid", "crop_stride": 64}
    test, train = data.load(config, "test"), data.load(config, "train")
    (band,), (above, below) = (
        data.load_photographs(config, split)["grass"] for split in ("test", "train")
    )
    blocks = [
        region[top : top + 64, left : left + 64]
        for region in (band, above, below)
        for top in range(0, len(region), 64)
        for left in range(0, 512, 64)
    ]
    np.testing.assert_array_equal(np.concatenate([test.images, train.images]), blocks)


def test_random_crops_come_from_all_over_the_training_regions_only():
    """Columns of the photograph are told apart by where crops of one pixel find their values."""
    config = {"name": "textures", "photographs": "brick", "image_size": (1, 1)}
    train = data.load(config | {"num_crops": 512 * 384}, "train")  # as many as there are pixels
    expected = np.concatenate(data.load_photographs(config, "train")["brick"])
    np.testing.assert_array_equal(train.images.reshape(384, 512, 1), expected)


def test_crops_depend_on_the_seed_and_test_crops_do_not():
    first, second, again = (
        {s: data.load({"name": "textures", "seed": seed, **SMALL}, s) for s in ("train", "test")}
        for seed in (0, 1, 0)
    )
    assert first["train"].fingerprint == again["train"].fingerprint
    assert first["train"].fingerprint != second["train"].fingerprint
    assert first["test"].fingerprint == second["test"].fingerprint


def test_colour_can_be_asked_for():
    grey = data.load({"name": "textures", **SMALL}, "test").images
    colour = data.load({"name": "textures", "channels": 3, **SMALL}, "test").images
    np.testing.assert_array_equal(colour, np.repeat(grey, 3, axis=3))


def test_both_splits_read_as_anybodys_images():
    everything = data.read_images("textures", **SMALL)
    assert len(everything) == 160 and everything.num_classes == 3
    assert data.read_images("textures", split="test", **SMALL).images.shape == (40, 8, 8, 1)


def test_importing_data_does_not_import_scikit_image():
    code = "import sys, gan_jax.data; sys.exit('skimage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"photographs": "gras"}, "photographs: 'gras' is unknown: did you mean 'grass'.*'' for"),
        ({"photographs": "brick,brick"}, "'brick' comes twice"),
        (
            {"image_size": (129, 64)},
            r"'brick' is 512x512 .*0.25 leaves the middle 128 rows for testing and 192 above and "
            r"192 below.*129x64 .*at least 515x64; give a smaller dataset.image_size",
        ),
        ({"image_size": (64, 513)}, "512x512.*64x513.*at least 254x513"),
        ({"num_crops": 0}, "num_crops is 0: expected a whole number, 1 or more, such as 6000"),
        ({"num_crops": 2}, "num_crops is 2, and there are 3 classes.*give 3 or more"),
        ({"num_test_crops": -1}, "num_test_crops is -1"),
        ({"num_crops": 2.5}, "num_crops is 2.5: expected a whole number"),
        ({"crop_stride": 0}, "crop_stride is 0"),
        ({"crops": "gird"}, "crops 'gird' is unknown: did you mean 'grid'.*'' for whole images"),
        ({"held_out": 1.0}, "held_out is 1.0: give the share"),
        ({"seed": -1}, "dataset.seed is -1"),
        ({"image_size": (32, 64), "crop_rotations": True}, r"\(32, 64\) is not square"),
    ],
)
def test_what_cannot_work_is_named(options, message):
    for split in ("train", "all"):
        fails(message, {"name": "textures", **options}, split)


def test_crops_of_what_is_not_cut():
    fails("crops is 'grid', and 'mnist5k' is not cut", {"name": "mnist5k", "crops": "grid"})


# Folders of photographs


@pytest.mark.parametrize("mode", ["random", "grid"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("held_out", [0.25, 0.4])
def test_train_and_test_share_no_pixel(tmp_path, mode, turned, held_out):
    for number, size in enumerate([(100, 60), (59, 200), (64, 64)]):
        save(tmp_path / f"{number}.png", coded(*size, number))
    config = {
        "name": "folder",
        "path": str(tmp_path),
        "crops": mode,
        "crop_stride": 3,
        **SMALL,
    }
    config |= {"held_out": held_out, "crop_flips": turned, "crop_rotations": turned}
    config |= {"num_crops": 900, "num_test_crops": 900}
    train, test = (contents(data.load(config, split)) for split in ("train", "test"))
    assert not places(train) & places(test)
    everything = contents(data.load(config, "all"))
    np.testing.assert_array_equal(everything, np.concatenate([train, test]))
    total = 100 * 60 + 59 * 200 + 64 * 64
    assert len(places(everything)) > 0.9 * total  # nearly all is used
    for crop in everything:  # and a crop is one whole piece of one photograph
        rows, columns = crop[..., 0].astype(int), crop[..., 1].astype(int)
        assert len(places(crop)) == 64 and len(np.unique(crop[..., 2])) == 1
        assert np.ptp(rows) == np.ptp(columns) == 7


def orientations(images):
    """How many crops of a coded photograph lie in each of the eight ways."""
    down = images[:, 1, 0, :2].astype(int) - images[:, 0, 0, :2]
    right = images[:, 0, 1, :2].astype(int) - images[:, 0, 0, :2]
    ways = np.concatenate([down, right], axis=1)
    return {tuple(way): int(count) for way, count in zip(*np.unique(ways, axis=0, return_counts=1))}


@pytest.mark.parametrize("flips, rotations, ways", [(0, 0, 1), (1, 0, 2), (0, 1, 4), (1, 1, 8)])
def test_orientations_are_those_asked_for_and_equally_frequent(tmp_path, flips, rotations, ways):
    save(tmp_path / "a.png", coded(100, 100))
    config = {"name": "folder", "path": str(tmp_path), "crops": "random", **SMALL}
    config |= {"num_crops": 1600, "crop_flips": bool(flips), "crop_rotations": bool(rotations)}
    found = orientations(data.load(config, "train").images)
    assert len(found) == ways and min(found.values()) > 0.7 * 1600 / ways
    upright, mirrored = (1, 0, 0, 1), (1, 0, 0, -1)
    assert upright in found and (mirrored in found) == bool(flips)
    determinants = {a * d - b * c for a, b, c, d in found}
    assert determinants == ({1, -1} if flips else {1})


def test_a_subfolder_is_a_class_whatever_its_sizes_colours_and_count(tmp_path):
    save(tmp_path / "bark" / "a.png", np.full((90, 50), 10, np.uint8))
    for number in range(3):
        save(tmp_path / "cloth" / f"{number}.png", np.full((64, 300, 3), 100 + number, np.uint8))
    config = {"name": "folder", "path": str(tmp_path), "crops": "random", **SMALL}
    train = data.load(config, "train")
    assert train.class_names == ("bark", "cloth") and train.image_shape == (8, 8, 3)
    assert np.bincount(train.labels).tolist() == [60, 60]
    assert np.bincount(train.images[:, 0, 0, 0])[[10, 100, 101, 102]].tolist() == [60, 20, 20, 20]
    assert data.load({**config, "channels": 1}, "test").image_shape == (8, 8, 1)


def test_without_subfolders_each_file_is_a_class(tmp_path):
    for name in ("rust.png", "sand.jpg", "moss.png"):
        save(tmp_path / name, np.zeros((64, 64), np.uint8))
    config = {"name": "folder", "path": str(tmp_path), "crops": "random", **SMALL}
    assert data.load(config, "train").class_names == ("moss", "rust", "sand")
    save(tmp_path / "rust.jpg", np.zeros((64, 64), np.uint8))
    assert "rust.jpg" in data.load(config, "train").class_names


def test_subfolders_train_and_test_are_the_splits_and_not_divided(tmp_path):
    for number, (split, name) in enumerate((s, n) for s in ("train", "test") for n in "ab"):
        save(tmp_path / split / name / "x.png", coded(20, 30, number))
    config = {
        "name": "folder",
        "path": str(tmp_path),
        "crops": "grid",
        **SMALL,
        "crop_stride": 1,
    }
    train, test = data.load(config, "train"), data.load(config, "test")
    assert len(places(train.images)) == len(places(test.images)) == 2 * 20 * 30
    np.testing.assert_array_equal(train.labels, train.images[:, 0, 0, 2])
    np.testing.assert_array_equal(test.labels, test.images[:, 0, 0, 2] - 2)
    pictures = data.load_photographs(config, "test")
    np.testing.assert_array_equal(pictures["test/a/x.png"], [coded(20, 30, 2)])
    save(tmp_path / "test" / "b" / "x.png", coded(20, 7))
    fails(r"'test/b/x.png' is 20x7 .* too small for crops of 8x8", config, "test")


@pytest.mark.parametrize("held_out", [0.1, 0.25, 1 / 3, 0.5, 0.8])
@pytest.mark.parametrize("crop", [1, 8, 13])
def test_the_size_that_a_message_asks_for_is_the_least_that_works(tmp_path, held_out, crop):
    config = {"name": "folder", "path": str(tmp_path), "crops": "random", **SMALL}
    config |= {"image_size": (crop, crop), "held_out": held_out}
    save(tmp_path / "a.png", coded(2, crop))
    with pytest.raises(InputError, match=r"'a.png' is 2x.* of at least \d+x\d+") as error:
        data.load(config, "train")
    height = int(str(error.value).split("at least ")[1].split("x")[0])
    save(tmp_path / "a.png", coded(height, crop))
    assert len(data.load(config, "train")) >= 2 and len(data.load(config, "test")) >= 1
    save(tmp_path / "a.png", coded(height - 1, crop))
    fails("at least", config)


def test_no_crop_comes_twice_however_small_the_photograph(tmp_path):
    save(tmp_path / "small.png", coded(40, 9))
    save(tmp_path / "large.png", coded(80, 90, 1))
    config = {"name": "folder", "path": str(tmp_path), "crops": "random", **SMALL}
    train = data.load({**config, "num_crops": 400}, "train")
    assert np.bincount(train.labels).tolist() == [200, 32]  # 2 regions, 8 rows of 2 places in each
    assert len(np.unique(train.images.reshape(232, -1), axis=0)) == 232


def test_streamed_crops_equal_those_in_memory(tmp_path):
    for number in range(20):
        save(tmp_path / f"{number:02}.png", RNG.integers(0, 256, (40, 50 + number), np.uint8))
    config = {"name": "folder", "path": str(tmp_path), "crops": "random", **SMALL}
    config["crop_flips"] = True
    whole, streamed = (
        data.load({**config, "memory_limit_mb": limit}, "all") for limit in (100, TINY_LIMIT)
    )
    assert streamed.images is None
    np.testing.assert_array_equal(contents(streamed), whole.images)
    np.testing.assert_array_equal(streamed.labels, whole.labels)
    other = data.load({**config, "memory_limit_mb": TINY_LIMIT, "seed": 1}, "all")
    assert other.fingerprint != streamed.fingerprint
    for number in range(20):
        save(tmp_path / f"{number:02}.png", np.zeros((40, 50 + number), np.uint8))
    blank = data.load({**config, "memory_limit_mb": TINY_LIMIT}, "all")
    assert blank.fingerprint != streamed.fingerprint


def test_a_photograph_that_changes_after_its_header_was_read(tmp_path):
    save(tmp_path / "a.png", coded(40, 50))
    config = {"name": "folder", "path": str(tmp_path), "crops": "random", **SMALL}
    streamed = data.load({**config, "memory_limit_mb": TINY_LIMIT}, "train")
    save(tmp_path / "a.png", coded(41, 50))
    with pytest.raises(InputError, match=r"'a.png' has shape \(41, 50, 3\).*save it anew"):
        contents(streamed)
