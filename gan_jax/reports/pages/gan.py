"""The page that a GAN's run leaves behind: what was drawn, and how good it is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.metrics.overlap import OVERLAPPING
from gan_jax.reports import page
from gan_jax.reports.charts.basic import class_chart
from gan_jax.reports.class_pictures import ClassPictures
from gan_jax.reports.pages.classes import (
    agreement_section,
    farthest_text,
    samples_section,
    walks_section,
)
from gan_jax.reports.pages.curves import training_section, variety_section
from gan_jax.reports.pages.metric_section import full_table, how_measured
from gan_jax.reports.pages.pictures import grid, tile, tiles
from gan_jax.reports.text import NONE, number, percentage
from gan_jax.reports.words import Words, agreement_text, in_words, ratio_text, ratios_mean_something
from gan_jax.runtime.images import grid_columns

_GRID_IMAGES = 64
_TILE_IMAGES = 10
_NEIGHBOUR_ROWS = 12
_RAREST = 6

_MEANING = {
    "fd_semantic": "Fréchet distance in the recogniser's last hidden layer: are the right things "
    "drawn, in the right mix? Lower is better.",
    "fd_texture": "The same in a middle layer: are strokes, edges and noise like those of real "
    "images? Lower is better.",
    "classifier_score": "How sure the recogniser is of each image and how varied its answers are, "
    "from 1 to the number of classes. Higher is better. It ignores real images.",
    "confidence": "Mean probability of the recogniser's best guess, from 0 to 1. Higher is better.",
    "class_kl": "How far the mix of classes is from the real one, in nats. 0 is the same mix; "
    "losing one class of ten costs about 0.1.",
    "class_agreement": "Share of the images that the recogniser reads as the class that was asked "
    "for. Higher is better; beside it, how often it reads real images right.",
    "modes": "Classes that the recogniser finds at least once.",
    "modes_kl": "How far the mix of combinations is from that of real images, in nats. Lower is "
    "better.",
    "modes_kl_uniform": "The same from an even mix.",
    "unsure_digits": "Share of the digits for which no class is likelier than all others together.",
    "precision": "Share of the images that lie among real ones. Higher is better.",
    "recall": "Share of real images that lie among the generated ones. Higher is better.",
    "density": "How densely real images surround the generated ones; about 1 for real ones.",
    "coverage": "Share of real images with a generated one nearby. Near 0 is collapse.",
    "vendi": "How many different images there are, in effect. 1 is one image over and over.",
    "kernel_distance": "Kernel distance (KID): unbiased, 0 for real images. Lower is better.",
    "fd_all": "Fréchet distance over all images of both sides, as other libraries print it; it "
    "depends on n.",
    "fd_infinity": "The same extrapolated to infinitely many generated images.",
    "same_class": "Share of clips whose frames are all read as one class. Higher is better.",
    "speed": "Pixels from a frame to the next, by phase correlation. As real clips is good.",
    "speed_change": "Change of that motion from a frame to the next, in pixels. Far above real "
    "clips, the motion jumps; far below, it stands still.",
    "direction_kl": "How far the mix of first directions is from the real one, in nats.",
    "sliced_wasserstein": "Mean transport distance along random directions. Lower is better.",
    "p": "How often real images alone would look this different, by pixels and by a random network "
    "together.",
    "p_pixels": "By the pixels alone.",
    "p_random_features": "By a network that has learnt nothing.",
    "auth_pct": "Percentage of images that are no copies of training images; near 0 they are.",
    "data_copying": "Z of distances to training images, against held-out ones: below -5 copies, "
    "far above 0 a poor fit, about 0 as new as real images.",
}


@dataclasses.dataclass(frozen=True, eq=False)
class GANReport(page.About):
    """What the page shows; a part whose data is None or empty is left out.

    Attributes:
      evaluation: the content of eval.json.
      samples: generated images, uint8 [n, h, w, c].
      real: real images, uint8 [m, h, w, c].
      predictions: the recogniser's class of each sample, integers [n].
      confidences: its probability, [n] in [0, 1].
      class_names: [k].
      class_counts: generated images of each class, [k].
      reference_counts: real images of each class, [k].
      neighbour_queries: some samples, uint8 [q, h, w, c].
      neighbours: the training images nearest to each, nearest first, uint8 [q, k, h, w, c].
      neighbour_distances: how far they are, [q, k].
      interpolation: a walk through latent space, uint8 [t, h, w, c].
      class_pictures: of a conditional GAN, in place of samples, real ones and interpolation.
    """

    evaluation: dict = dataclasses.field(default_factory=dict)
    samples: np.ndarray | None = None
    real: np.ndarray | None = None
    predictions: np.ndarray | None = None
    confidences: np.ndarray | None = None
    class_names: Sequence[str] = ()
    class_counts: Sequence[int] | None = None
    reference_counts: Sequence[int] | None = None
    neighbour_queries: np.ndarray | None = None
    neighbours: np.ndarray | None = None
    neighbour_distances: np.ndarray | None = None
    interpolation: np.ndarray | None = None
    class_pictures: ClassPictures | None = None


def write_gan_report(path, report: GANReport) -> None:
    """Writes the page as one HTML file, of at most a few megabytes."""
    agreement = report.evaluation.get("metrics", {}).get("class_agreement", {})
    sections = [
        _pictures(report),
        _metrics(report),
        training_section(report.history),
        variety_section(report.history),
        _classes(report),
        agreement_section(agreement, report.class_pictures),
        _confidence(report),
        _neighbours(report),
        _interpolation(report),
    ]
    page.compose(path, report, _words(report), sections)


def _words(report: GANReport) -> Words:
    evaluation = report.evaluation
    metrics = evaluation.get("metrics", {})
    flags = evaluation.get("flags", ())
    found = evaluation.get("headline")
    words = in_words(found) if found else Words("Not judged.")
    judge = evaluation.get("protocol", {}).get("extractor")
    verdict = f"{words.verdict} Judge: {judge}." if judge else words.verdict
    numbers, note = list(words.numbers), words.note
    if agreement := metrics.get("class_agreement"):
        share = percentage(agreement["value"])
        numbers.append((share, "are read as the class that was asked for"))
        note += f" {farthest_text(agreement)}"
    if report.class_counts is not None and sum(report.class_counts) > 0:
        shares = _shares(report.class_counts)
        rarest = int(np.argmin(shares))
        numbers.append((f"{np.sum(shares > 0)} of {len(shares)}", "classes are drawn"))
        if len(shares) > 1:
            name, share = report.class_names[rarest], percentage(shares[rarest])
            note += f" The rarest class, {name}, makes up {share} of the samples."
    if any(flag["name"] == "too few" for flag in flags):
        numbers = []
    return Words(verdict, note.strip(), numbers, [flag["text"] for flag in flags])


def _pictures(report: GANReport) -> str:
    if report.class_pictures is not None:
        return samples_section(report.class_pictures)
    shown = []
    across = None
    for images, title in ((report.samples, "Generated"), (report.real, "Real")):
        if images is not None and len(images):
            images = images[:_GRID_IMAGES]
            across = across or grid_columns(images)
            images = images[: len(images) // across * across or len(images)]  # whole rows
            shown.append(grid(images, title, columns=across))
    return page.section(
        "Samples",
        "The first generated images and the first real ones, at the same scale. Good: you could "
        "not tell which side is which.",
        page.columns(*shown),
    )


def _metrics(report: GANReport) -> str:
    evaluation = report.evaluation
    metrics = evaluation.get("metrics", {})
    names = [name for name in _MEANING if name in metrics]
    names += [name for name in metrics if name not in _MEANING]
    ratios = ratios_mean_something(evaluation)
    shown = full_table(metrics, names, _MEANING, ratios=ratios)
    if not shown:
        return ""
    crops = ""
    if any(flag["name"] == OVERLAPPING for flag in evaluation.get("flags", ())):
        crops = " Crops that overlap count as independent here: floors and intervals are too small."
    return page.section(
        "In numbers",
        "'Real images' is what other real images score at the same n; ± is its spread over random "
        "halves. A distance over its floor grows with n, so compare it at one n only. Intervals "
        f"are over the images of both sides, not over trainings.{crops}",
        shown,
        _other_judges(evaluation),
        how_measured(evaluation.get("protocol", {})),
    )


def _other_judges(evaluation: dict[str, Any]) -> str:
    others = evaluation.get("judges", [])
    if not others:
        return ""
    rows = []
    parts = (evaluation, *others)
    kept = ["same class (real)"] * any("same_class" in part["metrics"] for part in parts)
    for part in parts:
        protocol, metrics = part["protocol"], part["metrics"]
        control = protocol["extractor_accuracy"] is None
        row = [protocol["extractor"], "untrained" if control else "trained", protocol["gate"]]
        if kept:
            share = metrics.get("same_class")
            row.append(
                f"{percentage(share['value'])} ({percentage(share['real'])})" if share else NONE
            )
        for name in ("fd_semantic", "fd_texture"):
            entry = metrics.get(name)
            ratio = ratio_text(entry, unit=" ×") if entry and ratios_mean_something(part) else ""
            row.append(f"{number(entry['value'])} {ratio}".strip() if entry else NONE)
        row.append(in_words(part["headline"]).verdict if part.get("headline") else "")
        rows.append(row)
    heads = ["judge", "", "gate", *kept, "fd_semantic, × floor", "fd_texture, × floor", ""]
    return (
        page.heading("By several judges")
        + page.paragraphs([agreement_text((evaluation, *others))])
        + page.table(heads, rows, full=True)
    )


def _classes(report: GANReport) -> str:
    names = report.class_names
    if report.class_counts is None:
        return ""
    chart = class_chart("Share of each class", names, report.class_counts, report.reference_counts)
    rarest = ""
    if len(names) > 1:
        rarest = _least_covered(report.class_counts, report.reference_counts, names)
    return page.section(
        "Classes",
        "What the recogniser takes the samples for. Good: each bar reaches its mark, which is the "
        "share among real images; a missing bar is a class that the generator has lost.",
        page.wide(chart) + rarest if len(names) > 25 else page.columns(chart, rarest),
    )


def _least_covered(
    counts: Sequence[int], reference: Sequence[int] | None, names: Sequence[str]
) -> str:
    """The classes whose share is smallest beside their share among real images."""
    coverage = shares = _shares(counts)
    sides, heads = [shares], ["class", "generated"]
    if reference is not None:
        real = _shares(reference)
        coverage = np.where(real > 0, shares / np.maximum(real, 1e-12), np.inf)
        sides, heads = [shares, real], [*heads, "real"]
    rarest: list[int] = np.argsort(coverage, kind="stable")[:_RAREST].tolist()
    rows = [[names[i], *(percentage(side[i]) for side in sides)] for i in rarest]
    return page.titled("Least well covered", page.table(heads, rows))


def _shares(counts: Sequence[int]) -> np.ndarray:
    numbers = np.asarray(counts, np.float64)
    return numbers / max(numbers.sum(), 1.0)


def _confidence(report: GANReport) -> str:
    samples, sure, predictions = report.samples, report.confidences, report.predictions
    if samples is None or sure is None or predictions is None:
        return ""
    order: list[int] = np.argsort(
        -np.nan_to_num(np.asarray(sure, np.float64)), kind="stable"
    ).tolist()
    count = min(_TILE_IMAGES, max(len(order) // 2, 1))
    parts = []
    for title, chosen in (("Most sure", order[:count]), ("Least sure", order[::-1][:count])):
        captions = [f"{report.class_names[predictions[i]]}\n{percentage(sure[i])}" for i in chosen]
        parts.append(page.heading(title) + tiles(samples[chosen], captions))
    return page.section(
        "Most and least convincing",
        f"The recogniser's label and how sure it is, the extremes of {len(samples):,} samples. "
        "Good: even the least sure ones look like something.",
        *parts,
    )


def _neighbours(report: GANReport) -> str:
    queries, distances = report.neighbour_queries, report.neighbour_distances
    if report.neighbours is None:
        return ""
    assert queries is not None and distances is not None
    rows = [
        [tile(queries[i], "sample"), *map(tile, found, map(number, distances[i]))]
        for i, found in enumerate(report.neighbours[:_NEIGHBOUR_ROWS])
    ]
    return page.section(
        "Nearest training images",
        "A sample, then the training images nearest to it with their Euclidean distances. Good: "
        "alike but not the same; a distance of 0 is a copy.",
        page.neighbours(rows),
    )


def _interpolation(report: GANReport) -> str:
    if report.class_pictures is not None:
        return walks_section(report.class_pictures)
    images = report.interpolation
    if images is None:
        return ""
    rows = math.ceil(len(images) / max(1078 // max(images.shape[-2], 60), 1))
    return page.section(
        "From one latent to another",
        "Equal steps between points of the generator's input. Good: shapes change gradually and "
        "every picture on the way could be real; sudden jumps hint at memorised images.",
        grid(images, "", columns=math.ceil(len(images) / rows), width=1078),
    )
