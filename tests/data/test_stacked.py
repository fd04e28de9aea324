"""Stacked MNIST: channels, labels, splits, and the images that the devices put together."""

import jax
import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.data import batch_indices, load, read_images
from gan_jax.data.stacked import draw_stacks
from gan_jax.errors import InputError
from gan_jax.runtime import parallel
from gan_jax.runtime.feed import make_feed
from tests.data.sets import write_idx

_STACKED = {"name": "stacked_mnist", "num_stacks": 700, "num_test_stacks": 300}


def _planes(dataset):
    """Each channel of each image as bytes."""
    images = dataset.take(np.arange(len(dataset)))
    return [images[i, :, :, c].tobytes() for i in range(len(images)) for c in range(3)]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_label_names_the_digits_of_the_channels(split):
    dataset, digits = load(_STACKED, split), load({"name": "mnist5k"}, split)
    assert dataset.image_shape == (28, 28, 3) and dataset.num_classes == 1000
    label_of = {
        image.tobytes(): label for image, label in zip(digits.images[..., 0], digits.labels)
    }
    found = np.array([label_of[plane] for plane in _planes(dataset)]).reshape(-1, 3)
    np.testing.assert_array_equal(dataset.labels, metrics.stacked_classes(found))
    names = [dataset.class_names[label] for label in dataset.labels[:5]]
    assert names == ["".join(map(str, row)) for row in found[:5]]


def test_the_splits_share_no_digit():
    train, test = (set(_planes(load(_STACKED, split))) for split in ("train", "test"))
    assert len(train) > 1000 and not train & test


def test_training_stacks_belong_to_the_seed_and_test_stacks_to_none():
    def fingerprint(split, **changes):
        return load(_STACKED | changes, split).fingerprint

    assert fingerprint("train") == fingerprint("train") != fingerprint("train", seed=1)
    assert fingerprint("test") == fingerprint("test", seed=1)
    assert fingerprint("train") != fingerprint("train", num_stacks=701)
    longer = load(_STACKED | {"num_stacks": 800}, "train")
    np.testing.assert_array_equal(longer.labels[:700], load(_STACKED, "train").labels)


def test_both_splits_together():
    both = load(_STACKED, "all")
    parts = [load(_STACKED, split) for split in ("train", "test")]
    np.testing.assert_array_equal(both.labels, np.concatenate([p.labels for p in parts]))
    images = np.concatenate([part.take(np.arange(len(part))) for part in parts])
    np.testing.assert_array_equal(both.take(np.arange(1000)), images)


def test_every_combination_is_about_as_frequent():
    stacks = draw_stacks(10, 200_000, seed=0, split="train")
    assert stacks.dtype == np.int32 and stacks.min() == 0 and stacks.max() == 9
    counts = np.bincount(metrics.stacked_classes(stacks), minlength=1000)
    chi_square = np.sum((counts - 200) ** 2 / 200)
    assert 999 - 5 * 44.7 < chi_square < 999 + 5 * 44.7  # its mean and deviations


def test_many_stacks_take_no_memory():
    dataset = load({"name": "stacked_mnist"}, "train")
    assert len(dataset) == 128_000
    parts = dataset.source.parts
    assert sum(part.nbytes for part in parts.values()) < 5e6 < len(dataset) * 28 * 28 * 3


def test_devices_put_together_what_the_host_does():
    dataset = load(_STACKED, "train")
    plan = parallel.make_plan("pmap", 8, 2)
    feed = make_feed(dataset, plan, batch_size=8, steps_per_call=2, seed=3)
    rows = next(feed.calls(0, 2))
    np.testing.assert_array_equal(rows, batch_indices(700, 8, seed=3, step=0, num_steps=2))
    batch = jax.jit(feed.fetch)(parallel.local_copy(feed.data), rows[0])
    expected = np.float32(dataset.take(rows[0])) / 127.5 - 1
    np.testing.assert_allclose(batch["images"], expected, atol=1e-6)
    np.testing.assert_array_equal(batch["labels"], dataset.labels[rows[0]])


def test_digits_are_resized_before_stacking():
    options = {"image_size": (32, 32), "resize": "pad_nearest", "num_stacks": 20}
    dataset = load({"name": "stacked_mnist", **options}, "train")
    digits = load({"name": "mnist5k", **options}, "train")
    stacks = draw_stacks(4000, 20, seed=0, split="train")
    expected = np.moveaxis(digits.images[stacks][..., 0], 1, 3)
    np.testing.assert_array_equal(dataset.take(np.arange(20)), expected)


def test_digits_from_idx_files(tmp_path):
    labels = np.arange(40, dtype=np.uint8) % 4
    images = np.random.default_rng(0).integers(0, 256, (40, 9, 8), np.uint8)
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
    dataset = load(_STACKED | {"stack": "idx", "path": str(tmp_path)}, "test")
    assert dataset.image_shape == (9, 8, 3) and dataset.num_classes == 64
    digits = {digit.tobytes(): label for digit, label in zip(images, labels)}
    shown = np.moveaxis(dataset.take(np.arange(300)), 3, 1)
    drawn = np.array([[digits[digit.tobytes()] for digit in image] for image in shown])
    np.testing.assert_array_equal(dataset.labels, metrics.stacked_classes(drawn, 4))

    order = np.random.default_rng(1).permutation(40)  # the digits in another order in their file
    write_idx(tmp_path / "t10k-images-idx3-ubyte", images[order])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", labels[order])
    again = load(_STACKED | {"stack": "idx", "path": str(tmp_path)}, "test")
    np.testing.assert_array_equal(again.take(np.arange(300)), dataset.take(np.arange(300)))
    assert again.fingerprint == dataset.fingerprint


def test_a_set_of_many_classes_cannot_be_stacked(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((22, 4, 4), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(22, dtype=np.uint8) % 11)
    with pytest.raises(InputError, match="11 classes.*2 to 10"):
        load(_STACKED | {"stack": "idx", "path": str(tmp_path)}, "train")


def test_stacks_as_a_reference_by_name():
    assert len(read_images("stacked_mnist", split="test")) == 52_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stack": "mnist5"}, "dataset.stack 'mnist5'.*mnist5k"),
        ({"stack": "tfds:"}, "dataset.stack 'tfds:'"),
        ({"num_stacks": 0}, "dataset.num_stacks is 0.*1 or more"),
        ({"num_test_stacks": -1}, "dataset.num_test_stacks is -1"),
        ({"channels": 1}, "dataset.channels is 1.*set it to 0"),
        ({"crops": "grid"}, "dataset.crops is 'grid'"),
        ({"seed": -1}, "dataset.seed is -1"),
    ],
)
def test_what_cannot_be_stacked(changes, message):
    with pytest.raises(InputError, match=message):
        load(_STACKED | changes, "train")
