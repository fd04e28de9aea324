"""What the page about textures shows of a judgement: the worst crops, spectra, properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from gan_jax.errors import InputError
from gan_jax.judging.textures.suite import TextureJudgement
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser
from gan_jax.metrics.texture.spectrum import RadialSpectrum, radial_spectrum
from gan_jax.reports.pages.textures import Outliers, TextureReport
from gan_jax.runtime.environment import describe_environment

_OUTLIERS = 6
_NEAREST = 2
_SHOWN = 200


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


def _radial_spectra(*sides: np.ndarray) -> Sequence[RadialSpectrum]:
    """Of each side; none of images too small to have any."""
    try:
        return [radial_spectrum(side) for side in sides]
    except InputError:
        return ()


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
