"""Which number sees which damage to clips, as the table of docs/moving_images.md.

    python -m benchmarks.clip_damages --clips runs/cnn_moving_digits/pack \
        --frames runs/cnn_moving_frames/pack [--images 1000] [--seeds 3]

Real test clips of moving digits are divided into halves; one half is damaged. A number sees a
damage if, at the strongest, the halves differ by more than three standard deviations of what
undamaged halves differ by; 'in order' says that more damage never shows as less.
"""

from __future__ import annotations

import argparse

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset, load
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import load_pack
from gan_jax.extractors.parts import reading_parts
from gan_jax.judging.clips import CLIP_DAMAGES
from gan_jax.judging.degradations import DEGRADATIONS, Pool
from gan_jax.judging.sensitivity import Distances, Row, measure_damage, random_halves
from gan_jax.metrics import motion

_IMAGES = ("blur", "noise", "one image repeated")
_NAMES = {
    "fd_clips": "`fd_semantic`",
    "fd_frames": "per frame",
    "as_labelled": "read as labelled",
    "same_class": "`same_class`",
    "speed": "`speed`",
    "speed_change": "`speed_change`",
    "direction": "`direction_kl`",
}


def clip_sensitivity(
    dataset: Dataset, clips: Extractor, frames: Extractor, *, num_seeds: int = 3
) -> tuple[Row, ...]:
    """Damages clips in every way, strength and seed; a row for each damage and number.

    Args:
        dataset: moving digits with labels of digit and direction.
        clips: a pack that reads clips.
        frames: one that reads their frames.
        num_seeds: random halves and random damage, at least 2.
    """
    order = dataset.content_order()
    images = dataset.take(order)
    labels = dataset.class_labels[order]
    halves = [random_halves(len(images), seed) for seed in range(max(num_seeds, 8))]
    damaged_of = {kept.tobytes(): damaged for kept, damaged in halves}
    distances = _distances(images, labels, clips, reading_parts(frames, dataset), damaged_of)
    undamaged = [distances(kept, images[damaged]) for kept, damaged in halves]
    floors = {name: np.array([one[name] for one in undamaged]) for name in _NAMES}
    damages = [*CLIP_DAMAGES, *(one for one in DEGRADATIONS if one.name in _IMAGES)]
    return measure_damage(
        Pool(images, labels, images[:1]), damages, halves[:num_seeds], floors, distances
    )


def _distances(images, labels, clips, frames, damaged_of) -> Distances:
    def looked_at(some: np.ndarray) -> dict[str, np.ndarray]:
        whole, single = clips.features(some), frames.features(some)
        moved = motion.displacements(some)
        read = single.frames.argmax(-1)
        return {
            "fd_clips": whole.semantic,
            "fd_frames": single.semantic,
            "as_labelled": whole.probabilities.argmax(-1),
            "same_class": (read == read[:, :1]).all(1),
            "speed": motion.speeds(moved),
            "speed_change": motion.speed_changes(moved),
            "direction": motion.directions(moved),
        }

    known = looked_at(images)

    def distances(kept: np.ndarray, others: np.ndarray) -> dict[str, float]:
        seen = looked_at(others)
        found = {}
        for name in _NAMES:
            one, other = known[name][kept], seen[name]
            if name.startswith("fd"):
                found[name] = metrics.frechet_distance(one, other)
            elif name == "direction":
                counts = [
                    metrics.class_histogram(side, motion.NUM_DIRECTIONS) for side in (other, one)
                ]
                found[name] = metrics.class_kl(*counts)
            else:
                if name == "as_labelled":
                    one, other = one == labels[kept], other == labels[damaged_of[kept.tobytes()]]
                found[name] = abs(float(other.mean()) - float(one.mean()))
        return found

    return distances


def table(rows: tuple[Row, ...]) -> str:
    """Markdown: damages down, numbers across; the ratio to the floor of the strongest damage."""
    lines = ["| damage, strongest | " + " | ".join(_NAMES.values()) + " |"]
    lines.append("|---" * (len(_NAMES) + 1) + "|")
    for name in dict.fromkeys(row.degradation for row in rows):
        cells = []
        for metric in _NAMES:
            row = next(one for one in rows if (one.degradation, one.metric) == (name, metric))
            order = "" if row.monotone else ", not in order"
            cells.append(f"**{row.ratios[-1]:.3g}**{order}" if row.seen[-1] else "-")
        strength = next(row.strengths[-1] for row in rows if row.degradation == name)
        lines.append(f"| {name}, {strength:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", required=True, help="the pack that reads clips")
    parser.add_argument("--frames", required=True, help="the pack that reads frames")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    dataset = load(
        {"name": "moving_digits", "clip_labels": "motion", "num_test_clips": options.images}, "test"
    )
    packs = load_pack(options.clips), load_pack(options.frames)
    rows = clip_sensitivity(dataset, *packs, num_seeds=options.seeds)
    count = f"n = {options.images // 2} a side, {options.seeds} seeds"
    print(f"{packs[0].stamp}, {packs[1].stamp}, {count}")
    print(table(rows))


if __name__ == "__main__":
    main()
