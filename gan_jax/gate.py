"""The degradation gate: does an extractor notice known damage, and more damage as more?

A random half of real images is damaged and compared with the other half. The ratio of that Fréchet
distance to the floor, the distance of the two halves undamaged, says what a layer sees: 1 is
nothing. An extractor that overlooks a kind of damage in all its layers, or calls stronger damage
weaker, fails; its numbers are marked.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset, read_images
from gan_jax.data.progress import progress_bar
from gan_jax.degradations import DEGRADATIONS, Degradation, Pool
from gan_jax.errors import InputError
from gan_jax.extractor import GATE_RECORD, Extractor, load_pack
from gan_jax.suite import LAYERS, standardise

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
        ratios: mean over seeds of the distance over the floor, one a strength.
        spreads: standard deviations over seeds, likewise.
        monotone: no ratio falls below the one before by more than their spreads.
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
        rows: two a degradation, one a layer.
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
        InputError: a pack or images that cannot be read or do not fit together.
    """
    extractor = load_pack(pack)
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
        extractor: under test.
        reference: real images that it was not trained on; of more than 4,000 a seeded 4,000.
        training: uint8 [m, h, w, c], images for a copying generator to copy.
        num_seeds: random halves and random damage.
        batch_size: images a call.
        progress: told each damage before it is tried.

    Raises:
        InputError: images that do not fit the extractor, too few, or of one class.
    """
    if len(reference) < _FEWEST_IMAGES:
        raise InputError(
            f"the reference {reference.name} has {len(reference)} images; the gate compares random "
            f"halves and needs at least {_FEWEST_IMAGES}, and a thousand to mean something."
        )
    extractor.check_shape(reference.image_shape)
    order = np.random.default_rng(0).permutation(len(reference))[:_MOST_IMAGES]
    images = reference.take(order)
    clean = extractor.features(images, batch_size=batch_size)
    labels = np.argmax(clean.probabilities, -1)
    if reference.labels is not None:
        labels = reference.labels[order]
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"the reference {reference.name} is of one class: a class cannot be dropped from it. "
            "Give one with at least two."
        )
    features = {layer: standardise(getattr(clean, layer), layer) for layer in LAYERS}
    scales = {layer: getattr(clean, layer) for layer in LAYERS}
    halves = [_halves(len(images), seed) for seed in range(num_seeds)]
    floors = {
        layer: np.array([metrics.frechet_distance(f[a], f[b]) for a, b in halves])
        for layer, f in features.items()
    }
    rows = []
    for degradation in DEGRADATIONS:
        if progress:
            progress(degradation.name)
        values = {layer: np.zeros((num_seeds, len(degradation.strengths))) for layer in LAYERS}
        for column, strength in enumerate(degradation.strengths):
            for seed, (kept, damaged) in enumerate(halves):
                rng = np.random.default_rng([seed, column])
                pool = Pool(images[damaged], labels[damaged], training)
                changed = extractor.features(
                    degradation.apply(pool, strength, rng), batch_size=batch_size
                )
                for layer in LAYERS:
                    seen = standardise(getattr(changed, layer), layer, by=scales[layer])
                    values[layer][seed, column] = metrics.frechet_distance(
                        features[layer][kept], seen
                    )
        rows += [_row(degradation, layer, values[layer], floors[layer]) for layer in LAYERS]
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
            "floor_spreads": {
                layer: float(values.std(ddof=1) / values.mean()) for layer, values in floors.items()
            },
        },
    )


def _halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng([seed, count]).permutation(count)
    return order[: count // 2], order[count // 2 : count // 2 * 2]


def _row(degradation: Degradation, layer: str, values: np.ndarray, floors: np.ndarray) -> Row:
    floor, spread = floors.mean(), floors.std(ddof=1) / floors.mean()
    ratios = values / floor
    means, spreads = ratios.mean(0), ratios.std(0, ddof=1)
    drops = means[:-1] - means[1:]
    return Row(
        degradation=degradation.name,
        layer=layer,
        strengths=degradation.strengths,
        ratios=tuple(means.tolist()),
        spreads=tuple(spreads.tolist()),
        monotone=bool(np.all(drops <= np.maximum(spreads[:-1], spreads[1:]))),
        seen=bool(means[-1] > 1 + 3 * spread),
    )


def save_gate(pack: str | pathlib.Path, gate: Gate) -> None:
    """Stores what the gate found beside the pack's weights; the pack's hash does not change."""
    content = {
        "rows": [dataclasses.asdict(row) for row in gate.rows],
        "protocol": gate.protocol,
        "verdict": gate.verdict,
    }
    path = pathlib.Path(pack) / GATE_RECORD
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(content, indent=1) + "\n")
    temporary.replace(path)


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
