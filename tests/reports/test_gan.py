"""The pages: what they say, that they stand alone, and that odd data does not break them."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import io
import re
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from PIL import Image

from gan_jax.errors import InputError
from gan_jax.metrics import wilson_interval
from gan_jax.reports.figures import Series, class_chart, finite_points, line_chart
from gan_jax.reports.gan import (
    GANReport,
    RecogniserReport,
    image_grid,
    save_png,
    write_gan_report,
    write_recogniser_report,
)
from gan_jax.runtime.images import displayable


def _images(n: int, height: int = 8, width: int = 6, channels: int = 1, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(n, height, width, channels), dtype=np.uint8)


class _Reader(html.parser.HTMLParser):
    """Collects text, addresses and pictures, and checks that tags are balanced."""

    _VOID = {"meta", "img", "br"}

    def __init__(self, page: str):
        super().__init__()
        self.open, self.text, self.addresses, self.tags = [], [], [], []
        self.feed(page)
        assert not self.open, f"never closed: {self.open}"
        self.text = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "xlink:href")]
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def pictures(self):
        data = [a.partition(",")[2] for a in self.addresses if a.startswith("data:image")]
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(d)))) for d in data]


def _written(path, report):
    (write_gan_report if isinstance(report, GANReport) else write_recogniser_report)(path, report)
    page = path.read_text(encoding="utf-8")
    reader = _Reader(page)
    assert all(a.startswith(("data:image", "#")) for a in reader.addresses)
    assert "http" not in page and "@import" not in page and "script" not in reader.tags
    assert len(page) < 3_000_000
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    return reader


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


# Pictures


def test_grid_places_images_in_reading_order():
    images = _images(5, 3, 4, 3)
    grid = image_grid(images, columns=2, padding=1)
    assert grid.shape == (3 * 3 + 2, 2 * 4 + 1, 3) and grid.dtype == np.uint8
    for i in range(5):
        row, column = divmod(i, 2)
        cell = grid[row * 4 : row * 4 + 3, column * 5 : column * 5 + 4]
        np.testing.assert_array_equal(cell, images[i])
    assert (grid[3] == 255).all() and (grid[:, 4] == 255).all() and (grid[8:, 5:] == 255).all()
    np.testing.assert_array_equal(
        image_grid(images, columns=2, scale=3), grid.repeat(3, axis=0).repeat(3, axis=1)
    )
    np.testing.assert_array_equal(image_grid(images[:1], padding=4), images[0])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (4, 16), (32, 8)])
def test_grid_is_about_square_by_default(height, width):
    grid = image_grid(_images(64, height, width), padding=0)
    assert 0.45 < grid.shape[0] / grid.shape[1] < 2.2


def test_every_channel_count_can_be_shown():
    for channels, shown in ((1, 1), (2, 3), (3, 3), (4, 3), (5, 3)):
        assert image_grid(_images(4, channels=channels)).shape[-1] == shown
    clear = np.array([10, 20, 30, 0], np.uint8).reshape(1, 1, 4)
    opaque = np.array([10, 20, 30, 255], np.uint8).reshape(1, 1, 4)
    assert displayable(clear).ravel().tolist() == [255, 255, 255]
    assert displayable(opaque).ravel().tolist() == [10, 20, 30]


def test_pictures_refuse_what_is_not_images():
    with pytest.raises(InputError, match=r"float32 \(2, 8, 6, 1\); expected uint8"):
        image_grid(_images(2).astype(np.float32))
    with pytest.raises(InputError, match="at least one image"):
        image_grid(_images(0))
    with pytest.raises(InputError, match="columns=0"):
        image_grid(_images(2), columns=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_png_holds_the_same_pixels(tmp_path, channels):
    image = _images(1, 7, 9, channels)[0]
    save_png(tmp_path / "new" / "a.png", image)
    read = np.asarray(Image.open(tmp_path / "new" / "a.png")).reshape(7, 9, channels)
    np.testing.assert_array_equal(read, image)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]


# Charts


def test_chart_keeps_a_spike_of_a_long_history():
    steps = np.arange(20_000)
    values = np.ones(20_000)
    values[12_345] = 50.0
    chart = line_chart("Losses", [Series("loss", steps, values)], ylabel="loss")
    assert len(chart) < 60_000
    assert ">50<" in chart  # the axis still reaches the spike


def test_chart_survives_gaps_and_odd_text():
    values = [1.0, float("nan"), float("inf"), 1000.0]
    chart = line_chart("a $x_ & <b>", [Series("<i>$", range(4), values)], ylabel="loss", log=True)
    assert "&lt;b&gt;" in chart and "<b>" not in chart and "nan" not in chart
    names = ["汉字 & <b>", "$\\frac$"] + ["long name of a class"] * 12
    assert "&lt;b&gt;" in class_chart("classes", names, range(14))
    assert class_chart("none", ["only"], [0], [0]).startswith("<svg")


def test_log_axis_only_where_it_helps():
    wide = line_chart("fd", [Series("fd", range(3), [200.0, 20.0, 2.0])], ylabel="fd", log=True)
    narrow = line_chart("fd", [Series("fd", range(3), [3.0, 2.9, 2.8])], ylabel="fd", log=True)
    assert ">20<" in wide and ">100<" in wide and ">5<" in wide
    assert ">2.85<" in narrow


def test_history_without_finite_values_makes_no_line():
    history = [{"step": 1, "a": float("nan")}, {"step": 2, "b": 1.0}]
    assert finite_points(history, "a") is None and finite_points(history, "c") is None
    assert finite_points(history, "b").steps == [2]


def test_reports_touch_no_global_plotting_state(tmp_path):
    code = (
        "import sys, gan_jax.reports.gan as r; assert 'matplotlib' not in sys.modules\n"
        f"r.write_gan_report({str(tmp_path / 'r.html')!r}, r.GANReport('t', class_counts=[1, 2]))\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The GAN's page


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
def test_gan_page_of_one_class_and_no_labels(tmp_path, height, width, channels):
    images = _images(5, height, width, channels)
    reader = _written(
        tmp_path / "r.html",
        GANReport(
            "any shape",
            samples=images,
            real=images[:2],
            confidences=np.ones(5),
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


def test_gan_page_refuses_arrays_that_do_not_belong_together(tmp_path):
    for changes, message in (
        ({"samples": _images(4).astype(float)}, "report.samples is float64"),
        ({"predictions": np.zeros(3, int)}, "'samples': 20, 'predictions': 3"),
        ({"class_counts": [1, 2, 3]}, "'class_counts': 3"),
        ({"neighbour_queries": None}, "as many report.neighbour_queries"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            write_gan_report(tmp_path / "r.html", _full_report(**changes))
    assert not list(tmp_path.iterdir())


# The recogniser's page


def _recogniser_report(k: int = 3, **changes) -> RecogniserReport:
    confusion = 100 * np.eye(k, dtype=int)
    confusion[1, 1], confusion[1, 2] = 95, 5
    history = [
        {"step": s, "loss/cross_entropy": 2.0 / (s + 1), "accuracy/train": 0.9} for s in range(50)
    ]
    fields = {
        "title": "cnn_mnist5k",
        "history": [*history, {"step": 50, "eval/accuracy": 0.98}],
        "accuracy": float(np.trace(confusion) / confusion.sum()),
        "confusion": confusion,
        "mistakes": _images(5),
        "mistake_labels": np.full(5, 1),
        "mistake_predictions": np.full(5, 2),
    }
    return RecogniserReport(**{**fields, **changes})


def test_recogniser_page_says_how_well_it_reads(tmp_path):
    names = ["<zero>", "one", "two"]
    text = _written(tmp_path / "r.html", _recogniser_report(class_names=names)).text
    assert "98.3 % of 300 test images are named correctly." in text
    assert "95 % interval for this many images: 96.2 % to 99.3 %." in text
    assert "95.0 % recall of the hardest class, one" in text
    assert "one · 95 5 95.0 %" in text and "<zero> 100 · · 100.0 %" in text
    assert "one taken for two" in text
    assert "Accuracy" in text and "Training loss" in text and "Mistakes" in text


def test_recogniser_page_of_many_classes_draws_the_matrix(tmp_path):
    reader = _written(tmp_path / "r.html", _recogniser_report(200))
    scale = 640 // 200
    matrix = reader.pictures()[0][::scale, ::scale]
    assert matrix.shape == (200, 200)
    assert (np.diag(matrix) < 10).all() and 0 < matrix[1, 2] < 255 and matrix[2, 1] == 255


def test_recogniser_page_of_a_class_without_images(tmp_path):
    confusion = np.array([[5, 1], [0, 0]])
    text = _written(tmp_path / "r.html", _recogniser_report(confusion=confusion)).text
    assert "1 · · –" in text and "hardest class, 0" in text
    bare = _written(tmp_path / "r.html", RecogniserReport("bare"))
    assert bare.text == "bare bare Not evaluated."
    perfect = _recogniser_report(confusion=np.array([[9]]), mistakes=None, accuracy=1.0)
    assert "100.0 % of 9 test images" in _written(tmp_path / "r.html", perfect).text


def test_recogniser_page_refuses_arrays_that_do_not_belong_together(tmp_path):
    for changes, message in (
        ({"confusion": np.zeros((2, 3), int)}, "shape (2, 3); expected counts [k, k]"),
        ({"class_names": ["a"]}, "1 class names for a confusion matrix of 3"),
        ({"mistake_labels": None}, "as many report.mistake_labels"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            write_recogniser_report(tmp_path / "r.html", _recogniser_report(**changes))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("right", "total"), [(984, 1000), (0, 7), (7, 7), (1, 2)])
def test_accuracy_interval_is_wilsons(right, total):
    expected = scipy.stats.binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right, total) == pytest.approx((expected.low, expected.high), abs=1e-4)
