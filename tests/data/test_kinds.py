"""Arrays as people have them: dark data, floats that overshoot, other names, labels of any kind."""

import gzip
import logging
import struct

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data import machine
from gan_jax.data.array_files import ArrayFile
from gan_jax.data.labels import int32_labels
from gan_jax.data.notices import notice
from gan_jax.errors import InputError
from tests.data.sets import idx_folder, write_idx

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 4, 4, 1), np.uint8)


@pytest.fixture(autouse=True)
def _tell_again():
    notice.cache_clear()


def npz(tmp_path, name="a.npz", **arrays):
    np.savez(tmp_path / name, **arrays)
    return str(tmp_path / name)


def raises(message, path, **options):
    with pytest.raises(InputError, match=message):
        data.read_images(path, **options)


# Which value is white


@pytest.mark.parametrize("kind", ["folder", "npz", "idx"])
def test_12_bits_in_16_are_told_and_read_by_their_white(tmp_path, kind, caplog):
    stored = np.linspace(0, 4095, 5 * 16).reshape(5, 4, 4).astype(np.uint16)
    path = str(tmp_path)
    if kind == "folder":
        for number, image in enumerate(stored):
            Image.fromarray(image).save(tmp_path / f"{number}.png")
        with caplog.at_level(logging.WARNING):
            assert data.read_images(path).images.max() == 16
        assert "brightest pixel of 5 images is 16 of 255" in caplog.text
        assert "give dataset.white=VALUE" in caplog.text
    elif kind == "npz":
        path = npz(tmp_path, images=stored)
        raises("holds uint16.*or give dataset.white", path)
    else:
        write_idx(tmp_path / "train-images-idx3-ubyte", stored.astype(">i2"), kind=0x0B)
        raises("holds >i2.*or give dataset.white", path)
    for limit in (0, 1e-6):
        read = data.read_images(path, white=4095, memory_limit_mb=limit)
        expected = np.rint(stored / 4095 * 255)[..., None]
        np.testing.assert_allclose(read.take(range(5)), expected, atol=1)
        assert read.take(range(5)).max() == 255
    assert read.fingerprint != data.read_images(path, white=8190, memory_limit_mb=1e-6).fingerprint
    raises("dataset.white is 800: .*largest value that any image", path, white=800)


@pytest.mark.parametrize("kind", ["folder", "npz", "idx"])
def test_masks_of_0_and_1_are_told_and_read_by_their_white(tmp_path, kind, caplog):
    stored = np.arange(3 * 16).reshape(3, 4, 4).astype(np.uint8) % 2
    path = str(tmp_path)
    if kind == "folder":
        for number, image in enumerate(stored):
            Image.fromarray(image).save(tmp_path / f"{number}.png")
    elif kind == "npz":
        path = npz(tmp_path, images=stored)
    else:
        write_idx(tmp_path / "train-images-idx3-ubyte", stored)
    for limit in (0, 1e-6):
        notice.cache_clear()
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            data.read_images(path, memory_limit_mb=limit)
        assert "brightest pixel of 3 images is 1 of 255" in caplog.text
    np.testing.assert_array_equal(data.read_images(path, white=1).images[..., 0], stored * 255)


def test_truths_are_black_and_white(tmp_path):
    read = data.read_images(npz(tmp_path, images=IMAGES > 127))
    np.testing.assert_array_equal(read.images, (IMAGES > 127) * np.uint8(255))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("low", "over"), [(0.0, 1e-7), (-1.0, 1e-7), (0.0, 5e-4), (-1.0, 5e-4)])
def test_floats_may_overshoot_by_rounding(tmp_path, dtype, low, over):
    images = IMAGES.copy()
    images[0, 0, 0], images[1, 0, 0] = 0, 255
    stored = images / 255 * (1 - low + 2 * over) + low - over
    read = data.read_images(npz(tmp_path, images=stored.astype(dtype)))
    np.testing.assert_allclose(read.images, images.astype(int), atol=1)
    assert (read.images[0, 0, 0], read.images[1, 0, 0]) == (0, 255)


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0), (1.0, 255), (0.5, 128), (-1.0, 0)])
def test_floats_of_one_value(tmp_path, value, expected, caplog):
    with caplog.at_level(logging.WARNING):
        read = data.read_images(npz(tmp_path, images=np.full((3, 4, 4), value)))
    assert (read.images == expected).all()
    assert ("is 0 of 255" in caplog.text) == (expected == 0)


def test_any_numbers_by_their_white(tmp_path):
    for dtype in (np.float64, np.int64, np.uint32):
        read = data.read_images(npz(tmp_path, images=IMAGES.astype(dtype)), white=255)
        np.testing.assert_array_equal(read.images, IMAGES)
    raises(
        "from -1 to 5, and dataset.white is 5", npz(tmp_path, images=np.array([[[-1, 5]]])), white=5
    )


# Names and labels


def test_cifars_rows(tmp_path):
    images = RNG.integers(0, 256, (6, 32, 32, 3), np.uint8)
    rows = images.transpose(0, 3, 1, 2).reshape(6, 3072)
    read = data.read_images(npz(tmp_path, "cifar10.npz", data=rows, labels=np.arange(6) % 10))
    np.testing.assert_array_equal(read.images, images)
    np.testing.assert_array_equal(read.labels, np.arange(6))


@pytest.mark.parametrize(
    ("images", "labels"),
    [("image", "label"), ("X", "y"), ("data", "targets"), ("X_train", "y_train")],
)
def test_other_usual_names(tmp_path, images, labels):
    read = data.read_images(npz(tmp_path, **{images: IMAGES, labels: np.arange(12) % 3}))
    np.testing.assert_array_equal(read.images, IMAGES)
    assert read.num_classes == 3


def test_a_validation_part_is_held_out_where_there_is_no_other(tmp_path, caplog):
    path = npz(tmp_path, train_images=IMAGES[:8], val_images=IMAGES[8:])
    assert len(data.read_images(path, split="test")) == 4
    path = npz(tmp_path, train_images=IMAGES[:8], val_images=IMAGES[8:10], test_images=IMAGES[10:])
    with caplog.at_level(logging.WARNING):
        assert len(data.read_images(path, split="test")) == 2
    assert "passed over 'val_images'" in caplog.text
    raises("none for training", npz(tmp_path, test_images=IMAGES, val_images=IMAGES))


@pytest.mark.parametrize(
    "stored",
    [
        np.eye(3)[np.arange(12) % 3],
        np.eye(3, dtype=bool)[np.arange(12) % 3],
        np.eye(3, dtype=np.uint8)[np.arange(12) % 3],
        (np.arange(12) % 3).astype(np.float64),
        (np.arange(12) % 3)[:, None],
        (np.arange(12) % 3).astype(np.uint64),
    ],
)
def test_labels_of_any_kind(tmp_path, stored):
    read = data.read_images(npz(tmp_path, images=IMAGES, labels=stored))
    np.testing.assert_array_equal(read.labels, np.arange(12) % 3)
    assert read.labels.dtype == np.int32


def test_labels_that_are_texts_are_the_names(tmp_path):
    names = np.array(["dog", "cat", "emu"])[np.arange(12) % 3]
    for stored in (names, names.astype("S")):
        read = data.read_images(npz(tmp_path, images=IMAGES, labels=stored))
        assert read.class_names == ("cat", "dog", "emu")
        assert [read.class_names[label] for label in read.labels] == names.tolist()


@pytest.mark.parametrize(
    "labels",
    [
        np.ones((4, 3)),
        np.full((4, 3), 0.3),
        np.array([0.5, 1]),
        np.array([np.nan]),
        np.zeros(3, "c8"),
    ],
)
def test_labels_that_are_none(labels):
    with pytest.raises(InputError, match="one-hot rows"):
        int32_labels(labels, where="x")


# The names of classes


def test_names_of_classes_are_kept(tmp_path):
    labels = np.arange(12) % 3
    path = npz(tmp_path, images=IMAGES, labels=labels, class_names=["ä", "b", "c\n"])
    assert data.read_images(path).class_names == ("ä", "b", "c\\n")
    idx_folder(tmp_path)
    (tmp_path / "class_names.txt").write_text("cat\ndog\n\nemu\n")
    assert data.read_images(str(tmp_path)).class_names == ("cat", "dog", "emu")
    (tmp_path / "class_names.txt").write_text("cat\ndog\n")
    raises("names 2 classes, and the labels have 3", str(tmp_path))


def test_known_sets_have_names(tmp_path):
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    labels = (np.arange(20) % 10).astype(np.uint8)
    write_idx(folder / "train-images-idx3-ubyte", RNG.integers(0, 256, (20, 4, 4), np.uint8))
    write_idx(folder / "train-labels-idx1-ubyte", labels)
    for path in (tmp_path, tmp_path / "FashionMNIST", folder):  # torchvision's root and below
        read = data.read_images(str(path))
        assert read.class_names[:2] == ("t-shirt", "trouser") and len(read) == 20
    path = npz(tmp_path, "cifar10.npz", images=IMAGES[:10], labels=np.arange(10))
    assert data.read_images(path).class_names[0] == "airplane"
    for other in ("cifar100", "my_cifar10"):
        path = npz(tmp_path, f"{other}.npz", images=IMAGES[:10], labels=np.arange(10))
        assert data.read_images(path).class_names[0] == "0"


def test_several_sets_below_torchvisions_root(tmp_path):
    for name in ("MNIST", "KMNIST"):
        folder = tmp_path / name / "raw"
        folder.mkdir(parents=True)
        idx_folder(folder, suffix=".gz")
    raises("several idx sets .KMNIST/raw, MNIST/raw.: name one", str(tmp_path))
    assert len(data.read_images(f"{tmp_path}/MNIST/raw")) == 18


def test_idx_of_floats_and_one_hot_labels(tmp_path):
    stored = IMAGES[..., 0] / np.float32(255)
    write_idx(tmp_path / "train-images-idx3-float", stored.astype(">f4"), kind=0x0D)
    write_idx(tmp_path / "train-labels-idx2-ubyte", np.eye(3, dtype=np.uint8)[np.arange(12) % 3])
    for limit in (0, 1e-6):
        read = data.read_images(str(tmp_path), memory_limit_mb=limit)
        np.testing.assert_array_equal(read.take(range(12)), IMAGES)
        np.testing.assert_array_equal(read.labels, np.arange(12) % 3)


# Limits


def test_labels_are_compared_with_the_images_before_they_are_read(tmp_path, monkeypatch):
    idx_folder(tmp_path)
    claimed = struct.pack(">BBBBI", 0, 0, 8, 1, 2**27)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.unlink()
    bomb = gzip.compress(claimed + bytes(2**27), 1)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(bomb)
    monkeypatch.setattr("gan_jax.data.idx.read_idx", lambda *_: pytest.fail("it was read"))
    raises("134217728 labels for 12 images", str(tmp_path))


def test_gzipped_labels_have_the_limit_of_images(tmp_path):
    idx_folder(tmp_path, suffix=".gz")
    message = "train-labels-idx1-ubyte.gz' unpacks to .*, over dataset.memory_limit_mb"
    raises(message, str(tmp_path), memory_limit_mb=1e-6)


def test_only_what_is_asked_for_is_read(tmp_path):
    """An unrelated array takes no memory, and its damage does not matter."""
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES, other=np.arange(1000))
    content = path.read_bytes()
    place = content.index(np.arange(1000).tobytes()[:64])
    path.write_bytes(content[:place] + b"x" + content[place + 1 :])
    np.testing.assert_array_equal(data.read_images(str(path)).images, IMAGES)
    with pytest.raises(InputError, match="array 'other'.* cannot be unpacked"):
        ArrayFile(path).read("other")


def test_the_default_limit_is_that_of_the_machine(tmp_path, monkeypatch):
    path = npz(tmp_path, images=RNG.integers(0, 256, (100, 64, 64, 1), np.uint8))
    assert data.read_images(path).images is not None
    monkeypatch.setattr(machine, "memory", lambda: 2**20)
    assert data.read_images(path).images is None


def test_set_that_cannot_be_divided_says_what_helps(tmp_path):
    path = npz(tmp_path, images=np.repeat(IMAGES[:1], 12, axis=0))
    config = {"name": "npz", "path": path}
    with pytest.raises(InputError, match="all 12 images are the same.*no fraction helps"):
        data.load(config, "test")
    config["path"] = npz(tmp_path, images=IMAGES[:1])
    with pytest.raises(InputError, match="1 image.*no fraction helps"):
        data.load(config, "test")
    config["path"] = npz(tmp_path, images=IMAGES)
    with pytest.raises(InputError, match=r"test_fraction 0.* give a larger one, such as 0.1"):
        data.load({**config, "test_fraction": 0.0}, "test")
