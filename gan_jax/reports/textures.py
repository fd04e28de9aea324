"""The page about textures: real and generated crops, and where their statistics differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.overlap import FEW_PICTURES, OVERLAPPING
from gan_jax.metrics.texture.headline import HEADLINE as PARTS
from gan_jax.metrics.texture.statistics import TextureStatistics
from gan_jax.reports import webpage
from gan_jax.reports.curves import training_section
from gan_jax.reports.texture_figures import excess_chart, histogram_panels, spectrum_chart
from gan_jax.reports.words import TOLD, Words, in_words

HEADLINE = "texture_fd"
_SHOWN_DISTANCES = (1, 4)  # of co-occurrence, in pixels
_GRID_WIDTH = 520
_TILE = 128

_MEANING = {
    "texture_fd": "Fréchet distance between all statistics together.",
    "spectrum_fd": "How much there is of each frequency in each direction: wrong where strokes are "
    "too fine, too coarse, turned, or where the picture is blurred or noisy.",
    "cooccurrence_fd": "Which grey values lie side by side, at 1 to 8 pixels: wrong where "
    "contrast, evenness or sharpness is.",
    "portilla_simoncelli_fd": "How lines, edges and corners of several sizes go together (Portilla "
    "& Simoncelli 2000): wrong where the structure is, even if all frequencies are right.",
    "patterns_fd": "Diagnostic only. Local binary patterns: they see noise and blur, and neither "
    "contrast nor direction.",
    "laplacian_swd": "Sliced Wasserstein distance of small patches, from fine to coarse.",
    "patch_fd": "Fréchet distance of the extractor's features, place by place.",
    "gram_distance": "How the extractor's features go together (Gram matrices of Gatys et al.).",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Spectra:
    """Radial spectra of both sides.

    Attributes:
        frequencies: in cycles a pixel, float [b].
        real: natural logarithms of power, float [m, b].
        generated: the same, [n, b].
    """

    frequencies: np.ndarray
    real: np.ndarray
    generated: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Outliers:
    """The generated crops farthest from the reference, the worst first.

    Attributes:
        images: uint8 [q, h, w, c].
        distances: of each from the nearest real crop, in the median of that distance among real
            crops, float [q].
        nearest: the real crops most like each by their statistics, uint8 [q, k, h, w, c].
        usual: the middle one of all generated crops' distances.
    """

    images: np.ndarray
    distances: np.ndarray
    nearest: np.ndarray
    usual: float


@dataclasses.dataclass(frozen=True, eq=False)
class TextureReport:
    """What the page shows; a part without data is left out.

    Attributes:
        title: of the page.
        evaluation: the content of eval.json: {'headline', 'flags', 'metrics', 'protocol'}; where
            'textures' has a headline and flags, those.
        real: crops of the reference, uint8 [m, h, w, c].
        samples: generated crops, uint8 [n, h, w, c].
        large: large samples of a run, each uint8 [h, w, c].
        spectra: radial spectra of both sides.
        real_properties: co-occurrence properties of real crops, named such as 'contrast_d1_45'.
        properties: the same of generated crops.
        outliers: the crops farthest from the reference.
        history: rows of a run's metrics.jsonl.
        config: of the run, plain.
        environment: versions and device, name to value.
    """

    title: str
    evaluation: Mapping[str, Any]
    real: np.ndarray
    samples: np.ndarray
    large: Sequence[np.ndarray] = ()
    spectra: Spectra | None = None
    real_properties: TextureStatistics | None = None
    properties: TextureStatistics | None = None
    outliers: Outliers | None = None
    history: Sequence[dict] = ()
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def write_texture_report(path, report: TextureReport) -> None:
    """Writes `report` as one HTML file that needs nothing else.

    Raises:
        InputError: real and generated crops of different shapes; nothing is written then.
    """
    shapes = [tuple(side.shape[1:]) for side in (report.real, report.samples)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"real crops are {shapes[0]} and generated ones {shapes[1]} (height, width, channels); "
            "expected the same."
        )
    content = [
        _header(report),
        *texture_sections(report),
        training_section(list(report.history)) if report.history else "",
        _setup(report),
    ]
    webpage.write_page(path, report.title, content)


def texture_sections(report: TextureReport) -> list[str]:
    """The page's parts about textures, as HTML, for a page about more than these."""
    return [
        _pictures(report),
        _large(report),
        _metrics(report),
        _spectra(report),
        _cooccurrence(report),
        _outliers(report),
    ]


def texture_verdict(evaluation: Mapping[str, Any]) -> str:
    """What eval.json says of the images as textures, in a line."""
    headline, flags = texture_opening(evaluation)
    if not headline and HEADLINE in evaluation["metrics"]:
        overlap = any(flag["name"] == OVERLAPPING for flag in flags)
        return ("All real images overlap: they count as one, and nothing can be tested." if overlap
                else "There is no test of the images as textures.")  # fmt: skip
    if not headline:
        reason = _missing(_flat(evaluation.get("protocol", {})).get("skipped", {}))
        return f"{HEADLINE} was not computed{f': {reason}' if reason else '.'}"
    return f"As textures: {_in_words(headline).verdict}"


def texture_opening(evaluation: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[Any]]:
    """Headline and flags of eval.json about textures; {} and none where there are none."""
    of_run = "textures" in evaluation.get("protocol", {})  # whose own headline is another judge's
    part = evaluation.get("textures", {} if of_run else evaluation)
    return part.get("headline") or {}, part.get("flags") or ()


def _in_words(headline: Mapping[str, Any]) -> Words:
    """The headline, with the training images beside the generated ones where they were judged."""
    words = in_words(headline)
    training = headline.get("training")
    if not training:
        return words
    found = f"not told from real ones (p = {training['test']['p']:.2g})."
    if training["verdict"] == TOLD:
        found = in_words(training).verdict.replace("Told", "told", 1)
    note = f"Training images in place of generated ones: {found}"
    return dataclasses.replace(words, note=f"{note} {words.note}".strip())


def _missing(skipped: Mapping[str, str]) -> str:
    """Why the headline is missing: the first of its parts that could not be computed."""
    return next((skipped[name] for name in PARTS if name in skipped), skipped.get(HEADLINE, ""))


def ratio_of(entry: Mapping[str, Any]) -> float | None:
    """value / floor of an entry of eval.json; None where there is none to give."""
    value, floor = entry.get("value"), entry.get("floor")
    if value is None or not floor or not math.isfinite(value / floor):
        return None
    return value / floor


def _header(report: TextureReport) -> str:
    headline, flags = texture_opening(report.evaluation)
    texts = [flag["text"] for flag in flags]
    if not headline:
        verdict = texture_verdict(report.evaluation)
        return webpage.header(report.title, verdict, "", (), flags=texts)
    words = _in_words(headline)
    return webpage.header(report.title, words.verdict, words.note, words.numbers, flags=texts)


def _pictures(report: TextureReport) -> str:
    height, width = report.real.shape[1:3]
    magnified = max(_TILE // max(height, width), 1)
    columns = max(_GRID_WIDTH // (width * magnified + 2), 1)
    rows = max(_GRID_WIDTH // (height * magnified + 2), 1)
    count = min(columns * rows, len(report.real), len(report.samples))
    columns = min(columns, count)
    grids = [
        webpage.grid(side[:count], title, columns=columns)
        for side, title in ((report.samples, "Generated"), (report.real, "Real"))
    ]
    scale = "pixel for pixel" if magnified == 1 else f"{magnified} × {magnified} dots a pixel"
    return webpage.section(
        "Real and generated",
        f"Crops of {width} × {height}, both at the same scale ({scale}). Good: you could not tell "
        "which side is which.",
        webpage.columns(*grids),
    )


def _large(report: TextureReport) -> str:
    wide = 1078 if len(report.large) == 1 else _GRID_WIDTH
    shown = []
    for image in report.large:
        height, width = image.shape[:2]
        title = f"{width} × {height}"
        shown.append(webpage.grid(image[None], title, columns=1, width=max(wide, 1)))
    return webpage.section(
        "One large sample" if len(report.large) == 1 else "Large samples",
        "Larger than any crop of the training. Good: no seams, and no piece that comes again.",
        shown[0] if len(shown) == 1 else webpage.columns(*shown),
    )


def _metrics(report: TextureReport) -> str:
    metrics = report.evaluation["metrics"]
    known = [name for name in _MEANING if name in metrics]
    others = [name for name in metrics if name not in _MEANING]
    heads = ["", "value", "real images", "value / real", "95 % interval", "n images", ""]
    seen = any("training" in metrics[name] for name in known)
    if seen:
        heads.insert(4, "training images")
    tables = [webpage.table(heads, _rows(metrics, known, seen), full=True)] if known else []
    if rows := _rows(metrics, others, seen):
        tables.append("<h3>By the recogniser</h3>" + webpage.table(heads, rows, full=True))
    if not tables:
        return ""
    protocol = report.evaluation.get("protocol")
    return webpage.section(
        "How good",
        "The second column is what real crops score when they stand in for the generated ones, at "
        "the same n: it is the floor. Lower is better. A floor falls as n grows, so a value over "
        "its floor is to be compared at one n only."
        + (
            " Training images score more than the floor where held-out crops overlap or show "
            "another part of a photograph: a generator can be expected to reach their number."
            if seen
            else ""
        )
        + _dependence(report),
        *tables,
        "<h3>How it was measured</h3>" + webpage.facts(_flat(protocol)) if protocol else "",
    )


def _dependence(report: TextureReport) -> str:
    """What crops of one picture do to the table."""
    names = {flag["name"] for flag in texture_opening(report.evaluation)[1]}
    if not names & {OVERLAPPING, FEW_PICTURES}:
        return ""
    return " Crops of one picture count as independent here: floors and intervals are too small."


def _rows(metrics: Mapping[str, Any], names: Sequence[str], seen: bool) -> list[list[str]]:
    """A line a metric; `seen` is whether there is a column for training images."""
    rows = []
    for name in names:
        entry = metrics[name]
        if not isinstance(entry.get("value"), (int, float)):
            continue
        ratio, ci = ratio_of(entry), entry.get("ci")
        rows.append(
            [
                name,
                webpage.number(entry["value"]),
                _real_text(entry),
                "–" if ratio is None else f"{webpage.number(ratio, 2)} ×",
                *([webpage.number(entry.get("training"))] if seen else []),
                f"{webpage.number(ci[0])} to {webpage.number(ci[1])}" if ci else "–",
                f"{entry['n']:,}" if entry.get("n") else "–",
                _MEANING.get(name, ""),
            ]
        )
    return rows


def _real_text(entry: Mapping[str, Any]) -> str:
    text = webpage.number(entry.get("floor", entry.get("real")))
    spread = entry.get("floor_spread")
    return f"{text} ± {webpage.number(spread, 2)}" if spread else text


def _flat(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """A protocol with the one of textures, which a run's eval.json keeps in it, spelled out."""
    whole = {k: v for k, v in protocol.items() if k != "textures"} | protocol.get("textures", {})
    left_out = ("versions", "gan_jax")  # under Setup
    return {k: v for k, v in whole.items() if k not in left_out and v not in ({}, [], "")}


def _spectra(report: TextureReport) -> str:
    spectra = report.spectra
    if spectra is None:
        return ""
    parts = (spectra.frequencies, spectra.real, spectra.generated)
    return webpage.section(
        "Frequencies",
        "The power at each frequency, whatever its direction: the line is the middle crop, the "
        "band holds the middle 80 % of crops. Good: the lines and the bands lie over each other. "
        "Too little at the right is blur, too much is noise, a narrow peak is a grid.",
        webpage.columns(
            spectrum_chart("Power spectrum", *parts),
            excess_chart("The same beside real crops", *parts),
        ),
    )


def _cooccurrence(report: TextureReport) -> str:
    real, generated = report.real_properties, report.properties
    if real is None or generated is None:
        return ""
    charts = []
    for distance in _SHOWN_DISTANCES:
        found = averaged_properties(real, distance), averaged_properties(generated, distance)
        panels = {name: (found[0][name], found[1][name]) for name in found[0]}
        plural = "" if distance == 1 else "s"
        charts.append(histogram_panels(f"At {distance} pixel{plural}", panels) if panels else "")
    return webpage.section(
        "Grey values side by side",
        "Properties of the co-occurrence matrix, the mean of four directions, over all crops. "
        "Good: the line follows the filled shape. Contrast and dissimilarity rise with the "
        "difference of neighbours, homogeneity with their likeness, ASM and energy where few grey "
        "values are in use, correlation where neighbours follow each other.",
        webpage.columns(*charts),
    )


def averaged_properties(statistics: TextureStatistics, distance: int) -> dict[str, np.ndarray]:
    """Property to its mean over directions, float64 [n], at a distance in pixels."""
    columns: dict[str, list[int]] = {}
    for column, name in enumerate(statistics.names):
        prop, _, rest = name.rpartition(f"_d{distance}_")
        if prop and rest.isdigit():
            columns.setdefault(prop, []).append(column)
    return {prop: statistics.values[:, chosen].mean(1) for prop, chosen in columns.items()}


def _outliers(report: TextureReport) -> str:
    found = report.outliers
    if found is None or not len(found.images):
        return ""
    rows = []
    for image, distance, nearest in zip(found.images, found.distances, found.nearest, strict=True):
        row = webpage.tile(image, f"generated\ndistance {webpage.number(distance)}", size=_TILE)
        row += "".join(webpage.tile(real, "real", size=_TILE) for real in nearest)
        rows.append(f"<div>{row}</div>")
    return webpage.section(
        "Farthest from the reference",
        "The generated crops whose statistics lie farthest from those of the reference, each "
        "beside the real crops most like it by the same statistics. At a distance of 1 a crop is "
        "as far from the nearest real one as real crops are from one another; the middle one of "
        f"all generated crops is at {webpage.number(found.usual)}. Good: even these look like the "
        "reference.",
        f'<div class="neighbours">{"".join(rows)}</div>',
    )


def _setup(report: TextureReport) -> str:
    return webpage.section(
        "Setup",
        "What to repeat to get this page again.",
        webpage.facts(report.environment),
        webpage.folded("Full config", report.config) if report.config else "",
    )
