"""Before a long run: what it would do, how long it would take, and what its judge would see."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import examples_a_step, num_final_samples
from gan_jax.config.checks import check_config
from gan_jax.config.counts import count_steps
from gan_jax.config.defaults import KINDS, TRAININGS
from gan_jax.config.saved import plain
from gan_jax.data import Dataset, machine
from gan_jax.judging.headline import power_entries, verdict_of
from gan_jax.judging.judge import make_judge
from gan_jax.judging.power import noticed
from gan_jax.reports.words import noticed_text
from gan_jax.runtime.images import image_grid, save_png
from gan_jax.runtime.logs import say
from gan_jax.runtime.startup import enable_compilation_cache
from gan_jax.runtime.writers import writer_names
from gan_jax.studies.augmentation.subsets import load_splits
from gan_jax.training import own_data
from gan_jax.training.gan import kind_of_run
from gan_jax.training.recogniser import recogniser_task
from gan_jax.training.run_judge import check_judges, recipes
from gan_jax.training.running import load_parts
from gan_jax.training.task import Task
from gan_jax.training.trial import time_steps

PICTURE = "data.png"
_MOST_CLASSES = 20
_OF_A_CLASS = 10


def check_run(config: ConfigDict, workdir: pathlib.Path) -> None:
    """Says what `run` would do with a config in a folder, and trains nothing.

    A few steps are timed. Of the folder only `PICTURE` is written, a grid of the training images.

    Args:
        config: see `gan_jax.run.run`.
        workdir: the run's folder.

    Raises:
        InputError: whatever would keep the run from beginning.
    """
    config, chosen = own_data.complete(config, workdir)
    check_config(config)
    writer_names(config.get("log_to", ""))
    enable_compilation_cache(config.compilation_cache)
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
    trial = time_steps(task)
    steps = task.pace.num_steps - task.pace.begin
    total = trial.compile_seconds + steps * trial.step_seconds
    say(
        f"{what}: {steps:,} steps of {examples_a_step(config):,} images, about {_time(total)}: "
        f"{1 / trial.step_seconds:.3g} steps/s as timed here, and {_time(trial.compile_seconds)} "
        "to compile. Judging and its pictures come on top."
    )
    kept = config.checkpoint.keep + 1
    say(
        f"  memory: {_size(trial.peak_bytes)} at its peak so far, of {_size(machine.memory())} of "
        f"the machine; disk: {_size(trial.checkpoint_bytes)} per checkpoint, {kept} at most"
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
