"""An augmentation study from config to report: `run_study(config, workdir, ...)`.

A study's folder holds a run of a GAN for each group in gans/, a file for each cell in cells/, the
controls' steps in control.json, and study.json and report.html, which are written anew after each
group. Cells that have a file are not trained again.
"""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import signal
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.build import build_gan, build_recogniser
from gan_jax.config.saved import plain
from gan_jax.config.study_plan import Cell, Group, arms_of, cells_of, groups_of, pairs_of
from gan_jax.config.study_settings import gan_run_config, recogniser_config
from gan_jax.data.decode import decode_image
from gan_jax.data.disk import clear_leftovers, write_json
from gan_jax.data.schema import read_checked
from gan_jax.errors import InputError, Interrupted
from gan_jax.reports.numbers_first import publish_result
from gan_jax.reports.page import About
from gan_jax.reports.pages.study import write_study_report
from gan_jax.reports.result import make_protocol
from gan_jax.reports.seeds.study import cell_check, study_result, verdict
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment, library_versions
from gan_jax.runtime.logs import say
from gan_jax.runtime.pixels import PREPROCESSING
from gan_jax.runtime.signals import StopSignal
from gan_jax.studies.augmentation.cells import PICTURES, GroupWork
from gan_jax.studies.augmentation.control import (
    Extra,
    check_plain,
    extra_steps,
    from_plain,
    to_plain,
)
from gan_jax.studies.augmentation.subsets import Splits, load_splits

STUDY = "study.json"
CELLS = "cells"
CONTROL = "control.json"
_REMOVE = "remove the file, and the same command makes it again"


def run_study(config: ConfigDict, workdir: pathlib.Path, stop: StopSignal) -> None:
    """Trains the cells that the folder does not hold yet, and writes the study's results.

    Args:
        config: from `config.study_config`, checked.
        workdir: the study's folder.
        stop: looked at between cells, and in trainings.

    Raises:
        InputError: a mistake in the config, the data, or the folder.
        TrainingDiverged: a loss is not finite.
        Interrupted: a signal came; the cells that were done are kept.
    """
    if parallel.process_count() > 1:
        raise InputError(
            "a study runs in one process, and --num_processes is more: leave it and --coordinator "
            "out."
        )
    splits = load_splits(config)
    _check_trainings(config, splits)
    folder.open_workdir(workdir, config)
    (workdir / CELLS).mkdir(exist_ok=True)
    clear_leftovers(workdir / CELLS)
    _Study(config, splits, workdir, stop).run()


def _check_trainings(config: ConfigDict, splits: Splits) -> None:
    """Raises InputError for impossible trainings before the first begins."""
    shape, classes = splits.train.image_shape, splits.num_classes
    gan = gan_run_config(config, pathlib.Path("none"), config.seed)
    build_gan(gan, shape, gan.num_steps, num_classes=classes)
    parallel.make_plan(config.parallel, gan.batch_size, config.num_devices)
    for classical in (False, True):
        own = recogniser_config(config, classical=classical)
        if classical and build_recogniser(own, classes, 1).augment is None:
            raise InputError(
                "config.recogniser.augment changes nothing: it is the classical augmentation that "
                "generated images are compared with; set config.recogniser.augment.translation, "
                "shift, rotation or another change above 0."
            )
        build_recogniser(own, classes, own.num_steps)
        parallel.make_plan(config.parallel, own.batch_size, config.num_devices)


class _Study:
    def __init__(
        self, config: ConfigDict, splits: Splits, workdir: pathlib.Path, stop: StopSignal
    ) -> None:
        self._config, self._splits, self._workdir, self._stop = config, splits, workdir, stop
        self._cells = cells_of(config)
        self._results: dict[Cell, dict[str, Any]] = {}
        for cell in self._cells:
            path, group = self._path(cell), cell.group
            if path.exists():
                sizes = {"num_classes": splits.num_classes, "num_test": len(splits.test)}
                check = cell_check(group.size, group.seed, cell.arm.name, **sizes)
                self._results[cell] = read_checked(path, check, _REMOVE)

    def run(self) -> None:
        config, workdir = self._config, self._workdir
        left = len(self._left())
        if not left and (workdir / STUDY).exists() and (workdir / folder.REPORT).exists():
            self._write()  # the config may name fewer cells than it did
            say(f"{workdir} is finished: nothing to do. See {workdir / folder.REPORT}")
            return
        say(
            f"Study on {self._splits.train}: {len(self._cells)} cells, {left} to do; sizes "
            f"{', '.join(map(str, config.sizes))}; {config.num_seeds} seeds; "
            f"{len(self._splits.test):,} real test images"
        )
        for group in groups_of(config):
            work = GroupWork(config, self._splits, group, workdir=workdir, stop=self._stop)
            own = [cell for cell in self._left() if cell.group == group]
            for cell in own:
                self._do(cell, work)
            if own:
                self._write()
        for sentence in self._write()["verdict"]:
            say(sentence)
        say(f"Report: {workdir / folder.REPORT}")

    def _left(self) -> list[Cell]:
        return [cell for cell in self._cells if cell not in self._results]

    def _do(self, cell: Cell, work: GroupWork) -> None:
        if self._stop.number:
            raise self._interrupted(self._stop.number)
        extra = self._extra(work).of(classical=cell.arm.classical) if cell.arm.longer else 0
        start = time.monotonic()
        try:
            result = work.run(cell.arm, extra)
        except Interrupted as error:
            raise self._interrupted(error.signal_number) from error
        result["elapsed"] = time.monotonic() - start
        write_json(self._path(cell), result)
        self._results[cell] = result
        say(
            f"cell {self._cells.index(cell) + 1}/{len(self._cells)}: {cell.group.size:,} images, "
            f"seed {cell.group.seed}, {cell.arm.name}: {result['accuracy']:.2%}; "
            f"ETA {_duration(self._seconds_left())}"
        )

    def _interrupted(self, number: int) -> Interrupted:
        return Interrupted(
            f"{signal.Signals(number).name}: stopped with {len(self._results)} of "
            f"{len(self._cells)} cells done; the same command goes on from there.",
            number,
        )

    def _seconds_left(self) -> float:
        """The time left, each cell as long as others of its arm: the first also trains the GAN."""
        took: dict[str, list[float]] = {}
        for cell, row in self._results.items():
            took.setdefault(cell.arm.name, []).append(row["elapsed"])
        means = {name: float(np.mean(seconds)) for name, seconds in took.items()}
        usual = float(np.mean(list(means.values())))
        return sum(means.get(cell.arm.name, usual) for cell in self._left())

    def _extra(self, work: GroupWork) -> Extra:
        """The controls' steps: settled once, when the first control comes, and written down."""
        known = self._known_extra()
        if known is not None:
            return known
        seconds = {
            classical: [
                row["seconds"] / row["steps"]
                for cell, row in self._results.items()
                if cell.arm.classical == classical and not cell.arm.longer
            ]
            for classical in (False, True)
        }
        extra = extra_steps(self._config, work.gan_step_seconds(), seconds[False], seconds[True])
        write_json(self._workdir / CONTROL, to_plain(extra))
        return extra

    def _path(self, cell: Cell) -> pathlib.Path:
        return self._workdir / CELLS / f"{cell.name}.json"

    def _write(self) -> dict[str, Any]:
        """Writes study.json and the report of the cells that are done; returns the content."""
        config, workdir = self._config, self._workdir
        found = study_result(
            [self._results[cell] for cell in self._cells if cell in self._results],
            sizes=tuple(config.sizes),
            arms=arms_of(config),
            pairs=pairs_of(config),
            num_cells=len(self._cells),
            protocol=self._protocol(),
        )
        more = {"verdict": verdict(found.content())} | found.more
        result = dataclasses.replace(found, more=more)
        train, test = self._splits.train, self._splits.test
        names = train.class_names or test.class_names

        def page(path: pathlib.Path) -> None:
            title = f"Do generated images help recognition? {train.name}"
            write_study_report(
                path,
                About(title, config=plain(config), environment=describe_environment()),
                result.content(),
                class_names=names or tuple(map(str, range(self._splits.num_classes))),
                pictures=_pictures(workdir, groups_of(config), config.seed),
                times=self._times(),
            )

        return publish_result(workdir, result, file=STUDY, pages={folder.REPORT: page})

    def _known_extra(self) -> Extra | None:
        """The controls' steps, if they were settled."""
        path = self._workdir / CONTROL
        return from_plain(read_checked(path, check_plain, _REMOVE)) if path.exists() else None

    def _protocol(self) -> dict[str, Any]:
        config, splits = self._config, self._splits
        about = {
            "dataset": splits.train.name,
            "train_images": len(splits.train),
            "classes": splits.num_classes,
            "left_out_as_in_test": splits.dropped,
            "train_fingerprint": splits.train.fingerprint,
            "test_fingerprint": splits.test.fingerprint,
            "sizes": list(config.sizes),
            "balanced": config.balanced,
            "recogniser_steps": config.recogniser.num_steps,
            "recogniser_batch_size": config.recogniser.batch_size,
            "gan": f"{config.gan.model.name}, {config.gan.model.conditional}",
            "gan_steps": config.gan.num_steps,
            "gan_batch_size": config.gan.batch_size,
            "pool_ratio": config.pool_ratio,
            "filters": plain(config.filters),
            "selection": "none: last steps, and settings fixed before the study",
        }
        extra = self._known_extra()
        if extra is not None:
            about |= {
                "control_steps_real": config.recogniser.num_steps + extra.plain,
                "control_steps_classical": config.recogniser.num_steps + extra.classical,
                "control_steps_given_by": "measured times" if extra.measured else "the config",
                "control_held_by_limit": extra.asked != (extra.plain, extra.classical),
            }
        return make_protocol(
            about | {"versions": library_versions()},
            seed=[group.seed for group in groups_of(config) if group.size == config.sizes[0]],
            images=len(splits.test),
            preprocessing=PREPROCESSING,
            reference=None,
        )

    def _times(self) -> dict[str, str]:
        rows = list(self._results.values())
        times = {
            "all cells, with GANs and filters": _duration(sum(row["elapsed"] for row in rows)),
            "recognisers of all arms": _duration(sum(row["seconds"] for row in rows)),
        }
        extra = self._known_extra()
        if extra is not None:
            for name, seconds in extra.measured.items():
                times[f"{name.replace('_', ' ')}, median"] = f"{1000 * seconds:.1f} ms"
            times["steps that the GAN's time would buy"] = " and ".join(map(str, extra.asked))
        return times


def _duration(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds)))


def _pictures(workdir: pathlib.Path, groups: Sequence[Group], seed: int) -> dict[str, np.ndarray]:
    """The pictures of the first seed of each size, by their titles."""
    found = {}
    for group in groups:
        for added, name in PICTURES.items():
            path = workdir / folder.GANS / group.name / folder.SAMPLES / name
            if group.seed == seed and path.exists():
                found[f"{group.size:,} real images: {added.value}"] = decode_image(path)
    return found
