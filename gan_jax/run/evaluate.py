"""The jobs of eval.py and `gan-jax`, each a function of the values of its options by name.

Each imports what it needs when it runs.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from gan_jax.errors import InputError
from gan_jax.runtime.cli import size_of
from gan_jax.runtime.jobs import choose, with_paths


def _telling(options: SimpleNamespace, text: Callable[[Any], str]) -> Callable[[Any], None]:
    """A function that prints numbers as soon as they are known, as a table or as JSON."""

    def tell(content: Any) -> None:
        plain = content if isinstance(content, dict) else content.to_dict()
        print(json.dumps(plain, indent=1) if options.json else text(content), flush=True)

    return tell


def _named(options: SimpleNamespace, names: str) -> dict[str, Any]:
    """The values of flags that are called like the arguments that take them."""
    return {name: getattr(options, name) for name in names.split()}


def _announce(line: str) -> None:
    print(line, file=sys.stderr)


def _announce_report(folder: str | pathlib.Path) -> None:
    page = pathlib.Path(folder) / "report.html"
    if page.exists():  # else a warning has said why not
        _announce(f"Report: {page}")


def _reference(options: SimpleNamespace) -> dict[str, Any]:
    """Which part of the reference is taken; one that was asked for may have to be made."""
    part = options.reference_split
    return {"reference_split": part or "test", "divide": part is not None}


def _image_size(options: SimpleNamespace) -> tuple[int, ...]:
    return size_of(options.image_size, "--image_size") if options.image_size else ()


def _judge_run(options: SimpleNamespace) -> None:
    from gan_jax.sampling.trained import result_folder
    from gan_jax.training.evaluate_gan import evaluate_run

    evaluate_run(
        options.workdir,
        **_named(options, "checkpoint member num_samples batch_size cache"),
        extractors=options.extractor,
        out=options.out or None,
        families=options.metrics or None,
        textures=options.texture,
        tell=_telling(options, _judgement_text),
    )
    _announce_report(options.out or result_folder(options.workdir, options.member))


def _judge_samples(options: SimpleNamespace) -> None:
    from gan_jax.training.evaluate_samples import evaluate_samples

    if not options.out:
        _print_judgement(options)
        return
    evaluate_samples(
        options.samples,
        options.reference,
        options.extractor,
        options.out,
        **_reference(options),
        **_named(options, "training resize cache"),
        announce=_announce,
        families=options.metrics or None,
        image_size=_image_size(options),
        batch_size=options.batch_size or 500,
        statistics=options.save_statistics,
        tell=_telling(options, _judgement_text),
    )
    _announce_report(options.out)


def _print_judgement(options: SimpleNamespace) -> None:
    """The numbers alone: no file is written."""
    from gan_jax.run.api import judge

    if options.save_statistics:
        raise InputError("--save_statistics needs --out too.")
    result = judge(
        options.samples,
        options.reference,
        **_named(options, "extractor training resize"),
        reference_split=options.reference_split or "",
        metrics=options.metrics or None,
        image_size=_image_size(options),
        batch_size=options.batch_size or 500,
        announce=_announce,
    )
    _telling(options, _judgement_text)(result.content())
    _announce("Nothing was written: --out DIR writes eval.json and report.html there.")


def _hand_in(options: SimpleNamespace) -> None:
    from gan_jax.judging.benchmark import benchmark_of, standing_text
    from gan_jax.training.evaluate_samples import evaluate_samples

    benchmark = benchmark_of(options.benchmark)
    reference = options.reference or benchmark.reference
    if not reference:
        raise InputError(
            f"--benchmark={benchmark.name} needs --reference too: the folder of its original files."
        )
    result = evaluate_samples(
        options.samples,
        reference,
        benchmark.pack,
        options.out,
        announce=_announce,
        training=options.training or reference,
        resize=options.resize,
        image_size=_image_size(options),
        batch_size=options.batch_size or 500,
        benchmark=benchmark,
        tell=_telling(options, _judgement_text),
    )
    _announce(standing_text(benchmark, result, pathlib.Path(options.samples).name))
    _announce(f"To hand it in, send {pathlib.Path(options.out) / 'eval.json'} and the samples.")
    _announce_report(options.out)


def _judgement_text(result: dict[str, Any]) -> str:
    from gan_jax.reports.metric_table import metric_table
    from gan_jax.reports.pages.textures import texture_verdict

    text = metric_table(result)
    if result["protocol"].get("task") == "super-resolution":
        from gan_jax.reports.pages.super_resolution import super_resolution_text

        text = super_resolution_text(result)
    as_textures = result.get("textures", {}).get("headline")
    if as_textures is None or as_textures == result.get("headline"):
        return text
    return f"{text}\n{texture_verdict(result)}"


def _judge_textures(options: SimpleNamespace) -> None:
    from gan_jax.judging.textures.crops import Cutting
    from gan_jax.judging.textures.evaluation import evaluate_textures, evaluation_text
    from gan_jax.reports.metric_table import metric_table

    def text(content: dict[str, Any]) -> str:
        return f"{metric_table(content)}\n{evaluation_text(content)}"

    evaluate_textures(
        options.samples,
        options.reference,
        options.out,
        reference_split=options.reference_split or "",
        extractor=options.extractor,
        families=options.metrics or None,
        cutting=Cutting(options.crop, options.num_crops, options.grey, options.seed or 0),
        tell=_telling(options, text),
    )
    _announce_report(options.out)


def _compare(options: SimpleNamespace) -> None:
    from gan_jax.data.disk import path_of
    from gan_jax.reports.comparison.report import compare_runs
    from gan_jax.reports.comparison.terminal import comparison_table

    folders = [str(path_of(folder)) for folder in options.folders]
    compare_runs(folders, options.out or None, tell=_telling(options, comparison_table))
    if options.out:
        _announce_report(options.out)


def _test_pack(options: SimpleNamespace) -> None:
    from gan_jax.judging.gate import gate_pack, gate_table

    part = _reference(options) | {"resize": options.resize}
    gate = gate_pack(options.gate, options.reference, **part, announce=_announce)
    print(gate_table(gate.content()))


def _recognise(options: SimpleNamespace) -> None:
    from gan_jax.studies.recognition.numbers import recognition_table
    from gan_jax.studies.recognition.recognise import recognise, subject_of_run, subject_of_samples

    if options.keep is not None and options.keep < 1:
        raise InputError(f"--keep is {options.keep}; expected a number of images, 1 or more.")
    if options.workdir:
        subject = subject_of_run(
            _source(options), options.extractor, num_samples=options.num_samples
        )
    else:
        subject = subject_of_samples(
            options.samples,
            options.extractor,
            **_reference(options),
            **_named(options, "reference resize batch_size"),
        )
    tell = _telling(options, recognition_table)
    recognise(subject, options.out, select=options.keep or 0, tell=tell)
    _announce_report(options.out)


def _gan_train_test(options: SimpleNamespace) -> None:
    from gan_jax.studies.gan_train_test import run_gan_train_test, table_text
    from gan_jax.studies.labelled import samples_of_files, samples_of_run

    if options.workdir:
        experiment = samples_of_run(_source(options), options.extractor)
    else:
        experiment = samples_of_files(
            options.samples, options.extractor, options.reference, resize=options.resize
        )
    run_gan_train_test(
        experiment,
        options.out,
        num_seeds=options.seeds,
        num_images=options.num_samples,
        num_steps=options.num_steps,
        tell=_telling(options, table_text),
    )
    _announce_report(options.out)


def _source(options: SimpleNamespace):  # annotated it would be imported at once
    from gan_jax.sampling.drawing import Source

    return Source(**_named(options, "workdir checkpoint member seed truncation batch_size"))


def _export(options: SimpleNamespace) -> None:
    from gan_jax.sampling.samples import export_samples
    from gan_jax.sampling.selection import Selection

    selection = None
    if options.select:
        selection = Selection(options.select, options.least_confidence, options.as_asked)
    source = dataclasses.replace(_source(options), frames=options.frames)
    record = export_samples(source, options.export, options.out, selection)
    rate = record.get("selection", {}).get("acceptance_rate")
    accepted = "" if rate is None else f", {rate:.1%} of those drawn"
    print(f"{options.export:,} samples{accepted}: {options.out}")


def _export_program(options: SimpleNamespace) -> None:
    from gan_jax.sampling.program import export_program

    path = options.export_program
    record = export_program(_source(options), path)
    print(f"Program: {path}", record["read"], record["call"], record["takes"], sep="\n")


def _walk(options: SimpleNamespace) -> None:
    from gan_jax.sampling.walk import write_walk

    write_walk(
        _source(options),
        options.walk,
        frames=options.frames or 120,
        **_named(options, "fps walks points"),
    )
    print(f"Walk: {options.walk}")


def _draw(options: SimpleNamespace) -> None:
    from gan_jax.sampling.textures import draw_texture

    size = size_of(options.draw, "--draw")
    chosen = {"number": options.texture_number, "seamless": options.seamless}
    print(draw_texture(_source(options), size, options.out, **chosen))


def _enlarge(options: SimpleNamespace) -> None:
    from gan_jax.sampling.enlarge import enlarge_files

    places = (options.workdir, options.enlarge, options.out)
    record = enlarge_files(*places, checkpoint=options.checkpoint, announce=_announce)
    print(f"{record['images']:,} images enlarged x{record['factor']}: {options.out}")


ACTIONS: dict[str, Callable[[SimpleNamespace], None]] = {
    "benchmark": _hand_in,
    "compare": _compare,
    "draw": _draw,
    "enlarge": _enlarge,
    "export": _export,
    "export_program": _export_program,
    "gan_train_test": _gan_train_test,
    "gate": _test_pack,
    "recognise": _recognise,
    "samples": _judge_samples,
    "texture": _judge_textures,
    "walk": _walk,
    "workdir": _judge_run,
}
"""By the flag that asks for the job: its action, or its source where it has none."""


def do(values: Mapping[str, Any], given: Mapping[str, Any], words: Sequence[str]) -> None:
    """Does the job that a command line asks for.

    Args:
        values: of all options by name.
        given: of those on the command line.
        words: on it that are no options: the folders to compare.

    Raises:
        InputError: see `gan_jax.runtime.jobs.choose` and the job.
    """
    options = with_paths(values, given)
    options.folders = list(words)
    job = choose(given, options.folders)
    ACTIONS[job.action or job.source](options)
