"""Crops of photographs in TFDS."""

import io

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from tests.data.sets import SMALL, TINY_LIMIT, coded, contents, fails, places


@pytest.fixture(scope="module")
def tfds_folder(tmp_path_factory):
    """Photographs of several sizes, prepared without TensorFlow; pixels as `coded`."""
    import tensorflow_datasets as tfds

    class _Photographs(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        SPLITS: tuple[str, ...]

        def _info(self):
            label = tfds.features.ClassLabel(names=["banded", "dotted"])
            features = {"image": tfds.features.Image(), "label": label}
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in self.SPLITS}

        def _generate_examples(self, split):
            for number in range(6):
                file = io.BytesIO()
                picture = coded(10 + number, 14, number + 10 * self.SPLITS.index(split))
                Image.fromarray(picture).save(file, "PNG")
                file.seek(0)
                yield number, {"image": file, "label": number % 2}

    class GanJaxDescribed(_Photographs):
        SPLITS = ("train", "test")

    class GanJaxHistology(_Photographs):
        SPLITS = ("train",)

    folder = str(tmp_path_factory.mktemp("tfds"))
    for builder in (GanJaxDescribed, GanJaxHistology):
        builder(data_dir=folder, file_format="array_record").download_and_prepare()
    return folder


@pytest.mark.parametrize("name", ["gan_jax_described", "gan_jax_histology"])
@pytest.mark.parametrize("limit", [100, TINY_LIMIT])
def test_whole_tfds_photographs_are_for_training_or_testing(tfds_folder, name, limit):
    config = {
        "name": "tfds",
        "tfds_name": name,
        "path": tfds_folder,
        "crops": "random",
        **SMALL,
    }
    config |= {"test_fraction": 0.34, "memory_limit_mb": limit, "num_crops": 60}
    train, test = data.load(config, "train"), data.load(config, "test")
    assert (train.images is None) == (limit == TINY_LIMIT)
    assert train.class_names == ("banded", "dotted")
    assert np.bincount(train.labels).tolist() == [30, 30]
    photographs = [set(contents(part)[:, 0, 0, 2].tolist()) for part in (train, test)]
    assert not photographs[0] & photographs[1]
    np.testing.assert_array_equal(train.labels, contents(train)[:, 0, 0, 2] % 2)
    np.testing.assert_array_equal(test.labels, contents(test)[:, 0, 0, 2] % 2)
    assert len(data.load(config, "all")) == 100
    fails(
        r"'tfds .* train/\d' is 1\dx14 .* too small for crops of 16x8",
        {**config, "image_size": (16, 8)},
    )


def test_tfds_grid_covers_photographs_of_every_size(tfds_folder):
    config = {"name": "tfds", "tfds_name": "gan_jax_described", "path": tfds_folder}
    config |= {"crops": "grid", "crop_stride": 1, "image_size": (8, 8)}
    crops = data.load(config, "test").images
    assert len(places(crops)) == 14 * sum(range(10, 16))


@pytest.mark.parametrize("name", ["dtd", "colorectal_histology"])
def test_texture_sets_of_tfds_say_how_to_prepare_them(tmp_path, monkeypatch, name):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config = {"name": "tfds", "tfds_name": name, "path": str(tmp_path), "crops": "random"}
    fails(
        rf"'{name}' is not prepared in .*pip install tensorflow importlib_resources && python -c "
        rf'"import tensorflow_datasets as tfds; tfds.builder\(\'{name}\', data_dir=\'{tmp_path}\', '
        r"file_format='array_record'\).download_and_prepare\(\)",
        config,
    )
