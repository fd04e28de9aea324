"""The numbers of a recognition, as recognition.json holds them and as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.readings import Readings, difference, held_out
from gan_jax.judging.class_agreement import agreement_entry
from gan_jax.reports.result import make_protocol
from gan_jax.reports.seeds.statistics import Summary
from gan_jax.studies.recognition.selection import Selection


def recognition_protocol(
    subject: Mapping[str, Any],
    recognisers: Sequence[Extractor],
    *,
    images: int,
    reference: Dataset | None,
) -> dict[str, Any]:
    """The protocol of the numbers of so many `images`, whose origin `subject` tells."""
    preprocessing = dict.fromkeys(pack.record["preprocessing"] for pack in recognisers)
    return make_protocol(
        {
            **subject,
            "labels_by": "mean of the recognisers' probabilities",
            "recognisers": {pack.stamp: pack.digest for pack in recognisers},
        },
        seed=subject.get("seed"),
        images=images,
        preprocessing="; ".join(preprocessing),
        reference=reference,
    )


def joint_numbers(
    readings: Readings,
    real: Readings | None,
    real_labels: np.ndarray | None,
    labels: np.ndarray | None,
    names: tuple[str, ...],
) -> dict[str, Any]:
    """The numbers of all recognisers together.

    Args:
        readings: of the images.
        real: of real images, or None.
        real_labels: their classes, int [m], or None.
        labels: the classes that the images were asked to be, int [n], or None.
        names: of the classes.
    """
    count = len(readings.labels)
    found = {"confidence": {"value": float(readings.confidences.mean()), "n": count}}
    if real is not None:
        found["confidence"]["real"] = float(real.confidences.mean())
    histogram = metrics.class_histogram(readings.labels, len(names))
    found["class_histogram"] = {"value": histogram, "n": count}
    if real_labels is not None:
        found["class_histogram"]["real"] = metrics.class_histogram(real_labels, len(names))
    if len(readings.probabilities) > 1:
        found |= _agreement_numbers(readings, real, len(names))
    if labels is not None:
        pairs = [metrics.class_agreement(readings.labels, labels, len(names)), None]
        if real is not None:
            pairs[1] = metrics.class_agreement(real.labels, real_labels, len(names))
        found["class_agreement"] = agreement_entry(*pairs, names)
    return found


def _agreement_numbers(readings: Readings, real: Readings | None, classes: int) -> dict[str, Any]:
    fake = metrics.rater_agreement(readings.each, classes)
    there = None if real is None else metrics.rater_agreement(real.each, classes)

    def entry(value: float, ci: Any, of_real: float | None) -> dict[str, Any]:
        found = {"value": value, "ci": ci and list(ci), "n": fake.count, "raters": fake.raters}
        return found if there is None else found | {"real": of_real}

    found = {
        "pairwise_agreement": entry(
            fake.pairwise, fake.pairwise_interval, there and there.pairwise
        ),
        "unanimous": entry(
            fake.unanimous / fake.count,
            metrics.wilson_interval(fake.unanimous, fake.count),
            there and there.unanimous / there.count,
        ),
    }
    if fake.kappa is None:  # all images are given one class by all
        return found
    return {"fleiss_kappa": entry(fake.kappa, fake.kappa_interval, there and there.kappa)} | found


def recogniser_entry(
    pack: Extractor,
    first: Extractor,
    probabilities: np.ndarray,
    real: np.ndarray | None,
    real_labels: np.ndarray | None,
    reference: Dataset | None,
) -> dict[str, Any]:
    """A recogniser's identity, beside the first one's, and its `reader_numbers`.

    Its answers to the images are `probabilities` [n, k], and to the reference, whose classes are
    `real_labels` int [m], `real` [m, k]; the three are None without a reference.
    """
    training = pack.record.get("training", {})
    entry = {
        "name": pack.stamp,
        "sha256": pack.digest,
        "seed": training.get("seed"),
        "architecture": pack.record["architecture"],
        "gate": pack.gate,
        "beside_the_first": "" if pack is first else difference(first, pack),
    }
    if real is not None:
        entry["held_out"] = held_out(pack, reference.fingerprint)
    return entry | reader_numbers(probabilities, real, real_labels)


def reader_numbers(
    probabilities: np.ndarray, real: np.ndarray | None, real_labels: np.ndarray | None
) -> dict[str, Any]:
    """Confidence of one recogniser or of the mean, and its calibration on real images."""
    confidences = np.minimum(probabilities.max(axis=-1), 1.0)
    found: dict[str, Any] = {"confidence": float(confidences.mean())}
    if real is None:
        return found
    calibration = metrics.measure_calibration(real, real_labels)
    found["calibration"] = _calibration_entry(calibration)
    if calibration.sure is not None:
        sure, count = int(np.sum(confidences >= calibration.sure)), len(confidences)
        found["sure_share"] = {
            "value": sure / count,
            "ci": list(metrics.wilson_interval(sure, count)),
            "n": count,
            "real": float(np.mean(np.minimum(real.max(axis=-1), 1.0) >= calibration.sure)),
            "threshold": calibration.sure,
        }
    return found


def _calibration_entry(found: metrics.Calibration) -> dict[str, Any]:
    curve = found.curve

    def listed(values: np.ndarray) -> list[float | None]:
        return [None if math.isnan(value) else value for value in values.tolist()]

    return {
        "n": found.count,
        "accuracy": found.accuracy,
        "ci": list(found.interval),
        "confidence": found.confidence,
        "expected_error": curve.expected_error,
        "floor": found.floor,
        "maximum_error": curve.maximum_error,
        "brier": found.brier,
        "negative_log_likelihood": found.negative_log_likelihood,
        "bins": {
            "edges": curve.edges.tolist(),
            "counts": curve.counts.tolist(),
            "confidence": listed(curve.confidence),
            "accuracy": listed(curve.accuracy),
        },
    }


def selection_entry(
    selection: Selection,
    recognisers: Sequence[Extractor],
    readings: Readings,
    labels: np.ndarray | None,
) -> dict[str, Any]:
    """A selection's numbers; `labels` are the classes that all images were asked to be, or None."""
    count = len(selection.rows)
    entry = {
        "by": recognisers[0].stamp,
        "n": count,
        "of": len(readings.labels),
        "confidence": selection.confidence,
        "confidence_before": selection.confidence_before,
        "others": [],
    }
    if labels is not None:
        entry["right"] = _right(readings, 0, labels, selection.rows)
    for index, (pack, score) in enumerate(
        zip(recognisers[1:], selection.others, strict=True), start=1
    ):
        part = {
            "name": pack.stamp,
            "beside_the_first": difference(recognisers[0], pack),
            "agreement": score.agreeing / count,
            "ci": list(score.interval),
            "confidence": score.confidence,
            "confidence_before": score.confidence_before,
            "gap": _summary_entry(score.gap),
            "gap_before": _summary_entry(score.gap_before),
            "gap_real": score.gap_real and _summary_entry(score.gap_real),
        }
        if labels is not None:
            part["right"] = _right(readings, index, labels, selection.rows)
        entry["others"].append(part)
    return entry


def _right(
    readings: Readings, index: int, labels: np.ndarray, rows: np.ndarray
) -> dict[str, float]:
    """Share of images that a recogniser names as asked: of all, and of the selected ones."""
    right = readings.each[:, index] == labels
    return {"before": float(right.mean()), "selected": float(right[rows].mean())}


def _summary_entry(summary: Summary) -> dict[str, Any]:
    ci = None if summary.interval is None else list(summary.interval)
    return {"value": summary.mean, "ci": ci, "n": summary.n}


def recognition_table(content: dict[str, Any]) -> str:
    """The numbers of recognition.json as text, a line each."""
    rows = [("", "value", "95 % interval", "real", "n")]
    for name, entry in content["metrics"].items():
        if isinstance(entry.get("value"), int | float):
            ci = entry.get("ci")
            between = "" if ci is None else f"{ci[0]:.4g} to {ci[1]:.4g}"
            real = "" if entry.get("real") is None else f"{entry['real']:.4g}"
            rows.append((name, f"{entry['value']:.4g}", between, real, str(entry.get("n", ""))))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    mean = [{"name": "their mean", **content["mean"]}]
    for part in content["recognisers"] + mean * (len(content["recognisers"]) > 1):
        found = part.get("calibration")
        if found:
            low, high = found["ci"]
            lines.append(
                f"{part['name']}: {found['accuracy']:.2%} of {found['n']:,} real images right "
                f"({low:.2%} to {high:.2%}), mean confidence {found['confidence']:.2%}, expected "
                f"calibration error {found['expected_error']:.2%} (calibrated: "
                f"{found['floor']:.2%})"
            )
    for other in content.get("selection", {}).get("others", []):
        gap = other["gap"]
        between = "" if gap["ci"] is None else f" ({gap['ci'][0]:.4g} to {gap['ci'][1]:.4g})"
        lines.append(
            f"selection, held-out judge {other['name']}: agrees on {other['agreement']:.2%}, gap "
            f"of confidence {gap['value']:.4g}{between}"
        )
    return "\n".join([*lines, *(f"missing: {text}" for text in content["missing"])])
