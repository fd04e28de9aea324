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
from gan_jax.data.disk import in_words, path_of, write_json
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError
from gan_jax.extractors.common import shape_text
from gan_jax.extractors.pack import GATE_RECORD, Extractor, load_pack
from gan_jax.judging.degradations import DEGRADATIONS, Degradation, Pool, random_halves, rises
from gan_jax.judging.suite import LAYERS, standardise

_FEWEST_IMAGES = 40
_FLOORS = 8  # halvings for the floor's spread; they need no network
# Copies of training images are real images: no distance between distributions can see them.
_INVISIBLE = ("training copies",)


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much the gate tries.

    Attributes:
        every: of the strengths of a damage, each `every`-th one, the strongest always.
        num_seeds: random halves and random damage, at least 2.
        most_images: of a larger reference as many, drawn by content.
        invisible: whether damage that no distance can see is measured too, for the table.
    """

    every: int
    num_seeds: int
    most_images: int
    invisible: bool

    def strengths(self, degradation: Degradation) -> tuple[float, ...]:
        """Those of a damage that are tried, ascending."""
        return degradation.strengths[::-1][:: self.every][::-1]


FULL = Effort(every=1, num_seeds=5, most_images=4_000, invisible=True)
BRIEF = Effort(every=2, num_seeds=2, most_images=800, invisible=False)
"""For a judge that was just trained: seconds, and the verdicts of the full gate where tried."""


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


def gate_pack(
    pack: str | pathlib.Path,
    reference: str,
    *,
    reference_split: str = "test",
    divide: bool = False,
    resize: str = "",
    announce: Callable[[str], None] = lambda line: None,
) -> Gate:
    """Runs the gate on a pack and stores what it found there.

    Args:
        pack: the extractor's folder.
        reference: real images by path or name, as in `gan_jax.data.read_images`; copies are taken
            of its split 'train', or of half of a set that has no parts of its own.
        reference_split: which part of them is damaged.
        divide: whether a set without parts is divided, as a run divides its data set.
        resize: how to bring images to the pack's size (a name of the data options); '' refuses
            other sizes.
        announce: told, before any work, which images are the reference.

    Raises:
        InputError: a pack or images that cannot be read or do not fit together, or a pack that
            cannot be written to.
    """
    pack = path_of(pack)
    extractor = load_pack(pack)
    if not os.access(pack, os.W_OK):
        raise _unwritable(pack, "it is read-only")
    options: dict[str, Any] = {"divide": divide}
    if resize:
        height, width, channels = extractor.image_shape
        options |= {"image_size": (height, width), "channels": channels, "resize": resize}
    real = read_images(reference, split=reference_split, **options)
    extractor.check_shape(real.image_shape)
    if real.own_parts or divide:
        training = read_images(reference, split="train", **options)
        copied = training.take(training.content_order()[: FULL.most_images])
    else:  # what is copied must be other images than what is damaged
        rows = real.content_order()
        copied = real.take(rows[1::2][: FULL.most_images])
        labels = None if real.labels is None else real.labels[rows[::2]]
        real = dataclasses.replace(real, images=real.take(rows[::2]), source=None, labels=labels)
    announce(f"reference: {real.described}")
    gate = _with_progress(extractor, real, copied, FULL)
    if resize:
        gate = dataclasses.replace(gate, protocol=gate.protocol | {"resize": resize})
    save_gate(pack, gate)
    return gate


def brief_gate(extractor: Extractor, held_out: Dataset) -> dict[str, Any]:
    """What `gate.json` is to hold of an extractor that was just trained: the brief gate's findings.

    Args:
        extractor: not saved yet; see the argument `gate` of `save_pack`.
        held_out: images it was not trained on. Where they are too few or of one class the verdict
            is 'not run: ...', with the reason.
    """
    try:
        gate = _with_progress(extractor, held_out, held_out.take(np.arange(1)), BRIEF)
    except InputError as error:
        protocol = {"extractor": extractor.stamp, "extractor_sha256": extractor.digest}
        reason = " ".join(str(error).split())
        return {"rows": [], "protocol": protocol, "verdict": f"not run: {reason}"}
    return _content(gate)


def _with_progress(
    extractor: Extractor, reference: Dataset, training: np.ndarray, effort: Effort
) -> Gate:
    tried = _tried(effort)
    total = sum(len(effort.strengths(one)) for one in tried)
    with progress_bar("degradations", total, " strengths") as bar:

        def progress(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        return run_gate(extractor, reference, training, effort=effort, progress=progress)


def _tried(effort: Effort) -> tuple[Degradation, ...]:
    return tuple(one for one in DEGRADATIONS if effort.invisible or one.name not in _INVISIBLE)


def run_gate(
    extractor: Extractor,
    reference: Dataset,
    training: np.ndarray,
    *,
    effort: Effort = FULL,
    batch_size: int = 500,
    progress: Callable[[str], None] | None = None,
) -> Gate:
    """Damages the reference in every way, strength and seed, and measures what is seen.

    Args:
        extractor: under test; a control serves too, and then needs labels in the reference.
        reference: real images that it was not trained on, in any order.
        training: uint8 [m, h, w, c], images for a copying generator to copy.
        effort: how much is tried.
        batch_size: images a call at most.
        progress: told the damage after each strength.

    Raises:
        InputError: images that do not fit the extractor, too few, without classes or of so few that
            a half has only one, or fewer than two seeds.
    """
    _check(extractor, reference, training, effort.num_seeds)
    order = reference.content_order()[: effort.most_images]
    images = reference.take(order)
    halves = [random_halves(len(images), seed) for seed in range(max(effort.num_seeds, _FLOORS))]
    batch_size = min(batch_size, max(len(half) for half in halves[0]))  # a short one is filled up
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
            floors[layer] = np.zeros(len(halves))
    rows = []
    for degradation in _tried(effort):
        strengths = effort.strengths(degradation)
        values = {layer: np.zeros((effort.num_seeds, len(strengths))) for layer in scales}
        for column, strength in enumerate(strengths):
            for seed, (kept, damaged) in enumerate(halves[: effort.num_seeds]):
                rng = np.random.default_rng([seed, degradation.strengths.index(strength)])
                pool = Pool(images[damaged], labels[damaged], training)
                changed = extractor.features(
                    degradation.apply(pool, strength, rng), batch_size=batch_size
                )
                for layer in scales:
                    seen = standardise(getattr(changed, layer), layer, by=scales[layer])
                    values[layer][seed, column] = metrics.frechet_distance(
                        features[layer][kept], seen
                    )
            if progress:
                progress(degradation.name)
        rows += [
            judge_damage(degradation.name, layer, strengths, values[layer], floors[layer])
            for layer in scales
        ]
    return Gate(
        tuple(rows),
        {
            "extractor": extractor.stamp,
            "extractor_sha256": extractor.digest,
            "reference": reference.name,
            "reference_split": reference.split,
            "reference_fingerprint": reference.fingerprint,
            "n": len(halves[0][0]),
            "seeds": effort.num_seeds,
            "strengths": "all" if effort.every == 1 else f"every {effort.every}th",
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
    degradation: str,
    layer: str,
    strengths: tuple[float, ...],
    distances: np.ndarray,
    floors: np.ndarray,
) -> Row:
    """What one layer says of one kind of damage.

    Args:
        degradation: the damage's name.
        strengths: k, ascending.
        layer: 'semantic' or 'texture'.
        distances: of the damaged from the undamaged half, [seeds, k].
        floors: of halves undamaged, two or more; all 0 of a layer that is constant.
    """
    floor = floors.mean()
    ratios = distances / floor if floor > 0 else np.ones_like(distances)
    means, spreads = ratios.mean(0), ratios.std(0, ddof=1)
    return Row(
        degradation=degradation,
        layer=layer,
        strengths=strengths,
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
    _write(pack, _content(gate))


def _content(gate: Gate) -> dict[str, Any]:
    return {
        "rows": [dataclasses.asdict(row) for row in gate.rows],
        "protocol": gate.protocol,
        "verdict": gate.verdict,
    }


def _write(pack: str | pathlib.Path, content: dict[str, Any]) -> None:
    try:
        write_json(path_of(pack) / GATE_RECORD, content)
    except OSError as error:
        raise _unwritable(pack, in_words(error)) from error


def _unwritable(pack: str | pathlib.Path, why: str) -> InputError:
    return InputError(
        f"the gate's findings cannot be written into the pack '{pack}' ({why}): copy the pack to a "
        "folder of yours, and test it there."
    )


def gate_table(gate: Gate) -> str:
    """The gate's findings as a Markdown table, and its verdict."""
    protocol = gate.protocol
    count = max(len(row.strengths) for row in gate.rows)
    lines = [
        f"{protocol['extractor']} on {protocol['reference']} ({protocol['reference_split']}): "
        f"distance / floor at {count} strengths, n = {protocol['n']:,} a side, "
        f"{protocol['seeds']} seeds",
        "",
        f"| damage | layer | {' | '.join(map(str, range(1, count + 1)))} | monotone | seen |",
        f"|---|---|{'---|' * count}---|---|",
    ]
    for row in gate.rows:
        ratios = " | ".join(f"{ratio:.3g}" for ratio in row.ratios)
        lines.append(
            f"| {row.degradation} | {row.layer} | {ratios} | {'yes' if row.monotone else 'NO'} | "
            f"{'yes' if row.seen else 'NO'} |"
        )
    return "\n".join([*lines, "", f"Gate {gate.verdict}."])
