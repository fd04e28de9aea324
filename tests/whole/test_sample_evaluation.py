"""Anybody's samples: what a user of another library hands over, and what comes back."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from gan_jax import metrics
from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.gate import Gate, gate_pack
from gan_jax.judging.statistics import load_statistics
from gan_jax.judging.suite import FAMILIES
from gan_jax.training.evaluate_samples import evaluate_samples

_EVERYTHING = {
    "fd_semantic", "fd_texture", "fd_all", "fd_infinity", "kernel_distance", "classifier_score",
    "confidence", "class_histogram", "class_kl", "modes", "precision", "recall", "density",
    "coverage", "vendi", "sliced_wasserstein",
}  # fmt: skip


@pytest.fixture(scope="module")
def pack(tiny_run):
    return tiny_run[1]


@pytest.fixture(scope="module")
def digits():
    """Training digits at the size of the tiny run's judge."""
    return load({"name": "mnist5k", "image_size": (16, 16)}, "train").images


def _save(path, images):
    np.savez(path, images=images)
    return str(path)


def _judge(samples, extractors, out, reference="mnist5k", **options):
    return evaluate_samples(
        str(samples), reference, str(extractors), out, resize="crop_area", **options
    )


def test_all_that_can_be_computed_and_what_cannot(pack, digits, tmp_path):
    result = _judge(_save(tmp_path / "a.npz", digits[::10]), pack, tmp_path / "out")
    assert set(result["metrics"]) == _EVERYTHING
    assert "training images" in result["protocol"]["skipped"]["copying"]
    numbers = result["metrics"]
    # Other real digits of the same distribution are as good as the reference.
    assert numbers["fd_semantic"]["value"] < 2 * numbers["fd_semantic"]["floor"]
    assert (
        abs(numbers["kernel_distance"]["value"]) < 5 * numbers["kernel_distance"]["standard_error"]
    )
    for name in ("precision", "recall", "coverage"):
        assert numbers[name]["value"] > numbers[name]["real"] - 0.15
    assert numbers["vendi"]["value"] == pytest.approx(numbers["vendi"]["real"], rel=0.25)
    assert json.loads((tmp_path / "out" / "eval.json").read_text()) == result


def test_copies_of_the_training_set_are_flagged(pack, digits, tmp_path):
    result = _judge(
        _save(tmp_path / "copies.npz", digits[::10]),
        pack,
        tmp_path / "out",
        training="mnist5k",
        families=["copying"],
    )["metrics"]
    assert result["auth_pct"]["value"] < 5 < 40 < result["auth_pct"]["real"]
    assert result["data_copying"]["value"] < -5


def test_one_image_three_hundred_times(pack, digits, tmp_path):
    same = _save(tmp_path / "one.npz", np.repeat(digits[:1], 300, axis=0))
    result = _judge(same, pack, tmp_path / "out")["metrics"]
    assert result["vendi"]["value"] == pytest.approx(1.0)
    assert result["coverage"]["value"] < 0.1 and result["modes"]["value"] == 1
    assert all(np.isfinite(np.float64(entry["value"])).all() for entry in result.values())


def test_named_families_only(pack, digits, tmp_path):
    samples = _save(tmp_path / "a.npz", digits[:100])
    assert set(_judge(samples, pack, tmp_path / "o", families=["vendi"])["metrics"]) == {"vendi"}
    with pytest.raises(InputError, match="'vendy'.*did you mean 'vendi'"):
        _judge(samples, pack, tmp_path / "o", families=["vendy"])
    with pytest.raises(InputError, match="training images"):
        _judge(samples, pack, tmp_path / "o", families=["copying"])
    assert set(FAMILIES) >= {"frechet", "neighbours"}


def test_several_judges_and_controls(pack, digits, tmp_path):
    rng = np.random.default_rng(0)
    noise = _save(tmp_path / "n.npz", rng.integers(0, 256, (200, 16, 16, 1), dtype=np.uint8))
    result = _judge(
        noise, f"{pack},random,random:1,pixels,pca:8", tmp_path / "out", families=["frechet"]
    )
    others = [part["protocol"]["extractor"].split("@")[0] for part in result["judges"]]
    assert others == ["random-cnn-s0", "random-cnn-s1", "pixels", "pca8"]
    for part in (result, *result["judges"]):
        entry = part["metrics"]["fd_semantic"]
        assert entry["value"] > 3 * entry["floor"]
    assert "fd_texture" not in result["judges"][-1]["metrics"]  # pixels have no layers
    assert result["judges"][0]["protocol"]["extractor_accuracy"] is None


def test_statistics_stand_in_for_images(pack, digits, tmp_path):
    samples = _save(tmp_path / "a.npz", digits[::13][:300])
    stored = tmp_path / "reference.npz"
    cache = str(tmp_path / "cache")
    options = dict(families=["fd_all"], cache=cache)
    whole = _judge(samples, pack, tmp_path / "o", statistics=str(stored), **options)
    value = whole["metrics"]["fd_all"]["value"]
    again = _judge(samples, pack, tmp_path / "p", **options)  # from the cache
    assert again["metrics"]["fd_all"]["value"] == value
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 1
    found = evaluate_samples(samples, str(stored), str(pack), tmp_path / "s")["metrics"]["fd_all"]
    assert found["value"] == pytest.approx(value, rel=1e-7)
    assert (found["n"], found["n_real"]) == (300, 1000)
    # As pytorch-fid writes them: two keys, nothing else; on both sides.
    bare = {"mu": load_statistics(stored).moments.mean, "sigma": np.load(stored)["sigma"]}
    np.savez(tmp_path / "bare.npz", **bare)
    both = evaluate_samples(str(tmp_path / "bare.npz"), str(stored), str(pack), tmp_path / "b")
    assert both["metrics"]["fd_all"]["value"] == pytest.approx(0.0, abs=1e-5)
    features = load_pack(pack).features(digits[::13][:300]).semantic
    assert value == pytest.approx(
        metrics.frechet_distance_from_moments(
            load_statistics(stored).moments, metrics.Moments.of(features)
        )
    )


def test_statistics_of_another_extractor_are_refused(pack, digits, tmp_path):
    samples, stored = _save(tmp_path / "a.npz", digits[:50]), tmp_path / "reference.npz"
    _judge(samples, "pca:8", tmp_path / "o", statistics=str(stored), families=["fd_all"],
           reference=_save(tmp_path / "real.npz", digits[50:300]))  # fmt: skip
    with pytest.raises(InputError, match="another extractor"):
        evaluate_samples(samples, str(stored), str(pack), tmp_path / "s")
    with pytest.raises(InputError, match="only statistics"):
        evaluate_samples(samples, str(stored), "pca:8", tmp_path / "s")


def test_extractors_that_are_none(digits, tmp_path):
    samples = _save(tmp_path / "a.npz", digits[:50])
    for choice in ("pixels:3", "pca:x", "random:-1"):
        with pytest.raises(InputError, match=f"the extractor is '{choice}'; expected a pack"):
            _judge(samples, choice, tmp_path / "o")
    with pytest.raises(InputError, match="no extractor pack in 'nowhere'"):
        _judge(samples, "nowhere", tmp_path / "o")
    with pytest.raises(InputError, match="no weights file 'w.pth'"):
        _judge(samples, "inception:w.pth", tmp_path / "o")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 16, 16, 1), np.uint8), "at least 2"),
        (np.full((5, 16, 16, 1), np.nan, np.float32), "(?i)nan|finite"),
        (np.full((5, 16, 16, 1), 300.0, np.float32), "not clearly"),
        (np.zeros((0, 16, 16, 1), np.uint8), "(?i)no images|empty|0"),
    ],
)
def test_one_clear_error(pack, images, message, tmp_path):
    with pytest.raises(InputError, match=message):
        _judge(_save(tmp_path / "a.npz", images), pack, tmp_path / "out")


def test_a_folder_of_mixed_sizes_is_a_reference(pack, digits, tmp_path, monkeypatch):
    """What a run can be trained on with dataset.image_size, samples can be judged against."""
    (tmp_path / "mixed").mkdir()
    for number, digit in enumerate(digits[:90]):
        side = 16 + number % 3
        image = Image.fromarray(digit[..., 0]).resize((side, side)).convert("RGB")
        image.save(tmp_path / "mixed" / f"{number:02d}.png")
    samples = _save(tmp_path / "a.npz", digits[90:130])
    with pytest.raises(InputError, match="image_size"):
        evaluate_samples(samples, str(tmp_path / "mixed"), str(pack), tmp_path / "none")
    options = {"reference": str(tmp_path / "mixed"), "families": ["frechet"]}
    found = _judge(samples, pack, tmp_path / "a", **options)
    assert found["protocol"]["reference_images"] == 90
    assert found["protocol"]["preprocessing"]
    # A control has no size of its own, so it is given; without a way to resize it is the usual one.
    sized = evaluate_samples(
        samples, options["reference"], "pixels", tmp_path / "b", image_size=(8, 8)
    )
    assert sized["protocol"]["resize"] == "crop_area"
    # So is a gate.
    copied = tmp_path / "pack"
    shutil.copytree(pack, copied)
    with pytest.raises(InputError, match="image_size"):
        gate_pack(copied, options["reference"])
    seen = []
    monkeypatch.setattr(
        "gan_jax.judging.gate.run_gate", lambda *given: seen.append(given) or Gate((), {})
    )
    gate = gate_pack(copied, options["reference"], resize="crop_area")
    (_, damaged, training), shape = seen[0], (45, 16, 16, 1)
    assert damaged.images.shape == training.shape == shape
    assert gate.protocol["resize"] == "crop_area"
