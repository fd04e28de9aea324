"""Which images `--reference` and `--training` stand for: all of a set that has no parts."""

import numpy as np
import pytest

from gan_jax import data
from gan_jax.training.evaluate_samples import evaluate_samples
from tests.packs import untrained_pack


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack") / "pack"
    untrained_pack(folder)
    return str(folder)


@pytest.fixture(scope="module")
def images():
    return data.load({"name": "mnist5k", "image_size": (16, 16)}, "train").images[::25]


def judge(pack, tmp_path, samples, reference, **options):
    """The protocol and numbers, and what was announced."""
    lines = []
    result = evaluate_samples(
        samples, reference, pack, tmp_path / "out", announce=lines.append, **options
    )
    return result, lines


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def test_a_reference_without_parts_is_used_whole_and_says_so(pack, images, tmp_path):
    path = save(tmp_path / "set.npz", images=images)
    result, lines = judge(
        pack, tmp_path, path, path, training=path, families=["frechet", "fd_all", "copying"]
    )
    assert lines == [
        "reference: npz:set, all 160 images (it has no parts of its own)",
        "training: npz:set, all 160 images (it has no parts of its own)",
    ]
    protocol, numbers = result["protocol"], result["metrics"]
    assert protocol["reference_images"] == 160 and protocol["reference_split"] == "all"
    assert protocol["training_images"] == 160
    assert abs(numbers["fd_all"]["value"]) < 1e-6, "a set against itself"
    assert numbers["auth_pct"]["value"] == 0, "all are copies"


def test_a_reference_without_parts_is_divided_where_that_is_asked_for(pack, images, tmp_path):
    path = save(tmp_path / "set.npz", images=images)
    samples = save(tmp_path / "samples.npz", images=images[::2])
    result, lines = judge(
        pack, tmp_path, samples, path, divide=True, training=path, families=["copying"]
    )
    assert lines == [
        "reference: npz:set, 16 images that are held out (it has no parts of its own)",
        "training: npz:set, 144 images for training (it has no parts of its own)",
    ]
    config = {"name": "npz", "path": path}
    assert result["protocol"]["reference_fingerprint"] == data.load(config, "test").fingerprint, (
        "the part that a run holds out"
    )


def test_a_reference_with_parts_gives_its_test_part(pack, images, tmp_path):
    path = save(tmp_path / "set.npz", x_train=images[:100], x_test=images[100:])
    other = save(tmp_path / "other.npz", images=images)
    result, lines = judge(
        pack, tmp_path, other, path, training=path, families=["frechet", "copying"]
    )
    assert lines == [
        "reference: npz:set, its test part: 60 images",
        "training: npz:set, its training part: 100 images",
    ]
    assert result["protocol"]["reference_split"] == "test"
    assert result["protocol"]["training_images"] == 100
