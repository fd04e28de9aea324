"""The dataset type, its options, the built-in digits, resizing and TFDS."""

import hashlib
import io

import ml_collections
import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data.dataset import Dataset
from gan_jax.data.preprocess import RESIZE_METHODS, Preprocess
from gan_jax.errors import InputError
from tests.data.sets import TINY_LIMIT, contents, fails, pixels

# The dataset type


def test_take_and_shape_of_a_set_in_memory():
    images = pixels(7, 5, 4, 2)
    dataset = Dataset("mine", "train", images, labels=np.arange(7, dtype=np.int32) % 3)
    assert (len(dataset), dataset.image_shape, dataset.num_classes) == (7, (5, 4, 2), 3)
    np.testing.assert_array_equal(dataset.take([6, 0, 6]), images[[6, 0, 6]])


def test_fingerprint_depends_on_pixels_and_labels_and_not_on_the_name():
    images, labels = pixels(5, 2, 2, 1), np.arange(5, dtype=np.int32)
    reference = Dataset("a", "train", images, labels=labels).fingerprint
    changed = images.copy()
    changed[4, 1, 1, 0] ^= 1
    assert Dataset("b", "test", images.copy(), labels=labels).fingerprint == reference
    assert Dataset("a", "train", changed, labels=labels).fingerprint != reference
    assert Dataset("a", "train", images, labels=labels[::-1]).fingerprint != reference
    assert Dataset("a", "train", images.reshape(5, 1, 4, 1), labels=labels).fingerprint != reference


def test_bad_datasets_are_refused():
    images = pixels(3, 2, 2, 1)
    with pytest.raises(InputError, match="no images"):
        Dataset("mine", "train", images[:0])
    with pytest.raises(InputError, match="label -1 of image 1 is out of range"):
        Dataset("mine", "train", images, labels=np.array([0, -1, 0], np.int32))
    with pytest.raises(InputError, match=r"label 2 of image 0 .* \[0, 2\)"):
        labels = np.array([2, 1, 0], np.int32)
        Dataset("mine", "train", images, labels=labels, class_names=("cat", "dog"))
    with pytest.raises(InputError, match="one an image"):
        Dataset("mine", "train", images, labels=np.zeros(2, np.int32))


def test_one_class_serves_a_gan_but_not_a_recogniser():
    labels = np.zeros(3, np.int32)
    dataset = Dataset("cats", "train", pixels(3, 2, 2, 1), labels=labels, class_names=("cat",))
    with pytest.raises(InputError, match=r"1 class\(es\) only \(cat\).*at least 2"):
        dataset.require_classes()
    with pytest.raises(InputError, match="no labels"):
        Dataset("cats", "train", pixels(3, 2, 2, 1)).require_classes()


# Options and names


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("image_size", (28,), r"image_size is \(28,\).*height, width"),
        ("image_size", (0, 28), "image_size"),
        ("resize", "crop_bicubik", "did you mean 'crop_bicubic'"),
        ("channels", 2, "channels is 2"),
        ("test_fraction", 1.0, "test_fraction is 1.0"),
        ("memory_limit_mb", -1, "memory_limit_mb is -1"),
        ("white", 255, "'mnist5k' has a known white"),
        ("white", -1, "white is -1"),
    ],
)
def test_bad_options_are_named(field, value, message):
    fails(message, {"name": "mnist5k", field: value})


def test_unknown_names_offer_the_nearest():
    fails("'mnist5' is unknown: did you mean 'mnist5k'", {"name": "mnist5"})
    fails("'tset' is unknown: did you mean 'test'", {"name": "mnist5k"}, "tset")
    with pytest.raises(InputError, match="did you mean 'mnist5k'"):
        data.read_images("mnist5")


@pytest.mark.parametrize("name", ["folder", "npz", "idx"])
def test_missing_path(name, tmp_path):
    fails("dataset.path is empty", {"name": name, "path": ""})
    fails("nowhere' (does not exist|holds no idx)", {"name": name, "path": f"{tmp_path}/nowhere"})


# Built-in digits


def test_mnist5k_is_split_evenly_and_once():
    config = ml_collections.ConfigDict({"name": "mnist5k", "image_size": (), "path": ""})
    train, test = data.load(config, "train"), data.load(config, "test")
    assert train.images.shape == (4000, 28, 28, 1) and test.images.shape == (1000, 28, 28, 1)
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(test.labels).tolist() == [100] * 10
    rows = np.concatenate([train.images, test.images]).reshape(5000, -1)
    assert len(np.unique(rows, axis=0)) == 5000
    content = hashlib.sha256(b"1000 x (28, 28, 1)\n")
    content.update(test.images)
    content.update(test.labels)
    assert content.hexdigest().startswith("dededa70"), "the split of the built-in digits changed"
    assert test.fingerprint.startswith("a840bd1f"), "fingerprints changed: no pack knows its images"
    assert len(data.read_images("mnist5k")) == 5000


def test_mnist5k_takes_size_and_channels():
    config = {"name": "mnist5k", "image_size": (32, 24), "resize": "pad_area", "channels": 3}
    dataset = data.load(config, "test")
    assert dataset.images.shape == (1000, 32, 24, 3)
    assert (dataset.images[..., 0] == dataset.images[..., 2]).all()


# Resizing


@pytest.mark.parametrize("method", RESIZE_METHODS)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_method_keeps_flat_images_flat(method, channels):
    image = np.full((13, 20, channels), 200, np.uint8)
    result = Preprocess((8, 8), method)(image)
    assert result.shape == (8, 8, channels)
    inside = result[2:5] if method.startswith("pad") else result
    np.testing.assert_array_equal(inside, 200)


def test_area_is_the_mean_of_the_pixels_covered():
    image = pixels(12, 8, 3)
    expected = image.reshape(6, 2, 4, 2, 3).mean(axis=(1, 3))
    result = Preprocess((6, 4), "squash_area")(image)
    assert np.abs(result - expected).max() <= 1.0  # Pillow rounds once a direction


def test_crop_is_centred_and_pad_is_black():
    image = np.zeros((4, 8, 1), np.uint8)
    image[:, 2:6] = 255
    np.testing.assert_array_equal(Preprocess((4, 4), "crop_area")(image), 255)
    padded = Preprocess((8, 8), "pad_nearest")(image)
    np.testing.assert_array_equal(padded[2:6], image)
    assert padded[:2].max() == padded[6:].max() == 0


def test_channels_that_cannot_be_converted(tmp_path):
    np.save(tmp_path / "a.npy", pixels(3, 4, 4, 2))
    with pytest.raises(InputError, match="2 channels cannot be turned into 3"):
        data.read_images(f"{tmp_path}/a.npy", channels=3)


# TFDS


@pytest.fixture(scope="module")
def tfds_folder(tmp_path_factory):
    """A set prepared as array_record without TensorFlow, as image bytes need no encoding."""
    import tensorflow_datasets as tfds

    class GanJaxToy(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            label = tfds.features.ClassLabel(names=["cat", "dog"])
            image = tfds.features.Image(shape=(None, 6, 3))
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict({"image": image, "label": label})
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(20), "test": self._generate_examples(6)}

        def _generate_examples(self, count):
            for number in range(count):
                file = io.BytesIO()
                Image.fromarray(np.full((4, 6, 3), number * 3, np.uint8)).save(file, "PNG")
                file.seek(0)
                yield number, {"image": file, "label": number % 2}

    class GanJaxUndivided(GanJaxToy):
        """40 images, each three times, and no test split."""

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(120)}

        def _generate_examples(self, count):
            for number, (_, example) in enumerate(super()._generate_examples(40)):
                for copy in range(3):
                    example["image"].seek(0)
                    yield 3 * number + copy, dict(example)

    folder = tmp_path_factory.mktemp("tfds")
    for builder in (GanJaxToy, GanJaxUndivided):
        builder(data_dir=str(folder), file_format="array_record").download_and_prepare()
    return str(folder)


@pytest.mark.parametrize("limit", [100, TINY_LIMIT])
def test_prepared_tfds_set(tfds_folder, limit):
    config = {"name": "tfds", "tfds_name": "gan_jax_toy", "path": tfds_folder}
    config |= {"image_size": (4, 6), "memory_limit_mb": limit}
    for split, count in (("train", 20), ("test", 6), ("all", 26)):
        dataset = data.load(config, split)
        assert len(dataset) == count and dataset.image_shape == (4, 6, 3)
        assert (dataset.images is None) == (limit == TINY_LIMIT)
        np.testing.assert_array_equal(dataset.labels, contents(dataset)[:, 0, 0, 0] // 3 % 2)
        assert dataset.class_names == ("cat", "dog")


def test_a_tfds_set_of_one_split_is_divided_without_tearing_copies_apart(tfds_folder):
    config = {"tfds_name": "gan_jax_undivided", "path": tfds_folder, "image_size": (4, 6)}
    train, test = (data.load({"name": "tfds", **config}, split) for split in ("train", "test"))
    assert len(train) == 108 and np.bincount(test.labels).tolist() == [6, 6]
    sides = [set(part.images[:, 0, 0, 0].tolist()) for part in (train, test)]
    assert len(sides[0]) == 36 and len(sides[1]) == 4 and not sides[0] & sides[1]
    del config["tfds_name"]
    whole = data.read_images("tfds:gan_jax_undivided", split="test", **config)
    assert len(whole) == 120 and whole.split == "all" and not whole.own_parts
    parts = data.read_images("tfds:gan_jax_toy", split="test", **config)
    assert len(parts) == 6 and parts.split == "test" and parts.own_parts


@pytest.mark.parametrize("limit", [100, TINY_LIMIT])
def test_tfds_sets_have_a_content_order(tfds_folder, limit):
    config = {"path": tfds_folder, "image_size": (4, 6), "memory_limit_mb": limit}
    toy = data.read_images("tfds:gan_jax_toy", **config)
    shades = toy.take(toy.content_order())[:, 0, 0, 0]
    assert sorted(shades) == sorted(contents(toy)[:, 0, 0, 0]) and sorted(shades) != shades.tolist()


def test_tfds_errors(tfds_folder, monkeypatch):
    config = {"name": "tfds", "path": tfds_folder}
    fails("tfds_name is empty", config)
    fails("vary in size.*image_size", {**config, "tfds_name": "gan_jax_toy"})
    fails(
        "'fashion_mnits' is unknown to TFDS.*fashion_mnist",
        {**config, "tfds_name": "fashion_mnits"},
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    fails(
        r"'mnist' is not prepared.*pip install tensorflow .*tfds.builder\('mnist', data_dir=.*"
        r"file_format='array_record'\).download_and_prepare\(\)",
        {**config, "tfds_name": "mnist"},
    )


def test_tfds_set_is_prepared_where_tensorflow_is(tfds_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)  # the toy needs it not
    config = {"name": "tfds", "tfds_name": "gan_jax_toy", "image_size": (4, 6)}
    fresh = data.load({**config, "path": str(tmp_path)}, "train")
    assert fresh.fingerprint == data.load({**config, "path": tfds_folder}, "train").fingerprint
