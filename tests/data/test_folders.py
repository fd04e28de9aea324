"""Folders as people have them: parts by any name, links, odd endings, names that are not UTF-8."""

import logging
import os
import pathlib
import shutil
import socket

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data.notices import notice
from gan_jax.errors import InputError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _tell_again():
    notice.cache_clear()


def save(path, value=None, kind=None):
    """A picture of one grey, or of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(64, 256, (4, 4), np.uint8)
    if value is not None:
        pixels[:] = value
    Image.fromarray(pixels).save(path, kind or "PNG")


def load(root, split, **options):
    return data.load({"name": "folder", "path": str(root), **options}, split)


def fails(message, root, split="train"):
    with pytest.raises(InputError, match=message):
        load(root, split)


# Parts


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("training", "testing"),
        ("Train", "Test"),
        ("TRAINING", "TESTING"),
        ("train_set", "test-set"),
        ("train", "val"),
        ("train", "valid"),
        ("Training", "Validation"),
        ("trainset", "test data"),
    ],
)
def test_parts_by_any_usual_name_are_no_classes(tmp_path, train, test):
    for part, name, value in (
        (train, "a", 100), (train, "b", 110), (test, "a", 200), (test, "b", 210)
    ):  # fmt: skip
        save(tmp_path / part / name / "x.png", value)
    for split, values in (("train", [100, 110]), ("test", [200, 210])):
        part = load(tmp_path, split)
        assert part.class_names == ("a", "b") and part.own_parts
        assert part.images[:, 0, 0, 0].tolist() == values
    assert data.image_files(str(tmp_path))[0] == f"{train}/a/x.png"


def test_beside_a_test_part_validation_and_others_are_passed_over_and_told(tmp_path, caplog):
    for part in ("train", "test", "val", "extra"):
        save(tmp_path / part / "x.png")
    with caplog.at_level(logging.WARNING):
        assert len(data.read_images(str(tmp_path))) == 2
        data.read_images(str(tmp_path))
    assert caplog.text.count("passed over 'extra', 'val' beside them") == 1


def test_a_class_may_be_called_valid(tmp_path):
    for name in ("valid", "invalid"):
        save(tmp_path / name / "x.png")
    assert data.read_images(str(tmp_path)).class_names == ("invalid", "valid")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("train", "cats"), "'train' but no 'test'.*If it is a class, call it 'train_class'"),
        (("Testing", "val"), "'Testing' but no 'train'"),
        (("train", "Train", "test"), "'Train', 'train', two names for one part"),
        (("trainA", "trainB", "testA", "testB"), "'trainB', the parts of two domains.*domain A"),
    ],
)
def test_parts_that_are_not_clear(tmp_path, folders, message):
    for name in folders:
        save(tmp_path / name / "x.png")
    fails(message, tmp_path)


def test_one_domain_is_a_set_of_its_own(tmp_path):
    for name in ("trainA", "trainB"):
        save(tmp_path / name / "x.png")
    assert len(data.read_images(str(tmp_path / "trainA"))) == 1


# Classes


def test_a_class_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        save(tmp_path / name / "x.png")
    plain = os.scandir

    def refusing(path):
        if pathlib.Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr("os.scandir", refusing)
    with pytest.raises(InputError, match="/b' cannot be read: Permission denied"):
        data.read_images(str(tmp_path))


def test_every_link_to_a_folder_is_a_class(tmp_path):
    save(tmp_path / "store" / "x.png")
    save(tmp_path / "store" / "y.png")
    (tmp_path / "set").mkdir()
    for name in "abcde":
        (tmp_path / "set" / name).symlink_to(tmp_path / "store")
    dataset = data.read_images(str(tmp_path / "set"))
    assert dataset.class_names == tuple("abcde")
    assert np.bincount(dataset.labels).tolist() == [2] * 5


def test_a_link_back_up_ends(tmp_path):
    save(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    assert len(data.read_images(str(tmp_path))) == 1


def test_links_that_multiply_are_refused(tmp_path):
    for number in range(14):
        (tmp_path / str(number)).mkdir()
        for name in ("a", "b"):
            (tmp_path / str(number) / name).symlink_to(tmp_path / str(number + 1))
    save(tmp_path / "14" / "x.png")
    with pytest.raises(InputError, match="reached by more than 1,000 links"):
        data.read_images(str(tmp_path / "0"))


def test_a_class_without_images_is_told(tmp_path, caplog):
    save(tmp_path / "a" / "x.png")
    save(tmp_path / "c" / "x.png")
    (tmp_path / "b").mkdir()
    with caplog.at_level(logging.WARNING):
        assert data.read_images(str(tmp_path)).class_names == ("a", "c")
    assert "'b' holds no images" in caplog.text


# Files


def test_images_of_any_listed_format_are_read_and_others_counted(tmp_path, caplog):
    for name in ("a.png", "b.jfif", "c.JPE", "d.avif", "scan", "scan.0001"):
        kind = {"b": "JPEG", "c": "JPEG"}.get(name[0])
        kind = kind or ("AVIF" if name.endswith("avif") and "AVIF" in Image.SAVE else None)
        save(tmp_path / name, kind=kind)
    for name in ("a.txt", "b.txt", "x.heic", "LICENSE", "Thumbs.db", ".hidden.txt"):
        (tmp_path / name).write_text("no image")
    with caplog.at_level(logging.WARNING):
        files = data.image_files(str(tmp_path))
    assert files == ["a.png", "b.jfif", "c.JPE", "d.avif", "scan", "scan.0001"]
    assert "passed over 5 files (2 .txt, 1 " in caplog.text
    assert "1 without an ending" in caplog.text and "1 .heic" in caplog.text
    assert len(data.read_images(str(tmp_path))) == 6


def test_arrays_beside_images_are_not_taken_for_them(tmp_path, caplog):
    for number in range(3):
        save(tmp_path / "cats" / f"{number}.png")
    np.save(tmp_path / "masks.npy", np.zeros((9, 4, 4), np.uint8))
    np.save(tmp_path / "features.npy", np.zeros((9, 512)))
    with caplog.at_level(logging.WARNING):
        assert len(data.read_images(str(tmp_path))) == 3
    assert "passed over 2 files (2 .npy)" in caplog.text


def test_pipes_and_sockets_called_images_are_refused(tmp_path):
    save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    fails("b.png' is a pipe where a file was expected", tmp_path)
    (tmp_path / "b.png").unlink()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "b.png"))
    fails("b.png' is a socket where a file was expected", tmp_path)
    server.close()


def test_a_link_to_nothing_is_named(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "gone.png")
    fails("b.png' cannot be read: No such file", tmp_path)


def test_names_that_are_no_utf8_can_be_read_and_written(tmp_path, caplog):
    root = os.fsencode(tmp_path)
    for name in (b"caf\xe9", b"two\nlines"):
        os.mkdir(root + b"/" + name)
        with open(root + b"/" + name + b"/x\xff.png", "wb") as file:
            Image.fromarray(RNG.integers(0, 256, (4, 4), np.uint8)).save(file, "PNG")
    dataset = data.read_images(str(tmp_path))
    assert dataset.class_names == ("caf\\xe9", "two\\nlines")
    assert data.image_files(str(tmp_path)) == ["caf\\xe9/x\\xff.png", "two\\nlines/x\\xff.png"]
    inner = data.read_images(os.fsdecode(root + b"/caf\xe9"))
    assert inner.name == "folder:caf\\xe9"
    with open(root + b"/caf\xe9/bad\xff.png", "wb") as file:
        file.write(b"no image")
    with pytest.raises(InputError) as caught:
        data.read_images(str(tmp_path))
    assert "caf\\xe9/bad\\xff.png" in str(caught.value)
    photographs = data.load_photographs(
        {"name": "folder", "path": os.fsdecode(root + b"/two\nlines")}, "all"
    )
    assert list(photographs) == ["x\\xff.png"]


# Zips


def test_a_zip_of_images_is_read_as_the_folder_it_was(tmp_path):
    for part in ("train", "test"):
        for name in ("a", "b"):
            save(tmp_path / "set" / part / name / "x.png")
    shutil.make_archive(tmp_path / "whole", "zip", tmp_path / "set")
    shutil.make_archive(tmp_path / "nested", "zip", tmp_path, "set")
    folder = data.read_images(str(tmp_path / "set"), split="test")
    for name in ("whole", "nested"):
        zipped = data.read_images(f"{tmp_path}/{name}.zip", split="test")
        np.testing.assert_array_equal(zipped.images, folder.images)
        np.testing.assert_array_equal(zipped.labels, folder.labels)
        assert zipped.class_names == folder.class_names
        assert data.image_files(f"{tmp_path}/{name}.zip") == data.image_files(str(tmp_path / "set"))
    streamed = data.read_images(f"{tmp_path}/whole.zip", memory_limit_mb=1e-6)
    assert streamed.images is None
    np.testing.assert_array_equal(
        streamed.take(range(4)), data.read_images(str(tmp_path / "set")).images
    )
    assert len(streamed.content_keys) == 4


def test_a_zip_of_arrays_is_read_as_npz_in_any_spelling(tmp_path):
    images = RNG.integers(0, 256, (5, 4, 4, 1), np.uint8)
    for name in ("a.NPZ", "b.zip"):
        with open(tmp_path / name, "wb") as file:
            np.savez(file, images=images)
        np.testing.assert_array_equal(data.read_images(f"{tmp_path}/{name}").images, images)
    with open(tmp_path / "c.NPY", "wb") as file:
        np.save(file, images)
    np.testing.assert_array_equal(data.read_images(f"{tmp_path}/c.NPY").images, images)


def test_other_files_say_what_to_give(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02}q\x01")
    with pytest.raises(InputError, match="looks like a pickle.*tfds:cifar10"):
        data.read_images(f"{tmp_path}/data_batch_1")
    with pytest.raises(InputError, match="CIFAR's pickles, which are not read.*tfds:cifar10"):
        data.read_images(str(tmp_path))
    (tmp_path / "a.rar").write_bytes(b"x")
    with pytest.raises(InputError, match=r"not .npz, .npy, .zip, .tar or .parquet"):
        data.read_images(f"{tmp_path}/a.rar")
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(InputError, match="is a pipe"):
        data.read_images(f"{tmp_path}/pipe.npz")
    with pytest.raises(InputError, match="cannot be looked at"):
        data.read_images("x" * 5000)
