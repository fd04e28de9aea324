"""idx files as they come, and what is said of damaged ones."""

import gzip

import numpy as np
import pytest

from gan_jax import data
from tests.data.sets import TINY_LIMIT, contents, fails, idx_folder, pixels, write_idx


@pytest.mark.parametrize(
    "naming",
    [
        {},
        {"suffix": ".gz"},
        {"separator": "."},
        {"prefix": "emnist-digits-", "test": "test", "suffix": ".gz"},
    ],
)
def test_idx_files_as_they_come(tmp_path, naming):
    arrays = idx_folder(tmp_path, **naming)
    config = {"name": "idx", "path": str(tmp_path)}
    for split, (images, labels) in zip(("train", "test"), arrays.values()):
        dataset = data.load(config, split)
        np.testing.assert_array_equal(dataset.images[..., 0], images)
        np.testing.assert_array_equal(dataset.labels, labels)
        assert dataset.labels.dtype == np.int32 and dataset.num_classes == 3
    assert len(data.read_images(str(tmp_path))) == 18


def test_idx_over_the_memory_limit_streams_unless_gzipped(tmp_path):
    arrays = idx_folder(tmp_path)
    config = {"name": "idx", "path": str(tmp_path), "memory_limit_mb": TINY_LIMIT}
    streamed = data.load(config, "all")
    assert streamed.images is None
    expected = np.concatenate([images for images, _ in arrays.values()])
    np.testing.assert_array_equal(contents(streamed)[..., 0], expected)
    for file in list(tmp_path.iterdir()):
        (tmp_path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    fails("cannot be streamed: gunzip it", config)


def test_idx_labels_from_one_are_shifted_and_keep_their_names(tmp_path):
    idx_folder(tmp_path, first_label=1)
    dataset = data.load({"name": "idx", "path": str(tmp_path)}, "train")
    assert dataset.labels.min() == 0 and dataset.class_names == ("1", "2", "3")


def test_several_idx_sets_in_a_folder(tmp_path):
    idx_folder(tmp_path, prefix="emnist-digits-")
    letters = idx_folder(tmp_path, prefix="emnist-letters-")
    fails("several idx sets.*emnist-digits, emnist-letters", {"name": "idx", "path": str(tmp_path)})
    chosen = data.load({"name": "idx", "path": f"{tmp_path}/emnist-letters"}, "train")
    np.testing.assert_array_equal(chosen.images[..., 0], letters["train"][0])


@pytest.mark.parametrize("gzipped", [False, True])
def test_damaged_idx_files_are_named(tmp_path, gzipped):
    idx_folder(tmp_path, suffix=".gz" if gzipped else "")
    config = {"name": "idx", "path": str(tmp_path)}
    path = next(tmp_path.glob("train-images*"))
    whole = path.read_bytes()

    for size in (0, 3, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        fails(f"{path.name}'.*(download it again)", config)
    path.write_bytes(b"<!DOCTYPE html>" + whole)
    fails("begins with 3c 21 44 4f: it is no idx file", config)
    write_idx(path, pixels(12, 4, 3).view(np.int8), kind=9, gzipped=gzipped)
    fails("holds int8: images must be uint8", config)
    write_idx(path, pixels(11, 4, 3), gzipped=gzipped)
    fails("12 labels for 11 images", config)
    path.unlink()
    fails("no train images beside", config)


def test_idx_longer_than_its_header_says(tmp_path):
    idx_folder(tmp_path, suffix=".gz")
    path = next(tmp_path.glob("train-images*"))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"\0"))
    fails("holds more values", {"name": "idx", "path": str(tmp_path)})


def test_idx_label_out_of_range(tmp_path):
    idx_folder(tmp_path)
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 200, 2, 0, 1, 2], np.uint8)
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    fails("label 200 of image 7 is out of range", {"name": "idx", "path": str(tmp_path)})
