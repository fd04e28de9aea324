"""What can be known of generated images without any label: whether they differ from real ones.

Permutation tests are exact with any features, also where nothing was learnt. One is made on the
pixels and one on the features of a random network; the smaller p counts twice (Bonferroni). The
same test on blurred real images tells whether the images could have been told apart at all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_jax.data import Dataset
from gan_jax.data.content import content_order
from gan_jax.errors import InputError
from gan_jax.extractors.common import Features, shape_text
from gan_jax.extractors.controls import random_extractor
from gan_jax.judging.flags import copy_flags
from gan_jax.judging.headline import compare_views, verdict_of
from gan_jax.judging.judgement import Judgement
from gan_jax.judging.ladder import Look, measure_ladder
from gan_jax.judging.overlap import independent_images, overlap_flags
from gan_jax.judging.power import noticed
from gan_jax.judging.view import View
from gan_jax.models.clips import frames_as_channels
from gan_jax.models.cnn import CNN
from gan_jax.reports.flags import judge_flags
from gan_jax.reports.result import make_protocol
from gan_jax.runtime.pixels import PREPROCESSING

_MOST_IMAGES = 1_000  # a side; 28 x 28 ones then take some seconds in all
_FEWEST_IMAGES = 100  # of large ones
_MOST_PIXELS = 4_000_000  # of all images of a side together
_SIDE = 32  # of the pixels that are compared
_WIDTHS = (16, 32)  # sees nearly what the recogniser's own widths see, in a sixth of the time
_REFERENCE_LIMIT = 20_000  # real images that copies are looked for among


def judge_unlabelled(
    images: np.ndarray,
    reference: Dataset,
    *,
    training: Dataset | None = None,
    seed: int = 0,
    batch_size: int = 500,
    textures: Callable[[np.ndarray, np.ndarray], dict[str, Any]] | None = None,
) -> Judgement:
    """Tests images uint8 [n, h, w, c] for a difference from real ones; their order changes nothing.

    At most 1,000 images a side are compared, fewer of large ones. Their pixels are averaged over
    square blocks, at most 32 a side. The random network takes them as they are; it is left out
    where a side is below 4 pixels.

    Args:
        images: to judge, at least 2.
        reference: real images that the generator was not trained on, at least 2; of crops that
            overlap only those that share no piece are compared.
        training: what it was trained on, to find copies among; None if that is not known.
        seed: of the random network and of all that is drawn.
        textures: what is known of (reference images, judged images) as textures, such as
            `gan_jax.judging.textures.headline.texture_headline`.

    Returns:
        A judgement whose headline has 'verdict'; 'test', of the view with the smaller p, but with
        'p' of both together and 'parts', the p of each; 'ladder' and 'noticed', the blur that the
        test finds; and 'textures' if they were asked for, but no distance and no size. Its metrics
        are the p values, and its features those of the images that were compared.

    Raises:
        InputError: fewer than two images on a side, crops that all overlap, or images of other
            sizes.
    """
    _check(images, reference)
    most = max(_FEWEST_IMAGES, min(_MOST_IMAGES, _MOST_PIXELS // math.prod(images.shape[1:-1])))
    order = content_order(images)
    compared = images[order[:most]]
    known_rows = reference.content_order()[:_REFERENCE_LIMIT]
    known = reference.take(known_rows)
    tested = independent_images(reference)
    real = known[np.isin(known_rows, tested)][:most]
    if len(real) < 2:
        raise InputError(
            f"{reference.name}: all {len(reference):,} real images are crops that overlap, and "
            "count as one; a test of a difference needs at least 2 a side."
        )
    network = None
    if min(images.shape[-3:-1]) >= 4:
        cnn = CNN(num_classes=10, widths=_WIDTHS)
        network = random_extractor(images.shape[1:], seed=seed, network=cnn)
    looks: dict[str, Look] = {"pixels": lambda some: View.of(_blocks(some))}
    features = Features(_blocks(compared), None, None)
    if network is not None:
        features = network.features(compared, batch_size=batch_size)
        looks["random features"] = lambda some: View.of_features(
            network.features(some, batch_size=batch_size)
        )
    headline = _headline(real, compared, looks, seed)
    protocol = make_protocol(
        {
            "judged_by": "permutation tests without a recogniser",
            "random_network": None if network is None else network.stamp,
            "images_compared": len(compared),
            "reference_compared": len(real),
        },
        seed=seed,
        images=len(images),
        preprocessing=f"pixels: block means of at most {_SIDE} x {_SIDE}; network: {PREPROCESSING}",
        reference=reference,
    )
    if training is not None:
        protocol |= {"training": training.name, "training_images": len(training)}
    flags = [
        *copy_flags(images[order], known, training),
        *judge_flags(headline, protocol, control=True, share_trained_on=0.0),
        *overlap_flags(len(tested), len(reference)),
    ]
    if textures is not None:
        try:
            found = textures(real, compared)
            headline["textures"] = found["headline"]
            known_names = {flag["name"] for flag in flags}
            flags += [flag for flag in found["flags"] if flag["name"] not in known_names]
        except InputError as error:  # images that are too small for them, or have no texture
            protocol["skipped"] = {"textures": str(error)}
    return Judgement(
        _entries(headline["test"]),
        protocol,
        features.take(np.argsort(order[:most])),
        headline=headline,
        flags=tuple(flags),
    )


def _headline(
    real: np.ndarray, fake: np.ndarray, looks: Mapping[str, Look], seed: int
) -> dict[str, Any]:
    """The tests of all looks together, and what the last look, the sharpest, would have noticed."""
    tests = {name: compare_views(look(real), look(fake), seed=seed) for name, look in looks.items()}
    first = min(tests.values(), key=lambda test: test.p)
    together = min(1.0, len(tests) * first.p)
    *_, sharpest = looks.values()
    ladder = measure_ladder(real, sharpest)
    seen = noticed(ladder, min(len(real) // 2, len(fake)), seed=seed)
    parts = {name: test.p for name, test in tests.items()}
    return {
        "verdict": verdict_of(together, seen),
        "test": dataclasses.asdict(first) | {"p": together, "parts": parts},
        "ladder": {
            "damage": ladder.damage,
            "unit": ladder.unit,
            "strengths": list(ladder.strengths),
            "n": len(ladder.clean.values),
        },
        "noticed": dataclasses.asdict(seen),
    }


def _entries(test: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    sides = {"n": test["n_fake"], "n_real": test["n_real"]}
    parts = {f"p_{name.replace(' ', '_')}": p for name, p in test["parts"].items()}
    return {name: {"value": p, **sides} for name, p in ({"p": test["p"]} | parts).items()}


def _blocks(images: np.ndarray) -> np.ndarray:
    """Means of images uint8 [n, h, w, c] over blocks, at most 32 a side: float32 [n, d] to 1."""
    if images.ndim == 5:
        images = frames_as_channels(images)
    count, height, width, channels = images.shape
    rows, columns = (-(-side // _SIDE) for side in (height, width))
    whole = images[:, : height // rows * rows, : width // columns * columns]
    shape = (count, height // rows, rows, width // columns, columns, channels)
    return (whole.reshape(shape).mean((2, 4), dtype=np.float32) / 255).reshape(count, -1)


def _check(images: np.ndarray, reference: Dataset) -> None:
    if images.shape[1:] != reference.image_shape:
        raise InputError(
            f"the images are {shape_text(images.shape[1:])} and those of {reference.name} "
            f"{shape_text(reference.image_shape)} (height x width x channels): bring them to one "
            "size."
        )
    for count, name in ((len(images), "images to judge"), (len(reference), reference.name)):
        if count < 2:
            raise InputError(
                f"{name}: {count} image(s); a test of a difference needs at least 2 a side, and "
                "about 100 to notice one."
            )
