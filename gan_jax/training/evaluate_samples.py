"""Judges anybody's samples against anybody's reference: images on either side, or statistics."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax.data import Dataset, read_images
from gan_jax.data.array_files import ArrayFile
from gan_jax.data.disk import open_folder, path_of, read_json
from gan_jax.data.progress import progress_bar
from gan_jax.errors import InputError
from gan_jax.extractors.choice import open_extractors
from gan_jax.judging.benchmark import Benchmark, check_entry
from gan_jax.judging.samples import open_samples
from gan_jax.judging.statistics import (
    Origin,
    Statistics,
    load_statistics,
    open_statistics,
    save_statistics,
)
from gan_jax.metrics import Moments, frechet_distance_from_moments
from gan_jax.reports.numbers_first import Tell, no_empty_folder, publish_result, quietly
from gan_jax.reports.result import Result, make_protocol
from gan_jax.runtime import workdir as folder
from gan_jax.training.image_results import write_results


def evaluate_samples(
    samples: str,
    reference: str,
    extractors: str,
    out: str | pathlib.Path,
    *,
    reference_split: str = "test",
    divide: bool = False,
    training: str = "",
    families: Sequence[str] | None = None,
    resize: str = "",
    image_size: tuple[int, ...] = (),
    batch_size: int = 500,
    cache: str = "",
    statistics: str = "",
    benchmark: Benchmark | None = None,
    announce: Callable[[str], None] = lambda line: None,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """Judges anybody's samples, and returns what eval.json then holds.

    Args:
        samples: a folder of images, an npz or npy file, a folder of idx files, a set's name, or an
            npz file of statistics ('mu' and 'sigma'), which allow a Frechet distance only.
        reference: likewise, of real images.
        out: where eval.json and report.html go.
        extractors, reference_split, divide, training, resize, image_size: see
            `gan_jax.judging.samples.open_samples`.
        families: of metrics, see `gan_jax.judging.suite`; None for all that can be computed.
        batch_size: images per call.
        cache: folder for statistics of references; '' for none.
        statistics: file to write the reference's statistics to; '' for none.
        benchmark: that this is to be a result of: other references and too few samples are
            refused, and as many samples as it asks for are judged, chosen by their content.
        announce: told, before any work, which images are the reference and the training images.
        tell: takes what eval.json holds before the page is made.

    Raises:
        InputError: images, a reference or a pack that cannot be read or do not fit together, or
            places that cannot be written to.
    """
    if _is_statistics(reference) or _is_statistics(samples):
        real = None
        if not _is_statistics(reference):
            real = read_images(reference, split=reference_split, divide=divide)
            announce(f"reference: {real.described}")
        options: dict[str, Any] = {"batch_size": batch_size, "tell": tell}
        return _compare_statistics(samples, reference, real, extractors, out, **options)
    opened = open_samples(
        samples,
        reference,
        extractors,
        reference_split=reference_split,
        divide=divide,
        training=training,
        families=families,
        resize=resize,
        image_size=image_size,
        announce=announce,
    )
    rows, about = np.arange(len(opened.samples)), opened.about
    if benchmark is not None:
        check_entry(benchmark, opened.samples, opened.reference)
        rows = opened.samples.content_order()[: benchmark.num_samples]
        about = about | {"benchmark": benchmark.name}
    out = open_folder(out, "--out")
    if statistics:
        open_statistics(statistics)
    images = opened.samples.take(rows)
    with no_empty_folder(out), progress_bar("features", 0, " images") as bar:

        def progress(done: int) -> None:  # of one extractor's call after another
            bar.n = done
            bar.refresh()

        judges = opened.judges(batch_size=batch_size, cache=cache, progress=progress)
        judgements = opened.judge(judges, images, families)
    judge = judges[0]
    write_results(
        out,
        images=images,
        judge=judge,
        judgements=judgements,
        protocol=about,
        title=f"{opened.samples.name} against {opened.reference.name}",
        train=opened.training,
        config={},
        history=[],
        tell=tell,
    )
    if statistics:
        moments = Moments.of(judge.features.semantic)
        save_statistics(statistics, moments, judge.origin, seed=judge.seed)
    return read_json(out / folder.EVALUATION)


def _is_statistics(path: str) -> bool:
    """Whether this is an npz file with 'mu' and 'sigma', which images are not stored under."""
    file = path_of(path)
    if file.suffix.lower() != ".npz" or not file.is_file():
        return False
    return {"mu", "sigma"} <= set(ArrayFile(file).keys)


def _compare_statistics(
    samples: str,
    reference: str,
    real_images: Dataset | None,
    extractors: str,
    out: str | pathlib.Path,
    *,
    batch_size: int,
    tell: Tell,
) -> dict[str, Any]:
    """The Frechet distance where one side, or both, are statistics, which have no images."""
    if "," in extractors:
        raise InputError(
            f"--extractor={extractors}: statistics are of one extractor; give the one of theirs."
        )
    extractor = open_extractors(extractors, real_images)[0]
    out = open_folder(out, "--out")
    record = extractor.record
    expected = Origin(extractor.digest, record["layers"]["semantic"], record["preprocessing"])

    def side(path: str, images: Dataset | None) -> Statistics:
        if images is None:
            return load_statistics(path, expected=expected)
        extractor.check_shape(images.image_shape)
        pixels = images.all_images()
        features = extractor.features(pixels, batch_size=batch_size).semantic
        origin = dataclasses.replace(expected, reference=images.fingerprint)
        return Statistics(Moments.of(features), len(features), 0, origin)

    fake_images = None if _is_statistics(samples) else read_images(samples, split="all")
    real, fake = side(reference, real_images), side(samples, fake_images)
    value = frechet_distance_from_moments(real.moments, fake.moments)
    about = {
        "extractor": extractor.stamp,
        "extractor_sha256": extractor.digest,
        "extractor_accuracy": record["accuracy"],
        "layers": record["layers"],
        "samples": samples,
    }
    protocol = make_protocol(
        about,
        seed=None,
        images=fake.n,
        preprocessing=record["preprocessing"],
        reference=real_images,
    )
    protocol |= {
        "reference": reference,
        "reference_split": "statistics" if real_images is None else real_images.split,
        "reference_fingerprint": real.origin.reference,
        "reference_images": real.n,
    }
    entry = {"value": value, "n": fake.n, "n_real": real.n}
    return publish_result(out, Result({"fd_all": entry}, protocol), tell=tell)
