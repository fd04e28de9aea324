"""WebDataset's shards: images, classes and parts, as from a folder; and what is no shard."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import load, read_images
from gan_jax.errors import InputError


def _png(value):
    stream = io.BytesIO()
    Image.fromarray(np.full((6, 5), value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _write(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _shard(values, label=lambda value: {".cls": str(value % 2).encode()}):
    files = {}
    for value in values:
        files[f"sample{value:03d}.png"] = _png(value)
        files |= {f"sample{value:03d}{ending}": text for ending, text in label(value).items()}
    return files


def _values(dataset):
    return dataset.take(np.arange(len(dataset)))[:, 0, 0, 0].tolist()


def test_shards_are_one_set_in_their_order(tmp_path):
    _write(tmp_path / "part-000000.tar", _shard(range(100, 104)))
    _write(tmp_path / "part-000001.tar", _shard(range(104, 106)))
    found = read_images(tmp_path)
    assert _values(found) == list(range(100, 106)) and found.image_shape == (6, 5, 1)
    np.testing.assert_array_equal(found.labels, [0, 1] * 3)
    alone = read_images(tmp_path / "part-000001.tar")
    assert _values(alone) == [104, 105] and alone.name == "webdataset:part-000001"


def test_names_of_shards_are_parts_and_text_is_a_class(tmp_path):
    def text(value):
        return {".json": json.dumps({"label": "cat" if value % 2 else "dog", "id": 3}).encode()}

    _write(tmp_path / "train-0.tar", _shard(range(100, 104), text))
    _write(tmp_path / "val-0.tar", _shard(range(200, 203), text))
    config = {"name": "webdataset", "path": str(tmp_path)}
    train, test = load(config, "train"), load(config, "test")
    assert train.class_names == ("cat", "dog") and train.own_parts
    assert (_values(train), _values(test)) == ([100, 101, 102, 103], [200, 201, 202])
    np.testing.assert_array_equal(test.labels, [1, 0, 1])


def test_a_large_set_is_streamed(tmp_path):
    _write(tmp_path / "all.tar", _shard(range(100, 160), lambda value: {}))
    config = {"name": "webdataset", "path": str(tmp_path), "memory_limit_mb": 0.001}
    found = load(config, "train")
    assert found.images is None and found.labels is None and len(found) == 54
    whole = load(config | {"memory_limit_mb": 0.0}, "train")
    assert _values(found) == _values(whole)


@pytest.mark.parametrize(
    ("files", "mode", "message"),
    [
        (_shard([1, 2]), "w:gz", "packed by gzip"),
        ({"notes.txt": b"none"}, "w", "holds no images|expected"),
        ({"a.png": _png(1), "a.jpg": _png(1)}, "w", "has 2 images of one key"),
        (_shard([1, 2]) | {"other.png": _png(3)}, "w", "'.*other' has no class, and others have"),
        (_shard([1], lambda value: {".json": b"{"}), "w", "sample001.json' cannot be read"),
        (_shard([1, 2]) | {"bad.png": b"no picture", "bad.cls": b"1"}, "w", "bad.png' cannot"),
    ],
)
def test_shards_that_cannot_be_read(files, mode, message, tmp_path):
    _write(tmp_path / "some.tar", files, mode)
    with pytest.raises(InputError, match=message):
        load({"name": "webdataset", "path": str(tmp_path)}, "all")


def test_a_shard_that_was_cut_off_is_refused(tmp_path):
    _write(tmp_path / "cut.tar", _shard(range(100, 110)))
    whole = (tmp_path / "cut.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2 + 100])
    with pytest.raises(InputError, match="cut.tar"):
        found = load({"name": "webdataset", "path": str(tmp_path)}, "all")
        found.take(np.arange(len(found)))
