"""The metrics by family: what each compares, at which n, and beside which number of real images.

Where the number of images changes a metric, both sides have the same number, and the same metric of
real images against real ones at that number stands beside it: 'floor' where lower is better, else
'real'. Both sides come in the order of their content, so a first part of them is a random one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_jax import metrics
from gan_jax.errors import InputError, nearest
from gan_jax.extractors.common import Features
from gan_jax.judging.clips import frame_entries, motion_entries
from gan_jax.judging.entries import INFLUENCE, Entry, distance_entry, estimate_entry
from gan_jax.judging.sides import MOST_NEIGHBOURS, MOST_PAIRS, Sides
from gan_jax.judging.view import layers_of, standardise

NUM_SPLITS = 8
UNSURE_BELOW = 0.5  # the best class is no likelier than all others together
_PRECISION_K, _DENSITY_K = 3, 5
_FEWEST_FOR_LINE = 60

DISTANCES = "training_distances"
"""In 'auth_pct' until it is written: the `TrainingDistances` of generated and held-out images."""


def _frechet(sides: Sides) -> dict[str, Entry]:
    entries = {}
    for layer, real in layers_of(sides.real).items():
        reference = standardise(real, layer)
        result = metrics.frechet_with_floor(
            reference,
            standardise(getattr(sides.fake, layer), layer, by=real),
            num_splits=NUM_SPLITS,
            interval=sides.intervals,
            seed=sides.seed,
            in_order=True,
        )
        entry = distance_entry(result)
        if result.interval is not None:
            entry["standard_error"] = result.standard_error
            entry[INFLUENCE] = result.real_influence
        covariance = metrics.Moments.of(reference).covariance()
        entries[f"fd_{layer}"] = entry | {"effective_rank": metrics.effective_rank(covariance)}
    return entries


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
    found = metrics.frechet_infinity(sides.real.semantic, fake, seed=sides.seed, in_order=True)
    return {
        "fd_infinity": {
            "value": found.value,
            "line_error": found.standard_error,  # of the line, not over fresh images
            "n": len(fake),
        }
    }


def _kernel(sides: Sides) -> dict[str, Entry]:
    """Unbiased, so real against real is 0 and needs no floor."""
    real, fake = sides.real.semantic[:MOST_PAIRS], sides.fake.semantic[:MOST_PAIRS]
    found = metrics.kernel_distance(real, fake)
    assert found.real_influence is not None
    return {
        "kernel_distance": {
            "value": found.value,
            "standard_error": found.standard_error,
            "ci": list(metrics.normal_interval(found.value, found.standard_error)),
            "n": len(fake),
            INFLUENCE: spread_out(found.real_influence, np.arange(len(real)), len(sides.real)),
        }
    }


def spread_out(influence: np.ndarray, rows: np.ndarray, total: int) -> np.ndarray:
    """The influence of some rows of the reference as one of all its rows, of the same mean."""
    spread = np.zeros(total)
    spread[rows] = influence * (total / len(rows))
    return spread


def read_classes(features: Features) -> np.ndarray:
    """The likeliest class of each image, int [n], of features that have probabilities."""
    return np.argmax(features.class_probabilities, -1)


def _channels(features: Features) -> np.ndarray:
    assert features.channels is not None
    return features.channels


def _classifier(sides: Sides) -> dict[str, Entry]:
    """What the classifier reads in images and in as many real ones, and the mix of classes."""
    count = min(len(sides.real), len(sides.fake))
    fake, real = (side.class_probabilities[:count] for side in (sides.fake, sides.real))
    classes = fake.shape[1]
    found, real_found = (np.argmax(side, -1) for side in (fake, real))
    halves = [read_classes(side) for side in sides.halves()]
    one, other, generated = (metrics.class_histogram(side, classes) for side in halves)
    return {
        "classifier_score": estimate_entry(
            metrics.classifier_score_estimate(fake), count, real=metrics.classifier_score(real)
        ),
        "confidence": estimate_entry(
            metrics.confidence_estimate(fake), count, real=metrics.mean_confidence(real)
        ),
        "class_histogram": {
            "value": metrics.class_histogram(found, classes),
            "real": metrics.class_histogram(real_found, classes),
            "n": count,
        },
        "class_kl": estimate_entry(
            metrics.class_kl_estimate(generated, one),
            len(halves[2]),
            floor=metrics.class_kl(other, one),
        ),
        "modes": estimate_entry(
            metrics.modes_estimate(found, classes),
            count,
            real=metrics.count_modes(real_found, classes),
        ),
    }


def _modes(sides: Sides) -> dict[str, Entry]:
    """The combinations of classes that images reach whose channels are read one by one.

    The divergence of their mix is from real images, as the same recogniser reads them, and from an
    even mix. Beside it stand as many other real images.
    """
    classes = sides.fake.class_probabilities.shape[1]
    halves = [_channels(side) for side in sides.halves()]
    count = len(halves[2])
    reference, other, fake = (
        metrics.stacked_classes(np.argmax(side, -1), side.shape[2]) for side in halves
    )
    value, floor = (metrics.mode_coverage(side, reference, classes) for side in (fake, other))
    even, even_floor = (
        metrics.class_kl(metrics.class_histogram(side, classes), np.ones(classes))
        for side in (fake, other)
    )
    unsure, real_unsure = (side.max(-1) < UNSURE_BELOW for side in (halves[2], halves[1]))
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


def _neighbours(sides: Sides) -> dict[str, Entry]:
    one, other, fake = sides.semantic_halves()
    scores = metrics.neighbour_estimates(one, fake, precision_k=_PRECISION_K, density_k=_DENSITY_K)
    real = metrics.neighbour_scores(one, other, precision_k=_PRECISION_K, density_k=_DENSITY_K)
    rows, total = sides.reference_halves(MOST_NEIGHBOURS)[0], len(sides.real)
    entries = {}
    for name in ("precision", "recall", "density", "coverage"):
        found = getattr(scores, name)
        entries[name] = estimate_entry(found, len(fake), real=getattr(real, name))
        if found.real_influence is not None:
            entries[name][INFLUENCE] = spread_out(found.real_influence, rows, total)
    return entries


def _vendi(sides: Sides) -> dict[str, Entry]:
    one, _, fake = sides.semantic_halves()
    estimate = metrics.vendi_estimate(fake)
    return {"vendi": estimate_entry(estimate, len(fake), real=metrics.vendi_score(one))}


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
    train, real = sides.training.semantic, sides.training.held_out
    fake = sides.fake.semantic[:MOST_PAIRS]
    generated, held_out = metrics.training_distances(train, fake), sides.training.held_out_distances
    found = {"real": held_out.auth_pct().value, DISTANCES: (generated, held_out)}
    return {
        "auth_pct": estimate_entry(generated.auth_pct(), len(fake), **found),
        "data_copying": {
            "value": metrics.data_copying(train, real, fake, seed=sides.seed, in_order=True),
            "n": len(fake),
        },
    }


class Family(NamedTuple):
    """Metrics that are computed together.

    Attributes:
        compute: gives their entries by name; raises InputError where they cannot be computed.
        applies: whether they mean anything for these sides; without that they are left out.
    """

    compute: Callable[[Sides], dict[str, Entry]]
    applies: Callable[[Sides], bool] = lambda sides: True


FAMILIES: dict[str, Family] = {
    "frechet": Family(_frechet),
    "fd_all": Family(_frechet_all),
    "fd_infinity": Family(_frechet_infinity),
    "kernel": Family(_kernel),
    "classifier": Family(_classifier, lambda sides: sides.knows_classes),
    "modes": Family(_modes, lambda sides: sides.knows_classes and sides.fake.channels is not None),
    "motion": Family(motion_entries, lambda sides: sides.fake.motion is not None),
    "frames": Family(frame_entries, lambda sides: sides.fake.frames is not None),
    "neighbours": Family(_neighbours),
    "vendi": Family(_vendi),
    "sliced": Family(_sliced),
    "copying": Family(_copying),
}
QUICK = ("frechet", "classifier", "modes", "motion", "frames")


def check_names(names: Sequence[str], known: Mapping[str, Any] | Sequence[str], what: str) -> None:
    """Raises InputError for a name that is not known; `what` begins the message."""
    for name in names:
        if name not in known:
            raise InputError(f"{what} {name!r} is not known: {nearest(name, known)}")


def check_families(names: Sequence[str]) -> None:
    """Raises InputError for a name that is none of `FAMILIES`."""
    check_names(names, FAMILIES, "--metrics:")


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
        family = FAMILIES[name]
        if not family.applies(sides):
            continue
        try:
            entries |= family.compute(sides)
        except InputError as error:
            # The Fréchet distance is why a judge was called at all.
            if families is not None or name == "frechet":
                raise
            skipped[name] = str(error)
    return entries, skipped
