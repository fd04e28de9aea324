"""The numbers of a recognition, as recognition.json holds them and as text."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.readings import Readings, difference, held_out
from gan_jax.judging.class_agreement import agreement_entry
from gan_jax.reports.pages.recognition import readers
from gan_jax.reports.result import Entry, Result, make_entry, make_protocol, share_entry
from gan_jax.reports.text import aligned
from gan_jax.studies.recognition.selection import HeldOutScore, Selection


def recognition_result(
    subject: Mapping[str, Any],
    recognisers: Sequence[Extractor],
    readings: Readings,
    *,
    real: Readings | None,
    reference: Dataset | None,
    real_labels: np.ndarray | None,
    labels: np.ndarray | None,
    selection: Selection | None,
    missing: Sequence[str],
) -> Result:
    """The numbers of all recognisers together, and as further judges those of each.

    Args:
        subject: where the images come from, for the protocol.
        readings: of the images.
        real: of the reference; None without a labelled one.
        reference: the real images, or None.
        real_labels: their classes, int [m]; None without `real`.
        labels: the classes that the images were asked to be, int [n], or None.
        selection: what was kept of the images, or None.
        missing: what could not be measured, a sentence each.
    """
    count, seed = len(readings.labels), subject.get("seed")
    protocol_of = functools.partial(make_protocol, images=count, seed=seed, reference=reference)
    preprocessing = dict.fromkeys(pack.record["preprocessing"] for pack in recognisers)
    protocol = protocol_of(
        {
            **subject,
            "labels_by": "mean of the recognisers' probabilities",
            "recognisers": {pack.stamp: pack.digest for pack in recognisers},
        },
        preprocessing="; ".join(preprocessing),
    )
    judges = []
    for index, pack in enumerate(recognisers):
        beside = None if real is None else real.probabilities[index]
        numbers = _reader_metrics(readings.probabilities[index], beside, real_labels)
        if selection is not None:
            numbers |= _selection_metrics(selection, index)
            if labels is not None:
                numbers["selected_right"] = _right(readings, index, labels, selection.rows)
        about = _identity(pack, recognisers[0], None if real is None else reference)
        of_pack = protocol_of(about, preprocessing=pack.record["preprocessing"])
        judges.append(Result(numbers, of_pack))
    more: dict[str, Any] = {"missing": list(missing)}
    if selection is not None:
        by, kept = recognisers[0].stamp, len(selection.rows)
        more["selection"] = {"by": by, "n": kept, "of": count}
    names = recognisers[0].class_names
    found = _joint_metrics(readings, real, real_labels, labels, names)
    return Result(found, protocol, judges=judges, more=more)


def _identity(pack: Extractor, first: Extractor, reference: Dataset | None) -> dict[str, Any]:
    about = {
        "extractor": pack.stamp,
        "extractor_sha256": pack.digest,
        "extractor_seed": pack.record.get("training", {}).get("seed"),
        "architecture": pack.record["architecture"],
        "gate": pack.gate,
        "beside_the_first": "" if pack is first else difference(first, pack),
    }
    if reference is not None:
        about["held_out"] = held_out(pack, reference.fingerprint)
    return about


def _joint_metrics(
    readings: Readings,
    real: Readings | None,
    real_labels: np.ndarray | None,
    labels: np.ndarray | None,
    names: tuple[str, ...],
) -> dict[str, Any]:
    found = _reader_metrics(readings.mean, None if real is None else real.mean, real_labels)
    histogram = metrics.class_histogram(readings.labels, len(names))
    found["class_histogram"] = {"value": histogram, "n": len(readings.labels)}
    if real_labels is not None:
        found["class_histogram"]["real"] = metrics.class_histogram(real_labels, len(names))
    if len(readings.probabilities) > 1:
        found |= _agreement_metrics(readings, real, len(names))
    if labels is not None:
        of_images = metrics.class_agreement(readings.labels, labels, len(names))
        of_real = None
        if real is not None:
            of_real = metrics.class_agreement(real.labels, real_labels, len(names))
        found["class_agreement"] = agreement_entry(of_images, of_real, names)
    return found


def _agreement_metrics(readings: Readings, real: Readings | None, classes: int) -> dict[str, Entry]:
    fake = metrics.rater_agreement(readings.each, classes)
    there = None if real is None else metrics.rater_agreement(real.each, classes)

    def beside(entry: Entry, of_real: float | None) -> Entry:
        entry["raters"] = fake.raters
        return entry if there is None else entry | {"real": of_real}

    pairwise = make_entry(fake.pairwise, fake.pairwise_interval, fake.count)
    unanimous = share_entry(fake.unanimous, fake.count)
    found = {
        "pairwise_agreement": beside(pairwise, None if there is None else there.pairwise),
        "unanimous": beside(unanimous, None if there is None else there.unanimous / there.count),
    }
    if fake.kappa is None:  # all images are given one class by all
        return found
    kappa = make_entry(fake.kappa, fake.kappa_interval, fake.count)
    return {"fleiss_kappa": beside(kappa, None if there is None else there.kappa)} | found


def _reader_metrics(
    probabilities: np.ndarray, real: np.ndarray | None, real_labels: np.ndarray | None
) -> dict[str, Any]:
    """Confidence of one recogniser or of the mean, and its calibration on real images."""
    confidences = np.minimum(probabilities.max(axis=-1), 1.0)
    count = len(confidences)
    found: dict[str, Any] = {"confidence": {"value": float(confidences.mean()), "n": count}}
    if real is None:
        return found
    calibration = metrics.measure_calibration(real, real_labels)
    found["confidence"]["real"] = calibration.confidence
    found |= _calibration_metrics(calibration)
    if calibration.sure is not None:
        sure = int(np.sum(confidences >= calibration.sure))
        found["sure_share"] = share_entry(
            sure,
            count,
            real=float(np.mean(np.minimum(real.max(axis=-1), 1.0) >= calibration.sure)),
            threshold=calibration.sure,
        )
    return found


def _calibration_metrics(found: metrics.Calibration) -> dict[str, Any]:
    curve, n = found.curve, {"n": found.count}

    def listed(values: np.ndarray) -> list[float | None]:
        return [None if math.isnan(value) else value for value in values.tolist()]

    bins = {
        "edges": curve.edges.tolist(),
        "counts": curve.counts.tolist(),
        "confidence": listed(curve.confidence),
        "accuracy": listed(curve.accuracy),
    }
    return {
        "real_accuracy": make_entry(found.accuracy, found.interval, found.count),
        "calibration_error": {
            "value": curve.expected_error,
            "floor": found.floor,
            **n,
            "bins": bins,
        },
        "maximum_calibration_error": {"value": curve.maximum_error, **n},
        "brier": {"value": found.brier, **n},
        "negative_log_likelihood": {"value": found.negative_log_likelihood, **n},
    }


def _selection_metrics(selection: Selection, index: int) -> dict[str, Any]:
    """What one recogniser says of the selected images; the first chose them."""
    count = len(selection.rows)

    def confidence(part: Selection | HeldOutScore) -> dict[str, Any]:
        return {"value": part.confidence, "before": part.confidence_before, "n": count}

    if index == 0:
        return {"selected_confidence": confidence(selection)}
    score = selection.others[index - 1]
    return {
        "selected_confidence": confidence(score),
        "selected_agreement": share_entry(score.agreeing, count),
        "selected_gap": score.gap.entry(
            before=score.gap_before.entry(), of_real=score.gap_real and score.gap_real.entry()
        ),
    }


def _right(readings: Readings, index: int, labels: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """Share of images that a recogniser names as asked: of the selected ones, and before of all."""
    right = readings.each[:, index] == labels
    return {"value": float(right[rows].mean()), "before": float(right.mean()), "n": len(rows)}


def recognition_table(content: dict[str, Any]) -> str:
    """The numbers of recognition.json as text, a line each."""
    rows = [("", "value", "95 % interval", "real", "n")]
    for name, entry in content["metrics"].items():
        if isinstance(entry.get("value"), int | float):
            ci = entry.get("ci")
            between = "" if ci is None else f"{ci[0]:.4g} to {ci[1]:.4g}"
            real = "" if entry.get("real") is None else f"{entry['real']:.4g}"
            rows.append((name, f"{entry['value']:.4g}", between, real, str(entry.get("n", ""))))
    lines = aligned(rows)
    for name, found, _ in readers(content):
        if "real_accuracy" in found:
            right, error = found["real_accuracy"], found["calibration_error"]
            low, high = right["ci"]
            lines.append(
                f"{name}: {right['value']:.2%} of {right['n']:,} real images right "
                f"({low:.2%} to {high:.2%}), mean confidence {found['confidence']['real']:.2%}, "
                f"expected calibration error {error['value']:.2%} (calibrated: "
                f"{error['floor']:.2%})"
            )
    for part in content["judges"]:
        gap = part["metrics"].get("selected_gap")
        if gap is not None:
            between = "" if gap["ci"] is None else f" ({gap['ci'][0]:.4g} to {gap['ci'][1]:.4g})"
            lines.append(
                f"selection, held-out judge {part['protocol']['extractor']}: agrees on "
                f"{part['metrics']['selected_agreement']['value']:.2%}, gap of confidence "
                f"{gap['value']:.4g}{between}"
            )
    return "\n".join([*lines, *(f"missing: {text}" for text in content["missing"])])
