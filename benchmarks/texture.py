"""Co-occurrence features against scikit-image, in turn on the same images.

    python -m benchmarks.texture [--images 1000] [--side 64] [--rounds 5]

Six properties at 16 offsets and 16 levels: `cooccurrence_statistics` beside `graycomatrix` and
`graycoprops`. Both are warmed up, and then each takes its turn, so that other load on the machine
meets both; the ratio of a round is theirs by ours. The result goes to benchmarks/results/.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import time
from collections.abc import Callable

import numpy as np
from skimage.feature import graycomatrix, graycoprops

from gan_jax.metrics.texture.cooccurrence import (
    ANGLES,
    DISTANCES,
    LEVELS,
    PROPERTIES,
    cooccurrence_statistics,
)
from gan_jax.runtime.environment import describe_environment

_RESULTS = pathlib.Path(__file__).parent / "results"


def random_images(count: int, side: int) -> np.ndarray:
    """Noisy waves uint8 [count, side, side, 1]: every level occurs, neighbours are alike."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    down, right, phase = rng.uniform(0.1, 1.0, (3, count, 1, 1))
    waves = 127.5 + 90 * np.sin(down * rows + right * columns + 6.3 * phase)
    noisy = waves + 15 * rng.standard_normal(waves.shape)
    return np.rint(noisy).clip(0, 255).astype(np.uint8)[..., None]


def of_scikit_image(images: np.ndarray) -> np.ndarray:
    """What `cooccurrence_statistics` gives, float64 [n, 96], by scikit-image."""
    levels = images[..., 0] // (256 // LEVELS)
    values = []
    for image in levels:
        matrix = graycomatrix(
            image, DISTANCES, np.radians(ANGLES), LEVELS, symmetric=True, normed=True
        )
        values.append(np.stack([graycoprops(matrix, name) for name in PROPERTIES]).ravel())
    return np.array(values)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Takes the turns, prints medians and the ratio, and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    images = random_images(flags.images, flags.side)
    few = images[:20]
    difference = np.max(np.abs(cooccurrence_statistics(few).values - of_scikit_image(few)))
    turns = [
        (
            _seconds(lambda: cooccurrence_statistics(images)),
            _seconds(lambda: of_scikit_image(images)),
        )
        for _ in range(flags.rounds)
    ]
    ours, theirs = zip(*turns)
    ratios = [b / a for a, b in turns]
    result = {
        "images": flags.images,
        "side": flags.side,
        "date": datetime.date.today().isoformat(),
        "environment": describe_environment(),
        "gan_jax_seconds": ours,
        "scikit_image_seconds": theirs,
        "speedup": statistics.median(ratios),
        "largest_difference": difference,
    }
    print(
        f"{flags.images} images of {flags.side}x{flags.side}: gan_jax "
        f"{statistics.median(ours):.3f} s, scikit-image {statistics.median(theirs):.3f} s, "
        f"{result['speedup']:.1f} times as fast ({min(ratios):.1f} to {max(ratios):.1f}); "
        f"values differ by {difference:.0e}"
    )
    path = _RESULTS / f"texture_{result['date']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
