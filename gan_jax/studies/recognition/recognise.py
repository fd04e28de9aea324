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
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.readings import command_for_another, held_out, open_recognisers, read
from gan_jax.judging.overlap import independent_images
from gan_jax.judging.samples import about_samples, resizing_options
from gan_jax.reports.numbers_first import Tell, no_empty_folder, publish_result, quietly
from gan_jax.reports.pages.recognition import RecognitionReport, write_recognition_report
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.environment import describe_environment
from gan_jax.sampling.drawing import Source
from gan_jax.studies.recognition.files import (
    SELECTED,
    TABLE,
    certainty_pictures,
    write_selected,
    write_table,
)
from gan_jax.studies.recognition.numbers import recognition_result
from gan_jax.studies.recognition.selection import select_surest

RESULT = "recognition.json"
_WANTED = 3
_FEWEST_REAL = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """The images that are read, and the recognisers that read them.

    Attributes:
        title: of the page.
        images: uint8 [n, h, w, c].
        protocol: where they come from, JSON values.
        recognisers: one or more, of one image size and the same classes.
        reference: real images to calibrate on, or None.
        batch_size: images per call.
        files: a name for each image, or None.
        labels: the classes that the images were asked to be or came with, int32 [n], or None.
        own_names: of the classes in the numbering of `labels`; () without.
    """

    title: str
    images: np.ndarray
    protocol: dict[str, Any]
    recognisers: Sequence[Extractor]
    reference: Dataset | None
    batch_size: int
    files: list[str] | None = None
    labels: np.ndarray | None = None
    own_names: tuple[str, ...] = ()


def subject_of_run(source: Source, extractors: str = "", *, num_samples: int = 0) -> Subject:
    """The images of a GAN's run, beside the test images of its data set.

    Args:
        source: the generator.
        extractors: packs with commas; '' for the one of the run's config.
        num_samples: how many images; 0 for as many as the run's config judges.

    Raises:
        InputError: no such run, checkpoint or pack, or images that a pack does not take.
    """
    drawing = source.open()
    config, train = drawing.trained.config, drawing.trained.train
    recognisers = open_recognisers(extractors or config.judge.pack)
    recognisers[0].check_shape(drawing.image_shape)
    count = num_samples or num_final_samples(config)
    labels = drawing.labels(count)
    return Subject(
        title=f"{config.model.name} on {train.name}, read by recognisers",
        images=drawing.images(drawing.latents(count), labels),
        protocol={"images_are": "generated", **drawing.record()},
        recognisers=recognisers,
        reference=load(config.dataset, "test"),
        batch_size=source.batch_size or config.evaluation.batch_size,
        labels=labels,
        own_names=() if labels is None else train.label_names,
    )


def subject_of_samples(
    samples: str,
    extractors: str,
    *,
    reference: str = "",
    reference_split: str = "test",
    divide: bool = False,
    resize: str = "",
    batch_size: int = 0,
) -> Subject:
    """Anybody's images.

    Args:
        samples: images by path or name, as `gan_jax.data.read_images` takes them; labels that come
            with them are compared with the readings.
        extractors: packs with commas.
        reference: labelled real images that the recognisers were not trained on, for calibration;
            '' for none.
        reference_split: which part of them.
        divide: whether a set without parts is divided, as a run divides its data set.
        resize: how to bring images to the recognisers' size; '' refuses other sizes.
        batch_size: images per call; 0 for 500.

    Raises:
        InputError: images or packs that cannot be read, or do not fit together.
    """
    recognisers = open_recognisers(extractors)
    options = resizing_options(recognisers[0], resize)
    given = read_images(samples, split="all", **options)
    recognisers[0].check_shape(given.image_shape)
    real = None
    if reference:
        real = read_images(reference, split=reference_split, divide=divide, **options)
    return Subject(
        title=f"{given.name}, read by recognisers",
        images=given.all_images(),
        protocol={"images_are": "given", **about_samples(given, resize)},
        recognisers=recognisers,
        reference=real,
        batch_size=batch_size or 500,
        files=image_files(samples),
        labels=given.labels,
        own_names=() if given.labels is None else given.label_names,
    )


def recognise(
    subject: Subject, out: str | pathlib.Path, *, select: int = 0, tell: Tell = quietly
) -> dict[str, Any]:
    """Reads the images, and returns the content of recognition.json.

    Args:
        subject: the images.
        out: where recognition.json, recognition.csv, report.html and pictures go.
        select: how many images to keep that the first recogniser is surest of; 0 for none.
        tell: takes the content of recognition.json before the other files are made.

    Raises:
        InputError: more images to keep than there are, or a folder that cannot be written to.
    """
    recognisers, reference = subject.recognisers, subject.reference
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
        batch = {"batch_size": subject.batch_size}
        readings = read(recognisers, subject.images, **batch)
        real_readings = None if real is None else read(recognisers, real, **batch)
    selection = select_surest(readings, select, real_readings) if select else None
    result = recognition_result(
        subject.protocol,
        recognisers,
        readings,
        real=real_readings,
        reference=reference,
        real_labels=real_labels,
        labels=labels,
        selection=selection,
        missing=missing,
    )

    def page(path: pathlib.Path) -> None:
        write_recognition_report(
            path,
            RecognitionReport(
                title=subject.title,
                content=result.content(),
                class_names=names,
                images=subject.images,
                readings=readings,
                real_confidences=None if real_readings is None else real_readings.confidences,
                labels=labels,
                selected=None if selection is None else selection.rows,
                environment=describe_environment(),
            ),
        )

    content = publish_result(
        out,
        result,
        file=RESULT,
        pictures=lambda: certainty_pictures(subject.images, readings),
        pages={folder.REPORT: page, TABLE: None, SELECTED: None},
        tell=tell,
    )
    # Neither can be done without: an error, not a warning.
    write_table(out / TABLE, recognisers, readings, files=subject.files, labels=labels)
    if selection is not None:
        write_selected(out / SELECTED, subject.images, selection, names)
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
    """The reference's images and labels, in the recognisers' numbering; None without them.

    Of crops that overlap, those that share no piece.
    """
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
    rows = independent_images(reference)
    if len(rows) < _FEWEST_REAL:
        missing.append(
            f"{absent}the images of {reference.name} are crops that overlap, and {len(rows):,} of "
            f"{len(reference):,} share nothing: at least {_FEWEST_REAL} are needed."
        )
        return None, None
    if len(rows) < len(reference):
        missing.append(
            f"calibration on more real images: those of {reference.name} are crops that overlap, "
            f"and {len(rows):,} of {len(reference):,} that share nothing are used."
        )
    return reference.take(rows), labels[rows]


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
