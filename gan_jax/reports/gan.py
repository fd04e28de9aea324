"""The page that a GAN run leaves behind: what was drawn, and how good it is.

The recogniser's page is in `gan_jax.reports.recogniser`; both are offered here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.errors import InputError
from gan_jax.reports import classes as class_report
from gan_jax.reports import webpage
from gan_jax.reports.class_pictures import ClassPictures
from gan_jax.reports.curves import training_section, variety_section
from gan_jax.reports.figures import class_chart
from gan_jax.reports.recogniser import RecogniserReport as RecogniserReport
from gan_jax.reports.recogniser import write_recogniser_report as write_recogniser_report
from gan_jax.reports.words import Words, in_words, ratio_text, ratios_mean_something
from gan_jax.runtime.images import grid_columns
from gan_jax.runtime.images import image_grid as image_grid
from gan_jax.runtime.images import save_png as save_png

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
    "sliced_wasserstein": "Mean transport distance along random directions. Lower is better.",
    "p": "How often real images alone would look this different, by pixels and by a random network "
    "together.",
    "p_pixels": "By the pixels alone.",
    "p_random_features": "By a network that has learnt nothing.",
    "auth_pct": "Percentage of images that are no copies of training images; near 0 they are.",
    "data_copying": "Z of distances to training images, against held-out ones: below -5 copies, "
    "far above 0 a poor fit, about 0 as new as real images.",
}


@dataclasses.dataclass
class GANReport:
    """What the page shows; a part whose data is None or empty is left out.

    Attributes:
      title: of the page.
      config: the run's config as plain data.
      history: rows of metrics.jsonl (`gan_jax.runtime.logs.read_history`).
      evaluation: the content of eval.json.
      samples: generated images, uint8 [n, h, w, c].
      real: real images, uint8 [m, h, w, c].
      predictions: the recogniser's class of each sample, integers [n].
      confidences: its probability, [n] in [0, 1].
      class_names: [k]; class numbers are shown where None.
      class_counts: generated images of each class, [k].
      reference_counts: real images of each class, [k].
      neighbour_queries: some samples, uint8 [q, h, w, c].
      neighbours: the training images nearest to each, nearest first, uint8 [q, k, h, w, c].
      neighbour_distances: how far they are, [q, k].
      interpolation: a walk through latent space, uint8 [t, h, w, c].
      class_pictures: of a conditional GAN, in place of samples, real ones and interpolation.
      environment: versions and device, name to value.
    """

    title: str
    config: dict = dataclasses.field(default_factory=dict)
    history: list[dict] = dataclasses.field(default_factory=list)
    evaluation: dict = dataclasses.field(default_factory=dict)
    samples: np.ndarray | None = None
    real: np.ndarray | None = None
    predictions: np.ndarray | None = None
    confidences: np.ndarray | None = None
    class_names: Sequence[str] | None = None
    class_counts: Sequence[int] | None = None
    reference_counts: Sequence[int] | None = None
    neighbour_queries: np.ndarray | None = None
    neighbours: np.ndarray | None = None
    neighbour_distances: np.ndarray | None = None
    interpolation: np.ndarray | None = None
    class_pictures: ClassPictures | None = None
    environment: dict[str, Any] = dataclasses.field(default_factory=dict)


def write_gan_report(path, report: GANReport) -> None:
    """Writes `report` as one HTML file that needs nothing else, of at most a few megabytes.

    Raises:
      InputError: arrays that do not belong together; nothing is written then.
    """
    _check(report)
    metrics = report.evaluation.get("metrics", {})
    content = [
        _header(report),
        _pictures(report),
        _metrics(report),
        training_section(report.history),
        variety_section(report.history),
        _classes(report),
        class_report.agreement_section(metrics.get("class_agreement", {}), report.class_pictures),
        _confidence(report),
        _neighbours(report),
        _interpolation(report),
        _setup(report),
    ]
    webpage.write_page(path, report.title, content)


def _check(report: GANReport) -> None:
    for name in ("samples", "real", "neighbour_queries", "interpolation"):
        images = getattr(report, name)
        if images is not None and (images.ndim != 4 or images.dtype != np.uint8):
            raise InputError(
                f"report.{name} is {images.dtype} {images.shape}; expected uint8 [n, h, w, c]."
            )
    for group in (
        ("samples", "predictions", "confidences"),
        ("class_names", "class_counts", "reference_counts"),
    ):
        lengths = {
            name: len(getattr(report, name)) for name in group if getattr(report, name) is not None
        }
        if len(set(lengths.values())) > 1:
            raise InputError(f"report arrays differ in length: {lengths}; expected the same.")
    queries, neighbours = report.neighbour_queries, report.neighbours
    if neighbours is not None and (queries is None or len(queries) != len(neighbours)):
        raise InputError("report.neighbours needs as many report.neighbour_queries.")


def _header(report: GANReport) -> str:
    evaluation = report.evaluation
    metrics = evaluation.get("metrics", {})
    flags = [flag["text"] for flag in evaluation.get("flags", ())]
    words = Words("Not judged.", "", ())
    if evaluation.get("headline"):
        words = in_words(evaluation["headline"])
    judge = evaluation.get("protocol", {}).get("extractor")
    verdict = f"{words.verdict} Judge: {judge}." if judge else words.verdict
    numbers, note = list(words.numbers), words.note
    if metrics.get("class_agreement"):
        share = webpage.percentage(metrics["class_agreement"]["value"])
        numbers.append((share, "are read as the class that was asked for"))
        note += f" {class_report.farthest_text(metrics['class_agreement'])}"
    if report.class_counts is not None and sum(report.class_counts) > 0:
        shares = _shares(report.class_counts)
        rarest = int(np.argmin(shares))
        numbers.append((f"{np.sum(shares > 0)} of {len(shares)}", "classes are drawn"))
        if len(shares) > 1:
            share = webpage.percentage(shares[rarest])
            note += f" The rarest class, {_name(report, rarest)}, makes up {share} of the samples."
    if any(flag["name"] == "too few" for flag in evaluation.get("flags", ())):
        numbers = []
    return webpage.header(report.title, verdict, note.strip(), numbers, flags=flags)


def _pictures(report: GANReport) -> str:
    if report.class_pictures is not None:
        return class_report.samples_section(report.class_pictures)
    shown = []
    columns = None
    for images, title in ((report.samples, "Generated"), (report.real, "Real")):
        if images is not None and len(images):
            images = images[:_GRID_IMAGES]
            columns = columns or grid_columns(images)
            images = images[: len(images) // columns * columns or len(images)]  # whole rows
            shown.append(webpage.grid(images, title, columns=columns))
    return webpage.section(
        "Samples",
        "The first generated images and the first real ones, at the same scale. Good: you could "
        "not tell which side is which.",
        webpage.columns(*shown),
    )


def _metrics(report: GANReport) -> str:
    metrics = report.evaluation.get("metrics", {})
    known = [name for name in _MEANING if name in metrics]
    ratios = ratios_mean_something(report.evaluation)
    rows = []
    for name in known + [name for name in metrics if name not in _MEANING]:
        entry = metrics[name]
        if not isinstance(entry, dict) or isinstance(entry.get("value"), (list, dict, str)):
            continue
        ci = entry.get("ci")
        rows.append(
            [
                name,
                webpage.number(entry.get("value")),
                _real_text(entry),
                (ratio_text(entry, unit=" ×") if ratios else "") or "–",
                f"{webpage.number(ci[0])} to {webpage.number(ci[1])}" if ci else "–",
                f"{entry['n']:,}" if entry.get("n") else "–",
                _MEANING.get(name, ""),
            ]
        )
    if not rows:
        return ""
    heads = ["", "value", "real images", "value / real", "95 % interval", "n images", ""]
    return webpage.section(
        "In numbers",
        "'Real images' is what other real images score at the same n; ± is its spread over random "
        "halves. A distance over its floor grows with n, so compare it at one n only. Intervals "
        "are over the images of both sides, not over trainings.",
        webpage.table(heads, rows, full=True),
        _other_judges(report),
        "<h3>How it was measured</h3>" + webpage.facts(report.evaluation["protocol"])
        if report.evaluation.get("protocol")
        else "",
    )


def _real_text(entry: dict) -> str:
    """What real images score, with the spread of a floor."""
    text = webpage.number(entry.get("floor", entry.get("real")))
    spread = entry.get("floor_spread")
    return f"{text} ± {webpage.number(spread, 2)}" if spread else text


def _other_judges(report: GANReport) -> str:
    """What each judge says, side by side, where there are several."""
    others = report.evaluation.get("judges", [])
    if not others:
        return ""
    rows = []
    for part in (report.evaluation, *others):
        protocol, metrics = part["protocol"], part["metrics"]
        control = protocol["extractor_accuracy"] is None
        row = [protocol["extractor"], "untrained" if control else "trained", protocol["gate"]]
        for name in ("fd_semantic", "fd_texture"):
            entry = metrics.get(name)
            ratio = ratio_text(entry, unit=" ×") if entry and ratios_mean_something(part) else ""
            row.append("–" if not entry else f"{webpage.number(entry['value'])} {ratio}".strip())
        row.append(in_words(part["headline"]).verdict if part.get("headline") else "")
        rows.append(row)
    heads = ["judge", "", "gate", "fd_semantic, × floor", "fd_texture, × floor", ""]
    return "<h3>By several judges</h3>" + webpage.table(heads, rows, full=True)


def _classes(report: GANReport) -> str:
    if report.class_counts is None or not len(report.class_counts):
        return ""
    names = _names(report, len(report.class_counts))
    chart = class_chart("Share of each class", names, report.class_counts, report.reference_counts)
    wide = len(names) > 25
    chart = f'<div class="{"wide" if wide else ""}">{chart}</div>'
    rarest = _least_covered(report, names) if len(names) > 1 else ""
    content = chart + rarest if wide else webpage.columns(chart, rarest)
    return webpage.section(
        "Classes",
        "What the recogniser takes the samples for. Good: each bar reaches its mark, which is the "
        "share among real images; a missing bar is a class that the generator has lost.",
        content,
    )


def _least_covered(report: GANReport, names: list[str]) -> str:
    """The classes whose share is smallest beside their share among real images."""
    coverage = shares = _shares(report.class_counts)
    heads = ["class", "generated"]
    if report.reference_counts is not None:
        real = _shares(report.reference_counts)
        coverage = np.where(real > 0, shares / np.maximum(real, 1e-12), np.inf)
        heads.append("real")
    rows = []
    for i in np.argsort(coverage, kind="stable")[:_RAREST]:
        rows.append([names[i], webpage.percentage(shares[i])])
        if report.reference_counts is not None:
            rows[-1].append(webpage.percentage(real[i]))
    return f"<div><h3>Least well covered</h3>{webpage.table(heads, rows)}</div>"


def _shares(counts: Sequence[int]) -> np.ndarray:
    counts = np.asarray(counts, np.float64)
    return counts / max(counts.sum(), 1.0)


def _confidence(report: GANReport) -> str:
    samples, sure = report.samples, report.confidences
    if samples is None or sure is None or not len(samples):
        return ""
    order = np.argsort(-np.nan_to_num(np.asarray(sure, np.float64)), kind="stable")
    count = min(_TILE_IMAGES, max(len(order) // 2, 1))
    parts = []
    for title, chosen in (("Most sure", order[:count]), ("Least sure", order[::-1][:count])):
        captions = []
        for i in chosen:
            share = webpage.percentage(sure[i])
            label = _name(report, report.predictions[i]) if report.predictions is not None else ""
            captions.append(f"{label}\n{share}" if label else share)
        parts.append(f"<h3>{title}</h3>" + webpage.tiles(samples[chosen], captions))
    return webpage.section(
        "Most and least convincing",
        f"The recogniser's label and how sure it is, the extremes of {len(samples):,} samples. "
        "Good: even the least sure ones look like something.",
        *parts,
    )


def _neighbours(report: GANReport) -> str:
    if report.neighbours is None or not len(report.neighbours):
        return ""
    rows = []
    for i in range(min(len(report.neighbours), _NEIGHBOUR_ROWS)):
        row = webpage.tile(report.neighbour_queries[i], "sample")
        for j, image in enumerate(report.neighbours[i]):
            caption = "training"
            if report.neighbour_distances is not None:
                caption = webpage.number(report.neighbour_distances[i][j])
            row += webpage.tile(image, caption)
        rows.append(f"<div>{row}</div>")
    return webpage.section(
        "Nearest training images",
        "A sample, then the training images nearest to it with their Euclidean distances. Good: "
        "alike but not the same; a distance of 0 is a copy.",
        f'<div class="neighbours">{"".join(rows)}</div>',
    )


def _interpolation(report: GANReport) -> str:
    if report.class_pictures is not None:
        return class_report.walks_section(report.class_pictures)
    images = report.interpolation
    if images is None or not len(images):
        return ""
    rows = math.ceil(len(images) / max(1078 // max(images.shape[2], 60), 1))
    columns = math.ceil(len(images) / rows)
    return webpage.section(
        "From one latent to another",
        "Equal steps between points of the generator's input. Good: shapes change gradually and "
        "every picture on the way could be real; sudden jumps hint at memorised images.",
        webpage.grid(images, "", columns=columns, width=1078),
    )


def _setup(report: GANReport) -> str:
    return webpage.section(
        "Setup",
        "What to repeat to get this page again.",
        webpage.facts(report.environment),
        webpage.folded("Full config", report.config) if report.config else "",
    )


def _names(report: GANReport, count: int) -> list[str]:
    return [_name(report, i) for i in range(count)]


def _name(report: GANReport, index) -> str:
    return str(report.class_names[index]) if report.class_names is not None else str(int(index))
