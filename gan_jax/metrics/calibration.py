"""Whether a recogniser that is 90 % sure is right 9 times in 10."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import optimize

from gan_jax.errors import InputError
from gan_jax.metrics.classifier import checked_probabilities
from gan_jax.metrics.estimates import wilson_interval

NUM_BINS = 15
_LEAST_PROBABILITY = 1e-12
_DRAWS = 200


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence against accuracy in b bins of equal width, the reliability curve."""

    edges: np.ndarray  # float64 [b + 1] from 0 to 1; bin i holds (edges[i], edges[i + 1]]
    counts: np.ndarray  # images a bin, int64 [b]
    confidence: np.ndarray  # mean confidence of each bin, float64 [b]; NaN of an empty one
    accuracy: np.ndarray  # share of right answers in each, likewise

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean over images of their bin's |accuracy - confidence|.

        Naeini et al. 2015; Guo et al. 2017, equation 3.
        """
        return float(np.nansum(self.counts * self._gaps) / self.counts.sum())

    @property
    def maximum_error(self) -> float:
        """Maximum calibration error: the largest |accuracy - confidence| of a bin with images.

        Guo et al. 2017, equation 5. A bin of few images easily has a large one.
        """
        return float(np.nanmax(self._gaps))

    @property
    def _gaps(self) -> np.ndarray:
        return np.abs(self.accuracy - self.confidence)


def reliability(confidences, correct, *, num_bins: int = NUM_BINS) -> Reliability:
    """The reliability curve in b bins of confidences [n] in [0, 1] (the largest of each softmax).

    `correct` is bool [n], whether each image was named correctly.
    """
    confidences, correct = _checked(confidences, correct)
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    places = np.digitize(confidences, edges[1:-1], right=True)
    counts = np.bincount(places, minlength=num_bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            edges,
            counts,
            np.bincount(places, confidences, num_bins) / counts,
            np.bincount(places, correct, num_bins) / counts,
        )


def calibration_floor(confidences) -> float:
    """The expected calibration error of a perfectly calibrated recogniser, above 0 at finite n.

    Answers are drawn to be right with exactly these confidences, [n] in [0, 1], 200 times, and the
    mean error is returned (consistency resampling, Broecker and Smith 2007).
    """
    confidences = _checked(confidences, np.zeros(np.shape(confidences), bool))[0]
    rng = np.random.default_rng(0)
    answers = (rng.random(len(confidences)) < confidences for _ in range(_DRAWS))
    errors = [reliability(confidences, correct).expected_error for correct in answers]
    return float(np.mean(errors))


def brier_score(probabilities, labels) -> float:
    """Mean over images of the sum over classes of (p - y)^2, y one-hot (Brier 1950).

    Of softmax outputs [n, k] and true classes, integers [n]. From 0, sure and right, to 2, sure and
    wrong.
    """
    probabilities, labels = _checked_pair(probabilities, labels)
    truth = np.zeros_like(probabilities)
    truth[np.arange(len(labels)), labels] = 1.0
    return float(np.mean(np.sum((probabilities - truth) ** 2, axis=1)))


def negative_log_likelihood(probabilities, labels) -> float:
    """Mean of -log p(true class), in nats; arguments as `brier_score`.

    Probabilities under 1e-12 count as that, so that no image makes it infinite.
    """
    probabilities, labels = _checked_pair(probabilities, labels)
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.maximum(given, _LEAST_PROBABILITY))))


def confidence_for_accuracy(confidences, correct, accuracy: float = 0.99) -> float | None:
    """The least confidence at which images are named correctly this share of the time, or None.

    The share is that of images with about this confidence, by the rising step function that fits
    the answers best in squares (isotonic regression, Zadrozny and Elkan 2002). (The share of images
    with this confidence or more would call every image sure if 99 in 100 are right.) Confidences
    are [n] in [0, 1], `correct` bool [n], `accuracy` in (0, 1].
    """
    confidences, correct = _checked(confidences, correct)
    levels, place, counts = np.unique(confidences, return_inverse=True, return_counts=True)
    shares = np.bincount(place, correct) / counts
    fitted = optimize.isotonic_regression(shares, weights=counts).x
    good = np.flatnonzero(fitted >= accuracy - 1e-12)
    return float(levels[good[0]]) if len(good) else None


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """How far the probabilities of a recogniser can be taken at their word.

    Attributes:
        count: n labelled images.
        accuracy, interval: share named correctly, and its 95 % interval (Wilson 1927).
        confidence: mean largest probability; above the accuracy it is overconfident.
        curve: in bins of equal width.
        floor, brier, negative_log_likelihood: see the functions of these names.
        sure: `confidence_for_accuracy` at 99 %, or None.
    """

    count: int
    accuracy: float
    interval: tuple[float, float]
    confidence: float
    curve: Reliability
    floor: float
    brier: float
    negative_log_likelihood: float
    sure: float | None


def measure_calibration(probabilities, labels) -> Calibration:
    """All of it at once, of softmax outputs [n, k] and true classes, integers [n]."""
    probabilities, labels = _checked_pair(probabilities, labels)
    correct = np.argmax(probabilities, axis=1) == labels
    confidences = np.minimum(probabilities.max(axis=1), 1.0)
    return Calibration(
        count=len(labels),
        accuracy=float(np.mean(correct)),
        interval=wilson_interval(int(correct.sum()), len(correct)),
        confidence=float(np.mean(confidences)),
        curve=reliability(confidences, correct),
        floor=calibration_floor(confidences),
        brier=brier_score(probabilities, labels),
        negative_log_likelihood=negative_log_likelihood(probabilities, labels),
        sure=confidence_for_accuracy(confidences, correct),
    )


def _checked(confidences, correct) -> tuple[np.ndarray, np.ndarray]:
    confidences, correct = np.asarray(confidences, np.float64), np.asarray(correct)
    if confidences.shape != correct.shape or confidences.ndim != 1 or not len(correct):
        raise InputError(
            f"confidences have shape {confidences.shape} and right answers {correct.shape}; "
            "expected one of each an image, and at least one image."
        )
    if not ((confidences >= 0) & (confidences <= 1)).all():
        raise InputError("confidences go outside 0 to 1; expected the largest of each softmax.")
    return confidences, correct.astype(bool)


def _checked_pair(probabilities, labels) -> tuple[np.ndarray, np.ndarray]:
    probabilities, labels = checked_probabilities(probabilities), np.asarray(labels)
    count, classes = probabilities.shape
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise InputError(
            f"labels are {labels.dtype} {labels.shape}; expected integers [{count}], one an image."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"labels go from {labels.min()} to {labels.max()}; expected class numbers from 0 to "
            f"{classes - 1}."
        )
    return probabilities, labels
