"""Rows of the leaderboard: a run of three seeds, or images that need no training, as JSON."""

from __future__ import annotations

import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.machine import check_quiet, describe_machine
from configs.recipes import IMAGES, JUDGES, SETS, get_config
from gan_jax.data import Dataset, load
from gan_jax.extractors.choice import open_extractors
from gan_jax.judging.judge import make_judge
from gan_jax.reports.result import Result

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "leaderboard"
_MACHINE = "machine.json"  # in a run's folder: how busy the machine was when it began
_KEPT = (
    "fd_semantic",
    "fd_texture",
    "coverage",
    "confidence",
    "class_agreement",
    "modes",
    "modes_kl",
)
_PROTOCOL = ("extractor", "extractor_sha256", "gate", "reference", "reference_split")
_PROTOCOL += ("reference_fingerprint", "reference_images", "images", "preprocessing", "gan_jax")
_RATE = "time/images_per_second"
_FEW = 50  # training images over and over


def train(name: str, workdir: pathlib.Path, arguments: Sequence[str], *, busy: bool = False) -> int:
    """Runs one recipe, or goes on with it; the exit status.

    Raises:
        MachineBusy: other programs are at work, and not `busy`. A finished recipe needs no quiet.
    """
    if not (workdir / "eval.json").exists():
        began = check_quiet(busy)
        workdir.mkdir(parents=True, exist_ok=True)
        path = workdir / _MACHINE
        before = json.loads(path.read_text()) if path.exists() else began
        began["began_busy"] |= before["began_busy"]  # a run that goes on took the time of both
        path.write_text(json.dumps(began) + "\n")
    command = [sys.executable, "train.py", "--config", f"configs/recipes.py:{name}"]
    return subprocess.run(
        [*command, "--workdir", str(workdir.resolve()), *arguments], cwd=ROOT, check=False
    ).returncode


def of_run(dataset: str, recipe: str, workdir: pathlib.Path) -> dict[str, Any]:
    """The row of a recipe that was trained in `workdir`."""
    content = json.loads((workdir / "eval.json").read_text())
    config = json.loads((workdir / "config.json").read_text())
    rates = [row[_RATE] for row in _log(workdir) if _RATE in row]
    places = sorted((workdir / "members").iterdir())
    seeds = []
    for member, place in zip(content["members"], places, strict=True):
        path = place / "eval.json"
        found = json.loads(path.read_text()) if path.exists() else None
        seeds.append({"seed": member["seed"]} | _seed(found))
    return {
        "set": dataset,
        "recipe": recipe,
        "kind": "trained",
        "command": f"python train.py --config configs/recipes.py:{dataset}.{recipe}",
        "images_seen": IMAGES[dataset],
        "seconds": IMAGES[dataset] / statistics.median(rates),
        "machine": describe_machine() | _began(workdir),
        "protocol": {name: content["protocol"].get(name) for name in _PROTOCOL},
        "seeds": seeds,
        "curves": [
            [
                [row["step"] * config["batch_size"], row["eval/fd_semantic"]]
                for row in _log(place)
                if "eval/fd_semantic" in row
            ]
            for place in places
        ],
    }


def comparisons(dataset: str, judges: str) -> Iterator[dict[str, Any]]:
    """Rows of images that need no training: what each number sees, and what it does not."""
    config = get_config(f"{dataset}.dcgan")
    count = config.evaluation.num_final_samples or config.evaluation.num_samples
    train, test = load(config.dataset, "train"), load(config.dataset, "test")
    packs = JUDGES[dataset] + (f",{judges}" if judges else "")
    by = [make_judge(one, test) for one in open_extractors(packs, test)]
    rng = np.random.default_rng(0)
    real = train.take(train.content_order()[:count])
    few = real[np.arange(count) % _FEW]
    shown = {
        "training images": real,
        "test images": test.take(test.content_order()[:count]),
        "training images, blurred by 1 px": ndimage.gaussian_filter(real, (0, 1, 1, 0)),
        f"{_FEW} training images over and over": few,
        "uniform noise": rng.integers(0, 256, real.shape, np.uint8),
    }
    for title, images in shown.items():
        first, *others = (_result(judge, images, train) for judge in by)
        content = first.content() | {"judges": [one.content() for one in others]}
        yield {
            "set": dataset,
            "recipe": title,
            "kind": "comparison",
            "protocol": {name: content["protocol"].get(name) for name in _PROTOCOL},
            "seeds": [{"seed": 0} | _seed(content)],
        }


def _result(judge: Any, images: np.ndarray, train: Dataset) -> Result:
    return Result.of(judge.judge(images, families=None, training=train, complete=True), {})


def write(row: dict[str, Any]) -> None:
    """Writes a row's result file."""
    name = "".join(c if c.isalnum() else "_" for c in row["recipe"])
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{row['set']}.{name}.json").write_text(json.dumps(row, indent=1) + "\n")


def read() -> dict[str, list[dict[str, Any]]]:
    """All rows by set."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        row = json.loads(path.read_text())
        found.setdefault(row["set"], []).append(row)
    return {name: found[name] for name in SETS if name in found}


def _seed(content: dict[str, Any] | None) -> dict[str, Any]:
    if content is None:
        return {"diverged": True, "flags": [], "metrics": {}, "judges": {}}
    return {
        "diverged": False,
        "flags": [flag["name"] for flag in content.get("flags", ()) if flag["apart"]],
        "metrics": {
            name: {key: entry[key] for key in ("value", "floor", "real", "n") if key in entry}
            for name, entry in content["metrics"].items()
            if name in _KEPT
        },
        "judges": {
            part["protocol"]["extractor"]: part["metrics"]["fd_semantic"]["value"]
            for part in (content, *content.get("judges", ()))
        },
    }


def _began(workdir: pathlib.Path) -> dict[str, Any]:
    path = workdir / _MACHINE
    return json.loads(path.read_text()) if path.exists() else {"began_busy": True}


def _log(workdir: pathlib.Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
