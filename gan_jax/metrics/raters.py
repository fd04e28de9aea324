"""How far several recognisers agree on the same images, beyond what chance would give."""

from __future__ import annotations

import dataclasses

import numpy as np

from gan_jax.errors import InputError

_RESAMPLES = 200


@dataclasses.dataclass(frozen=True, eq=False)
class RaterAgreement:
    """The agreement of r raters over n images, with 95 % intervals by resampling images."""

    kappa: float | None
    kappa_interval: tuple[float, float] | None  # None of one image, or without a kappa
    pairwise: float  # share of equal answers over all pairs of raters and images
    pairwise_interval: tuple[float, float] | None
    unanimous: int  # how many images all raters name alike
    count: int  # n
    raters: int  # r


def rater_agreement(labels, num_classes: int) -> RaterAgreement:
    """Fleiss' kappa (Fleiss 1971) and the pairwise agreement, intervals by seeded resampling.

    Kappa is agreement beyond chance, over what there is to gain beyond it: 1 is full agreement, 0
    what raters of these habits would reach by chance, below 0 worse. None if all answers are one
    class.

    Args:
        labels: classes, integers [n, r] in [0, num_classes), a column a rater, r >= 2.
        num_classes: k.
    """
    counts = _counts(labels, num_classes)
    by_image, count = _by_image(counts), len(counts)
    kappa_interval = pairwise_interval = None
    if count > 1:
        rng = np.random.default_rng(0)
        kappas, shares = [], []
        for _ in range(_RESAMPLES):
            rows = rng.integers(0, count, count)
            shares.append(by_image[rows].mean())
            kappas.append(_kappa(shares[-1], counts[rows].sum(0)))
        pairwise_interval = _interval(shares)
        # Resamples of one class alone have none.
        there = [value for value in kappas if value is not None]
        kappa_interval = _interval(there) if there else None
    kappa = _kappa(by_image.mean(), counts.sum(0))
    return RaterAgreement(
        kappa=kappa,
        kappa_interval=None if kappa is None else kappa_interval,
        pairwise=float(by_image.mean()),
        pairwise_interval=pairwise_interval,
        unanimous=int(np.sum(by_image == 1.0)),
        count=count,
        raters=int(counts[0].sum()),
    )


def _counts(labels, num_classes: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or len(labels) == 0 or labels.shape[1] < 2:
        raise InputError(
            f"labels are {labels.dtype} {labels.shape}; expected integers [n, r], a column a "
            "rater, at least two of them, and at least one image."
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise InputError(
            f"labels go from {labels.min()} to {labels.max()}; expected class numbers from 0 to "
            f"{num_classes - 1}."
        )
    places = np.arange(len(labels))[:, None] * num_classes + labels
    counts = np.bincount(places.ravel(), minlength=len(labels) * num_classes)
    return counts.reshape(len(labels), num_classes)


def _by_image(counts: np.ndarray) -> np.ndarray:
    """Share of the pairs of raters that agree on each image, float64 [n]."""
    raters = counts[0].sum()
    return (np.sum(counts * counts, axis=1) - raters) / (raters * (raters - 1))


def _kappa(observed: float, totals: np.ndarray) -> float | None:
    shares = totals / totals.sum()
    expected = float(np.sum(shares * shares))
    return None if expected == 1.0 else float((observed - expected) / (1.0 - expected))


def _interval(values: list[float]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
