"""What each texture metric sees of known damage, as the Markdown tables of docs/textures.md.

    python -m benchmarks.texture_sensitivity [--images 400] [--seeds 5] [--sets quasi_periodic,...]
    python -m benchmarks.texture_sensitivity --extractor runs/cnn_textures/pack --families cnn

A set is a kind of `gan_jax.data.procedural`, 'textures' for the built-in photographs together, or
the name of one of them (which need scikit-image).
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from gan_jax import data
from gan_jax.data.procedural import KINDS, procedural_textures
from gan_jax.errors import InputError
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.textures.gate import sensitivity_table, texture_sensitivity

_FAMILIES = "spectrum,cooccurrence,portilla_simoncelli,patterns"


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
    """Prints a table a set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=400, help="real images; half of them a side")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", default="quasi_periodic,textures")
    parser.add_argument("--families", default=_FAMILIES, help="'laplacian' takes minutes more")
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
                progress=lambda kind: print(kind, file=sys.stderr, flush=True),
            )
            print(f"{name}: n = {options.images // 2} a side, {options.seeds} seeds\n")
            for metric in dict.fromkeys(row.metric for row in rows):
                threshold = next(row.threshold for row in rows if row.metric == metric)
                print(f"- {metric}: floor + 3 sigma is {threshold:.3g}")
            print(f"\n{sensitivity_table(rows)}\n", flush=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
