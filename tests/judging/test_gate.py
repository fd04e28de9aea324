"""The degradation gate: its rules, and whom it passes and fails."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.extractors.common import Features
from gan_jax.extractors.controls import pixel_extractor
from gan_jax.judging import gate
from gan_jax.judging.degradations import DEGRADATIONS
from gan_jax.judging.gate import Gate, gate_table, run_gate
from gan_jax.judging.sensitivity import Row

_SHAPE = (8, 8, 1)
_VISIBLE = [one.name for one in DEGRADATIONS if one.name != "training copies"]


# The rules


def _gate(*rows) -> Gate:
    """Of (damage, layer, monotone, seen)."""
    ratios = {(True, True): (2.0, 3.0), (False, True): (4.0, 3.0)}
    ratios |= {(True, False): (1.0, 1.0), (False, False): (4.0, 1.0)}
    found = [Row(d, layer, (1.0, 2.0), ratios[m, s], (0.1, 0.1), 1.5) for d, layer, m, s in rows]
    return Gate(tuple(found), {})


def test_one_layer_that_sees_in_order_is_enough():
    passed = _gate(
        ("blur", "semantic", True, True),
        ("blur", "texture", False, True),
        ("noise", "semantic", False, False),
        ("noise", "texture", True, True),
        ("training copies", "semantic", False, False),
    )
    assert passed.failures == () and passed.verdict == "passed"


def test_what_fails_is_named():
    failed = _gate(
        ("blur", "semantic", True, False),  # in order, but at the floor
        ("blur", "texture", True, False),
        ("noise", "semantic", False, True),
        ("noise", "texture", True, False),
        ("shift", "semantic", True, True),
        ("shift", "texture", False, False),
    )
    assert failed.failures == ("blur is not seen", "noise is not monotone")
    assert failed.verdict == "failed: blur is not seen, noise is not monotone"


# Whole gates, with features that cost nothing


@dataclasses.dataclass(frozen=True)
class _Extractor:
    """Features by two functions of images in [0, 1], float64 [n, h, w, c], to [n, d]."""

    semantic: object
    texture: object
    probabilities: object = None
    image_shape: tuple[int, int, int] = _SHAPE
    stamp: str = "made@01234567"
    digest: str = "01234567" * 8

    def check_shape(self, shape):
        if tuple(shape) != self.image_shape:
            raise InputError(f"the images are {shape}")

    def features(self, images, *, batch_size=500, progress=None):
        found = [one and one(images / 255.0) for one in (self.semantic, self.texture)]
        return Features(*found, self.probabilities and self.probabilities(images / 255.0))


def _cells(images):
    """Means of 2 x 2 cells, [n, 16]: the layout."""
    return images.reshape(len(images), 4, 2, 4, 2).mean((2, 4)).reshape(len(images), 16)


def _edges(images):
    """Strength of differences between neighbours, [n, 3]: strokes and noise."""
    steps = [np.abs(np.diff(images, axis=axis)).mean((1, 2, 3)) for axis in (1, 2)]
    return np.stack([*steps, images.std((1, 2, 3))], -1)


def _blind(images):
    return np.full((len(images), 4), 0.3)


def _images(seed: int, count: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Bars whose place is their class, their brightness by chance; and the classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % classes
    images = rng.normal(60, 4, (count, *_SHAPE))
    for image, label in zip(images, labels):
        image[1:7, 1 + 2 * label : 3 + 2 * label] += rng.normal(120, 12)
    return np.clip(images, 0, 255).astype(np.uint8), labels


def _reference(count=200, classes=3, *, labelled=True) -> Dataset:
    images, labels = _images(0, count, classes)
    return Dataset("made", "test", images, labels=labels if labelled else None)


_TRAINING = _images(1, 100)[0]


def _seeds(count: int) -> gate.Effort:
    return dataclasses.replace(gate.FULL, num_seeds=count)


@pytest.fixture(scope="module")
def seeing() -> Gate:
    return run_gate(_Extractor(_cells, _edges), _reference(), _TRAINING)


def test_an_extractor_that_sees_is_passed(seeing):
    assert seeing.verdict == "passed"
    assert len(seeing.rows) == 18
    rows = {(row.degradation, row.metric): row for row in seeing.rows}
    assert rows["noise", "texture"].ratios[-1] > 10 * rows["noise", "semantic"].ratios[-1]
    # Copies of training images are real images, and no distance tells them apart.
    assert not any(rows["training copies", "semantic"].seen)
    protocol = seeing.protocol
    assert (protocol["n"], protocol["seeds"], protocol["reference"]) == (100, 5, "made")
    assert protocol["extractor_sha256"] == "01234567" * 8
    assert protocol["reference_fingerprint"] == _reference().fingerprint
    assert 0 < protocol["floors"]["semantic"] and 0 < protocol["floor_spreads"]["texture"] < 1


def test_the_same_gate_gives_the_same_numbers(seeing):
    assert run_gate(_Extractor(_cells, _edges), _reference(), _TRAINING) == seeing


def _round_off(images):
    """A dead layer whose last digits depend on the image."""
    return 0.3 + 1e-9 * images.reshape(len(images), -1)[:, :4]


@pytest.mark.parametrize("layer", [_blind, _round_off])
def test_a_blind_extractor_fails_in_everything(layer):
    blind = run_gate(_Extractor(layer, layer), _reference(), _TRAINING, effort=_seeds(2))
    assert blind.failures == tuple(f"{name} is not seen" for name in _VISIBLE)
    assert {row.ratios for row in blind.rows} == {(1.0,) * 5}
    json.dumps(blind.protocol, allow_nan=False)


def test_an_extractor_of_the_mean_overlooks_what_keeps_it():
    """Means of whole images know of no place, stroke or noise about the mean."""

    def mean(images):
        return images.mean((1, 2, 3))[:, None]

    found = run_gate(_Extractor(mean, _blind), _reference(), _TRAINING, effort=_seeds(3))
    for name in ("shuffled patches", "checkerboard", "contrast"):
        assert f"{name} is not seen" in found.failures
    assert "one image repeated is not seen" not in found.failures


def test_stronger_called_weaker_is_not_monotone():
    """A feature that rises with the noise up to half its strength, and then falls."""

    def turning(images):
        edges = np.abs(np.diff(images, axis=1)).mean((1, 2, 3))
        return np.minimum(edges, 0.35 - edges)[:, None]

    found = run_gate(_Extractor(turning, _blind), _reference(), _TRAINING, effort=_seeds(3))
    noise = next(row for row in found.rows if row.degradation == "noise")
    assert noise.seen[-1] and not noise.monotone and max(noise.ratios) > 2 * noise.ratios[-1]
    assert "noise is not monotone" in found.failures


def test_an_extractor_without_layers_or_labels():
    """Pixels have one layer and know no classes: labels are needed."""
    pixels = pixel_extractor(_SHAPE)
    found = run_gate(pixels, _reference(), _TRAINING, effort=_seeds(2))
    assert {row.metric for row in found.rows} == {"semantic"} and len(found.rows) == 9
    with pytest.raises(InputError, match="neither the reference made has labels nor .* pixels@"):
        run_gate(pixels, _reference(labelled=False), _TRAINING)


def test_without_labels_the_extractor_says_the_classes():
    def bars(images):
        return np.stack(
            [images[:, 1:7, 1 + 2 * k : 3 + 2 * k].mean((1, 2, 3)) for k in range(3)], -1
        )

    told = run_gate(_Extractor(_cells, None, bars), _reference(), _TRAINING, effort=_seeds(2))
    seen = run_gate(
        _Extractor(_cells, None, bars), _reference(labelled=False), _TRAINING, effort=_seeds(2)
    )
    assert seen.rows == told.rows


class _Untouched(_Extractor):
    def features(self, *args, **kwargs):
        raise AssertionError("features were computed before the mistake was told")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(reference=_reference(39)), "made has 39 images; .* at least 40"),
        (dict(reference=_reference(60, classes=1)), "is of one class .of 60 images.*at least two"),
        (dict(training=_TRAINING[:, :6]), r"training images are uint8 \[100, 6, 8, 1\].* 8x8x1"),
        (dict(training=_TRAINING[:0]), r"uint8 \[0, 8, 8, 1\].*give at least one"),
        (dict(training=_TRAINING / 255.0), "training images are float64"),
        (dict(effort=_seeds(1)), "num_seeds is 1; .* at least 2"),
        (
            dict(extractor=_Untouched(_cells, None, image_shape=(9, 9, 1))),
            r"images are \(8, 8, 1\)",
        ),
    ],
)
def test_one_clear_error_before_any_work(arguments, message):
    usual = dict(extractor=_Untouched(_cells, None), reference=_reference(60), training=_TRAINING)
    with pytest.raises(InputError, match=message):
        run_gate(**(usual | arguments))


def test_a_class_so_rare_that_a_half_lacks_it():
    images, labels = _images(0, 60)
    rare = Dataset("made", "test", images, labels=np.int32(np.arange(60) == 7))
    with pytest.raises(InputError, match="59 of one class.*at least two classes, dozens of each"):
        run_gate(_Untouched(_cells, None), rare, _TRAINING)


def test_the_table_shows_each_row_and_the_verdict(seeing):
    lines = gate_table(seeing.content()).splitlines()
    assert lines[0].startswith("made@01234567 on made (test): distance / floor at 5 strengths")
    assert "n = 100 a side, 5 seeds" in lines[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:-2]]
    assert {len(row) for row in cells} == {9}
    blur = next(row for row in cells if row[:2] == ["blur", "texture"])
    expected = next(r for r in seeing.rows if (r.degradation, r.metric) == ("blur", "texture"))
    assert [float(value) for value in blur[2:7]] == pytest.approx(expected.ratios, rel=0.01)
    assert lines[-1] == "Gate passed."
