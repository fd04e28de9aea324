"""Files of images: idx, arrays and folders; what each gives, and what it says to bad input."""

import itertools

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.errors import InputError
from tests.data.sets import TINY_LIMIT, contents, fails, pixels

# Arrays


def test_npz_with_and_without_a_test_part(tmp_path):
    images, labels = pixels(20, 6, 5), np.arange(20) % 2
    np.savez(tmp_path / "whole.npz", images=images, labels=labels, class_names=["cat", "dog"])
    config = {"name": "npz", "path": f"{tmp_path}/whole.npz", "test_fraction": 0.2}
    train, test = data.load(config, "train"), data.load(config, "test")
    assert np.bincount(test.labels).tolist() == [2, 2] and len(train) == 16
    assert test.class_names == ("cat", "dog")
    joined = np.concatenate([train.images, test.images])[..., 0]
    assert sorted(map(bytes, joined)) == sorted(map(bytes, images))

    parts = {"x_train": images[:15], "y_train": labels[:15], "x_test": images[15:]}
    np.savez_compressed(tmp_path / "parts.npz", y_test=labels[15:], **parts)
    config["path"] = f"{tmp_path}/parts.npz"
    np.testing.assert_array_equal(data.load(config, "test").images[..., 0], images[15:])
    np.testing.assert_array_equal(data.load(config, "all").labels, labels)


def test_both_splits_have_the_same_classes(tmp_path):
    labels = np.array([0, 0, 1, 1, 2])
    np.savez(tmp_path / "a.npz", images=pixels(5, 2, 2), labels=labels)
    config = {"name": "npz", "path": f"{tmp_path}/a.npz", "test_fraction": 0.9}
    train, test = data.load(config, "train"), data.load(config, "test")
    assert train.labels.tolist() == [0, 1, 2] and test.labels.tolist() == [0, 1]
    assert train.class_names == test.class_names == ("0", "1", "2")


def test_npy_streams_memory_mapped(tmp_path):
    images = pixels(9, 4, 4, 3)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", np.arange(9))
    alone = data.read_images(f"{tmp_path}/images.npy", memory_limit_mb=TINY_LIMIT)
    folder = data.read_images(str(tmp_path), memory_limit_mb=TINY_LIMIT)
    assert alone.images is None and alone.labels is None
    np.testing.assert_array_equal(contents(alone), images)
    np.testing.assert_array_equal(folder.labels, np.arange(9))
    assert (
        alone.fingerprint
        == data.read_images(f"{tmp_path}/images.npy", memory_limit_mb=TINY_LIMIT).fingerprint
    )
    np.save(tmp_path / "images.npy", images ^ 1)
    changed = data.read_images(f"{tmp_path}/images.npy", memory_limit_mb=TINY_LIMIT)
    assert changed.fingerprint != alone.fingerprint


@pytest.mark.parametrize("limit", [100, TINY_LIMIT])
@pytest.mark.parametrize("low", [0.0, -1.0])
def test_floats_of_a_clear_range_are_converted(tmp_path, low, limit):
    images = pixels(8, 4, 4, 1)
    images[0, 0, 0], images[1, 0, 0] = 0, 255
    np.save(tmp_path / "a.npy", (images / 255 * (1 - low) + low).astype(np.float32))
    read = data.read_images(f"{tmp_path}/a.npy", memory_limit_mb=limit)
    np.testing.assert_array_equal(contents(read), images)


def test_sample_arrays_of_other_tools(tmp_path):
    images = pixels(6, 8, 8, 3)
    np.savez(tmp_path / "samples.npz", images, np.arange(6))
    read = data.read_images(f"{tmp_path}/samples.npz")
    np.testing.assert_array_equal(read.images, images)
    np.testing.assert_array_equal(read.labels, np.arange(6))


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"images": np.zeros((4, 3, 8, 8), np.uint8)}, r"transpose\(0, 2, 3, 1\)"),
        ({"images": np.zeros((64, 64, 3), np.uint8)}, r"images\[None\]"),
        ({"images": np.zeros((5, 784), np.uint8)}, r"\[5, 784\].*reshape"),
        ({"images": np.zeros((0, 8, 8), np.uint8)}, "no images"),
        ({"images": np.zeros((4, 8, 8), np.int64)}, r"int64.*astype\('uint8'\)"),
        ({"images": np.array([[[0.0, 255.0]]])}, "from 0 to 255"),
        ({"images": np.array([[[-0.01, 1.0]]])}, "not clearly"),
        ({"images": np.array([[[0.1]], [[np.nan]]])}, "image 1 holds NaN"),
        ({"images": np.array([[[0.1]], [[0.2]], [[np.inf]]])}, "image 2 holds NaN or inf"),
        ({"images": np.array([[[None]]], object)}, "not pickled"),
        ({"images": pixels(3, 2, 2), "labels": np.arange(2)}, "2 labels for 3 images"),
        ({"images": pixels(2, 2, 2), "labels": np.array([0, -1])}, "label -1 of image 1"),
        ({"images": pixels(2, 2, 2), "labels": np.array([0, 99])}, "label 99 of image 1"),
        ({"images": pixels(2, 2, 2), "labels": np.ones((2, 2))}, "argmax"),
        ({"pictures": pixels(2, 2, 2), "other": pixels(2)}, "pictures, other: expected"),
        ({}, "holds no arrays"),
    ],
)
def test_bad_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        data.read_images(f"{tmp_path}/a.npz")


def test_damaged_array_files(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, images=pixels(20, 8, 8))
    whole = bytearray(path.read_bytes())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a.npz' is no zip file"):
        data.read_images(str(path))
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(InputError, match="array 'images' of .*a.npz' cannot be unpacked"):
        data.read_images(str(path))
    np.save(tmp_path / "b.npy", pixels(20, 8, 8))
    (tmp_path / "b.npy").write_bytes((tmp_path / "b.npy").read_bytes()[:-1])
    with pytest.raises(InputError, match=r"b.npy' declares shape \[20, 8, 8\] .* cut short"):
        data.read_images(f"{tmp_path}/b.npy")


@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_over_the_memory_limit_streams_unless_packed(tmp_path, order):
    images = np.asarray(pixels(100, 64, 64, 3), order=order)
    np.savez_compressed(tmp_path / "packed.npz", images=images)
    with pytest.raises(InputError, match=r"takes 1.2 MiB, over .*save it with numpy.savez"):
        data.read_images(f"{tmp_path}/packed.npz", memory_limit_mb=1)
    np.savez(tmp_path / "a.npz", other=images[:3], images=images)
    streamed = data.read_images(f"{tmp_path}/a.npz", memory_limit_mb=1)
    assert streamed.images is None
    np.testing.assert_array_equal(contents(streamed), images)


# Folders of images


def save(path, array, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path)


def test_folder_of_classes_with_splits(tmp_path):
    marks = {}
    for number, (split, name) in enumerate(itertools.product(("train", "test"), ("a cat", "dög"))):
        save(tmp_path / split / name / "deep" / "x.PNG", np.full((5, 4, 3), number, np.uint8))
        marks.setdefault(split, []).append(number)
    (tmp_path / "train" / ".hidden.png").write_bytes(b"not an image")
    (tmp_path / "train" / "notes.txt").write_text("not an image")
    for split in ("train", "test"):
        dataset = data.load({"name": "folder", "path": str(tmp_path)}, split)
        assert dataset.class_names == ("a cat", "dög") and dataset.labels.tolist() == [0, 1]
        assert dataset.images[:, 0, 0, 0].tolist() == marks[split]
    assert len(data.read_images(str(tmp_path))) == 4


def test_folder_without_classes_is_sorted_and_held_out_by_fraction(tmp_path):
    for number in range(20):
        save(tmp_path / f"{number:02}.png", np.full((3, 3), number, np.uint8))
    everything = data.read_images(str(tmp_path))
    assert everything.labels is None
    assert everything.images[:, 0, 0, 0].tolist() == list(range(20))
    config = {"name": "folder", "path": str(tmp_path), "test_fraction": 0.25}
    train, test = data.load(config, "train"), data.load(config, "test")
    assert len(test) == 5
    both = np.concatenate([train.images, test.images])[:, 0, 0, 0]
    assert sorted(both.tolist()) == list(range(20))


def test_streamed_folder_equals_the_one_in_memory(tmp_path):
    for number in range(5):
        save(tmp_path / "c" / f"{number}.png", pixels(9, 7 + number, 3))
    options = {"image_size": (6, 6), "resize": "crop_bicubic"}
    whole = data.read_images(str(tmp_path), **options)
    streamed = data.read_images(str(tmp_path), memory_limit_mb=TINY_LIMIT, **options)
    assert streamed.images is None and streamed.image_shape == (6, 6, 3)
    np.testing.assert_array_equal(contents(streamed), whole.images)
    other = data.read_images(str(tmp_path), memory_limit_mb=TINY_LIMIT, image_size=(6, 6))
    assert other.fingerprint != streamed.fingerprint


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pixel_kinds(tmp_path, mode):
    """Flat colours survive every kind of file; transparency is laid over white."""
    colour = np.full((4, 4, 3), (0, 0, 0) if mode == "1" else (64, 64, 64), np.uint8)
    picture = Image.fromarray(colour)
    if mode == "I;16":
        picture = Image.fromarray(np.full((4, 4), 64 * 257, np.uint16))
    elif mode in ("LA", "RGBA"):
        picture = picture.convert(mode)
        picture.putalpha(128)
    elif mode == "P":
        picture = picture.quantize(4)
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"))
    image = data.read_images(str(tmp_path)).images[0]
    expected = {"1": 0, "LA": 159, "RGBA": 159}.get(mode, 64)
    assert image.shape[2] == (1 if mode in ("1", "L", "LA", "I;16") else 3)
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_any_colour_makes_the_set_colour_and_grey_can_be_asked_for(tmp_path):
    save(tmp_path / "a.png", np.full((4, 4), 10, np.uint8))
    save(tmp_path / "b.png", np.full((4, 4, 3), (255, 0, 0), np.uint8))
    assert data.read_images(str(tmp_path)).image_shape == (4, 4, 3)
    grey = data.read_images(str(tmp_path), channels=1).images
    assert grey[:, 0, 0, 0].tolist() == [10, 76]  # 0.299 * 255


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: shown with height and width swapped
    Image.fromarray(pixels(4, 8, 3)).save(tmp_path / "a.jpg", exif=exif)
    assert data.read_images(str(tmp_path)).image_shape == (8, 4, 3)


def test_mixed_sizes_name_two_files_and_the_option_in_any_split(tmp_path):
    for name, size in (("a", (4, 6)), ("b", (4, 6)), ("c", (5, 6))):
        save(tmp_path / f"{name}.png", pixels(*size))
    config = {"name": "folder", "path": str(tmp_path)}
    for split in ("train", "test", "all"):
        fails("a.png' is 4x6 and '.*c.png' is 5x6.*image_size", config, split)


@pytest.mark.parametrize("options", [{}, {"image_size": (8, 8), "channels": 3}])
def test_corrupt_images_are_named(tmp_path, options):
    for number in range(3):
        save(tmp_path / f"{number}.jpg", pixels(64, 64, 3))
    whole = (tmp_path / "1.jpg").read_bytes()
    for damaged in (b"", b"GIF89a?", whole[:100], whole[: len(whole) // 2]):
        (tmp_path / "1.jpg").write_bytes(damaged)
        config = {"name": "folder", "path": str(tmp_path), **options}
        fails(r"image '.*1.jpg' cannot be read .*replace or remove", config, "all")


def test_an_image_that_changes_after_the_headers_were_read(tmp_path):
    for number in range(2):
        save(tmp_path / f"{number}.png", pixels(4, 6))
    streamed = data.read_images(str(tmp_path), memory_limit_mb=TINY_LIMIT)
    save(tmp_path / "1.png", pixels(6, 4))
    with pytest.raises(InputError, match=r"1.png' has shape \(6, 4, 1\)"):
        streamed.take([0, 1])


def test_float_pixels_are_refused(tmp_path):
    save(tmp_path / "a.tif", np.full((3, 3), 0.5, np.float32))
    config = {"name": "folder", "path": str(tmp_path)}
    fails("float32 values from 0.5 .*dataset.white", config, "all")


def test_ambiguous_and_empty_folders(tmp_path):
    config = {"name": "folder", "path": str(tmp_path)}
    fails("holds no images", config)
    save(tmp_path / "train" / "a.png", pixels(3, 3))
    fails("subfolder 'train' but no 'test'", config)
    (tmp_path / "train").rename(tmp_path / "cats")
    save(tmp_path / "b.png", pixels(3, 3))
    fails("both images .'b.png'. and folders", config)
    fails("is a file", {**config, "path": f"{tmp_path}/b.png"})
    (tmp_path / "b.png").unlink()
    fails("test_fraction 0 holds no image out", {**config, "test_fraction": 0.0}, "test")


def test_test_classes_must_be_training_classes(tmp_path):
    for name in ("train/cat", "train/dog", "test/cow"):
        save(tmp_path / name / "a.png", pixels(3, 3))
    fails("different classes .*cow", {"name": "folder", "path": str(tmp_path)}, "test")
