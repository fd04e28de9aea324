"""The page of a GAN: what it says, that it stands alone, and that odd data does not break it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from gan_jax.reports.pages.gan import GANReport, write_gan_report
from tests.reports.reading import random_images as _images
from tests.reports.reading import read_page


def _written(path, report):
    write_gan_report(path, report)
    return read_page(path)


def _full_report(**changes) -> GANReport:
    history = [{"step": s, "loss/discriminator": 1.3, "loss/generator": 0.8} for s in range(900)]
    history += [
        {"step": s, "eval/fd_semantic": 300 / (s + 1), "eval/fd_semantic_floor": 1.5}
        for s in range(0, 900, 100)
    ]
    evaluation = {
        "metrics": {
            "fd_semantic": {"value": 6.12, "floor": 1.457, "ci": [5.4, 6.84], "n": 500},
            "fd_texture": {"value": 0.8, "floor": 0.4, "ci": None, "n": 500},
            "confidence": {"value": 0.931, "n": 2000},
            "class_histogram": {"value": [7, 3], "n": 10},
            "odd_metric": {"value": None},
        },
        "protocol": {"extractor": "cnn-mnist5k@1a2b3c4d", "seed": 0},
    }
    fields = {
        "title": "quickstart",
        "config": {"batch_size": 64},
        "history": history,
        "evaluation": evaluation,
        "samples": _images(20),
        "real": _images(30, seed=1),
        "predictions": np.arange(20) % 2,
        "confidences": np.linspace(0.2, 1.0, 20),
        "class_names": ["cat", "dog"],
        "class_counts": [14, 6],
        "reference_counts": [50, 50],
        "neighbour_queries": _images(3),
        "neighbours": np.stack([_images(2, seed=s) for s in range(3)]),
        "neighbour_distances": np.array([[0.0, 1.0], [1234.5, 2000.0], [3.0, 4.0]]),
        "interpolation": _images(9, seed=3),
        "environment": {"jax": "0.10.2", "device": "cpu"},
    }
    return GANReport(**{**fields, **changes})


def _headline(**changes):
    """What a judge of 2,000 images that are a little off says."""
    return {
        "verdict": "told apart",
        "test": {"p": 0.001, "n_real": 1000, "n_fake": 2000},
        "size": {
            "damage": "blur", "strength": 0.331, "low": 0.32, "high": 0.34, "beyond": False,
            "broken": {"low": 0.078, "share": 0.121, "high": 0.153},
        },
        "ladder": {"damage": "blur", "strengths": [0.3, 0.4, 0.5]},
        "noticed": {"strength": 0.4, "broken": 0.25, "n": 250, "needed": 391},
    } | changes  # fmt: skip


def _judged(tmp_path, headline, flags=()):
    report = _full_report()
    evaluation = report.evaluation | {"headline": headline, "flags": list(flags)}
    return _written(tmp_path / "r.html", dataclasses.replace(report, evaluation=evaluation)).text


def test_gan_page_leads_with_a_test_and_a_size(tmp_path):
    text = _judged(tmp_path, _headline())
    assert (
        "Told from real images (p = 0.001; 2,000 images against 1,000 real ones). As far from real "
        "as real images of which 12 % (7.8 % to 15 %) are in shuffled pieces, or real images with "
        "a blur of 0.33 px. Judge: cnn-mnist5k@1a2b3c4d." in text
    )
    assert (
        "With 250 images a side the test notices a blur of 0.4 px and misses 0.3, or 25 %" in text
    )
    assert "The rarest class, dog, makes up 30.0 % of the samples." in text
    assert "12 % of real images in shuffled pieces would be as far from real 0.33 px blur" in text
    assert "2 of 2 classes are drawn" in text


def test_gan_page_of_images_that_are_not_told_from_real_says_no_more(tmp_path):
    text = _judged(tmp_path, _headline(verdict="not told apart", test={
        "p": 0.34, "n_real": 1000, "n_fake": 2000}))  # fmt: skip
    assert "Not told from real images (p = 0.34" in text
    assert "No farther from real than real images of which 15 % are in shuffled pieces" in text
    assert "better" not in text[: text.index("Samples")]


def test_gan_page_of_too_few_images_has_no_large_numbers(tmp_path):
    noticed = {"strength": 0.5, "broken": 0.8, "n": 28, "needed": 448}
    headline = _headline(verdict="too few images", noticed=noticed)
    flag = {"name": "too few", "text": "There are too few images.", "apart": False}
    text = _judged(tmp_path, headline, [flag])
    top = text[: text.index("Samples")]
    assert "There are too few images. Too few images to say how good they are" in top
    assert "About 900 held-out images, and half as many to judge, would do." in top
    assert "px blur" not in top and "classes are drawn" not in top


def test_gan_page_says_first_what_a_reader_must_know(tmp_path):
    flag = {"name": "copied", "text": "All images are copies.", "apart": True}
    text = _judged(tmp_path, _headline(), [flag])
    assert text.index("All images are copies.") < text.index("Told from real images")


def test_gan_page_shows_every_part(tmp_path):
    reader = _written(tmp_path / "r.html", _full_report())
    for heading in (
        "Samples",
        "In numbers",
        "Training",
        "fd_semantic over time",
        "Classes",
        "Most and least convincing",
        "Nearest training images",
        "From one latent to another",
        "Setup",
    ):
        assert heading in reader.text
    assert "fd_semantic 6.12 1.46 4.2 × 5.40 to 6.84 500 Fréchet distance" in reader.text
    assert "odd_metric – – – – –" in reader.text
    assert "1,234" in reader.text and "batch_size" in reader.text and "0.10.2" in reader.text
    assert reader.tags.count("svg") == 3


def test_gan_page_draws_what_an_evaluator_of_ones_own_logged(tmp_path):
    rows = [{"step": step, "watch/mean_brightness": step / 10} for step in (1, 2)]
    report = dataclasses.replace(_full_report(), history=rows)
    assert "Mean brightness over time" in _written(tmp_path / "r.html", report).text


def test_gan_page_embeds_the_very_pixels(tmp_path):
    report = _full_report()
    pictures = _written(tmp_path / "r.html", report).pictures()
    scale = pictures[0].shape[0] // (4 * 8)
    first = report.samples[0, :, :, 0].repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(pictures[0][: 8 * scale, : 6 * scale], first)
    tiles = pictures[2:]
    np.testing.assert_array_equal(tiles[0], report.samples[19, :, :, 0])  # most sure
    np.testing.assert_array_equal(tiles[10], report.samples[0, :, :, 0])  # least sure
    np.testing.assert_array_equal(tiles[20], report.neighbour_queries[0, :, :, 0])
    np.testing.assert_array_equal(tiles[21], report.neighbours[0, 0, :, :, 0])


def test_gan_page_leaves_out_what_is_not_there(tmp_path):
    reader = _written(tmp_path / "r.html", GANReport("bare"))
    assert reader.text == "bare bare Not judged."
    reader = _written(tmp_path / "r.html", _full_report(neighbours=None, confidences=None))
    assert "Nearest" not in reader.text and "convincing" not in reader.text


def test_gan_page_escapes_what_users_write(tmp_path):
    names = ['<script>alert("x")</script>', "a & b"]
    reader = _written(
        tmp_path / "r.html",
        _full_report(
            title="<img src=x>", class_names=names, config={"<b>": "</pre>"}, environment={"<i>": 1}
        ),
    )
    assert "<img src=x>" in reader.text and "</pre>" in reader.text and "a & b" in reader.text


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (40, 12), (12, 200)])
def test_gan_page_of_one_class(tmp_path, height, width, channels):
    images = _images(5, height, width, channels)
    reader = _written(
        tmp_path / "r.html",
        GANReport(
            "any shape",
            samples=images,
            real=images[:2],
            predictions=np.zeros(5, int),
            confidences=np.ones(5),
            class_names=["0"],
            class_counts=[5],
            interpolation=images,
        ),
    )
    assert "1 of 1 classes are drawn" in reader.text and "100.0 %" in reader.text


def test_gan_page_of_200_classes_and_large_images_stays_small(tmp_path):
    rng = np.random.default_rng(0)
    noise = _images(64, 256, 256, 3)  # the worst case: noise does not compress
    reader = _written(
        tmp_path / "r.html",
        _full_report(
            samples=noise,
            real=noise[::-1],
            predictions=rng.integers(0, 200, 64),
            confidences=rng.random(64),
            class_names=[f"class {i}" for i in range(200)],
            class_counts=rng.integers(0, 50, 200).tolist(),
            reference_counts=[25] * 200,
            neighbour_queries=noise[:12],
            neighbours=np.stack([noise[:5]] * 12),
            neighbour_distances=rng.random((12, 5)),
            interpolation=noise[:20],
        ),
    )
    assert "Least well covered" in reader.text
    assert max(max(picture.shape) for picture in reader.pictures()) < 2400


def test_reports_touch_no_global_plotting_state(tmp_path):
    code = (
        "import sys, gan_jax.reports.pages.gan as r; assert 'matplotlib' not in sys.modules\n"
        "page = r.GANReport('t', class_names='ab', class_counts=[1, 2])\n"
        f"r.write_gan_report({str(tmp_path / 'r.html')!r}, page)\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
