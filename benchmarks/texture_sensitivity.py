"""What each texture metric sees of known damage, as the Markdown tables of docs/textures.md.

    python -m benchmarks.texture_sensitivity [--images 400] [--seeds 5] [--sets quasi_periodic,...]
    python -m benchmarks.texture_sensitivity --extractor runs/cnn_textures/pack --families cnn
    python -m benchmarks.texture_sensitivity --baselines [--images 300] --sets brick,grass,gravel

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
from gan_jax.metrics.texture.headline import HEADLINE
from gan_jax.textures.baselines import BASELINES
from gan_jax.textures.gate import sensitivity_table, texture_sensitivity
from gan_jax.textures.suite import judge_textures

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


def baseline_rows(photograph: str, count: int) -> list[str]:
    """Rows of a Markdown table: what takes no training, and real crops, against held-out crops.

    Args:
        photograph: a built-in one's name.
        count: held-out crops; half as many of what is judged.
    """
    config = {"name": "textures", "photographs": photograph, "num_crops": count // 2}
    train = data.load(config | {"crops": "random"}, "train").take(np.arange(count // 2))
    region = max(data.load_photographs(config, "train")[photograph], key=np.size)
    sets = {"training crops": train}
    sets |= {name: make(region, count // 2) for name, make in BASELINES.items()}
    rows = []
    for name, images in sets.items():
        judgement = judge_textures(read_set(photograph, count), images, families=HEADLINE)
        cells = [
            f"{entry['value']:.3g} ({entry['value'] / entry['floor']:.3g})"
            for entry in judgement.metrics.values()
        ]
        cells.append(f"{np.median(judgement.distances):.3g}")
        rows.append(f"| {photograph} | {name} | {' | '.join(cells)} |")
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Prints a table a set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=400, help="real images; half of them a side")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", default="quasi_periodic,textures")
    parser.add_argument("--families", default=_FAMILIES, help="'laplacian' takes minutes more")
    parser.add_argument("--extractor", help="a pack, for patch_fd and gram_distance")
    parser.add_argument("--baselines", action="store_true", help="what takes no training instead")
    options = parser.parse_args(arguments)
    try:
        extractor = load_pack(options.extractor) if options.extractor else None
        for name in options.sets.split(","):
            if options.baselines:
                print("\n".join(baseline_rows(name, options.images)), flush=True)
                continue
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
