"""The degradation gate: does an extractor notice known damage, and more damage as more?

A random half of real images is damaged and compared with the other half. The ratio of that Fréchet
distance to the floor, the distance of the two halves undamaged, says what a layer sees: 1 is
nothing. An extractor that overlooks a kind of damage in all its layers, or calls stronger damage
weaker, fails; its numbers are marked.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset, read_images
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError
from gan_jax.extractors.common import shape_text
from gan_jax.extractors.pack import GATE_RECORD, Extractor, load_pack
from gan_jax.judging.degradations import DEGRADATIONS, Degradation, Pool, random_halves, rises
from gan_jax.judging.suite import LAYERS, standardise
from gan_jax.workdir import write_json

_MOST_IMAGES = 4_000
_FEWEST_IMAGES = 40
# Copies of training images are real images: no distance between distributions can see them.
_INVISIBLE = ("training copies",)


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of damage as one layer sees it.

    Attributes:
        degradation: its name.
        layer: 'semantic' or 'texture'.
        strengths: ascending.
        ratios: mean over seeds of the distance over the floor, one a strength; 1 of a layer that is
            the same for all real images, which sees nothing.
        spreads: standard deviations over seeds, likewise.
        monotone: no ratio falls below the one before by more than the larger of their spreads.
        seen: the strongest damage lies above the floor by three of the floor's spreads.
    """

    degradation: str
    layer: str
    strengths: tuple[float, ...]
    ratios: tuple[float, ...]
    spreads: tuple[float, ...]
    monotone: bool
    seen: bool


@dataclasses.dataclass(frozen=True)
class Gate:
    """What the gate found.

    Attributes:
        rows: one a degradation and layer; two a degradation, or one of an extractor without layers.
        protocol: extractor, reference, n, seeds, spread of the floor by layer.
    """

    rows: tuple[Row, ...]
    protocol: dict[str, Any]

    @property
    def failures(self) -> tuple[str, ...]:
        """What no layer sees, and what is seen but not in order; empty if the gate is passed."""
        failures = []
        for name in dict.fromkeys(row.degradation for row in self.rows):
            seeing = [row for row in self.rows if row.degradation == name and row.seen]
            if name in _INVISIBLE:
                continue
            if not seeing:
                failures.append(f"{name} is not seen")
            elif not any(row.monotone for row in seeing):
                failures.append(f"{name} is not monotone")
        return tuple(failures)

    @property
    def verdict(self) -> str:
        """'passed', or 'failed: ' and why."""
        return f"failed: {', '.join(self.failures)}" if self.failures else "passed"


def gate_pack(pack: str | pathlib.Path, reference: str, *, reference_split: str = "test") -> Gate:
    """Runs the gate on a pack and stores what it found there.

    Args:
        pack: the extractor's folder.
        reference: real images by path or name, as in `gan_jax.data.read_images`; copies are taken
            of its split 'train'.
        reference_split: which part of them is damaged.

    Raises:
        InputError: a pack or images that cannot be read or do not fit together, or a pack that
            cannot be written to.
    """
    pack = pathlib.Path(pack).expanduser()
    extractor = load_pack(pack)
    if not os.access(pack, os.W_OK):
        raise _unwritable(pack, "it is read-only")
    real = read_images(reference, split=reference_split)
    extractor.check_shape(real.image_shape)
    training = read_images(reference, split="train")
    copied = np.random.default_rng(0).permutation(len(training))[:_MOST_IMAGES]
    with progress_bar("degradations", len(DEGRADATIONS), " kinds") as bar:

        def progress(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        gate = run_gate(extractor, real, training.take(copied), progress=progress)
    save_gate(pack, gate)
    return gate


def run_gate(
    extractor: Extractor,
    reference: Dataset,
    training: np.ndarray,
    *,
    num_seeds: int = 5,
    batch_size: int = 500,
    progress: Callable[[str], None] | None = None,
) -> Gate:
    """Damages the reference in every way, strength and seed, and measures what is seen.

    Args:
        extractor: under test; a control serves too, and then needs labels in the reference.
        reference: real images that it was not trained on; of more than 4,000 a seeded 4,000.
        training: uint8 [m, h, w, c], images for a copying generator to copy.
        num_seeds: random halves and random damage, at least 2.
        batch_size: images a call.
        progress: told each damage before it is tried.

    Raises:
        InputError: images that do not fit the extractor, too few, without classes or of so few that
            a half has only one, or fewer than two seeds.
    """
    _check(extractor, reference, training, num_seeds)
    order = np.random.default_rng(0).permutation(len(reference))[:_MOST_IMAGES]
    images = reference.take(order)
    halves = [random_halves(len(images), seed) for seed in range(num_seeds)]
    if reference.labels is not None:
        _check_classes(reference.labels[order], halves, reference.name)
    clean = extractor.features(images, batch_size=batch_size)
    if reference.labels is not None:
        labels = reference.labels[order]
    elif clean.probabilities is not None:
        labels = np.argmax(clean.probabilities, -1)
        _check_classes(labels, halves, reference.name)
    else:
        raise InputError(
            f"neither the reference {reference.name} has labels nor knows the extractor "
            f"{extractor.stamp} classes, and the gate drops one: give images with labels."
        )
    scales = {layer: getattr(clean, layer) for layer in LAYERS}
    scales = {layer: values for layer, values in scales.items() if values is not None}
    features = {layer: standardise(values, layer) for layer, values in scales.items()}
    floors = {
        layer: np.array([metrics.frechet_distance(f[a], f[b]) for a, b in halves])
        for layer, f in features.items()
    }
    for layer, values in scales.items():
        if _is_constant(values):
            floors[layer] = np.zeros(num_seeds)
    rows = []
    for degradation in DEGRADATIONS:
        if progress:
            progress(degradation.name)
        values = {layer: np.zeros((num_seeds, len(degradation.strengths))) for layer in scales}
        for column, strength in enumerate(degradation.strengths):
            for seed, (kept, damaged) in enumerate(halves):
                rng = np.random.default_rng([seed, column])
                pool = Pool(images[damaged], labels[damaged], training)
                changed = extractor.features(
                    degradation.apply(pool, strength, rng), batch_size=batch_size
                )
                for layer in scales:
                    seen = standardise(getattr(changed, layer), layer, by=scales[layer])
                    values[layer][seed, column] = metrics.frechet_distance(
                        features[layer][kept], seen
                    )
        rows += [judge_damage(degradation, layer, values[layer], floors[layer]) for layer in scales]
    return Gate(
        tuple(rows),
        {
            "extractor": extractor.stamp,
            "extractor_sha256": extractor.digest,
            "reference": reference.name,
            "reference_split": reference.split,
            "reference_fingerprint": reference.fingerprint,
            "n": len(halves[0][0]),
            "seeds": num_seeds,
            "floors": {layer: float(values.mean()) for layer, values in floors.items()},
            "floor_spreads": {layer: _spread(values) for layer, values in floors.items()},
        },
    )


def _check(extractor: Extractor, reference: Dataset, training: np.ndarray, num_seeds: int) -> None:
    if num_seeds < 2:
        raise InputError(
            f"num_seeds is {num_seeds}; the gate needs at least 2 for a spread, and 5 or more for "
            "one that means something."
        )
    if len(reference) < _FEWEST_IMAGES:
        raise InputError(
            f"the reference {reference.name} has {len(reference)} images; the gate compares random "
            f"halves and needs at least {_FEWEST_IMAGES}, and a thousand to mean something."
        )
    extractor.check_shape(reference.image_shape)
    if (
        training.dtype != np.uint8
        or not len(training)
        or training.shape[1:] != reference.image_shape
    ):
        shape = shape_text(reference.image_shape)
        raise InputError(
            f"the training images are {training.dtype} {list(training.shape)}; copies of them "
            f"stand in for images of the reference: give at least one, uint8 and {shape}."
        )


def _check_classes(
    labels: np.ndarray, halves: Sequence[tuple[np.ndarray, np.ndarray]], name: str
) -> None:
    """Raises InputError unless every half to be damaged is of two classes or more."""
    fewest = min(len(np.unique(labels[damaged])) for _, damaged in halves)
    if fewest < 2:
        classes, counts = np.unique(labels, return_counts=True)
        found = "of one class" if len(classes) == 1 else f"of {counts.max()} of one class in all"
        raise InputError(
            f"the reference {name} is {found} (of {len(labels)} images), and the gate drops a "
            "class from a random half: give images of at least two classes, dozens of each."
        )


def _is_constant(features: np.ndarray) -> bool:
    """Whether features [n, d] are the same for all images, up to round-off."""
    return bool(np.ptp(features, axis=0).max() <= 1e-6 * np.abs(features).max())


def _spread(floors: np.ndarray) -> float:
    """Standard deviation of the floors over their mean; 0 of a layer that is constant."""
    mean = floors.mean()
    return float(floors.std(ddof=1) / mean) if mean > 0 else 0.0


def judge_damage(
    degradation: Degradation, layer: str, distances: np.ndarray, floors: np.ndarray
) -> Row:
    """What one layer says of one kind of damage.

    Args:
        degradation: the damage; its k strengths count.
        layer: 'semantic' or 'texture'.
        distances: of the damaged from the undamaged half, [seeds, k].
        floors: of the halves undamaged, [seeds]; all 0 of a layer that is constant.
    """
    floor = floors.mean()
    ratios = distances / floor if floor > 0 else np.ones_like(distances)
    means, spreads = ratios.mean(0), ratios.std(0, ddof=1)
    return Row(
        degradation=degradation.name,
        layer=layer,
        strengths=degradation.strengths,
        ratios=tuple(means.tolist()),
        spreads=tuple(spreads.tolist()),
        monotone=rises(means, spreads),
        seen=bool(means[-1] > 1 + 3 * _spread(floors)),
    )


def save_gate(pack: str | pathlib.Path, gate: Gate) -> None:
    """Stores what the gate found beside the pack's weights; the pack's hash does not change.

    Raises:
        InputError: a pack that cannot be written to.
    """
    content = {
        "rows": [dataclasses.asdict(row) for row in gate.rows],
        "protocol": gate.protocol,
        "verdict": gate.verdict,
    }
    try:
        write_json(pathlib.Path(pack).expanduser() / GATE_RECORD, content)
    except OSError as error:
        raise _unwritable(pack, error.strerror) from error


def _unwritable(pack: str | pathlib.Path, why: str) -> InputError:
    return InputError(
        f"the gate's findings cannot be written into the pack '{pack}' ({why}): copy the pack to a "
        "folder of yours, and test it there."
    )


def gate_table(gate: Gate) -> str:
    """The gate's findings as a Markdown table, and its verdict."""
    protocol = gate.protocol
    lines = [
        f"{protocol['extractor']} on {protocol['reference']} ({protocol['reference_split']}): "
        f"distance / floor at five strengths, n = {protocol['n']:,} a side, "
        f"{protocol['seeds']} seeds",
        "",
        "| damage | layer | 1 | 2 | 3 | 4 | 5 | monotone | seen |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in gate.rows:
        ratios = " | ".join(f"{ratio:.3g}" for ratio in row.ratios)
        lines.append(
            f"| {row.degradation} | {row.layer} | {ratios} | {'yes' if row.monotone else 'NO'} | "
            f"{'yes' if row.seen else 'NO'} |"
        )
    return "\n".join([*lines, "", f"Gate {gate.verdict}."])
