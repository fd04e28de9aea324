"""The page about textures: real and generated crops, and where their statistics differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics.overlap import FEW_PICTURES, OVERLAPPING
from gan_jax.metrics.texture.headline import HEADLINE as PARTS
from gan_jax.metrics.texture.spectrum import RadialSpectrum
from gan_jax.metrics.texture.statistics import TextureStatistics
from gan_jax.reports import page
from gan_jax.reports.charts.textures import excess_chart, histogram_panels, spectrum_chart
from gan_jax.reports.pages.curves import training_section
from gan_jax.reports.pages.metric_section import full_table, how_measured
from gan_jax.reports.pages.pictures import grid, single, tile
from gan_jax.reports.text import number
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
class TextureReport(page.About):
    """What the page shows; a part without data is left out.

    Attributes:
        evaluation: the content of eval.json: {'headline', 'flags', 'metrics', 'protocol'}; where
            'textures' has a headline and flags, those.
        real: crops of the reference, uint8 [m, h, w, c].
        samples: generated crops, uint8 [n, h, w, c].
        large: large samples of a run, each uint8 [h, w, c].
        spectra: of real crops and of generated ones; none of crops too small to have any.
        real_properties: co-occurrence properties of real crops, named such as 'contrast_d1_45'.
        properties: the same of generated crops.
        outliers: the crops farthest from the reference.
    """

    evaluation: Mapping[str, Any]
    real: np.ndarray
    samples: np.ndarray
    large: Sequence[np.ndarray] = ()
    spectra: Sequence[RadialSpectrum] = ()
    real_properties: TextureStatistics | None = None
    properties: TextureStatistics | None = None
    outliers: Outliers | None = None


def write_texture_report(path, report: TextureReport) -> None:
    """Writes the page as one HTML file that needs nothing else.

    Raises:
        InputError: real and generated crops of different shapes; nothing is written then.
    """
    shapes = [tuple(side.shape[1:]) for side in (report.real, report.samples)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"real crops are {shapes[0]} and generated ones {shapes[1]} (height, width, channels); "
            "expected the same."
        )
    sections = [
        _pictures(report),
        _large(report),
        _metrics(report.evaluation),
        _spectra(report.spectra),
        _cooccurrence(report),
        _outliers(report.outliers),
        training_section(report.history),
    ]
    page.compose(path, report, _words(report.evaluation), sections)


def texture_verdict(evaluation: Mapping[str, Any]) -> str:
    """What eval.json says of the images as textures, in a line."""
    found, flags = _opening(evaluation)
    if found:
        return f"As textures: {_with_training(found).verdict}"
    if HEADLINE in evaluation["metrics"]:
        if any(flag["name"] == OVERLAPPING for flag in flags):
            return "All real images overlap: they count as one, and nothing can be tested."
        return "There is no test of the images as textures."
    skipped = _flat(evaluation.get("protocol", {})).get("skipped", {})
    reason = next((skipped[name] for name in PARTS if name in skipped), skipped.get(HEADLINE, ""))
    return f"{HEADLINE} was not computed{f': {reason}' if reason else '.'}"


def _opening(evaluation: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[Any]]:
    """Headline and flags of eval.json about textures; {} and none where there are none."""
    of_run = "textures" in evaluation.get("protocol", {})  # whose own headline is another judge's
    part = evaluation.get("textures", {} if of_run else evaluation)
    return part.get("headline") or {}, part.get("flags") or ()


def _words(evaluation: Mapping[str, Any]) -> Words:
    found, flags = _opening(evaluation)
    words = _with_training(found) if found else Words(texture_verdict(evaluation))
    return dataclasses.replace(words, flags=[flag["text"] for flag in flags])


def _with_training(found: Mapping[str, Any]) -> Words:
    """A headline, with the training images beside the generated ones where they were judged."""
    words, training = in_words(found), found.get("training")
    if not training:
        return words
    told = f"not told from real ones (p = {training['test']['p']:.2g})."
    if training["verdict"] == TOLD:
        told = in_words(training).verdict.replace("Told", "told", 1)
    note = f"Training images in place of generated ones: {told}"
    return dataclasses.replace(words, note=f"{note} {words.note}".strip())


def _pictures(report: TextureReport) -> str:
    height, width = report.real.shape[1:3]
    magnified = max(_TILE // max(height, width), 1)
    across = max(_GRID_WIDTH // (width * magnified + 2), 1)
    down = max(_GRID_WIDTH // (height * magnified + 2), 1)
    count = min(across * down, len(report.real), len(report.samples))
    grids = [
        grid(side[:count], title, columns=min(across, count))
        for side, title in ((report.samples, "Generated"), (report.real, "Real"))
    ]
    scale = "pixel for pixel" if magnified == 1 else f"{magnified} × {magnified} dots a pixel"
    return page.section(
        "Real and generated",
        f"Crops of {width} × {height}, both at the same scale ({scale}). Good: you could not tell "
        "which side is which.",
        page.columns(*grids),
    )


def _large(report: TextureReport) -> str:
    alone = len(report.large) == 1
    shown = [
        single(image, f"{image.shape[1]} × {image.shape[0]}", width=1078 if alone else _GRID_WIDTH)
        for image in report.large
    ]
    return page.section(
        "One large sample" if alone else "Large samples",
        "Larger than any crop of the training. Good: no seams, and no piece that comes again.",
        shown[0] if alone else page.columns(*shown),
    )


def _metrics(evaluation: Mapping[str, Any]) -> str:
    metrics = evaluation["metrics"]
    known = [name for name in _MEANING if name in metrics]
    others = [name for name in metrics if name not in _MEANING]
    seen = any("training" in metrics[name] for name in known)
    tables = [
        full_table(metrics, known, _MEANING, training=seen),
        page.titled("By the recogniser", full_table(metrics, others, {}, training=seen)),
    ]
    if not any(tables):
        return ""
    explanation = (
        "The second column is what real crops score when they stand in for the generated ones, at "
        "the same n: it is the floor. Lower is better. A floor falls as n grows, so a value over "
        "its floor is to be compared at one n only."
    )
    if seen:
        explanation += (
            " Training images score more than the floor where held-out crops overlap or show "
            "another part of a photograph: a generator can be expected to reach their number."
        )
    flags = {flag["name"] for flag in _opening(evaluation)[1]}
    if flags & {OVERLAPPING, FEW_PICTURES}:
        explanation += (
            " Crops of one picture count as independent here: floors and intervals are too small."
        )
    protocol = _flat(evaluation.get("protocol", {}))
    return page.section("How good", explanation, *tables, how_measured(protocol))


def _flat(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """A protocol with the one of textures, which a run's eval.json keeps in it, spelled out."""
    whole = {k: v for k, v in protocol.items() if k != "textures"} | protocol.get("textures", {})
    left_out = ("versions", "gan_jax")  # under Setup
    return {k: v for k, v in whole.items() if k not in left_out and v not in ({}, [], "")}


def _spectra(spectra: Sequence[RadialSpectrum]) -> str:
    if not spectra:
        return ""
    real, generated = spectra
    parts = (real.frequencies, real.log_power, generated.log_power)
    return page.section(
        "Frequencies",
        "The power at each frequency, whatever its direction: the line is the middle crop, the "
        "band holds the middle 80 % of crops. Good: the lines and the bands lie over each other. "
        "Too little at the right is blur, too much is noise, a narrow peak is a grid.",
        page.columns(
            spectrum_chart("Power spectrum", *parts),
            excess_chart("The same beside real crops", *parts),
        ),
    )


def _cooccurrence(report: TextureReport) -> str:
    of_real, of_generated = report.real_properties, report.properties
    if of_real is None or of_generated is None:
        return ""
    charts = []
    for distance in _SHOWN_DISTANCES:
        real = averaged_properties(of_real, distance)
        generated = averaged_properties(of_generated, distance)
        panels = {name: (real[name], generated[name]) for name in real}
        plural = "" if distance == 1 else "s"
        charts.append(histogram_panels(f"At {distance} pixel{plural}", panels) if panels else "")
    return page.section(
        "Grey values side by side",
        "Properties of the co-occurrence matrix, the mean of four directions, over all crops. "
        "Good: the line follows the filled shape. Contrast and dissimilarity rise with the "
        "difference of neighbours, homogeneity with their likeness, ASM and energy where few grey "
        "values are in use, correlation where neighbours follow each other.",
        page.columns(*charts),
    )


def averaged_properties(statistics: TextureStatistics, distance: int) -> dict[str, np.ndarray]:
    """Property to its mean over directions, float64 [n], at a distance in pixels."""
    found: dict[str, list[int]] = {}
    for column, name in enumerate(statistics.names):
        prop, _, rest = name.rpartition(f"_d{distance}_")
        if prop and rest.isdigit():
            found.setdefault(prop, []).append(column)
    return {prop: statistics.values[:, chosen].mean(1) for prop, chosen in found.items()}


def _outliers(found: Outliers | None) -> str:
    if found is None:
        return ""
    rows = []
    for image, distance, nearest in zip(found.images, found.distances, found.nearest, strict=True):
        worst = tile(image, f"generated\ndistance {number(distance)}", size=_TILE)
        rows.append([worst, *(tile(real, "real", size=_TILE) for real in nearest)])
    return page.section(
        "Farthest from the reference",
        "The generated crops whose statistics lie farthest from those of the reference, each "
        "beside the real crops most like it by the same statistics. At a distance of 1 a crop is "
        "as far from the nearest real one as real crops are from one another; the middle one of "
        f"all generated crops is at {number(found.usual)}. Good: even these look like the "
        "reference.",
        page.neighbours(rows),
    )
