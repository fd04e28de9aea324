"""Reads generated images with several recognisers: labels, confidence, agreement, calibration."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.config import num_final_samples
from gan_jax.data import Dataset, image_files, load, read_images
from gan_jax.data.disk import open_folder
from gan_jax.data.labels import renumbered
from gan_jax.errors import InputError
from gan_jax.extractors.pack import Extractor
from gan_jax.extractors.readings import command_for_another, held_out, open_recognisers, read
from gan_jax.reports.numbers_first import Tell, expendable, no_empty_folder, publish, quietly
from gan_jax.reports.recognition import RecognitionReport, write_recognition_report
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment
from gan_jax.sampling.generation import Source
from gan_jax.studies.files import SELECTED, TABLE, write_pictures, write_selected, write_table
from gan_jax.studies.results import (
    joint_numbers,
    reader_numbers,
    recogniser_entry,
    recognition_protocol,
    selection_entry,
)
from gan_jax.studies.selection import select_surest
from gan_jax.training.evaluate_samples import resizing_options

RESULT = "recognition.json"
_WANTED = 3
_FEWEST_REAL = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """The images that are read.

    Attributes:
        title: of the page.
        images: uint8 [n, h, w, c].
        protocol: where they come from, JSON values.
        files: a name each, or None.
        labels: the classes that they were asked or are said to be, int32 [n], or None.
        own_names: of the classes in the numbering of `labels`; () without.
    """

    title: str
    images: np.ndarray
    protocol: dict[str, Any]
    files: list[str] | None = None
    labels: np.ndarray | None = None
    own_names: tuple[str, ...] = ()


def recognise_run(
    workdir: str | pathlib.Path,
    extractors: str,
    out: str | pathlib.Path,
    *,
    checkpoint: str = "latest",
    member: int | None = None,
    num_samples: int = 0,
    select: int = 0,
    batch_size: int = 0,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """Reads the images of a GAN's run, and returns what recognition.json then holds.

    Args:
        workdir: of the run.
        extractors: packs with commas; '' for the one of the run's config.
        out: where recognition.json, recognition.csv, report.html and pictures go.
        checkpoint, member: see `gan_jax.sampling.trained.read_gan`.
        num_samples: how many images; 0 for as many as the run's config judges.
        select: how many images to keep that the first recogniser is surest of; 0 for none.
        batch_size: images a call; 0 for as many as the config says.
        tell: takes what recognition.json holds before the other files are made.

    Raises:
        InputError: no such run, checkpoint or pack, images that a pack does not take, or a folder
            that cannot be written to.
    """
    drawing = Source(workdir, checkpoint=checkpoint, member=member, batch_size=batch_size).open()
    config, train = drawing.trained.config, drawing.trained.train
    recognisers = open_recognisers(extractors or config.judge.pack)
    recognisers[0].check_shape(drawing.image_shape)
    count = num_samples or num_final_samples(config)
    labels = drawing.labels(count)
    subject = Subject(
        title=f"{config.model.name} on {train.name}, read by recognisers",
        images=drawing.images(drawing.latents(count), labels),
        protocol={"images_are": "generated", **drawing.record()},
        labels=labels,
        own_names=() if labels is None else train.label_names,
    )
    return recognise_images(
        subject,
        recognisers,
        load(config.dataset, "test"),
        out,
        select=select,
        batch_size=batch_size or config.evaluation.batch_size,
        tell=tell,
    )


def recognise_samples(
    samples: str,
    extractors: str,
    out: str | pathlib.Path,
    *,
    reference: str = "",
    reference_split: str = "test",
    divide: bool = False,
    resize: str = "",
    select: int = 0,
    batch_size: int = 500,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """Reads anybody's images, and returns what recognition.json then holds.

    Args:
        samples: images by path or name, as `gan_jax.data.read_images` takes them; where they come
            with labels, these are compared with what is read.
        extractors: packs with commas.
        out: as in `recognise_run`.
        reference: labelled real images that the recognisers were not trained on, for calibration;
            '' for none.
        reference_split: which part of them.
        divide: whether a set without parts is divided, as a run divides its data set.
        resize: how to bring images to the recognisers' size; '' refuses other sizes.
        select, batch_size, tell: as in `recognise_run`.

    Raises:
        InputError: images or packs that cannot be read, or do not fit together, or a folder that
            cannot be written to.
    """
    recognisers = open_recognisers(extractors)
    options = resizing_options(recognisers[0], resize) if resize else {}
    given = read_images(samples, split="all", **options)
    recognisers[0].check_shape(given.image_shape)
    real = None
    if reference:
        real = read_images(reference, split=reference_split, divide=divide, **options)
    subject = Subject(
        title=f"{given.name}, read by recognisers",
        images=given.take(np.arange(len(given))),
        protocol={
            "images_are": "given",
            "samples": given.name,
            "samples_fingerprint": given.fingerprint,
            "resize": resize or "none",
        },
        files=image_files(samples),
        labels=given.labels,
        own_names=() if given.labels is None else given.label_names,
    )
    return recognise_images(
        subject, recognisers, real, out, select=select, batch_size=batch_size or 500, tell=tell
    )


def recognise_images(
    subject: Subject,
    recognisers: Sequence[Extractor],
    reference: Dataset | None,
    out: str | pathlib.Path,
    *,
    select: int = 0,
    batch_size: int = 500,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """Reads images that are at hand; arguments as in `recognise_run`, and held-out real images."""
    names = recognisers[0].class_names
    if select and not 1 <= select <= len(subject.images):
        raise InputError(
            f"--keep is {select}; expected 1 to {len(subject.images)}, the number of images."
        )
    missing = _missing_recognisers(recognisers, bool(select))
    real, real_labels = _reference(recognisers, reference, missing)
    labels = _given_labels(subject, names, missing)
    out = open_folder(out, "--out")
    with no_empty_folder(out):
        readings = read(recognisers, subject.images, batch_size=batch_size)
        real_readings = None if real is None else read(recognisers, real, batch_size=batch_size)
    content: dict[str, Any] = {
        "metrics": joint_numbers(readings, real_readings, real_labels, labels, names),
        "recognisers": [
            recogniser_entry(
                pack,
                recognisers[0],
                readings.probabilities[index],
                None if real_readings is None else real_readings.probabilities[index],
                real_labels,
                reference,
            )
            for index, pack in enumerate(recognisers)
        ],
    }
    content["mean"] = reader_numbers(
        readings.mean, None if real_readings is None else real_readings.mean, real_labels
    )
    selection = None
    if select:
        selection = select_surest(readings, select, real_readings)
        content["selection"] = selection_entry(selection, recognisers, readings, labels)
    content["missing"] = missing
    content["protocol"] = recognition_protocol(
        subject.protocol, recognisers, images=len(subject.images), reference=reference
    )
    page = out / folder.REPORT
    publish(out / RESULT, content, page, out / TABLE, out / SELECTED, tell=tell)
    write_table(out / TABLE, recognisers, readings, files=subject.files, labels=labels)
    if selection is not None:
        write_selected(out / SELECTED, subject.images, selection, names)
    with expendable(f"The pictures in {folder.SAMPLES}"):
        write_pictures(out / folder.SAMPLES, subject.images, readings)
    with expendable(page.name):
        write_recognition_report(
            page,
            RecognitionReport(
                title=subject.title,
                content=content,
                class_names=names,
                images=subject.images,
                readings=readings,
                real_confidences=None if real_readings is None else real_readings.confidences,
                labels=labels,
                selected=None if selection is None else selection.rows,
                environment=describe_environment(),
            ),
        )
    return content


def _missing_recognisers(recognisers: Sequence[Extractor], selecting: bool) -> list[str]:
    count = len(recognisers)
    if count >= _WANTED:
        return []
    what = "agreement and a held-out judge of the selection" if selecting else "agreement"
    return [
        f"{_WANTED} recognisers of different seeds are wanted for {what}, and "
        f"{count} {'is' if count == 1 else 'are'} given. Train another with: "
        f"{command_for_another(recognisers)} (and the other settings of the first), and add its "
        "pack to --extractor."
    ]


def _reference(
    recognisers: Sequence[Extractor], reference: Dataset | None, missing: list[str]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The reference's images and labels, in the recognisers' numbering; None without them."""
    absent = "calibration on real images is not measured: "
    if reference is None:
        missing.append(f"{absent}give labelled ones that were held out with --reference.")
        return None, None
    if reference.labels is None:
        missing.append(f"{absent}{reference.name} has no labels.")
        return None, None
    own, names = reference.label_names, recognisers[0].class_names
    labels = renumbered(reference.labels, own, names)
    if labels is None:
        missing.append(
            f"{absent}the classes of {reference.name} are {', '.join(own[:10])}, and the "
            f"recognisers know {', '.join(names[:10])}."
        )
        return None, None
    different = len(np.unique(reference.content_keys))
    if different < _FEWEST_REAL:
        missing.append(
            f"{absent}{reference.name} has {different} different image(s), and at least "
            f"{_FEWEST_REAL} are needed, hundreds to mean something."
        )
        return None, None
    recognisers[0].check_shape(reference.image_shape)
    for pack in recognisers:
        seen = held_out(pack, reference.fingerprint)
        if seen.startswith("no:"):
            missing.append(
                f"calibration of {pack.stamp} on images that it has not seen: {reference.name} "
                f"({reference.split}) is what it was trained on. Give another --reference or "
                "--reference_split."
            )
    return reference.take(np.arange(len(reference))), labels


def _given_labels(
    subject: Subject, names: tuple[str, ...], missing: list[str]
) -> np.ndarray | None:
    if subject.labels is None:
        return None
    labels = renumbered(subject.labels, subject.own_names, names)
    if labels is None:
        missing.append(
            "the images' own labels are not compared: their classes are "
            f"{', '.join(subject.own_names[:10])}, and the recognisers know "
            f"{', '.join(names[:10])}."
        )
    return labels
