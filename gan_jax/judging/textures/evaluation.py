"""Judges textures by statistics of their crops: photographs, sets of images, and runs."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import numpy as np
from scipy.spatial.distance import cdist

from gan_jax.data import Dataset
from gan_jax.data.content import content_order, in_content_order
from gan_jax.data.disk import open_folder
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError, nearest
from gan_jax.extractors.choice import open_extractors
from gan_jax.extractors.pack import Extractor
from gan_jax.judging import suite
from gan_jax.judging.textures.crops import (
    MOST_CROPS,
    Cutting,
    TextureSide,
    check_channels,
    crop_size,
    cut_crops,
    describe_crops,
    open_side,
    usual_split,
)
from gan_jax.judging.textures.families import (
    FAMILIES,
    check_texture_families,
    portilla_simoncelli_scales,
)
from gan_jax.judging.textures.headline import copied_flags
from gan_jax.judging.textures.suite import TextureJudgement, judge_textures
from gan_jax.metrics.overlap import FEW_PICTURES, OVERLAPPING, independent_rows
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser
from gan_jax.metrics.texture.spectrum import radial_spectrum
from gan_jax.models.texture import TextureGenerator
from gan_jax.reports.numbers_first import Tell, expendable, no_empty_folder, publish, quietly
from gan_jax.reports.textures import (
    Outliers,
    Spectra,
    TextureReport,
    texture_verdict,
    write_texture_report,
)
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment, library_versions
from gan_jax.sampling.textures import sample_texture

_FEWEST = 4
_FEW_PICTURES = 10
_MOST_SEARCHED = 5_000  # training images that copied pieces are looked for in
_OUTLIERS = 6
_NEAREST = 2
_SHOWN = 200
_LARGE_SAMPLES = 4
_LARGEST_CROP = 128
_AS_THEY_ARE = Cutting()


def evaluate_textures(
    samples: str,
    reference: str,
    out: str | pathlib.Path,
    *,
    reference_split: str = "",
    extractor: str = "",
    families: Sequence[str] | None = None,
    cutting: Cutting = _AS_THEY_ARE,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """Compares one texture, or set of textures, with another; returns what eval.json then holds.

    Args:
        samples: a photograph's file, a folder of images, an npz or npy file, a folder of idx files,
            or a set's name. 'textures:brick' and 'procedural:stripes' name parts of those sets.
        reference: likewise, of real textures.
        out: where eval.json and report.html go.
        reference_split: 'train', 'test' or 'all'; '' for 'test' of a named set and 'all' of a file
            or folder.
        extractor: see `gan_jax.extractors.choice`; '' for none, which leaves out what needs one.
        families: of texture metrics, see `gan_jax.judging.textures.suite`; None for all.
        cutting: how both sides are cut into crops.
        tell: takes what eval.json holds before the page is made.

    Raises:
        InputError: images that cannot be read, do not fit together or are too few or too small, or
            a folder that cannot be written to.
    """
    check_texture_families(families or ())
    sides = (
        open_side(samples, "all", cutting),
        open_side(reference, reference_split or usual_split(reference), cutting),
    )
    check_channels(sides)
    size = crop_size(sides, cutting)
    images, real = (cut_crops(side, size, cutting) for side in sides)
    judge = _open_cnn(extractor, Dataset(sides[1].name, sides[1].split, images=real))
    out = open_folder(out, "--out")
    cut = [_is_cut(side, crops) for side, crops in zip(sides, (images, real))]
    with no_empty_folder(out):
        judgement = _judge(real, images, judge, families, cutting.seed, crops=cut[0])
    if cut[1]:
        judgement = _with_pictures_flag(judgement, sides[1], real)
    protocol = {
        **_side_protocol("samples", sides[0], images),
        **_side_protocol("reference", sides[1], real),
        "reference_split": sides[1].split,
        "crop": f"{size[0]} x {size[1]}",
        "crops": describe_crops(sides, size, cutting),
        "grey": cutting.grey,
        **judgement.protocol,
        "versions": library_versions(),
    }
    content = judgement.content() | {"protocol": protocol}
    page = out / folder.REPORT
    publish(out / folder.EVALUATION, content, page, tell=tell)
    with expendable(page.name):
        title = f"{sides[0].name} against {sides[1].name}"
        write_texture_report(page, make_report(title, content, judgement, real, images))
    return content


def _open_cnn(choice: str, reference: Dataset) -> Extractor | None:
    if not choice:
        return None
    found = open_extractors(choice, reference)
    if len(found) > 1 or not isinstance(found[0], Extractor):
        raise InputError(
            f"--extractor={choice}: textures are judged by the feature maps of one CNN; give a "
            "pack's folder or random, or leave it out."
        )
    return found[0]


def _is_cut(side: TextureSide, crops: np.ndarray) -> bool:
    """Whether images may show the same piece of a picture, because they were cut out of it."""
    return len(crops) > len(side.pictures.names) or side.name.startswith("textures")


def _with_pictures_flag(
    judgement: TextureJudgement, side: TextureSide, crops: np.ndarray
) -> TextureJudgement:
    """What crops of few pictures cannot tell, unless it is said already."""
    pictures = len(side.pictures.names)
    said = not judgement.headline or any(flag["name"] == OVERLAPPING for flag in judgement.flags)
    if said or pictures >= min(_FEW_PICTURES, len(crops)):
        return judgement
    source = "one picture" if pictures == 1 else f"{pictures} pictures"
    text = (
        f"The real images are crops of {source}, counted as if they were independent: another part "
        "of the same picture may be told from them too."
    )
    flag = {"name": FEW_PICTURES, "text": text, "apart": False}
    return dataclasses.replace(judgement, flags=(*judgement.flags, flag))


def evaluation_text(content: dict[str, Any]) -> str:
    """The lines below the table of numbers: what was compared, and why there is no headline."""
    protocol = content["protocol"]
    missing = "" if content.get("headline") else f"{texture_verdict(content)}\n"
    return (
        f"{missing}samples {protocol['samples']} ({protocol['images']} images), reference "
        f"{protocol['reference']} ({protocol['reference_split']}, {protocol['reference_images']} "
        f"images); {protocol['crop']}, {protocol['crops']}"
    )


def check_run(reference: Dataset) -> None:
    """Raises InputError if held-out images are too small or too few for `texture_fd`."""
    portilla_simoncelli_scales(*reference.image_shape[:2])  # the most demanding family
    if len(reference) < _FEWEST:
        raise InputError(
            f"config.evaluation.textures: {reference.name} has {len(reference)} held-out images, "
            f"and at least {_FEWEST} are needed, hundreds to mean something: hold out more, or set "
            "it to False."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class RunTextures:
    """A run's images as textures.

    Attributes:
        judgement: of `samples`.
        real: what they were compared with, uint8 [m, h, w, c].
        samples: uint8 [n, h, w, c].
        large: textures larger than these, each uint8 [H, W, c]; none of a generator of one size.
    """

    judgement: TextureJudgement
    real: np.ndarray
    samples: np.ndarray
    large: list[np.ndarray]

    def added_to(self, content: dict[str, Any]) -> dict[str, Any]:
        """eval.json of the run with this judgement in it.

        Its numbers come first; its headline and flags stand under 'textures', and as the run's own
        where nobody else judged.
        """
        judgement = self.judgement
        return (
            judgement.opening
            | content
            | {
                "metrics": judgement.metrics | content["metrics"],
                "protocol": content["protocol"] | {"textures": judgement.protocol},
                "textures": judgement.opening,
            }
        )


def judge_run(
    images: np.ndarray,
    reference: Dataset,
    training: Dataset,
    generator: nn.Module,
    variables: Any,
    *,
    families: Sequence[str] | None = None,
    extractor: Any = None,
    seed: int = 0,
) -> RunTextures:
    """A run's images uint8 [n, h, w, c] against held-out ones.

    Of more than 2,000 images of a side, as many are drawn by their content. As many training images
    as generated ones are judged in the same way: each entry has their number under 'training', and
    the headline has theirs. Held-out crops of a photograph overlap one another, which brings the
    floor down, and they show another part of it than the generator has seen. A generator as good as
    its training images reaches their number, and not the floor.

    Args:
        images: what the generator made.
        reference: held-out images of the same size.
        training: what the generator was trained on.
        generator: the module.
        variables: its parameters, for large samples.
        families: of texture metrics; None for all.
        extractor: the run's judge, or None; used if it is a CNN.
        seed: of halves and large samples.

    Raises:
        InputError: images too few or too small.
    """
    real = in_content_order(reference.take(reference.content_order()[:MOST_CROPS]))
    samples = images[content_order(images)[:MOST_CROPS]]
    cnn = extractor if isinstance(extractor, Extractor) else None
    judgement = _judge(real, samples, cnn, families, seed)
    seen = in_content_order(training.take(training.content_order()[: len(samples)]))
    control = judge_textures(real, seen, extractor=cnn, families=families, seed=seed)
    headline = dict(judgement.headline)
    if judgement.test is not None and headline:
        rows = independent_rows(seen)
        headline["training"] = judgement.test.headline(
            {name: found.take(rows) for name, found in control.statistics.items()}
        )
    numbers = {
        name: entry | {"training": control.metrics[name]["value"]}
        for name, entry in judgement.metrics.items()
    }
    protocol = {
        "reference": reference.name,
        "reference_split": reference.split,
        "reference_fingerprint": reference.fingerprint,
        **judgement.protocol,
        "training_images": len(seen),
        "versions": library_versions(),
    }
    judgement = dataclasses.replace(
        judgement,
        metrics=numbers,
        protocol=protocol,
        headline=headline,
        flags=(*judgement.flags, *_copied_flags(samples, training)),
    )
    return RunTextures(judgement, real, samples, _large_samples(generator, variables, seed))


def _copied_flags(samples: np.ndarray, training: Dataset) -> list[dict[str, Any]]:
    """Whether samples are, or show pieces of, what the generator was trained on."""
    images = training.take(training.content_order()[:_MOST_SEARCHED])
    return copied_flags(samples, images, "training image")


def _large_samples(generator: nn.Module, variables: Any, seed: int) -> list[np.ndarray]:
    """One of each texture that the generator holds, up to four; 8 crops of the training wide."""
    if not isinstance(generator, TextureGenerator):
        return []
    height, width = (min(side, _LARGEST_CROP) for side in generator.image_shape[:2])
    count = min(generator.num_textures, _LARGE_SAMPLES)
    size = (4 * height, 8 * width) if count == 1 else (4 * height, 4 * width)
    return [
        sample_texture(generator, variables, size, seed=seed, texture=texture)
        for texture in range(count)
    ]


def divide_families(
    families: Sequence[str] | None,
) -> tuple[list[str] | None, list[str] | None]:
    """Names of `gan_jax.judging.suite` and those of `gan_jax.judging.textures.suite`; None for all.

    Raises:
        InputError: a name of neither.
    """
    if families is None:
        return None, None
    known = (*suite.FAMILIES, *FAMILIES)
    for name in families:
        if name not in known:
            raise InputError(f"--metrics: {name!r} is not known: {nearest(name, known)}")
    parts = suite.FAMILIES, FAMILIES
    return tuple([name for name in families if name in part] for part in parts)


def make_report(
    title: str,
    content: dict[str, Any],
    judgement: TextureJudgement,
    real: np.ndarray,
    samples: np.ndarray,
    **more: Any,
) -> TextureReport:
    """The page's content for a judgement of `samples` against `real`, both uint8 [n, h, w, c].

    Args:
        title: of the page.
        content: of eval.json.
        judgement: that of these images, in this order.
        more: other fields of `TextureReport`.
    """
    return TextureReport(
        title=title,
        evaluation=content | {"textures": judgement.opening},
        real=_shuffled(real),
        samples=_shuffled(samples),
        spectra=_radial_spectra(real, samples),
        real_properties=judgement.reference_statistics.get("cooccurrence"),
        properties=judgement.statistics.get("cooccurrence"),
        outliers=_outliers(judgement, real, samples),
        environment=describe_environment(),
        **more,
    )


def _radial_spectra(real: np.ndarray, samples: np.ndarray) -> Spectra | None:
    """Those of both sides; None of images too small to have any."""
    try:
        curves = [radial_spectrum(side) for side in (real, samples)]
    except InputError:
        return None
    return Spectra(curves[0].frequencies, *(curve.log_power for curve in curves))


def _side_protocol(name: str, side: TextureSide, crops: np.ndarray) -> dict[str, Any]:
    compared = Dataset(side.name, side.split, images=crops)
    return {
        name: side.name,
        f"{name}_fingerprint": compared.fingerprint,
        f"{name}_pictures": len(side.pictures.names),
    }


def _judge(
    real: np.ndarray,
    images: np.ndarray,
    extractor: Any,
    families: Sequence[str] | None,
    seed: int,
    *,
    crops: bool = False,
) -> TextureJudgement:
    with progress_bar("statistics", 0, " images") as bar:

        def progress(done: int) -> None:
            bar.n = done
            bar.refresh()

        judgement = judge_textures(
            real,
            images,
            extractor=extractor,
            families=families,
            seed=seed,
            complete=True,
            crops=crops,
            progress=progress,
        )
    if not judgement.metrics:
        reasons = "; ".join(judgement.protocol.get("skipped", {}).values())
        raise InputError(f"no texture metric can be computed: {reasons}")
    return judgement


def _outliers(
    judgement: TextureJudgement, real: np.ndarray, samples: np.ndarray
) -> Outliers | None:
    """The worst crops, each beside the real ones of the most similar statistics."""
    distances = judgement.distances
    if not judgement.statistics or not np.isfinite(distances).all():
        return None
    worst = np.argsort(-distances, kind="stable")[:_OUTLIERS]
    squared = np.zeros((len(worst), len(real)))
    chosen = [name for name in HEADLINE if name in judgement.statistics]
    for family in chosen or judgement.statistics:
        reference = judgement.reference_statistics[family]
        standardised = Standardiser.of(reference)
        generated = standardised(judgement.statistics[family])[worst]
        squared += cdist(generated, standardised(reference), "sqeuclidean")
    nearest = np.argsort(squared, axis=1, kind="stable")[:, :_NEAREST]
    return Outliers(samples[worst], distances[worst], real[nearest], float(np.median(distances)))


def _shuffled(images: np.ndarray) -> np.ndarray:
    """Images to show, in a random order: neighbours in a file are often neighbours in a picture."""
    return images[np.random.default_rng(0).permutation(len(images))[:_SHOWN]]
