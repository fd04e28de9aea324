"""A tiny GAN and judge for the tests of whole runs."""

import json
import pathlib

import jax
import numpy as np

from configs import smoke
from gan_jax.config.build import build_gan, count_steps
from gan_jax.runtime import workdir
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.steps.state import create_gan_state


def tiny_config(pack, **changes):
    """The smoke config with one device and its judge at `pack`."""
    config = smoke.get_config()
    config.judge.pack = str(pack)
    for part in (config, config.judge.train):
        part.num_devices = 1
        part.compilation_cache = ""
    config.num_steps = 40
    config.evaluation.every = 20
    config.evaluation.grid = 16
    config.update_from_flattened_dict(changes)
    return config


def final_state(folder):
    """The newest checkpoint of a run, on the host."""
    config = workdir.read_config(pathlib.Path(folder))
    shape = (*config.dataset.image_size, 1)
    gan = build_gan(config, shape, count_steps(config, 4000), num_classes=10)
    template = create_gan_state(gan, jax.random.key(config.seed), shape)
    with Checkpoints(pathlib.Path(folder) / workdir.CHECKPOINTS) as checkpoints:
        step, state = checkpoints.restore(template)
    return step, jax.tree.map(np.asarray, state)


def history(folder):
    """Rows of metrics.jsonl without what depends on the clock."""
    lines = (pathlib.Path(folder) / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [{k: v for k, v in row.items() if not k.startswith("time")} for row in rows]


def evaluation(folder):
    """The content of eval.json; fails on numbers that strict JSON lacks."""

    def refuse(name):
        raise AssertionError(f"eval.json holds {name}")

    text = (pathlib.Path(folder) / "eval.json").read_text()
    return json.loads(text, parse_constant=refuse)
