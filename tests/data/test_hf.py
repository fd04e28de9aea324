"""Sets of Hugging Face's datasets on disk, and parquet files: as a folder of the same images."""

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import load, read_images
from gan_jax.data.survey import survey
from gan_jax.errors import InputError

datasets = pytest.importorskip("datasets")
_NAMES = ["cat", "dog"]


def _rows(count, seed, size=(6, 5)):
    """Images and labels, as `Dataset.from_dict` takes them."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, *size), np.uint8)
    return pixels, [number % 2 for number in range(count)]


def _made(pixels, labels, kind=None):
    columns = {"image": [Image.fromarray(one) for one in pixels]}
    features = {"image": datasets.Image()}
    if labels is not None:
        columns["label"] = labels
        features["label"] = kind or datasets.ClassLabel(names=_NAMES)
    return datasets.Dataset.from_dict(columns, datasets.Features(features))


@pytest.fixture
def both(tmp_path):
    """A saved set of two splits: its folder and the pixels of each."""
    train, test = _rows(12, 0), _rows(4, 1)
    parts = {"train": _made(*train), "test": _made(*test)}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "pets")
    return tmp_path / "pets", train[0], test[0]


def test_splits_classes_and_pixels(both):
    folder, train, test = both
    found = load({"name": "hf", "path": str(folder)}, "train")
    assert found.name == "hf:pets" and found.class_names == ("cat", "dog") and found.own_parts
    assert np.array_equal(found.images[..., 0], train)
    assert found.labels.tolist() == [0, 1] * 6
    held_out = load({"name": "hf", "path": str(folder)}, "test")
    assert np.array_equal(held_out.images[..., 0], test)
    assert len(read_images(str(folder))) == 16
    section = {"path": str(folder), "name": ""}
    assert survey(section).name == "hf" and survey(section).num_test == 4


def test_one_split_is_divided_as_a_folder_of_the_same_files(tmp_path):
    pixels, labels = _rows(40, 2)
    _made(pixels, labels).save_to_disk(tmp_path / "saved")
    for number, (one, label) in enumerate(zip(pixels, labels)):
        place = tmp_path / "files" / _NAMES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one).save(place / f"{number:02}.png")
    for split in ("train", "test"):
        saved, files = (
            load({"name": kind, "path": str(tmp_path / place)}, split)
            for kind, place in (("hf", "saved"), ("folder", "files"))
        )
        assert len(saved) == len(files) and not saved.own_parts
        assert np.bincount(saved.labels).tolist() == np.bincount(files.labels).tolist()


def test_parquet_files_by_split(tmp_path):
    pixels, labels = _rows(10, 3)
    _made(pixels[:4], labels[:4]).to_parquet(tmp_path / "train-00000-of-00002.parquet")
    _made(pixels[4:7], labels[4:7]).to_parquet(tmp_path / "train-00001-of-00002.parquet")
    _made(pixels[7:], labels[7:]).to_parquet(tmp_path / "validation-00000-of-00001.parquet")
    train, test = (
        load({"name": "hf", "path": str(tmp_path)}, split) for split in ("train", "test")
    )
    assert np.array_equal(train.images[..., 0], pixels[:7])
    assert np.array_equal(test.images[..., 0], pixels[7:])
    assert test.labels.tolist() == labels[7:]
    one = read_images(str(tmp_path / "train-00000-of-00002.parquet"))
    assert np.array_equal(one.images[..., 0], pixels[:4])


def test_it_is_streamed_beyond_the_limit_and_resized(both):
    folder, train, _ = both
    options = {"name": "hf", "path": str(folder), "image_size": (4, 4), "channels": 3}
    streamed = load(options | {"memory_limit_mb": 1e-4}, "train")
    whole = load(options, "train")
    assert streamed.images is None and whole.images is not None
    assert np.array_equal(streamed.take([3, 0]), whole.images[[3, 0]])
    assert whole.image_shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        (["b", "a", "b"], datasets.Value("string"), ("a", "b")),
        ([2, 0, 1], datasets.Value("int64"), ("0", "1", "2")),
        ([-1, -1, -1], datasets.ClassLabel(names=_NAMES), None),
        (None, None, None),
    ],
)
def test_labels_of_other_kinds(labels, kind, names, tmp_path):
    _made(_rows(3, 4)[0], labels, kind).save_to_disk(tmp_path / "set")
    assert read_images(str(tmp_path / "set")).class_names == names


def test_what_cannot_be_read(tmp_path):
    def refused(message):
        with pytest.raises(InputError, match=message):
            load({"name": "hf", "path": str(tmp_path / "set")}, "train")

    refused("does not exist")
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "set")
    refused("has no columns of images: its columns are text")
    for file in (tmp_path / "set").iterdir():
        file.unlink()
    (tmp_path / "set" / "train.parquet").write_bytes(b"PAR1 and no more")
    refused("train.parquet' cannot be read as parquet")
    (tmp_path / "set" / "train.parquet").unlink()
    parts = {name: _made(*_rows(2, 5)) for name in ("train", "extra")}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "set")
    refused("has the splits train, extra")
    sizes = [np.zeros((4, 4), np.uint8), np.zeros((5, 4), np.uint8)]
    datasets.DatasetDict({"train": _made(sizes, [0, 1])}).save_to_disk(tmp_path / "mixed")
    with pytest.raises(InputError, match="images differ in size: '.*all 0' is 4x4"):
        load({"name": "hf", "path": str(tmp_path / "mixed")}, "all")
