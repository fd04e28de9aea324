"""From a trained recogniser to eval.json and its page."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import numpy as np

from gan_jax.data import Dataset
from gan_jax.extractors.extractor import Extractor
from gan_jax.judging.classification import Recognition
from gan_jax.judging.layer_statistics import low_rank_warning
from gan_jax.judging.overlap import independent_images
from gan_jax.reports.numbers_first import publish_result
from gan_jax.reports.pages.recogniser import RecogniserReport, write_recogniser_report
from gan_jax.reports.result import Result, make_protocol
from gan_jax.runtime import workdir as folder


def write_recogniser_results(
    workdir: pathlib.Path,
    *,
    extractor: Extractor,
    result: Recognition,
    test: Dataset,
    config: dict[str, Any],
    history: list[dict],
    environment: dict[str, str],
) -> None:
    """Writes eval.json and report.html of a recogniser's run."""
    about = {
        "extractor": extractor.stamp,
        "extractor_sha256": extractor.digest,
        "step": history[-1]["step"] if history else 0,
    }
    numbers = {"accuracy": result.accuracy, "confusion": result.confusion.tolist()}
    independent, labels = independent_images(test), test.labels
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
        environment=environment,
    )
    write = functools.partial(write_recogniser_report, report=report)
    again = f"python train.py with the recogniser's config and --workdir={workdir}"
    publish_result(workdir, found, pages={folder.REPORT: write}, again=again)
