"""What a config trains, from its data to its report: a GAN, a sweep of GANs, a recogniser."""

from __future__ import annotations

import contextlib
import functools
import logging
import pathlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config import num_final_samples
from gan_jax.config.build import build_gan, build_recogniser, count_steps, gan_step_function
from gan_jax.config.members import has_members
from gan_jax.config.saved import plain
from gan_jax.data import Dataset, load
from gan_jax.data.dataset import check_same_shape, check_test_labels
from gan_jax.data.disk import path_of, read_json
from gan_jax.errors import InputError, TrainingDiverged
from gan_jax.extractors.channels import reading_channels
from gan_jax.extractors.pack import Extractor, assemble, load_pack, make_record, save_pack
from gan_jax.judging.class_agreement import judge_asked
from gan_jax.judging.classification import recognise
from gan_jax.judging.gate import brief_gate
from gan_jax.judging.judge import Judge, make_judge
from gan_jax.judging.layer_statistics import layer_statistics, low_rank_warning
from gan_jax.judging.suite import QUICK
from gan_jax.judging.textures.evaluation import check_run
from gan_jax.judging.textures.meter import TextureMeter
from gan_jax.reports.class_pictures import picture
from gan_jax.reports.members_table import members_table
from gan_jax.reports.metric_table import metric_table
from gan_jax.reports.numbers_first import expendable
from gan_jax.reports.stopped import write_stopped_report
from gan_jax.reports.super_resolution import super_resolution_text
from gan_jax.runtime import parallel
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment, library_versions
from gan_jax.runtime.images import image_grid, save_png
from gan_jax.runtime.logs import read_history
from gan_jax.sampling.classes import MOST_ROWS, asked_labels, draw_classes
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.steps import cnn_update
from gan_jax.steps.state import GANState, create_cnn_state, create_gan_state
from gan_jax.training import evaluate_gan as evaluation
from gan_jax.training import loop
from gan_jax.training.collapse_guard import CollapseGuard
from gan_jax.training.frozen import check_alone, check_frozen, with_frozen_losses
from gan_jax.training.members import make_crew, train_members
from gan_jax.training.rollback import RollBack, Rollbacks
from gan_jax.training.session import Session, say
from gan_jax.training.super_resolution import train_super_resolution

_log = logging.getLogger(__name__)


def train_gan(config: ConfigDict, workdir: pathlib.Path, stop: loop.StopSignal) -> None:
    """Trains a GAN, several, or one that enlarges, and judges it; or goes on where it was left.

    Raises:
        InputError, TrainingDiverged, ModeCollapse, Interrupted: see `gan_jax.run.run`.
    """
    if has_members(config):
        _train_members(config, workdir, stop)
        return
    plan = parallel.make_plan(config.parallel, config.batch_size, config.num_devices)
    train, test = load(config.dataset, "train"), load(config.dataset, "test")
    check_same_shape(train, test)
    if config.evaluation.textures:
        check_run(test)
    num_steps = count_steps(config, len(train))
    gan = build_gan(config, train.image_shape, num_steps, num_classes=train.num_classes or 0)
    step_function = gan_step_function(config.updates)
    extractor = _check_judge(config, train)
    check_frozen(config, train, extractor)
    _open(workdir, config, train, test)
    if _is_finished(workdir, num_steps):
        return
    judge = _obtain_judge(config, extractor, test, stop)
    extractor = judge.extractor if judge else None
    recogniser = functools.partial(_train_shared_recogniser, stop=stop)
    gan = with_frozen_losses(gan, config, workdir, train, extractor, recogniser)
    say(f"Training the GAN '{config.model.name}' on {train} for {num_steps:,} steps in {workdir}")
    if config.super_resolution.factor:
        with _reported_if_stopped(workdir, config, f"enlarging {train.name}", num_steps):
            train_super_resolution(
                config, workdir, stop, gan, train=train, test=test, extractor=extractor,
                num_steps=num_steps, tell=lambda content: say(super_resolution_text(content)),
            )  # fmt: skip
        parallel.wait_for_all("report")
        _say_where(workdir)
        return
    meter = TextureMeter(test) if config.evaluation.textures else None

    count = config.evaluation.num_samples
    latents = sample_latents(config.seed, count, gan.latent_dim)
    labels = asked_labels(gan, train, seed=config.seed, count=count)
    guard = _make_guard(config, judge, num_steps)

    def evaluate(session: Session, step: int, state: GANState) -> loop.Evaluation:
        variables, batch_size = parallel.local_copy(state.ema), config.evaluation.batch_size
        images = generate_images(
            gan.generator, variables, latents, labels=labels, batch_size=batch_size
        )
        if labels is None:
            grid = image_grid(images[: config.evaluation.grid])
        else:
            columns = max(config.evaluation.grid // min(gan.num_classes, MOST_ROWS), 1)
            rows = draw_classes(gan, variables, train, latents[:columns], batch_size=batch_size)
            grid = picture(rows)
        if parallel.is_main_process():
            save_png(workdir / folder.SAMPLES / f"step_{step:07d}.png", grid)
            session.logger.image(step, "samples", grid)
        as_textures = meter.read(images) if meter else {}
        if judge is None:
            return loop.Evaluation(as_textures, as_textures.get("eval/texture_fd"))
        judgement = judge_asked(judge, images, labels, train, families=QUICK)
        numbers = as_textures | judgement.summary()
        score = numbers["eval/fd_semantic"]
        session.progress.update(step, {"FD": score})
        if guard is None:
            return loop.Evaluation(numbers, score)
        numbers |= guard.read(step, judgement.features)
        return loop.Evaluation(numbers, score, end=session.check(guard, step))

    key, state = jax.random.key(config.seed), None
    with _reported_if_stopped(workdir, config, f"{config.model.name} on {train.name}", num_steps):
        while state is None:
            start = parallel.replicate(create_gan_state(gan, key, train.image_shape), plan)
            try:
                with Session(config, workdir, start, num_steps) as session:
                    if guard is not None:
                        session.resume_guard(guard)
                    state = session.fit(
                        key,
                        plan=plan,
                        dataset=train,
                        stop=stop,
                        evaluate=functools.partial(evaluate, session),
                        step=functools.partial(step_function, gan=gan),
                    )
            except RollBack as request:
                _log.warning("The generator has collapsed: %s", request)
                Rollbacks(workdir).order(request)
    say("Evaluating, and writing the report ...")
    ema = jax.tree.map(np.asarray, parallel.local_copy(state.ema))
    final = num_final_samples(config)
    evaluation.evaluate_gan(
        workdir,
        config=plain(config),
        gan=gan,
        ema=ema,
        step=num_steps,
        judge=judge,
        train=train,
        latents=sample_latents(config.seed, final, gan.latent_dim),
        labels=asked_labels(gan, train, seed=config.seed, count=final),
        batch_size=config.evaluation.batch_size,
        held_out=test,
        textures=config.evaluation.textures,
        tell=lambda content: say(metric_table(content)),
    )
    parallel.wait_for_all("report")
    _say_where(workdir)


def _train_members(config: ConfigDict, workdir: pathlib.Path, stop: loop.StopSignal) -> None:
    """Many GANs at once; in all else like `train_gan`."""
    check_alone(config)
    train, test = load(config.dataset, "train"), load(config.dataset, "test")
    check_same_shape(train, test)
    num_steps = count_steps(config, len(train))
    crew = make_crew(config, train, num_steps)
    extractor = _check_judge(config, train)
    _open(workdir, config, train, test)
    if _is_finished(workdir, num_steps):
        return
    judge = _obtain_judge(config, extractor, test, stop)
    title = f"{len(crew.members)} GANs {config.model.name} on {train.name}"
    with _reported_if_stopped(workdir, config, title, num_steps):
        train_members(
            config, workdir, crew, stop, train=train, judge=judge, num_steps=num_steps,
            tell=lambda content: say(members_table(content)),
        )  # fmt: skip
    _say_where(workdir)


def _open(workdir: pathlib.Path, config: ConfigDict, train: Dataset, test: Dataset) -> None:
    """Raises InputError if the folder holds a run of another config or of other images."""
    first = parallel.is_main_process()
    folder.open_workdir(workdir, config, write=first)
    folder.check_data(workdir, train, test, write=first)


def _say_where(workdir: pathlib.Path) -> None:
    if (workdir / folder.REPORT).exists():
        say(f"Report: {workdir / folder.REPORT}")


@contextlib.contextmanager
def _reported_if_stopped(
    workdir: pathlib.Path, config: ConfigDict, title: str, num_steps: int
) -> Iterator[None]:
    """Leaves a page behind when a collapse or a divergence ends the run."""
    try:
        yield
    except TrainingDiverged as reason:
        if parallel.is_main_process():
            with expendable(folder.REPORT):  # why the run was stopped must not be lost for it
                write_stopped_report(
                    workdir,
                    str(reason),
                    title=title,
                    num_steps=num_steps,
                    config=plain(config),
                    environment=describe_environment(),
                )
                _say_where(workdir)
        raise


def _make_guard(config: ConfigDict, judge: Judge | None, num_steps: int) -> CollapseGuard | None:
    if judge is None or config.collapse.action == "none":
        return None
    return CollapseGuard(
        plain(config.collapse),
        judge,
        num_samples=config.evaluation.num_samples,
        num_steps=num_steps,
    )


def _check_judge(config: ConfigDict, train: Dataset) -> Extractor | None:
    """What can be known of the judge before any training: that there is or can be one, and fits.

    Returns it if it is there already.
    """
    if not config.judge.pack:
        return None
    pack = path_of(config.judge.pack)
    if config.judge.train and not pack.exists():
        if pack.name != folder.PACK:
            raise InputError(
                f"config.judge.pack is '{pack}': a pack that is to be trained lies in its run's "
                f"folder under the name '{folder.PACK}', such as 'runs/cnn_mnist5k/{folder.PACK}'."
            )
        load(config.judge.train.dataset, "train").require_classes()
        return None
    extractor = reading_channels(load_pack(pack), train)
    extractor.check_shape(train.image_shape)
    return extractor


def _obtain_judge(
    config: ConfigDict, extractor: Extractor | None, reference: Dataset, stop: loop.StopSignal
) -> Judge | None:
    """The judge of a GAN's run; its CNN is trained first where there is no extractor yet."""
    if not config.judge.pack:
        say(
            "No judge: config.judge.pack is empty, so it is tested whether the images differ from "
            "real ones, and not measured how good they are."
        )
        return None
    if extractor is None:
        pack = path_of(config.judge.pack)
        say(f"The judge is trained first: there is no pack in {pack} yet.")
        _train_shared_recogniser(config.judge.train, pack.parent, stop)
        extractor = reading_channels(load_pack(pack), reference)
    judge = make_judge(extractor, reference, batch_size=config.evaluation.batch_size)
    say(f"Judge: {extractor.stamp}, {_accuracy_text(extractor.record)}reference {reference}")
    if judge.trained_on_reference:
        _log.warning("The judge was trained on the reference images: its numbers are too good.")
    return judge


def _accuracy_text(record: dict[str, Any]) -> str:
    if record["accuracy"] is None:
        return ""
    return f"accuracy {record['accuracy']:.2%} on {record['num_test']:,} test images; "


def _train_shared_recogniser(
    config: ConfigDict, workdir: pathlib.Path, stop: loop.StopSignal
) -> None:
    """Trains a recogniser that other runs may want too: waits while one of them trains it."""
    told = False

    def waiting(holder: str) -> None:
        nonlocal told
        if not told:
            say(f"Waiting: {workdir} is in use by {holder}.")
        told = True

    with folder.held_by_all(workdir, waiting=waiting):
        train_recogniser(config, workdir, stop)


def train_recogniser(config: ConfigDict, workdir: pathlib.Path, stop: loop.StopSignal) -> None:
    """Trains a recogniser and writes its pack and page; or goes on where it was left.

    Raises:
        InputError, TrainingDiverged, Interrupted: see `gan_jax.run.run`.
    """
    plan = parallel.make_plan(config.parallel, config.batch_size, config.num_devices)
    train, test = load(config.dataset, "train"), load(config.dataset, "test")
    train.require_classes()
    check_same_shape(train, test)
    check_test_labels(test)
    num_classes = max(train.num_classes, test.num_classes)
    num_steps = count_steps(config, len(train))
    recogniser = build_recogniser(config, num_classes, num_steps)
    _check_layers(config)
    _open(workdir, config, train, test)
    if (workdir / folder.PACK).exists() and _is_finished(workdir, num_steps):
        return
    say(f"Training the recogniser '{config.name}' on {train} for {num_steps:,} steps in {workdir}")

    key = jax.random.key(config.seed)
    state = parallel.replicate(create_cnn_state(recogniser, key, train.image_shape), plan)
    network, batch_size = recogniser.network, config.evaluation.batch_size
    with Session(config, workdir, state, num_steps) as session:

        def evaluate(step: int, state: Any) -> loop.Evaluation:
            variables = parallel.local_copy(state.ema)
            result = recognise(network, variables, test, batch_size=batch_size)
            session.progress.update(step, {"test accuracy": f"{result.accuracy:.2%}"})
            return loop.Evaluation({"eval/accuracy": result.accuracy}, 1.0 - result.accuracy)

        state = session.fit(
            key,
            plan=plan,
            dataset=train,
            stop=stop,
            evaluate=evaluate,
            step=functools.partial(cnn_update, recogniser=recogniser),
        )
    variables = jax.tree.map(np.asarray, parallel.local_copy(state.ema))
    result = recognise(network, variables, test, batch_size=batch_size)
    names = train.class_names or tuple(str(label) for label in range(num_classes))
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
        evaluation.write_recogniser_results(
            workdir,
            extractor=extractor,
            result=result,
            test=test,
            config=plain(config),
            history=read_history(workdir),
            environment=describe_environment(),
        )
        say(
            f"Recogniser {extractor.stamp}: {result.accuracy:.2%} of {len(test):,} test images "
            f"right; pack and report in {workdir}"
        )
    parallel.wait_for_all("pack")


def _check_layers(config: ConfigDict) -> None:
    known = [f"block{i}" for i in range(1, len(config.model.widths) + 1)]
    if config.layers.texture not in known:
        raise InputError(
            f"config.layers.texture is {config.layers.texture!r}; the network has "
            f"{', '.join(known)}."
        )
    if config.layers.semantic != "penultimate":
        raise InputError(
            f"config.layers.semantic is {config.layers.semantic!r}; expected 'penultimate'."
        )


def _is_finished(workdir: pathlib.Path, num_steps: int) -> bool:
    """Whether the folder holds the end of this run; says so."""
    path = workdir / folder.EVALUATION
    if not (path.exists() and (workdir / folder.REPORT).exists()):
        return False
    try:
        protocol = read_json(path).get("protocol", {})
    except InputError as error:
        _log.warning("%s It is made again.", error)
        return False
    if not isinstance(protocol, dict) or protocol.get("step") != num_steps:
        return False
    say(
        f"{workdir} is finished at step {num_steps:,}: nothing to do. See {workdir / folder.REPORT}"
        f" (to train longer raise config.num_steps; to begin anew give another --workdir)."
    )
    return True
