"""What judged images leave in a folder: eval.json, then pictures, then pages."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax.data import Dataset
from gan_jax.judging.judge import Judge, Judgement
from gan_jax.judging.textures.page import make_report
from gan_jax.judging.textures.run import RunTextures
from gan_jax.metrics import class_histogram, nearest_neighbours
from gan_jax.reports.class_pictures import ClassPictures
from gan_jax.reports.numbers_first import SAME_COMMAND, Tell, publish_result, quietly
from gan_jax.reports.pages.gan import GANReport, write_gan_report
from gan_jax.reports.pages.textures import write_texture_report
from gan_jax.reports.result import Result, make_protocol
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment
from gan_jax.runtime.images import image_grid

SHOWN_SAMPLES = 100
_PICTURE_COLUMNS = 10
_QUERIES = 8
_NEIGHBOURS = 4
_NEIGHBOUR_POOL = 20_000
_BESIDE_TEXTURES = "recogniser.html"


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """What a GAN draws to be looked at.

    Attributes:
        pictures: uint8 [h, w, c] by the names of their files.
        interpolation: images uint8 [n, h, w, c] from one latent to another.
        classes: pictures of each class.
    """

    pictures: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    interpolation: np.ndarray | None = None
    classes: ClassPictures | None = None


def write_results(
    out: pathlib.Path,
    *,
    images: np.ndarray,
    judge: Judge | None,
    judgements: Sequence[Judgement],
    protocol: dict[str, Any],
    title: str,
    train: Dataset | None,
    config: dict[str, Any],
    history: list[dict],
    held_out: Dataset | None = None,
    draw: Callable[[], Drawn] = Drawn,
    textures: RunTextures | None = None,
    tell: Tell = quietly,
    again: str = SAME_COMMAND,
) -> None:
    """Writes eval.json, then the pictures, then the report; the latter two may fail.

    The first of `judgements` is that of `judge`, for the headline. With `textures` the report is
    the page about these, and the judge's, if there is one, goes to recogniser.html.

    Args:
        protocol: what the numbers depend on besides their judges.
        held_out: real images that they were compared with where there is no judge.
        draw: gives the pictures that are not of `images`.
        tell: takes what eval.json holds before the rest is made.
        again: the command that makes the rest again.

    Raises:
        InputError: eval.json cannot be written; its content has been told.
    """
    if judgements:
        first, *others = (Result.of(one, protocol) for one in judgements)
        own = dataclasses.replace(first, judges=others)
    else:
        numbers = make_protocol(
            protocol,
            seed=config.get("seed"),
            images=len(images),
            preprocessing="uint8",
            reference=held_out,
        )
        own = Result({}, numbers)
    result = own if textures is None else with_textures(own, textures)
    real, drawn = _real_images(judge, train), Drawn()

    def pictures() -> dict[str, np.ndarray]:
        nonlocal drawn
        drawn = draw()
        large = {} if textures is None else enumerate(textures.large)
        shown = drawn.pictures | {f"large_{index}": image for index, image in large}
        return shown | _beside_real(images, real)

    def page(place: pathlib.Path) -> None:
        report = GANReport(
            title=title,
            config=config,
            history=history,
            evaluation=own.content(),
            samples=images,
            real=real,
            interpolation=drawn.interpolation,
            class_pictures=drawn.classes,
            environment=describe_environment(),
            **_classes(judge, judgements),
            **_neighbours(images, train),
        )
        write_gan_report(place, report)

    pages: dict[str, Callable[[pathlib.Path], None] | None] = {folder.REPORT: page}
    if textures is not None:

        def texture_page(place: pathlib.Path) -> None:
            more: dict[str, Any] = {"large": textures.large, "history": history, "config": config}
            sides = (textures.judgement, textures.real, textures.samples)
            write_texture_report(place, make_report(title, result.content(), *sides, **more))

        pages = {_BESIDE_TEXTURES: page if judge else None, folder.REPORT: texture_page}
    publish_result(out, result, pictures=pictures, pages=pages, tell=tell, again=again)


def with_textures(own: Result, textures: RunTextures) -> Result:
    """Numbers of textures before the others; they open the result where nothing else does."""
    judgement = textures.judgement
    alone = own.headline is None
    return dataclasses.replace(
        own,
        metrics=judgement.metrics | own.metrics,
        protocol=own.protocol | {"textures": judgement.protocol},
        headline=judgement.headline if alone else own.headline,
        flags=judgement.flags if alone else own.flags,
        more={"textures": {"headline": judgement.headline, "flags": list(judgement.flags)}},
    )


def _beside_real(images: np.ndarray, real: np.ndarray | None) -> dict[str, np.ndarray]:
    """Generated images at the left, real ones at the right, where both are of one shape."""
    if real is None or real.shape[1:] != images.shape[1:]:
        return {}
    pair = [image_grid(side[:SHOWN_SAMPLES], columns=_PICTURE_COLUMNS) for side in (images, real)]
    if pair[0].shape != pair[1].shape:
        return {}
    gap = np.full((*pair[0].shape[:-2], 12, pair[0].shape[-1]), 255, np.uint8)
    return {"beside_real": np.concatenate([pair[0], gap, pair[1]], axis=-2)}


def _classes(judge: Judge | None, judgements: Sequence[Judgement]) -> dict[str, Any]:
    """What the judge reads in the images, as the report has it."""
    if judge is None or not judge.knows_classes:
        return {}
    probabilities = judgements[0].features.class_probabilities
    names = judge.extractor.class_names
    predictions = np.argmax(probabilities, -1)
    return {
        "predictions": predictions,
        "confidences": np.max(probabilities, -1),
        "class_names": names,
        "class_counts": class_histogram(predictions, len(names)),
        "reference_counts": judge.reference_counts,
    }


def _neighbours(images: np.ndarray, train: Dataset | None) -> dict[str, Any]:
    """The training images nearest to the first of `images`, by their pixels, likewise."""
    if train is None:
        return {}
    pool = train.take(train.draw(_NEIGHBOUR_POOL, seed=0))
    if pool.shape[1:] != images.shape[1:]:
        return {}
    queries = images[:_QUERIES]
    asked, known = (side.reshape(len(side), -1) / 255.0 for side in (queries, pool))
    rows, distances = nearest_neighbours(asked, known, k=min(_NEIGHBOURS, len(pool)))
    return {
        "neighbour_queries": queries,
        "neighbours": pool[rows],
        "neighbour_distances": distances,
    }


def _real_images(judge: Judge | None, train: Dataset | None) -> np.ndarray | None:
    """Real images to show: the reference, or else the training images."""
    if judge is not None:
        return judge.images[:SHOWN_SAMPLES]  # in the order of their content, a random one
    return None if train is None else train.take(train.draw(SHOWN_SAMPLES, seed=0))
