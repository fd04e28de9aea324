"""Before a long run: what it would do, how long it would take, and what its judge would see."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import examples_a_step, num_final_samples
from gan_jax.config.counts import count_steps
from gan_jax.config.defaults import KINDS, TRAININGS
from gan_jax.config.saved import plain
from gan_jax.data import Dataset, machine
from gan_jax.judging.headline import power_entries, verdict_of
from gan_jax.judging.judge import make_judge
from gan_jax.judging.power import noticed
from gan_jax.reports.words import noticed_text
from gan_jax.run.start import prepare
from gan_jax.runtime.images import image_grid, save_png
from gan_jax.runtime.logs import say
from gan_jax.runtime.memory import peak_memory
from gan_jax.studies.augmentation.subsets import load_splits
from gan_jax.training.gan import kind_of_run
from gan_jax.training.recogniser import recogniser_task
from gan_jax.training.run_judge import check_judges, recipes
from gan_jax.training.running import load_parts
from gan_jax.training.task import Task

PICTURE = "data.png"
_MOST_CLASSES = 20
_OF_A_CLASS = 10
_CALLS = 3
LEAST_SECONDS = 1.0  # of timed calls, so that a fast step is not timed by one tick


def check_run(config: ConfigDict, workdir: pathlib.Path) -> None:
    """Says what `run` would do with a config in a folder, and trains nothing.

    A few steps are timed. Of the folder only `PICTURE` is written, a grid of the training images.

    Args:
        config: see `gan_jax.run.run`.
        workdir: the run's folder.

    Raises:
        InputError: whatever would keep the run from beginning.
    """
    config, chosen = prepare(config, workdir)
    if chosen:
        say(chosen)
    say("Config, where it is not the default:")
    for name, value, default in _differences(plain(config), config.kind):
        say(f"  {name} = {value!r}  (default {default!r})")
    if config.kind == "study":
        splits = load_splits(config)
        _say_data(splits.train, splits.test, workdir)
        say("A study trains many small networks: their time is told as soon as the first are done.")
        return
    train, test = load_parts(config)
    _say_data(train, test, workdir)
    if config.kind == "cnn":
        _say_training(config, recogniser_task(config, train, test)[0])
        return
    run = kind_of_run(config)(config, train, test, count_steps(config, len(train)))
    extractors = check_judges(config, train)
    _say_training(config, run.trial())
    _say_judges(config, extractors, test)


def _differences(config: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Any, Any]]:
    """Field, value and default where they differ; of the recognisers that are trained first too."""
    default = plain(KINDS[kind]())

    def compare(new: Any, old: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
        if isinstance(new, Mapping) and isinstance(old, Mapping) and (new or old):
            for name in new:
                inner = f"{path}.{name}" if path else name
                if inner in TRAININGS and new[name]:
                    for field, value, usual in _differences(new[name], "cnn"):
                        yield f"{inner}.{field}", value, usual
                else:
                    yield from compare(new[name], old.get(name), inner)
        elif new != old:
            yield path, new, old

    yield from compare(config, default, "")


def _say_data(train: Dataset, test: Dataset, workdir: pathlib.Path) -> None:
    say(f"Data: {train.described}; {test.described}; {'x'.join(map(str, train.image_shape))}")
    rows = np.arange(min(len(train), _OF_A_CLASS**2))
    if train.labels is not None:
        names = train.label_names
        counts = [np.bincount(part.class_labels, minlength=len(names)) for part in (train, test)]
        width = max(len("class"), *(len(str(name)) for name in names[:_MOST_CLASSES]))
        say(f"  {'class':{width}}  training  held out")
        for name, one, other in list(zip(names, *counts, strict=False))[:_MOST_CLASSES]:
            say(f"  {name!s:{width}}  {one:8,}  {other:8,}")
        if len(names) > _MOST_CLASSES:
            say(f"  and {len(names) - _MOST_CLASSES:,} more")
        shown = np.flatnonzero(counts[0])[:_MOST_CLASSES]
        rows = np.concatenate(
            [np.resize(np.flatnonzero(train.labels == label), _OF_A_CLASS) for label in shown]
        )
    save_png(workdir / PICTURE, image_grid(train.take(rows), columns=_OF_A_CLASS))
    say(f"  see {workdir / PICTURE}" + (", a row per class" if train.labels is not None else ""))


def _say_training(config: ConfigDict, task: Task, what: str = "Training") -> None:
    """Times the first calls of a task, three of them or a second, and keeps nothing."""
    state, inputs, data = task.state(), task.inputs(0), task.feed.data
    saved = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    calls = task.feed.calls(task.pace.begin, task.pace.num_steps)
    begin = time.monotonic()
    state, metrics = task.program(state, inputs, data, next(calls))
    jax.block_until_ready(metrics)
    compiling = time.monotonic() - begin
    begin, timed = time.monotonic(), 0
    for call, rows in enumerate(calls, start=1):
        state, metrics = task.program(state, inputs, data, rows)
        jax.block_until_ready(metrics)
        timed += len(jax.tree.leaves(rows)[0])
        if call >= _CALLS and time.monotonic() - begin >= LEAST_SECONDS:
            break
    seconds = (time.monotonic() - begin) / max(timed, 1)
    steps = task.pace.num_steps - task.pace.begin
    say(
        f"{what}: {steps:,} steps of {examples_a_step(config):,} images, about "
        f"{_time(compiling + steps * seconds)}: {1 / seconds:.3g} steps/s as timed here, and "
        f"{_time(compiling)} to compile. Judging and its pictures come on top."
    )
    peak, kept = peak_memory(jax.tree.leaves(state)), config.checkpoint.keep + 1
    say(
        f"  memory: {_size(peak)} at its peak so far, of {_size(machine.memory())} of the machine; "
        f"disk: {_size(saved)} per checkpoint, {kept} at most"
    )


def _say_judges(config: ConfigDict, extractors: Mapping[str, Any], test: Dataset) -> None:
    count = num_final_samples(config)
    if not extractors:
        say("No judge: it is tested whether the images differ from real ones, and no more.")
    for place, (name, extractor) in enumerate(extractors.items()):
        title = "Judge beside it" if place else "Judge"
        if extractor is None:
            own = recipes(config)[name]
            say(f"{title}: {name} is not there yet and is trained first.")
            _say_training(own, recogniser_task(own, *load_parts(own))[0], "  Its training")
            continue
        say(f"{title}: {extractor.stamp}; {count:,} images against {len(test):,} real ones.")
        if place:
            continue
        judge = make_judge(extractor, test, batch_size=config.evaluation.batch_size)
        if judge.is_control or len(judge.independent) < 4:
            say("  What it would notice cannot be said.")
            continue
        seen = noticed(judge.ladder, min(len(judge.independent) // 2, count))
        text = noticed_text({"verdict": verdict_of(1.0, seen), **power_entries(judge.ladder, seen)})
        say(f"  {text}")


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _size(count: int) -> str:
    if count < 2**20:
        return f"{count / 2**10:,.0f} KiB"
    return f"{count / 2**20:,.0f} MiB" if count < 2**30 else f"{count / 2**30:.1f} GiB"
