"""What a pack says of its layers: agrees with a judgement, is hashed, may lack, is shown."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from gan_jax.data import Dataset, load
from gan_jax.errors import InputError
from gan_jax.extractors.controls import random_extractor
from gan_jax.extractors.extractor import assemble
from gan_jax.extractors.pack import load_pack, save_pack
from gan_jax.judging.judge import make_judge
from gan_jax.judging.layer_statistics import layer_statistics, low_rank_warning
from gan_jax.reports.pages.recogniser import write_recogniser_report
from tests.reports.pages.test_recogniser import recogniser_report


def _real(count: int, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    base = rng.normal(128, 40, (count, 2, 2, 1)).repeat(4, 1).repeat(4, 2)
    images = np.clip(base + rng.normal(0, 10, (count, 8, 8, 1)), 0, 255).astype(np.uint8)
    return Dataset("made", "test", images)


def test_they_agree_with_a_judgement_and_with_numpy():
    extractor, real = random_extractor((8, 8, 1)), _real(81)
    found = layer_statistics(extractor, real)
    judged = make_judge(extractor, real).judge(_real(60, seed=1).images, families=["frechet"])
    features = extractor.features(real.images)
    scaled = features.texture.astype(np.float64)
    scaled = (scaled - scaled.mean(0)) / np.maximum(scaled.std(0), 1e-6 * scaled.std(0).max())
    for layer, values in (("semantic", features.semantic), ("texture", scaled)):
        entry, expected = found[layer], judged.metrics[f"fd_{layer}"]
        assert entry["floor"] == pytest.approx(expected["floor"], rel=1e-5)
        assert entry["effective_rank"] == pytest.approx(expected["effective_rank"], rel=1e-5)
        assert (entry["n"], entry["images"]) == (expected["n"], 81) == (40, 81)
        assert entry["features"] == values.shape[1]
        shares = np.linalg.svd(values - values.mean(0), compute_uv=False) ** 2
        shares = shares[shares > 0] / shares.sum()
        rank = np.exp(-np.sum(shares * np.log(shares)))
        assert entry["effective_rank"] == pytest.approx(rank, rel=1e-4)


def test_numbers_have_six_digits():
    for entry in layer_statistics(random_extractor((8, 8, 1)), _real(40)).values():
        for name in ("floor", "effective_rank"):
            assert entry[name] == float(f"{entry[name]:.6g}") > 0


def test_images_of_which_no_judge_can_be_made_stop_no_training():
    same = Dataset("made", "test", np.full((9, 8, 8, 1), 200, np.uint8))
    assert layer_statistics(random_extractor((8, 8, 1)), same) == {}
    assert layer_statistics(random_extractor((8, 8, 1)), _real(3)) == {}
    assert set(layer_statistics(random_extractor((8, 8, 1)), _real(4))) == {"semantic", "texture"}


def _entry(rank: float) -> dict:
    return {"features": 64, "effective_rank": rank, "floor": 1.0, "n": 10, "images": 20}


def test_a_low_rank_is_warned_of_by_name():
    assert low_rank_warning({}) == ""
    assert low_rank_warning({"semantic": _entry(4.0), "texture": _entry(30.0)}) == ""
    one = low_rank_warning({"semantic": _entry(3.99), "texture": _entry(30.0)})
    assert one.startswith("The layer semantic uses 4.0 of its 64 directions on real images")
    assert "texture" not in one
    both = low_rank_warning({"semantic": _entry(1.5), "texture": _entry(2.5)})
    assert "semantic uses 1.5 of its 64 directions and the layer texture uses 2.5 of" in both


# In a pack


def test_a_trained_pack_has_them(tiny_run):
    extractor = load_pack(tiny_run[1])
    digits = load({"name": "mnist5k", "image_size": (16, 16)}, "test")
    again = layer_statistics(extractor, digits)
    assert set(extractor.layer_statistics) == {"semantic", "texture"}
    for layer, entry in extractor.layer_statistics.items():
        assert entry == pytest.approx(again[layer], rel=1e-4)
        assert (entry["n"], entry["images"], entry["features"]) == (500, 1000, 32)
        assert entry["effective_rank"] > 4


def test_the_hash_covers_them(tiny_run, tmp_path):
    pack = shutil.copytree(tiny_run[1], tmp_path / "pack")
    record = json.loads((pack / "pack.json").read_text())
    record["layer_statistics"]["semantic"]["floor"] *= 2
    (pack / "pack.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="was changed after it was made"):
        load_pack(pack)


def test_a_pack_without_them_is_loaded(tiny_run, tmp_path):
    """As packs were made before: another hash than with them, and nothing to show."""
    made = load_pack(tiny_run[1])
    record = {k: v for k, v in made.record.items() if k not in ("layer_statistics", "golden")}
    saved = save_pack(tmp_path / "old", made.variables, record)
    old = load_pack(tmp_path / "old")
    assert old.layer_statistics == {} and old.digest == saved.digest != made.digest
    assert assemble(made.variables, record).layer_statistics == {}


# In the page


def test_the_recognisers_page_shows_them_and_warns_once(tmp_path):
    def page_with(**changes) -> str:
        path = tmp_path / "report.html"
        write_recogniser_report(path, recogniser_report(**changes))
        return path.read_text(encoding="utf-8")

    layers = {"semantic": _entry(2.5), "texture": _entry(30.0)}
    warning = low_rank_warning(layers)
    page = page_with(layers=layers, layer_warning=warning)
    assert page.count(warning) == page.count("Warning") == 1
    assert "As a judge" in page and "2.50" in page and "30.0" in page
    assert "Warning" not in page_with(layers=layers)
    assert "As a judge" not in page_with()
