"""A recogniser's run, from its data to its pack and page."""

from __future__ import annotations

import functools
import logging
import pathlib
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.build import build_recogniser
from gan_jax.config.counts import count_steps
from gan_jax.config.saved import plain
from gan_jax.data import Dataset
from gan_jax.data.dataset import check_test_labels
from gan_jax.extractors.extractor import Extractor, assemble
from gan_jax.extractors.pack import save_pack
from gan_jax.extractors.record import make_record
from gan_jax.judging.classification import Recognition, recognise
from gan_jax.judging.gate import brief_gate
from gan_jax.judging.layer_statistics import layer_statistics, low_rank_warning
from gan_jax.judging.overlap import independent_images
from gan_jax.models.cnn import CNN
from gan_jax.reports.numbers_first import publish_result
from gan_jax.reports.pages.recogniser import RecogniserReport, write_recogniser_report
from gan_jax.reports.result import Result, make_protocol
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment, library_versions
from gan_jax.runtime.logs import read_history, say
from gan_jax.runtime.members_parallel import on_host
from gan_jax.runtime.signals import StopSignal
from gan_jax.steps import cnn_update
from gan_jax.steps.state import create_cnn_state
from gan_jax.training.loop import fit
from gan_jax.training.running import is_finished, load_parts, open_run
from gan_jax.training.task import Pace, Reading, Task, single_task

_log = logging.getLogger(__name__)


def train_recogniser(config: ConfigDict, workdir: pathlib.Path, stop: StopSignal) -> None:
    """Trains a recogniser and writes its pack and page; or goes on where it was left.

    Raises:
        InputError, TrainingDiverged, Interrupted: see `gan_jax.run.run`.
    """
    train, test = load_parts(config)
    task, network = recogniser_task(config, train, test)
    num_steps, batch_size = task.pace.num_steps, config.evaluation.batch_size
    open_run(workdir, config, train, test)
    if (workdir / folder.PACK).exists() and is_finished(workdir, num_steps):
        return
    say(f"Training the recogniser '{config.name}' on {train} for {num_steps:,} steps in {workdir}")
    state = fit(task, stop, workdir)
    variables = on_host(state.ema)
    result = recognise(network, variables, test, batch_size=batch_size)
    names = train.class_names or tuple(str(label) for label in range(network.num_classes))
    record = make_record(
        name=config.name,
        network=network,
        image_shape=train.image_shape,
        layers=dict(config.layers),
        class_names=names,
        accuracy=result.accuracy,
        num_test=len(test),
        training=plain(config),
        splits={"train": train.fingerprint, "test": test.fingerprint},
        versions=library_versions(),
    )
    record["layer_statistics"] = layer_statistics(assemble(variables, record), test)
    extractor = save_pack(
        workdir / folder.PACK,
        variables,
        record,
        training_keys=None if train.images is None else train.content_keys,
        gate=functools.partial(brief_gate, held_out=test),
    )
    if parallel.is_main_process():
        if warning := low_rank_warning(record["layer_statistics"]):
            _log.warning(warning)
        say(f"Gate of {extractor.stamp}: {extractor.gate}")
        _write_results(workdir, plain(config), extractor, result, test)
        say(
            f"Recogniser {extractor.stamp}: {result.accuracy:.2%} of {len(test):,} test images "
            f"right; pack and report in {workdir}"
        )
    parallel.wait_for_all("pack")


def recogniser_task(config: ConfigDict, train: Dataset, test: Dataset) -> tuple[Task, CNN]:
    """What the training of a recogniser is, and its network.

    Raises:
        InputError: images without classes, or numbers that do not fit.
    """
    plan = parallel.make_plan(config.parallel, config.batch_size, config.num_devices)
    train.require_classes()
    check_test_labels(test)
    num_steps = count_steps(config, len(train))
    own, tested = train.num_classes, test.num_classes
    assert own is not None and tested is not None
    recogniser = build_recogniser(config, max(own, tested), num_steps)
    network, batch_size = recogniser.network, config.evaluation.batch_size
    assert isinstance(network, CNN)

    def accuracy(step: int, state: Any) -> Reading:
        variables = parallel.local_copy(state.ema)
        found = recognise(network, variables, test, batch_size=batch_size).accuracy
        shown = {"test accuracy": f"{found:.2%}"}
        return Reading({"eval/accuracy": found}, score=1.0 - found, shown=shown)

    task = single_task(
        config,
        state=lambda: create_cnn_state(recogniser, jax.random.key(config.seed), train.image_shape),
        step=functools.partial(cnn_update, recogniser=recogniser),
        plan=plan,
        train=train,
        pace=Pace.of(config, num_steps),
        evaluators=[accuracy],
    )
    return task, network


def _write_results(
    workdir: pathlib.Path,
    config: dict[str, Any],
    extractor: Extractor,
    result: Recognition,
    test: Dataset,
) -> None:
    """Writes eval.json and report.html."""
    history, labels = read_history(workdir), test.labels
    about = {
        "extractor": extractor.stamp,
        "extractor_sha256": extractor.digest,
        "step": history[-1]["step"] if history else 0,
    }
    numbers = {"accuracy": result.accuracy, "confusion": result.confusion.tolist()}
    independent = independent_images(test)
    assert labels is not None
    right = int(np.sum(result.predictions[independent] == labels[independent]))
    if len(independent) < len(test):
        about["independent_images"] = len(independent)
    found = Result(
        {name: {"value": value, "n": len(test)} for name, value in numbers.items()},
        make_protocol(
            about,
            seed=config["seed"],
            images=len(test),
            preprocessing=extractor.record["preprocessing"],
            reference=test,
        ),
    )
    wrong = np.flatnonzero(result.predictions != labels)
    report = RecogniserReport(
        title=f"{extractor.stamp} on {test.name}",
        config=config,
        history=history,
        accuracy=result.accuracy,
        confusion=result.confusion,
        independent=(right, len(independent)) if len(independent) < len(test) else None,
        class_names=extractor.class_names,
        mistakes=test.take(wrong) if len(wrong) else None,
        mistake_labels=labels[wrong],
        mistake_predictions=result.predictions[wrong],
        layers=extractor.layer_statistics,
        layer_warning=low_rank_warning(extractor.layer_statistics),
        environment=describe_environment(),
    )
    write = functools.partial(write_recogniser_report, report=report)
    again = f"python train.py with the recogniser's config and --workdir={workdir}"
    publish_result(workdir, found, pages={folder.REPORT: write}, again=again)
