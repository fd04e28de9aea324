"""The order of rows and the names of files change nothing; a set without parts is read whole."""

import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data.dataset import Dataset
from gan_jax.errors import InputError
from tests.data.sets import TINY_LIMIT, contents, write_idx

RNG = np.random.default_rng(0)


def pictures(dataset):
    """Its images as a sorted list of bytes."""
    return sorted(image.tobytes() for image in contents(dataset))


def drawn(count, *size):
    return RNG.integers(0, 256, (count, *size), dtype=np.uint8)


def write_set(path, images, labels=None, *, kind, names=None):
    """Images as an npz file, a folder of .npy files, or a folder of PNGs, a subfolder a class."""
    shutil.rmtree(path, ignore_errors=True)
    pathlib.Path(path).mkdir(parents=True)
    arrays = {"images": images} | ({} if labels is None else {"labels": labels})
    if kind == "npz":
        np.savez(path / "set.npz", **arrays)
        return f"{path}/set.npz"
    if kind == "npy":
        for key, array in arrays.items():
            np.save(path / f"{key}.npy", array)
    else:
        names = names or [f"{number:05}" for number in range(len(images))]
        for number, (image, name) in enumerate(zip(images, names)):
            place = path if labels is None else path / f"class {labels[number]}"
            place.mkdir(exist_ok=True)
            Image.fromarray(image).save(place / f"{name}.png")
    return str(path)


def config_of(kind, path, **options):
    return {"name": "folder" if kind == "folder" else "npz", "path": path, **options}


# Held-out parts


@pytest.mark.parametrize("kind", ["npz", "npy", "folder"])
@pytest.mark.parametrize("limit", [100, TINY_LIMIT])
@pytest.mark.parametrize("labelled", [True, False])
def test_the_order_of_a_set_and_its_names_do_not_change_what_is_held_out(
    tmp_path, kind, limit, labelled
):
    images, labels = drawn(60, 6, 5), np.repeat([0, 1, 2], 20)
    chosen = labels if labelled else None
    order, names = RNG.permutation(60), [f"x{number}" for number in RNG.permutation(60)]
    if kind == "npz":
        limit = 100  # an npz file is read whole
    found = []
    for rows, called in ((np.arange(60), None), (order, names)):
        path = write_set(
            tmp_path / f"set {len(found)}",
            images[rows],
            None if chosen is None else chosen[rows],
            kind=kind,
            names=called,
        )
        config = config_of(kind, path, memory_limit_mb=limit)
        found.append([data.load(config, split) for split in ("train", "test", "all")])
    for first, second in zip(*found):
        assert pictures(first) == pictures(second)
        assert first.fingerprint == second.fingerprint
    train, test, whole = found[0]
    assert len(test) == 6 and sorted(pictures(train) + pictures(test)) == pictures(whole)
    if labelled:
        assert np.bincount(test.labels).tolist() == [2, 2, 2]
    assert len({part.fingerprint for part in found[0]}) == 3


def test_renamed_classes_hold_out_the_same_images(tmp_path):
    images, labels = drawn(60, 6, 5), np.repeat([0, 1, 2], 20)
    first = write_set(tmp_path / "a", images, labels, kind="folder")
    second = write_set(tmp_path / "b", images, 2 - labels, kind="folder")
    parts = [data.load(config_of("folder", path), "test") for path in (first, second)]
    assert pictures(parts[0]) == pictures(parts[1])


@pytest.mark.parametrize("kind", ["npz", "folder"])
@pytest.mark.parametrize("labelled", ["alike", "anyhow", "not"])
def test_no_image_has_copies_on_both_sides(tmp_path, kind, labelled):
    """Each image one to five times, its copies under one label, under any, or without."""
    which = RNG.permutation(np.repeat(np.arange(90), 1 + np.arange(90) % 5))
    labels = {"alike": which % 3, "anyhow": RNG.integers(0, 3, len(which)), "not": None}[labelled]
    images = drawn(90, 6, 5)[which]
    path = write_set(tmp_path / "set", images, labels, kind=kind)
    train, test = (data.load(config_of(kind, path), split) for split in ("train", "test"))
    assert not set(pictures(train)) & set(pictures(test))
    assert len(train) + len(test) == len(which)
    assert abs(len(test) - 0.1 * len(which)) <= 6
    if labels is not None:
        shares = np.bincount(test.labels, minlength=3) / np.bincount(labels)
        assert (np.abs(shares - 0.1) < 0.06).all()


@pytest.mark.parametrize(
    ("which", "labels", "fraction", "train", "test"),
    [
        ([0, 1], None, 0.01, 1, 1),  # at least one on either side
        ([0, 1], None, 0.99, 1, 1),
        ([0, 0, 0, 1], None, 0.1, None, None),
        ([0, 0, 0, 1, 2], [0, 0, 0, 1, 1], 0.1, 4, 1),  # one image in class 0: for training
        ([0, 1, 2, 3, 0], [0, 0, 0, 0, 1], 0.1, None, None),
    ],
)
def test_classes_of_few_images(tmp_path, which, labels, fraction, train, test):
    images = drawn(10, 4, 4)[which]
    labels = None if labels is None else np.array(labels)
    path = write_set(tmp_path / "set", images, labels, kind="npz")
    parts = [
        data.load(config_of("npz", path, test_fraction=fraction), split)
        for split in ("train", "test")
    ]
    assert not set(pictures(parts[0])) & set(pictures(parts[1]))
    assert min(map(len, parts)) >= 1 and sum(map(len, parts)) == len(which)
    if train is not None:
        assert tuple(map(len, parts)) == (train, test)


def test_a_set_of_one_image_over_and_over_has_no_test_part(tmp_path):
    path = write_set(tmp_path / "set", np.repeat(drawn(1, 4, 4), 50, axis=0), kind="npz")
    assert len(data.load(config_of("npz", path), "train")) == 50
    with pytest.raises(
        InputError, match="no image for the 'test' split, as all 50 images are the same"
    ):
        data.load(config_of("npz", path), "test")


def test_the_held_out_part_is_frozen(tmp_path):
    """A run that is resumed under a later version must not find its test images in its training."""
    images = np.random.default_rng(7).integers(0, 256, (100, 3, 3, 1), np.uint8)
    path = write_set(tmp_path / "set", images, np.repeat([0, 1], 50), kind="npz")
    test = data.load(config_of("npz", path), "test")
    rows = [int(np.argmax((images == image).all((1, 2, 3)))) for image in test.images]
    assert rows == [2, 6, 21, 36, 42, 53, 57, 65, 91, 98]


# The dataset


def sets():
    images = np.concatenate([drawn(40, 6, 5, 3), drawn(4, 6, 5, 3)])
    images[40:] = images[:4]  # copies
    labels = (np.arange(44) % 4).astype(np.int32)
    labels[42] = 3  # of one image under two labels
    order = RNG.permutation(44)
    return (
        Dataset("set", "all", images, labels=labels),
        Dataset("set", "all", images[order], labels=labels[order]),
    )


def test_the_content_order_and_a_draw_from_it_are_those_of_any_order():
    first, second = sets()
    for rows, others in (
        (first.content_order(), second.content_order()),
        (first.draw(44, seed=3), second.draw(44, seed=3)),
        (first.draw(10, seed=0), second.draw(10, seed=0)),
    ):
        np.testing.assert_array_equal(first.take(rows), second.take(others))
        np.testing.assert_array_equal(first.labels[rows], second.labels[others])
    assert first.fingerprint == second.fingerprint
    assert sorted(first.content_order()) == list(range(44))
    assert len(first.draw(10, seed=0)) == 10 and len(first.draw(100, seed=0)) == 44
    assert set(first.draw(10, seed=0)) != set(first.draw(10, seed=1)), "the seed draws others"


@pytest.mark.parametrize("kind", ["npy", "folder"])
def test_a_streamed_set_has_a_content_order_too(tmp_path, kind):
    images, labels = drawn(30, 6, 5), np.arange(30) % 3
    order = RNG.permutation(30)
    found = []
    for rows in (np.arange(30), order):
        path = write_set(tmp_path / "set", images[rows], labels[rows], kind=kind)
        streamed = data.read_images(path, memory_limit_mb=TINY_LIMIT)
        assert streamed.images is None
        rows = streamed.content_order()
        found.append((streamed.take(rows), streamed.labels[rows], streamed.fingerprint))
    for first, second in zip(*found):
        np.testing.assert_array_equal(first, second)


def test_an_array_streamed_as_it_is_stored_has_the_fingerprint_of_its_images(tmp_path):
    path = write_set(tmp_path / "set", drawn(20, 6, 5), np.arange(20) % 2, kind="npy")
    streamed, whole = (data.read_images(path, memory_limit_mb=mib) for mib in (TINY_LIMIT, 100))
    assert streamed.images is None and streamed.fingerprint == whole.fingerprint


# Crops


@pytest.mark.parametrize("copies", [False, True])
def test_crops_hang_on_the_photographs_and_not_on_their_names(tmp_path, copies):
    sizes = [(40, 50), (44, 41), (48, 60), (60, 40), (41, 47)]
    photographs = [drawn(1, *size)[0] for size in sizes]
    if copies:
        photographs[4] = photographs[0]
    names = {"first": "abcde", "renamed": "dcaeb"}
    found = {}
    for title, letters in names.items():
        place = tmp_path / title / "only"
        place.mkdir(parents=True)
        for photograph, letter in zip(photographs, letters):
            Image.fromarray(photograph).save(place / f"{letter}.png")
        config = {
            "name": "folder",
            "path": str(tmp_path / title),
            "crops": "random",
            "image_size": (8, 8),
            "num_crops": 62,  # not a multiple of five: some photographs give one more
            "num_test_crops": 31,
            "crop_flips": True,
        }
        found[title] = [data.load(config, split) for split in ("train", "test")]
    for first, second in zip(*found.values()):
        assert pictures(first) == pictures(second)
        assert first.fingerprint == second.fingerprint
    train = found["first"][0]
    assert len(np.unique(train.images.reshape(62, -1), axis=0)) >= 60, "copies are cut differently"


def test_classes_of_photographs_that_give_a_crop_more_do_not_hang_on_their_names(tmp_path):
    photographs = [drawn(1, 40, 50)[0] for _ in range(3)]
    found = []
    for letters in ("abc", "cab"):
        place = tmp_path / letters
        place.mkdir()
        for photograph, letter in zip(photographs, letters):
            Image.fromarray(photograph).save(place / f"{letter}.png")
        config = {"name": "folder", "path": str(place), "crops": "random", "image_size": (8, 8)}
        found.append(data.load({**config, "num_crops": 40, "num_test_crops": 20}, "train"))
    assert pictures(found[0]) == pictures(found[1])


# References


@pytest.mark.parametrize("kind", ["npz", "npy", "folder", "idx"])
@pytest.mark.parametrize("split", ["test", "train", "all"])
def test_a_set_without_parts_is_read_whole_whatever_part_is_asked_for(tmp_path, kind, split):
    images = drawn(30, 6, 5)
    if kind == "idx":
        write_idx(tmp_path / "train-images-idx3-ubyte", images)
        path = str(tmp_path)
    else:
        path = write_set(tmp_path / "set", images, np.arange(30) % 3, kind=kind)
    whole = data.read_images(path, split=split)
    assert len(whole) == 30 and whole.split == "all" and not whole.own_parts
    assert whole.described == f"{whole.name}, all 30 images (it has no parts of its own)"
    if kind != "idx":
        divided = data.read_images(path, split="test", divide=True)
        assert len(divided) == 3 and divided.split == "test" and not divided.own_parts
        assert divided.described.endswith("3 images that are held out (it has no parts of its own)")
        assert pictures(divided) == pictures(data.load(config_of(kind, path), "test"))


def test_a_set_with_parts_gives_the_part_that_is_asked_for(tmp_path):
    images = drawn(30, 6, 5)
    np.savez(tmp_path / "set.npz", x_train=images[:20], x_test=images[20:])
    for part, rows in (("train", images[:20]), ("test", images[20:])):
        for number, image in enumerate(rows):
            (tmp_path / "set" / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(tmp_path / "set" / part / f"{number:02}.png")
    for path in (f"{tmp_path}/set.npz", f"{tmp_path}/set"):
        test, train = (data.read_images(path, split=split) for split in ("test", "train"))
        np.testing.assert_array_equal(test.images[..., 0], images[20:])
        np.testing.assert_array_equal(train.images[..., 0], images[:20])
        assert (test.split, test.own_parts, train.split) == ("test", True, "train")
        assert test.described == f"{test.name}, its test part: 10 images"
        assert train.described == f"{test.name}, its training part: 20 images"
        assert data.read_images(path).described == f"{test.name}, all 30 images"
    digits = data.read_images("mnist5k", split="test")
    assert digits.described == "mnist5k, its test part: 1,000 images"
