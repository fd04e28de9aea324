"""The degradation gate: does an extractor notice known damage, and more damage as more?

An extractor that overlooks a kind of damage in all its layers, or calls stronger damage weaker,
fails; its numbers are marked.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset, read_images
from gan_jax.data.disk import in_words, path_of, write_json
from gan_jax.errors import InputError
from gan_jax.extractors.common import shape_text
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import GATE_RECORD, load_pack
from gan_jax.extractors.released import is_released
from gan_jax.judging.clips import CLIP_DAMAGES
from gan_jax.judging.degradations import DEGRADATIONS, Pool
from gan_jax.judging.samples import resizing_options
from gan_jax.judging.sensitivity import Halves, Row, measure_damage, random_halves, relative_spread
from gan_jax.judging.view import is_constant, layers_of, standardise

_FEWEST_IMAGES = 40
_BATCH_SIZE = 500
_FLOORS = 8  # halvings for the floor's spread; they need no network
# Copies of training images are real images: no distance between distributions can see them.
# Motion that looks the same backwards is the same distribution reversed.
_INVISIBLE = ("training copies", "reversed")


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


FULL = Effort(every=1, num_seeds=5, most_images=4_000, invisible=True)
BRIEF = Effort(every=2, num_seeds=2, most_images=800, invisible=False)
"""For an extractor that was just trained: seconds, and the full gate's verdicts where tried."""


@dataclasses.dataclass(frozen=True)
class Gate:
    """What the gate found.

    Attributes:
        rows: one for each degradation and layer, 'semantic' or 'texture'.
        protocol: extractor, reference, n, seeds, spread of the floor by layer.
    """

    rows: tuple[Row, ...]
    protocol: dict[str, Any]

    @property
    def failures(self) -> tuple[str, ...]:
        """What no layer sees, and what is seen but not in order; empty if the gate is passed."""
        failures = []
        for name in dict.fromkeys(row.degradation for row in self.rows):
            seeing = [row for row in self.rows if row.degradation == name and row.seen[-1]]
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

    def content(self) -> dict[str, Any]:
        """What gate.json holds."""
        rows = [
            {
                "degradation": row.degradation,
                "layer": row.metric,
                "strengths": row.strengths,
                "ratios": row.ratios,
                "spreads": row.spreads,
                "monotone": row.monotone,
                "seen": row.seen[-1],
            }
            for row in self.rows
        ]
        return {"rows": rows, "protocol": self.protocol, "verdict": self.verdict}


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
        pack: the extractor's folder, or the name of a released one, which is not changed.
        reference: real images by path or name, as in `gan_jax.data.read_images`; copies are taken
            of its split 'train', or of half of a set that has no parts of its own.
        reference_split: which part of them is damaged.
        divide: whether a set without parts is divided, as a run divides its data set.
        resize: how to bring images to the pack's size (a data option); '' refuses other sizes.
        announce: told, before any work, which images are the reference.

    Raises:
        InputError: a pack or images that cannot be read or do not fit together, or a pack that
            cannot be written to.
    """
    extractor, kept = load_pack(pack), is_released(pack)
    if not kept and not os.access(path_of(pack), os.W_OK):
        raise _unwritable(pack, "it is read-only")
    options = {"divide": divide} | resizing_options(extractor, resize)
    real = read_images(reference, split=reference_split, **options)
    extractor.check_shape(real.image_shape)
    if real.own_parts or divide:
        training = read_images(reference, split="train", **options)
        copied = training.take(training.content_order()[: FULL.most_images])
    else:  # what is copied must be other images than what is damaged
        rows = real.content_order()
        copied = real.take(rows[1::2][: FULL.most_images])
        real = real.subset(rows[::2])
    announce(f"reference: {real.described}")
    gate = run_gate(extractor, real, copied)
    if resize:
        gate = dataclasses.replace(gate, protocol=gate.protocol | {"resize": resize})
    if kept:
        announce(f"{pack} comes with gan_jax and keeps its own gate: these findings are not stored")
    else:
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
        return run_gate(extractor, held_out, held_out.take(np.arange(1)), effort=BRIEF).content()
    except InputError as error:
        protocol = {"extractor": extractor.stamp, "extractor_sha256": extractor.digest}
        reason = " ".join(str(error).split())
        return {"rows": [], "protocol": protocol, "verdict": f"not run: {reason}"}


def run_gate(
    extractor: Extractor, reference: Dataset, training: np.ndarray, *, effort: Effort = FULL
) -> Gate:
    """Damages the reference in every way, strength and seed, and measures what is seen.

    Args:
        extractor: under test; a control serves too, and then needs labels in the reference.
        reference: real images that it was not trained on, in any order.
        training: uint8 [m, h, w, c], images for a copying generator to copy.

    Raises:
        InputError: images that do not fit the extractor, too few, without classes or of so few that
            a half has only one, or fewer than two seeds.
    """
    _check(extractor, reference, training, effort.num_seeds)
    order = reference.content_order()[: effort.most_images]
    images = reference.take(order)
    halves = [random_halves(len(images), seed) for seed in range(max(effort.num_seeds, _FLOORS))]
    batch_size = min(_BATCH_SIZE, len(halves[0][0]))  # a short batch is filled up
    labels = None if reference.labels is None else reference.labels[order]
    if labels is not None:
        _check_classes(labels, halves, reference.name)  # before any work
    clean = extractor.features(images, batch_size=batch_size)
    if labels is None:
        if clean.probabilities is None:
            raise InputError(
                f"neither the reference {reference.name} has labels nor knows the extractor "
                f"{extractor.stamp} classes, and the gate drops one: give images with labels."
            )
        labels = np.argmax(clean.probabilities, -1)
        _check_classes(labels, halves, reference.name)
    layers = layers_of(clean)
    features = {layer: standardise(values, layer) for layer, values in layers.items()}
    floors = {
        layer: np.zeros(len(halves))
        if is_constant(layers[layer])
        else np.array([metrics.frechet_distance(f[a], f[b]) for a, b in halves])
        for layer, f in features.items()
    }

    def distances(kept: np.ndarray, damaged: np.ndarray) -> Mapping[str, float]:
        found = layers_of(extractor.features(damaged, batch_size=batch_size))
        return {
            layer: metrics.frechet_distance(
                features[layer][kept], standardise(found[layer], layer, by=layers[layer])
            )
            for layer in layers
        }

    tried = DEGRADATIONS if images.ndim == 4 else (*DEGRADATIONS, *CLIP_DAMAGES)
    rows = measure_damage(
        Pool(images, labels, training),
        [one for one in tried if effort.invisible or one.name not in _INVISIBLE],
        halves[: effort.num_seeds],
        floors,
        distances,
        every=effort.every,
    )
    return Gate(
        rows,
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
            "floor_spreads": {layer: relative_spread(values) for layer, values in floors.items()},
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
    shape = reference.image_shape
    extractor.check_shape(shape)
    if training.dtype != np.uint8 or not len(training) or training.shape[1:] != shape:
        raise InputError(
            f"the training images are {training.dtype} {list(training.shape)}; copies of them "
            f"stand in for images of the reference: give at least one, uint8 and "
            f"{shape_text(shape)}."
        )


def _check_classes(labels: np.ndarray, halves: Halves, name: str) -> None:
    """Raises InputError unless every half to be damaged is of two classes or more."""
    fewest = min(len(np.unique(labels[damaged])) for _, damaged in halves)
    if fewest < 2:
        classes, counts = np.unique(labels, return_counts=True)
        found = "of one class" if len(classes) == 1 else f"of {counts.max()} of one class in all"
        raise InputError(
            f"the reference {name} is {found} (of {len(labels)} images), and the gate drops a "
            "class from a random half: give images of at least two classes, dozens of each."
        )


def save_gate(pack: str | pathlib.Path, gate: Gate) -> None:
    """Stores what the gate found beside the pack's weights; the pack's hash does not change.

    Raises:
        InputError: a pack that cannot be written to.
    """
    try:
        write_json(path_of(pack) / GATE_RECORD, gate.content())
    except OSError as error:
        raise _unwritable(pack, in_words(error)) from error


def _unwritable(pack: str | pathlib.Path, why: str) -> InputError:
    return InputError(
        f"the gate's findings cannot be written into the pack '{pack}' ({why}): copy the pack to a "
        "folder of yours, and test it there."
    )


def gate_table(content: Mapping[str, Any]) -> str:
    """What `gate.json` holds as a Markdown table, with the verdict."""
    protocol, rows = content["protocol"], content["rows"]
    count = max(len(row["strengths"]) for row in rows)
    lines = [
        f"{protocol['extractor']} on {protocol['reference']} ({protocol['reference_split']}): "
        f"distance / floor at {count} strengths, n = {protocol['n']:,} a side, "
        f"{protocol['seeds']} seeds",
        "",
        f"| damage | layer | {' | '.join(map(str, range(1, count + 1)))} | monotone | seen |",
        f"|---|---|{'---|' * count}---|---|",
    ]
    for row in rows:
        ratios = " | ".join(f"{ratio:.3g}" for ratio in row["ratios"])
        lines.append(
            f"| {row['degradation']} | {row['layer']} | {ratios} | "
            f"{'yes' if row['monotone'] else 'NO'} | {'yes' if row['seen'] else 'NO'} |"
        )
    return "\n".join([*lines, "", f"Gate {content['verdict']}."])
