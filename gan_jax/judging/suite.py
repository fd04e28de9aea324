"""The metrics by family: what each compares, at which n, and beside which number of real images.

Where the number of images changes a metric, both sides have the same number, and the same metric of
real images against real ones at that number stands beside it: 'floor' where lower is better, else
'real'. Both sides come in the order of their content, so a first part of them is a random one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.errors import InputError, nearest
from gan_jax.extractors.pack import Features
from gan_jax.judging.headline import INFLUENCE

NUM_SPLITS = 8
UNSURE_BELOW = 0.5  # the best class is no likelier than all others together
LAYERS = ("semantic", "texture")
_PRECISION_K, _DENSITY_K = 3, 5
# Beyond these, more images cost more time than they add certainty.
_MOST_NEIGHBOURS = 10_000
_MOST_PAIRS = 5_000
_FEWEST_FOR_LINE = 60

Entry = dict[str, Any]
DISTANCES = "training_distances"
"""Of 'auth_pct' until it is written: the `TrainingDistances` of generated and held-out images."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sides:
    """What is compared, each side in the order of its images' content.

    Attributes:
        reference: gives the features of real images that the generator was not trained on.
        reference_moments: gives the moments of their 'semantic' features.
        knows_classes: whether the extractor's probabilities mean anything.
        fake: features of the judged images.
        training: features of the generator's training images, or None.
        intervals: whether to take the time for them.
        seed: of halves, subsets and resamplings.
    """

    reference: Callable[[], Features]
    reference_moments: Callable[[], metrics.Moments]
    knows_classes: bool
    fake: Features
    training: Features | None
    intervals: bool
    seed: int

    @property
    def real(self) -> Features:
        """Features of the reference."""
        return self.reference()

    def halves(self, most: int | None = None) -> tuple[Features, Features, Features]:
        """Two random halves of the reference and as many fakes, at most `most` of each."""
        real, fake = self.real, self.fake
        first = self.reference_half(most)
        count = len(first)
        second = self._reference_order()[count : 2 * count]
        chosen = np.random.default_rng([self.seed, len(fake)]).permutation(len(fake))[:count]
        return real.take(first), real.take(second), fake.take(chosen)

    def reference_half(self, most: int | None = None) -> np.ndarray:
        """The rows of the reference in the first of `halves`."""
        count = min(len(self.real) // 2, len(self.fake), most or len(self.fake))
        return self._reference_order()[:count]

    def _reference_order(self) -> np.ndarray:
        return np.random.default_rng([self.seed, len(self.real)]).permutation(len(self.real))

    def semantic_halves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The 'semantic' features of `halves`."""
        one, other, fake = self.halves(_MOST_NEIGHBOURS)
        return one.semantic, other.semantic, fake.semantic


def standardise(features: np.ndarray, layer: str, *, by: np.ndarray | None = None) -> np.ndarray:
    """Features [n, d] as they are compared: those of 'texture' standardised by the reference's.

    Scales of middle channels differ widely; the reference's moments make them equal.

    Args:
        features: of any images.
        layer: 'semantic' or 'texture'.
        by: those of the reference; None if `features` are these.
    """
    if layer != "texture":
        return features
    reference = features if by is None else by
    mean, std = reference.mean(0, dtype=np.float64), reference.std(0, dtype=np.float64)
    return (features - mean) / np.maximum(std, 1e-6 * max(float(std.max()), 1e-12))


def _frechet(sides: Sides) -> dict[str, Entry]:
    entries = {}
    for layer in LAYERS:
        real, fake = getattr(sides.real, layer), getattr(sides.fake, layer)
        if real is None:
            continue
        reference = standardise(real, layer)
        result = metrics.frechet_with_floor(
            reference,
            standardise(fake, layer, by=real),
            num_splits=NUM_SPLITS,
            interval=sides.intervals,
            seed=sides.seed,
        )
        entries[f"fd_{layer}"] = {
            **distance_entry(result),
            "effective_rank": metrics.effective_rank(metrics.Moments.of(reference).covariance()),
        }
    return entries


def distance_entry(result: metrics.FrechetResult) -> Entry:
    """A distance as eval.json holds it, with what a paired comparison needs (`Influences`)."""
    entry: Entry = {
        "value": result.value,
        "floor": result.floor,
        "floor_spread": result.floor_spread,
        "ci": None if result.interval is None else list(result.interval),
        "n": result.n,
    }
    if result.interval is not None:
        entry["standard_error"] = result.standard_error
        entry[INFLUENCE] = result.real_influence
    return entry


def _frechet_all(sides: Sides) -> dict[str, Entry]:
    """As other libraries print it: all images of both sides, n unequal, no floor."""
    real, fake = sides.reference_moments(), metrics.Moments.of(sides.fake.semantic)
    value = metrics.frechet_distance_from_moments(real, fake)
    return {"fd_all": {"value": value, "n": fake.count, "n_real": real.count}}


def _frechet_infinity(sides: Sides) -> dict[str, Entry]:
    fake = sides.fake.semantic
    if len(fake) < _FEWEST_FOR_LINE:
        raise InputError(
            f"FD-infinity needs at least {_FEWEST_FOR_LINE} images for its line, and there are "
            f"{len(fake)}; give more, or leave it out."
        )
    found = metrics.frechet_infinity(sides.real.semantic, fake, seed=sides.seed)
    return {
        "fd_infinity": {
            "value": found.value,
            "line_error": found.standard_error,  # of the line, not over fresh images
            "n": len(fake),
        }
    }


def _kernel(sides: Sides) -> dict[str, Entry]:
    """Unbiased, so real against real is 0 and needs no floor."""
    real, fake = sides.real.semantic[:_MOST_PAIRS], sides.fake.semantic[:_MOST_PAIRS]
    found = metrics.kernel_distance(real, fake)
    margin = 1.96 * found.standard_error
    return {
        "kernel_distance": {
            "value": found.value,
            "standard_error": found.standard_error,
            "ci": [found.value - margin, found.value + margin],
            "n": len(fake),
            INFLUENCE: _spread_out(found.real_influence, np.arange(len(real)), len(sides.real)),
        }
    }


def _spread_out(influence: np.ndarray, rows: np.ndarray, total: int) -> np.ndarray:
    """The influence of some rows of the reference as one of all its rows, of the same mean."""
    spread = np.zeros(total)
    spread[rows] = influence * (total / len(rows))
    return spread


def estimate_entry(estimate: metrics.Estimate, count: int) -> Entry:
    """A number with its error as eval.json holds it."""
    return {
        "value": estimate.value,
        "standard_error": estimate.standard_error,
        "ci": list(estimate.interval),
        "n": count,
    }


def _classifier(sides: Sides) -> dict[str, Entry]:
    """Of as many real images as generated ones; the mix of classes against one half of the real."""
    if not sides.knows_classes:
        return {}
    count = min(len(sides.real), len(sides.fake))
    fake, real = (side.probabilities[:count] for side in (sides.fake, sides.real))
    classes = fake.shape[1]
    found, real_found = (np.argmax(side, -1) for side in (fake, real))
    halves = [np.argmax(side.probabilities, -1) for side in sides.halves()]
    one, other, generated = (metrics.class_histogram(side, classes) for side in halves)
    score = metrics.classifier_score_estimate(fake)
    confidence = metrics.confidence_estimate(fake)
    mix = metrics.class_kl_estimate(generated, one)
    modes = metrics.modes_estimate(found, classes)
    return {
        "classifier_score": estimate_entry(score, count) | {"real": metrics.classifier_score(real)},
        "confidence": estimate_entry(confidence, count) | {"real": metrics.mean_confidence(real)},
        "class_histogram": {
            "value": metrics.class_histogram(found, classes),
            "real": metrics.class_histogram(real_found, classes),
            "n": count,
        },
        "class_kl": estimate_entry(mix, len(halves[2])) | {"floor": metrics.class_kl(other, one)},
        "modes": estimate_entry(modes, count) | {"real": metrics.count_modes(real_found, classes)},
    }


def _modes(sides: Sides) -> dict[str, Entry]:
    """Of images whose channels are read one by one: the combinations reached, and their mix.

    Beside them stand as many other real images. The divergence is from real images, as the same
    recogniser reads them, and from an even mix.
    """
    if not sides.knows_classes or sides.fake.channels is None:
        return {}
    classes = sides.fake.probabilities.shape[1]
    halves = sides.halves()
    count = len(halves[2])
    reference, other, fake = (_combinations(side.channels) for side in halves)
    value, floor = (metrics.mode_coverage(side, reference, classes) for side in (fake, other))
    even, even_floor = (
        metrics.class_kl(metrics.class_histogram(side, classes), np.ones(classes))
        for side in (fake, other)
    )
    unsure, real_unsure = (side.channels.max(-1) < UNSURE_BELOW for side in (halves[2], halves[1]))
    return {
        "modes": {"value": value.modes, "real": floor.modes, "n": count},
        "modes_kl": {"value": value.kl, "floor": floor.kl, "n": count},
        "modes_kl_uniform": {"value": even, "floor": even_floor, "n": count},
        "unsure_digits": {
            "value": float(unsure.mean()),
            "real": float(real_unsure.mean()),
            "count": int(unsure.sum()),
            "n": unsure.size,
        },
    }


def _combinations(channels: np.ndarray) -> np.ndarray:
    """Classes int64 [n] of probabilities [n, c, k] of the channels."""
    return metrics.stacked_classes(np.argmax(channels, -1), channels.shape[2])


def _neighbours(sides: Sides) -> dict[str, Entry]:
    one, other, fake = sides.semantic_halves()
    scores = metrics.neighbour_estimates(one, fake, precision_k=_PRECISION_K, density_k=_DENSITY_K)
    real = metrics.neighbour_scores(one, other, precision_k=_PRECISION_K, density_k=_DENSITY_K)
    rows, total = sides.reference_half(_MOST_NEIGHBOURS), len(sides.real)
    entries = {}
    for name in ("precision", "recall", "density", "coverage"):
        found = getattr(scores, name)
        entries[name] = estimate_entry(found, len(fake)) | {"real": getattr(real, name)}
        if found.real_influence is not None:
            entries[name][INFLUENCE] = _spread_out(found.real_influence, rows, total)
    return entries


def _vendi(sides: Sides) -> dict[str, Entry]:
    one, _, fake = sides.semantic_halves()
    entry = estimate_entry(metrics.vendi_estimate(fake), len(fake))
    return {"vendi": entry | {"real": metrics.vendi_score(one)}}


def _sliced(sides: Sides) -> dict[str, Entry]:
    one, other, fake = sides.semantic_halves()
    value, floor = (
        metrics.sliced_wasserstein(one, side, seed=sides.seed) for side in (fake, other)
    )
    return {"sliced_wasserstein": {"value": value, "floor": floor, "n": len(fake)}}


def _copying(sides: Sides) -> dict[str, Entry]:
    """Against the training images; the reference, which is held out, says what is usual."""
    if sides.training is None:
        raise InputError(
            "copies can only be found among training images: give them, or leave out 'copying'."
        )
    train = sides.training.semantic
    real, fake = sides.real.semantic[:_MOST_PAIRS], sides.fake.semantic[:_MOST_PAIRS]
    generated, held_out = (metrics.training_distances(train, side) for side in (fake, real))
    return {
        "auth_pct": estimate_entry(generated.auth_pct(), len(fake))
        | {"real": held_out.auth_pct().value, DISTANCES: (generated, held_out)},
        "data_copying": {
            "value": metrics.data_copying(train, real, fake, seed=sides.seed).value,
            "n": len(fake),
        },
    }


FAMILIES: dict[str, Callable[[Sides], dict[str, Entry]]] = {
    "frechet": _frechet,
    "fd_all": _frechet_all,
    "fd_infinity": _frechet_infinity,
    "kernel": _kernel,
    "classifier": _classifier,
    "modes": _modes,
    "neighbours": _neighbours,
    "vendi": _vendi,
    "sliced": _sliced,
    "copying": _copying,
}
QUICK = ("frechet", "classifier", "modes")


def check_families(names: Sequence[str]) -> None:
    """Raises InputError for a name that is none of `FAMILIES`."""
    for name in names:
        if name not in FAMILIES:
            raise InputError(f"--metrics: {name!r} is not known: {nearest(name, FAMILIES)}")


def run_suite(
    sides: Sides, families: Sequence[str] | None = None
) -> tuple[dict[str, Entry], dict[str, str]]:
    """The entries of eval.json, and why families that could not be computed are missing.

    Args:
        sides: what is compared.
        families: names of `FAMILIES`; None for all that can be computed.

    Raises:
        InputError: an unknown name, or a named family that cannot be computed.
    """
    check_families(families or ())
    entries: dict[str, Entry] = {}
    skipped: dict[str, str] = {}
    for name in FAMILIES if families is None else families:
        try:
            entries |= FAMILIES[name](sides)
        except InputError as error:
            # The Frechet distance is why a judge was called at all.
            if families is not None or name == "frechet":
                raise
            skipped[name] = str(error)
    return entries, skipped
