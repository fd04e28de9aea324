"""Texture GANs beside textures that take no training, as the tables of docs/texture_results.md.

    python -m benchmarks.texture_baselines [--photographs brick,grass,gravel] [--images 600] \
        [--runs runs/texture_brick,runs/texture_all]

Of each photograph, against crops of its held-out part and against crops of its training part: other
training crops, the runs that know this photograph, three textures without training; and what
regions of one photograph score against each other: one of the two bands of its training part
against both, and the halves of its held-out part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.textures.baselines import BASELINES
from gan_jax import data
from gan_jax.data.crops import Region, random_windows
from gan_jax.errors import InputError
from gan_jax.judging.textures.suite import judge_textures
from gan_jax.metrics.texture.headline import HEADLINE
from gan_jax.sampling.drawing import Source

_CROP = 64


def _config(photograph: str) -> dict[str, str]:
    return {"name": "textures", "photographs": photograph}


def _draws(sets: int, count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(2**63, size=(sets, count)).astype(np.uint64)


def crops_of(photograph: str, split: str, count: int) -> np.ndarray:
    """Random crops uint8 [count, 64, 64, 1] of one part of a built-in photograph."""
    config = _config(photograph) | {"crops": "random"}
    config |= {"num_crops": count, "num_test_crops": count}
    return data.load(config, split).take(np.arange(count))


def crops_within(pixels: np.ndarray, region: Region, numbers: np.ndarray) -> np.ndarray:
    """Random crops uint8 [n, 64, 64, 1] of a region of pixels, one for each of n random numbers."""
    windows = random_windows([region], (_CROP, _CROP), numbers)
    return np.stack([pixels[top : top + _CROP, x : x + _CROP] for top, x in windows])


def held_out_halves(photograph: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Crops uint8 [count, 64, 64, 1] of the left and of the right half of the held-out part."""
    (band,) = data.load_photographs(_config(photograph), "test")[photograph]
    height, width = band.shape[:2]
    draws = _draws(2, count)
    sides = (Region(0, left, height, width // 2) for left in (0, width // 2))
    left, right = (crops_within(band, side, own) for side, own in zip(sides, draws, strict=True))
    return left, right


def one_band(photograph: str, count: int) -> np.ndarray:
    """Crops uint8 [count, 64, 64, 1] of one of the bands that the training part is made of."""
    band = data.load_photographs(_config(photograph), "train")[photograph][0]
    return crops_within(band, Region(0, 0, *band.shape[:2]), _draws(1, count)[0])


def generated(run: str, photograph: str, count: int) -> np.ndarray | None:
    """Images uint8 [count, 64, 64, 1] of a run; None if it has not learned this photograph.

    Raises:
        InputError: not a finished run.
    """
    drawing = Source(run).open()
    known = drawing.trained.config.dataset.photographs
    if known and photograph not in known.split(","):
        return None
    labels = None
    if drawing.num_classes:
        labels = np.full(count, drawing.trained.train.class_names.index(photograph), np.int32)
    return drawing.images(drawing.latents(count), labels)


def contenders(
    photograph: str, count: int, runs: Sequence[str]
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, images) of all that is judged, one after another.

    What takes no training is made of all that the runs learned from, as many of each band.
    """
    for run in runs:
        images = generated(run, photograph, count)
        if images is not None:
            yield f"generated: {run}", images
    bands = data.load_photographs(_config(photograph), "train")[photograph]
    counts = [len(part) for part in np.array_split(np.arange(count), len(bands))]
    for name, make in BASELINES.items():
        each = zip(bands, counts, strict=True)
        yield name, np.concatenate([make(band, n, seed=i) for i, (band, n) in enumerate(each)])


def rows(photograph: str, count: int, runs: Sequence[str]) -> Iterator[str]:
    """Rows of a Markdown table: photograph, reference, what is judged, the headline's numbers.

    Args:
        photograph: a built-in one's name.
        count: real crops; half as many of what is judged.
        runs: folders of texture GANs.
    """
    training = crops_of(photograph, "train", count + count // 2)
    references: Mapping[str, np.ndarray] = {
        "held out": crops_of(photograph, "test", count),
        "training": np.concatenate([training[0::3], training[1::3]]),
    }
    judged = [("training crops", training[2::3]), *contenders(photograph, count // 2, runs)]
    for part, reference in references.items():
        for name, images in judged:
            yield _row(photograph, part, name, reference, images)
    band = one_band(photograph, count // 2)
    yield _row(photograph, "training", "crops of one of its bands", references["training"], band)
    left, right = held_out_halves(photograph, count)
    yield _row(photograph, "held out, left half", "its right half", left, right[: count // 2])


def _row(photograph: str, part: str, name: str, reference: np.ndarray, images: np.ndarray) -> str:
    judgement = judge_textures(reference, images, families=HEADLINE)
    cells = [
        f"{entry['value']:.3g} ({entry['value'] / entry['floor']:.3g})"
        for entry in judgement.metrics.values()
    ]
    return f"| {photograph} | {part} | {name} | {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", default="brick,grass,gravel")
    parser.add_argument("--images", type=int, default=600, help="real crops; half of them a side")
    parser.add_argument("--runs", default="", help="folders of texture GANs, with commas")
    options = parser.parse_args(arguments)
    names = ("texture_fd", *(f"{family}_fd" for family in HEADLINE))
    print(f"| photograph | against | images | {' | '.join(names)} |")
    print("|---" * (3 + len(names)) + "|")
    try:
        for photograph in options.photographs.split(","):
            for row in rows(
                photograph, options.images, list(filter(None, options.runs.split(",")))
            ):
                print(row, flush=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
