"""Makes a pack that comes with gan_jax: three trainings, the full gate, the median, its card.

    python -m benchmarks.release mnist-v1 [--runs runs]    # one pack
    python -m benchmarks.release                           # the tables of docs/gate.md alone

Trains three seeds of `configs/released.py:NAME` where they are not trained yet (Fashion-MNIST needs
its idx files in data/fashion_mnist), takes the median by test accuracy, tests it by the full gate,
and writes it to `gan_jax/extractors/packs/NAME` with a card. A pack that does not pass is not
written. Features of 64 images go to `tests/extractors/released`, so that each machine can be
compared with the one that made them.

A released pack is never made anew under its name: its numbers are in use. Take the next number.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import numpy as np

from benchmarks.table import write
from gan_jax.data import Dataset, load
from gan_jax.data.disk import read_json, write_json
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import GATE_RECORD, load_pack
from gan_jax.extractors.released import CARD, PACKS, RECORD
from gan_jax.judging.gate import gate_table, run_gate
from gan_jax.judging.judge import make_judge
from gan_jax.runtime.environment import processor_name
from gan_jax.runtime.workdir import restore_config

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_FEATURES = _ROOT / "tests" / "extractors" / "released"
_SEEDS = (0, 1, 2)
_STORED = 64  # images whose features are stored
_JUDGED = 1000  # training images, for the floors
_TOLD: dict[str, dict[str, Any]] = {
    "mnist-v1": {
        "references": ["mnist5k"],
        "stacked": ["stacked_mnist"],
        "data": "the 4,000 training digits of mnist5k; its 1,000 test digits were held out",
        "licence": "weights: Apache 2.0; digits: CC BY-SA 3.0, Yann LeCun and Corinna Cortes",
    },
    "fashion-v1": {
        "references": ["fashion_mnist", "tfds:fashion_mnist"],
        "data": "the 60,000 training images of Fashion-MNIST; its 10,000 test images were held out",
        "licence": "weights: Apache 2.0; images: MIT, Zalando SE",
    },
    "textures-v1": {
        "references": ["textures", "procedural", "textures+procedural"],
        "data": "crops of scikit-image's brick, grass and gravel outside the middle quarter, which "
        "was held out, and seven kinds of drawn textures",
        "licence": "weights: Apache 2.0; photographs: CC0",
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=_TOLD)
    parser.add_argument("--runs", default="runs", type=pathlib.Path, help="where the runs are")
    arguments = parser.parse_args()
    if arguments.name:
        release(arguments.name, arguments.runs.resolve())
    write_gates()


def write_gates() -> None:
    """Writes the gates of all released packs into docs/gate.md."""
    tables = [gate_table(read_json(path)) for path in sorted(PACKS.glob(f"*/{GATE_RECORD}"))]
    page = _ROOT / "docs" / "gate.md"
    write(page, "\n\n".join(tables), "gates")


def release(name: str, runs: pathlib.Path) -> None:
    """Trains what is not trained yet, and writes the pack and its card."""
    place = PACKS / name
    if place.exists():
        sys.exit(f"{name} is released already ({place}): take the next number.")
    folders = {seed: runs / f"{name}-{seed}" for seed in _SEEDS}
    for seed, folder in folders.items():
        _train(name, seed, folder)
    packs = {seed: load_pack(folder / "pack") for seed, folder in folders.items()}
    ranked = sorted(packs, key=lambda seed: packs[seed].record["accuracy"])
    chosen = ranked[len(ranked) // 2]
    extractor = packs[chosen]
    config = restore_config(extractor.record["training"])
    train, test = load(config.dataset, "train"), load(config.dataset, "test")
    gate = run_gate(extractor, test, train.take(train.content_order()[:4000]))
    print(f"{extractor.stamp}: gate {gate.verdict}")
    if gate.verdict != "passed":
        sys.exit(f"{name} is not released: its gate {gate.verdict}.")
    card = _TOLD[name] | {
        "sha256": extractor.digest,
        "config": f"configs/released.py:{name}",
        "seed": chosen,
        "command": f"python train.py --config configs/released.py:{name} --config.seed={chosen}",
        "accuracy": extractor.record["accuracy"],
        "num_test": extractor.record["num_test"],
        "seeds": [
            {"seed": seed, "accuracy": pack.record["accuracy"], "sha256": pack.digest}
            for seed, pack in packs.items()
        ],
        "image_shape": list(extractor.image_shape),
        "class_names": list(extractor.class_names),
        "layers": extractor.record["layers"],
        "floors": _floors(extractor, train, test),
        "gate": gate.verdict,
        "machine": f"{processor_name()}, CPU",
    }
    shutil.copytree(folders[chosen] / "pack", place)
    write_json(place / GATE_RECORD, gate.content())
    write_json(place / CARD, card)
    _store_features(name, extractor, test)
    print(f"{name}: {place}")


def _train(name: str, seed: int, folder: pathlib.Path) -> None:
    if (folder / "pack" / RECORD).exists():
        return
    command = [sys.executable, "train.py", "--config", f"configs/released.py:{name}"]
    subprocess.run(
        [*command, f"--config.seed={seed}", "--workdir", str(folder)], cwd=_ROOT, check=True
    )


def _floors(extractor: Extractor, train: Dataset, test: Dataset) -> dict[str, dict[str, Any]]:
    """Floors of both distances, and what training images score beside them."""
    judged = train.take(train.content_order()[:_JUDGED])
    judgement = make_judge(extractor, test).judge(judged, families=["frechet"])
    entries = {name: judgement.metrics[name] for name in ("fd_semantic", "fd_texture")}
    return {
        name: {"value": entry["floor"], "training_images": entry["value"], "n": entry["n"]}
        for name, entry in entries.items()
    }


def _store_features(name: str, extractor: Extractor, test: Dataset) -> None:
    images = test.take(test.content_order()[:_STORED])
    found = extractor.features(images)
    _FEATURES.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        _FEATURES / f"{name}.npz",
        images=images,
        semantic=found.semantic,
        texture=found.texture,
        probabilities=found.probabilities,
    )


if __name__ == "__main__":
    main()
