"""What each texture metric sees of known damage, as the tables of docs/texture_sensitivity.md.

    python -m benchmarks.texture_sensitivity [--images 400] [--seeds 5] [--sets quasi_periodic,...]
    python -m benchmarks.texture_sensitivity --extractor runs/cnn_textures/pack --families cnn

A set is a kind of `gan_jax.data.procedural`, 'textures' for the built-in photographs together, or
the name of one of them (which need scikit-image).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.textures.degradations import TEXTURE_DEGRADATIONS, texture_pool
from gan_jax import data, metrics
from gan_jax.data.content import in_content_order
from gan_jax.data.procedural import KINDS, procedural_textures
from gan_jax.errors import InputError
from gan_jax.extractors.common import checked_images
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.degradations import Degradation
from gan_jax.judging.sensitivity import Distances, Row, measure_damage, random_halves
from gan_jax.judging.textures.families import STATISTICS, check_texture_families
from gan_jax.metrics.texture.features import gram_distance, patch_frechet_distance
from gan_jax.metrics.texture.headline import HEADLINE, Standardiser, headline_features
from gan_jax.metrics.texture.laplacian import laplacian_distances

_LAPLACIAN_PATCHES, _LAPLACIAN_PROJECTIONS = 1 << 12, 64


def texture_sensitivity(
    images: np.ndarray,
    *,
    families: Sequence[str] = tuple(STATISTICS),
    extractor: Extractor | None = None,
    degradations: Sequence[Degradation] = TEXTURE_DEGRADATIONS,
    num_seeds: int = 5,
) -> tuple[Row, ...]:
    """Damages textures in every way, strength and seed, and measures what is seen.

    The order of the images changes nothing.

    Args:
        images: real textures uint8 [m, h, w, c], m >= 8; n = m // 2 a side.
        families: names of `STATISTICS`, each measured by itself, 'laplacian', and 'cnn'; texture_fd
            too if all of its parts are there.
        extractor: a trained CNN, whose patch_fd and gram_distance are then measured too, with
            'cnn' among the families or not.
        degradations: what is done.
        num_seeds: random halves and random damage, at least 2.

    Returns:
        A row for each damage and metric.

    Raises:
        InputError: too few images or seeds, an unknown family, 'cnn' without an extractor, or
            images that do not fit it.
    """
    images = checked_images(images)
    check_texture_families(families)
    if extractor is not None:
        extractor.check_shape(images.shape[1:])
    elif "cnn" in families:
        raise InputError("the family 'cnn' needs an extractor: give one, or leave it out.")
    if len(images) < 8 or num_seeds < 2:
        raise InputError(
            f"there are {len(images)} images and {num_seeds} seed(s); expected at least 8 images "
            "for two halves, and 2 seeds for a spread."
        )
    images = in_content_order(images)
    distances = _distances(images, families, extractor)
    halves = [random_halves(len(images), seed) for seed in range(num_seeds)]
    undamaged = [distances(one, images[other]) for one, other in halves]
    floors = {metric: np.array([one[metric] for one in undamaged]) for metric in undamaged[0]}
    return measure_damage(texture_pool(images), degradations, halves, floors, distances)


def _distances(
    clean: np.ndarray, families: Sequence[str], extractor: Extractor | None
) -> Distances:
    maps = None if extractor is None else extractor.feature_maps(clean)
    named = [name for name in families if name in STATISTICS]
    statistics = {name: STATISTICS[name](clean) for name in named}
    standardisers = {name: Standardiser.of(found) for name, found in statistics.items()}

    def features(statistics) -> dict[str, np.ndarray]:
        found = {f"{name}_fd": standardisers[name](part) for name, part in statistics.items()}
        if set(HEADLINE) <= set(statistics):
            found = {"texture_fd": headline_features(statistics, standardisers)} | found
        return found

    known = features(statistics)

    def distances(kept: np.ndarray, others: np.ndarray) -> dict[str, float]:
        seen = features({name: STATISTICS[name](others) for name in named})
        found = {
            metric: metrics.frechet_distance(known[metric][kept], values)
            for metric, values in seen.items()
        }
        if "laplacian" in families:
            levels = laplacian_distances(
                clean[kept],
                others,
                num_projections=_LAPLACIAN_PROJECTIONS,
                max_patches=_LAPLACIAN_PATCHES,
            )
            found["laplacian_swd"] = float(np.mean(levels))
        if maps is not None:
            pair = maps[kept], extractor.feature_maps(others)
            found["patch_fd"] = patch_frechet_distance(*pair)
            found["gram_distance"] = gram_distance(*pair)
        return found

    return distances


def sensitivity_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table: a star marks what does not lie above the floor."""
    width = max(len(row.strengths) for row in rows)
    lines = [
        f"| damage | metric | {' | '.join(str(i + 1) for i in range(width))} | monotone |",
        f"|---|---|{'---|' * width}---|",
    ]
    for row in rows:
        cells = [
            f"{ratio:.3g}{'' if seen else '*'}" for ratio, seen in zip(row.ratios, row.seen)
        ] + [""] * (width - len(row.ratios))
        lines.append(
            f"| {row.degradation} | {row.metric} | {' | '.join(cells)} | "
            f"{'yes' if row.monotone else 'NO'} |"
        )
    return "\n".join(lines)


def read_set(name: str, count: int) -> np.ndarray:
    """Real textures uint8 [count, 64, 64, 1]: drawn ones, or crops of held-out parts.

    Raises:
        InputError: an unknown name, or scikit-image missing.
    """
    if name in KINDS:
        return procedural_textures(name, count)
    photographs = "" if name == "textures" else name
    config = {"name": "textures", "photographs": photographs, "num_test_crops": count}
    return data.load(config, "test").take(np.arange(count))


def main(arguments: list[str] | None = None) -> int:
    """Prints a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=400, help="real images; half of them a side")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", default="quasi_periodic,textures")
    parser.add_argument(
        "--families", default=",".join(STATISTICS), help="'laplacian' takes minutes more"
    )
    parser.add_argument("--extractor", help="a pack, for patch_fd and gram_distance")
    options = parser.parse_args(arguments)
    try:
        extractor = load_pack(options.extractor) if options.extractor else None
        for name in options.sets.split(","):
            rows = texture_sensitivity(
                read_set(name, options.images),
                families=options.families.split(","),
                extractor=extractor,
                num_seeds=options.seeds,
            )
            print(f"{name}: n = {options.images // 2} a side, {options.seeds} seeds\n")
            for metric, threshold in {row.metric: row.threshold for row in rows}.items():
                print(f"- {metric}: floor + 3 sigma is {threshold:.3g}")
            print(f"\n{sensitivity_table(rows)}\n", flush=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
