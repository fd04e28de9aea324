"""The page of a recogniser: what it says, and that odd data does not break it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from gan_jax.metrics import wilson_interval
from gan_jax.reports.pages.recogniser import RecogniserReport, write_recogniser_report
from tests.reports.reading import random_images as _images
from tests.reports.reading import read_page


def _written(path, report):
    write_recogniser_report(path, report)
    return read_page(path)


def recogniser_report(k: int = 3, **changes) -> RecogniserReport:
    """What the page shows of k classes; `changes` are other fields."""
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
        "class_names": list(map(str, range(k))),
        "layers": {},
        "layer_warning": "",
        "independent": None,
    }
    return RecogniserReport(**{**fields, **changes})


def test_recogniser_page_says_how_well_it_reads(tmp_path):
    names = ["<zero>", "one", "two"]
    text = _written(tmp_path / "r.html", recogniser_report(class_names=names)).text
    assert "98.3 % of 300 test images are named correctly." in text
    assert "95 % interval for this many images: 96.2 % to 99.3 %." in text
    assert "95.0 % recall of the hardest class, one" in text
    assert "one · 95 5 95.0 %" in text and "<zero> 100 · · 100.0 %" in text
    assert "one taken for two" in text
    assert "Accuracy" in text and "Training loss" in text and "Mistakes" in text


def test_recogniser_page_of_many_classes_draws_the_matrix(tmp_path):
    reader = _written(tmp_path / "r.html", recogniser_report(200))
    scale = 640 // 200
    matrix = reader.pictures()[0][::scale, ::scale]
    assert matrix.shape == (200, 200)
    assert (np.diag(matrix) < 10).all() and 0 < matrix[1, 2] < 255 and matrix[2, 1] == 255


def test_recogniser_page_of_a_class_without_images(tmp_path):
    confusion = np.array([[5, 1], [0, 0]])
    text = _written(tmp_path / "r.html", recogniser_report(confusion=confusion)).text
    assert "1 · · –" in text and "hardest class, 0" in text
    perfect = recogniser_report(confusion=np.array([[9]]), mistakes=None, accuracy=1.0)
    assert "100.0 % of 9 test images" in _written(tmp_path / "r.html", perfect).text


@pytest.mark.parametrize(("right", "total"), [(984, 1000), (0, 7), (7, 7), (1, 2)])
def test_accuracy_interval_is_wilsons(right, total):
    expected = scipy.stats.binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right, total) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_interval_of_crops_that_overlap_is_that_of_the_few_that_do_not(tmp_path):
    confusion = 200 * np.eye(3, dtype=int)
    report = recogniser_report(confusion=confusion, accuracy=1.0, independent=(37, 37))
    found = _written(tmp_path / "page.html", report).text
    assert "37 of them share nothing" in found and "90.6 % to 100" in found
