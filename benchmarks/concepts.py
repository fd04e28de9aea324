"""Measures and draws the three pictures of docs/concepts.md.

    python -m benchmarks.concepts --out docs

Held-out digits of `mnist5k` as the released judge `mnist-v1` sees them, real and damaged. Prints
the numbers that the page quotes. Seed s draws the halves numbered s; a number is over all of them.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable

import matplotlib
import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset, load
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.degradations import DEGRADATIONS, Pool
from gan_jax.judging.headline import compare_views
from gan_jax.judging.view import View, layers_of, standardise

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (after the choice of a backend)

_DAMAGES = {one.name: one for one in DEGRADATIONS}
_COUNTS = (50, 100, 200, 300, 400, 500)
_BLURS = (0.2, 0.3, 0.4, 0.5, 0.7)
_DRAWS = 20
_SHOWN = (
    ("blur", 0.3), ("shift", 0.04), ("dropped class", 1.0), ("checkerboard", 0.1),
    ("blur", 0.7), ("shuffled patches", 0.5),
)  # fmt: skip


def damaged(digits: Dataset, name: str, strength: float, rows: np.ndarray, seed: int) -> np.ndarray:
    """The digits `rows`, damaged."""
    pool = Pool(digits.images, digits.labels, digits.images).take(rows)
    return _DAMAGES[name].apply(pool, strength, np.random.default_rng(seed))


def halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two sets of `count` different digits of the 1,000."""
    order = np.random.default_rng([seed, 1]).permutation(1000)
    return order[:count], order[count : 2 * count]


def measure_distances(judge: Extractor, digits: Dataset) -> dict[str, np.ndarray]:
    """Fréchet and kernel distances in the texture layer, [sets, counts, seeds] each."""
    sets = {"real": 0.0, "blur of 0.5 px": 0.5, "blur of 0.7 px": 0.7}
    everywhere = np.arange(len(digits.images))
    raw = layers_of(judge.features(digits.images))["texture"]
    seen = [
        raw
        if not blur
        else layers_of(judge.features(damaged(digits, "blur", blur, everywhere, 0)))["texture"]
        for blur in sets.values()
    ]
    seen = [standardise(values, "texture", by=raw) for values in seen]
    found = {name: np.zeros((len(sets), len(_COUNTS), 5)) for name in ("frechet", "kernel")}
    for row, values in enumerate(seen):
        for column, count in enumerate(_COUNTS):
            for seed in range(5):
                one, other = halves(count, seed)
                place = row, column, seed
                found["frechet"][place] = metrics.frechet_distance(seen[0][one], values[other])
                found["kernel"][place] = metrics.kernel_distance(seen[0][one], values[other]).value
    for name, values in found.items():
        for label, means in zip(sets, values.mean(-1)):
            print(name, label, dict(zip(_COUNTS, np.round(means, 4).tolist())))
    return found


def draw_distances(found: dict[str, np.ndarray], path: pathlib.Path) -> None:
    """Both distances against the number of images."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    labels = ("other real digits: the floor", "blur of 0.5 px", "blur of 0.7 px")
    for axis, name, title in (
        (left, "frechet", "Fréchet distance (fd_texture)"),
        (right, "kernel", "kernel distance of the same features"),
    ):
        for values, label, colour in zip(found[name], labels, ("0.45", "C0", "C3")):
            spread = values.std(-1, ddof=1)
            axis.errorbar(
                _COUNTS, values.mean(-1), spread, label=label, color=colour, marker="o", ms=3
            )
        axis.set(title=title, xlabel="images a side (n)")
    left.set(yscale="log")
    right.axhline(0, color="0.8", lw=0.8, zorder=0)
    left.legend(frameon=False, fontsize=8)
    _save(figure, path)


def measure_power(judge: Extractor, digits: Dataset) -> dict[int, list[float]]:
    """The share of draws in which the test tells blurred digits from real ones, by n."""
    everywhere = np.arange(len(digits.images))
    real = View.of_features(judge.features(digits.images))
    views = {0.0: real}
    for blur in _BLURS:
        changed = damaged(digits, "blur", blur, everywhere, 0)
        views[blur] = View.of_features(judge.features(changed))
    found: dict[int, list[float]] = {}
    for count in (25, 100, 400):
        found[count] = []
        for view in views.values():
            told = 0
            for draw in range(_DRAWS):
                one, other = halves(count, draw)
                told += compare_views(real.take(one), view.take(other)).p <= 0.05
            found[count].append(told / _DRAWS)
        print("told", count, dict(zip(views, found[count])))
    return found


def draw_power(found: dict[int, list[float]], path: pathlib.Path) -> None:
    """The shares against the blur."""
    figure, axis = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
    for (count, shares), colour in zip(found.items(), ("0.45", "C0", "C3")):
        axis.plot((0.0, *_BLURS), shares, marker="o", ms=4, label=f"{count} a side", color=colour)
    axis.axhline(0.8, color="0.7", lw=0.8, ls="--")
    axis.text(0.0, 0.82, "8 of 10 draws: the test notices it", fontsize=8, color="0.4")
    axis.set(
        xlabel="blur, standard deviation in pixels",
        ylabel="share of draws told",
        ylim=(-0.03, 1.05),
    )
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    _save(figure, path)


def measure_sight(judge: Extractor, digits: Dataset) -> list[dict[str, float]]:
    """For each damage shown the distance over the floor, by layer; n = 500 a side, 5 seeds."""
    raw = layers_of(judge.features(digits.images))
    real = {layer: standardise(values, layer) for layer, values in raw.items()}
    pairs = [halves(500, seed) for seed in range(5)]
    floors = {
        layer: np.mean([metrics.frechet_distance(f[a], f[b]) for a, b in pairs])
        for layer, f in real.items()
    }
    print("floors", floors)
    rows = []
    for name, strength in _SHOWN:
        found: dict[str, list[float]] = {layer: [] for layer in real}
        for seed, (kept, others) in enumerate(pairs):
            seen = layers_of(judge.features(damaged(digits, name, strength, others, seed)))
            for layer, values in real.items():
                distance = metrics.frechet_distance(
                    values[kept], standardise(seen[layer], layer, by=raw[layer])
                )
                found[layer].append(distance / floors[layer])
        rows.append({layer: float(np.mean(ratios)) for layer, ratios in found.items()})
        print(name, strength, {layer: round(ratio, 2) for layer, ratio in rows[-1].items()})
    return rows


def draw_sight(digits: Dataset, rows: list[dict[str, float]], path: pathlib.Path) -> None:
    """Damaged digits, a row for each damage, with what each layer says of it."""
    shown = np.concatenate([np.flatnonzero(digits.labels == digit)[:1] for digit in range(10)])
    strips: list[tuple[str, np.ndarray]] = [("real", digits.images[shown])]
    for (name, strength), row in zip(_SHOWN, rows):
        images = damaged(digits, name, strength, shown, 1)
        text = f"semantic {row['semantic']:.1f} x floor, texture {row['texture']:.1f} x floor"
        strips.append((f"{_WORDS[name, strength]}\n{text}", images))
    figure, axes = plt.subplots(len(strips), 1, figsize=(7.6, 4.2))
    figure.subplots_adjust(0.01, 0.01, 0.62, 0.99, hspace=0.1)
    for axis, (text, images) in zip(axes, strips):
        axis.imshow(np.concatenate(images[..., 0], axis=1), cmap="gray", vmin=0, vmax=255)
        axis.set_axis_off()
        axis.set_anchor("W")
        axis.text(288, 14, text, fontsize=8, va="center")
    _save(figure, path)


_WORDS = {
    ("blur", 0.3): "blur of 0.3 px",
    ("shift", 0.04): "shift of one pixel",
    ("dropped class", 1.0): "one class of ten gone",
    ("checkerboard", 0.1): "checkerboard, 5 % of the range",
    ("blur", 0.7): "blur of 0.7 px",
    ("shuffled patches", 0.5): "half of the pieces shuffled",
}


def _save(figure, path: pathlib.Path) -> None:
    figure.savefig(path, dpi=120, facecolor="white", metadata={"Software": None})
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs"))
    out = parser.parse_args(arguments).out
    judge, digits = load_pack("mnist-v1"), load({"name": "mnist5k"}, "test")
    print("judge", judge.stamp)
    jobs: tuple[Callable[[], None], ...] = (
        lambda: draw_distances(measure_distances(judge, digits), out / "concepts_floor.png"),
        lambda: draw_power(measure_power(judge, digits), out / "concepts_power.png"),
        lambda: draw_sight(digits, measure_sight(judge, digits), out / "concepts_sight.png"),
    )
    for job in jobs:
        job()


if __name__ == "__main__":
    main()
