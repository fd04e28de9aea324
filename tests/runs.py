"""A tiny GAN and judge for the tests of whole runs."""

import json
import os
import pathlib
import signal

import jax
import numpy as np

from configs import smoke
from gan_jax.config import gan_config
from gan_jax.config.build import build_gan
from gan_jax.config.counts import count_steps
from gan_jax.runtime import feed, workdir
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


def tiny_texture_config(num_steps, *, every):
    """A GAN of drawn stripes that is judged as textures, `every` so many steps; 0 for the end."""
    config = gan_config()
    config.dataset.name = "procedural"
    config.dataset.kinds = "stripes"
    config.dataset.image_size = (16, 16)
    config.dataset.num_crops = config.dataset.num_test_crops = 12
    config.model.name = "texture"
    config.model.update(latent_dim=0, width=2, levels=2, local_dim=2, num_waves=1)
    config.batch_size = 4
    config.num_steps, config.steps_per_call, config.num_devices = num_steps, 1, 1
    config.compilation_cache = ""
    config.evaluation.update(every=every, num_samples=10, grid=4, textures=True)
    return config


def terminate():
    """Sends this process the signal of a scheduler that wants the machine back."""
    os.kill(os.getpid(), signal.SIGTERM)


def at_step(monkeypatch, step, act):
    """Calls `act` once, when the images of the call that begins at `step` are chosen."""
    real, done = feed.batch_indices, []

    def chosen(*args, **options):
        if options["step"] == step and not done:
            done.append(step)
            act()
        return real(*args, **options)

    monkeypatch.setattr(feed, "batch_indices", chosen)


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
