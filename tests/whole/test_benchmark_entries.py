"""Handing in a result: what is checked, and where it would stand."""

import json

import numpy as np
import pytest

from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.judging.benchmark import BENCHMARKS, benchmark_of, check_entry, ranked, standings
from tests.command import eval_py


def test_a_result_is_judged_flagged_and_placed(tmp_path):
    """Copies of training images are better than any GAN's, and have no place."""
    train = load({"name": "mnist5k"}, "train")
    np.savez(tmp_path / "copies.npz", images=train.images[:2500])
    told = eval_py(
        tmp_path, "--samples", tmp_path / "copies.npz", "--benchmark", "mnist", "--out", "out"
    )
    assert told.returncode == 0, told.stderr
    content = json.loads((tmp_path / "out" / "eval.json").read_text())
    assert content["protocol"]["benchmark"] == "mnist"
    assert content["protocol"]["images"] == 2000
    assert "copied" in [flag["name"] for flag in content["flags"]]
    assert "would stand: apart, as it is flagged" in told.stderr
    assert "> copies.npz" in told.stderr


def test_too_few_images_and_other_references_are_refused():
    mnist = benchmark_of("mnist")
    digits = load({"name": "mnist5k"}, "train")
    with pytest.raises(InputError, match="judges 2,000 images, and mnist5k has 1,000"):
        check_entry(mnist, load({"name": "mnist5k"}, "test"), digits)
    with pytest.raises(InputError, match="is another set: give --reference"):
        check_entry(benchmark_of("fashion_mnist"), digits, digits)
    with pytest.raises(InputError, match="'minst': did you mean 'mnist'"):
        benchmark_of("minst")


def test_standings_are_by_the_released_judges_and_in_order():
    found = standings()
    assert set(found) <= set(BENCHMARKS) and "mnist" in found
    for name, content in found.items():
        metric = BENCHMARKS[name].ranked_by
        assert content["judge"].startswith(BENCHMARKS[name].pack.replace("stacked", "mnist"))
        placed = [row for row, place in ranked(content["rows"], metric) if place]
        values = [row["metrics"][metric]["mean"] for row in placed]
        assert values == sorted(values) and len(values) >= 1
        assert all(row["kind"] == "trained" for row in placed)
