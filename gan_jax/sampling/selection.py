"""Rejection of samples by a recogniser: images are drawn until it has accepted enough."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from gan_jax.data.disk import path_of
from gan_jax.data.schema import fields, or_null, read_checked
from gan_jax.errors import InputError
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.identity import Identity, check_identity
from gan_jax.extractors.pack import load_pack
from gan_jax.metrics import class_histogram
from gan_jax.sampling.drawing import Drawing

RECORD = "samples.json"
_CHECK = fields({}, {"selection": or_null(fields({"recogniser": check_identity}))})
_BLOCK = 1000
_RAREST = 1000  # draws for one accepted image after which to give up


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which samples are kept.

    Attributes:
        pack: of the recogniser that reads them.
        least_confidence: of the most probable class, from 0 to 1.
        as_asked: whether that class must be the one that a conditional generator was asked for.
    """

    pack: str
    least_confidence: float = 0.0
    as_asked: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """Samples that were drawn, or the part of them that was kept.

    Attributes:
        images: uint8 [n, h, w, c].
        labels: the classes asked for, int32 [n], or None.
        record: of the selection, all JSON values; {} without one.
    """

    images: np.ndarray
    labels: np.ndarray | None
    record: dict[str, Any]


def open_selection(selection: Selection, drawing: Drawing) -> Extractor:
    """The recogniser of a selection.

    Raises InputError for a confidence outside 0 to 1, a selection that keeps all, no such pack, or
    one for images of another shape or of other classes.
    """
    least = selection.least_confidence
    if not 0 <= least < 1:
        raise InputError(f"--least_confidence is {least}; expected 0 or more, and less than 1.")
    if not least and not selection.as_asked:
        raise InputError(
            "--select keeps images of --least_confidence=0.9 or so, or --as_asked, or both: give "
            "one of them."
        )
    extractor = load_pack(selection.pack)
    extractor.check_shape(drawing.image_shape)
    if extractor.record["accuracy"] is None:
        raise InputError(f"--select: {extractor.stamp} was not trained and knows no classes.")
    if selection.as_asked:
        if not drawing.num_classes:
            raise InputError(
                "--as_asked is for a generator that is asked for classes, and this one is not: "
                "give --least_confidence."
            )
        if len(extractor.class_names) != drawing.num_classes:
            raise InputError(
                f"--select: {extractor.stamp} knows {len(extractor.class_names)} classes and the "
                f"generator {drawing.num_classes}: give a pack of the same classes."
            )
    return extractor


def draw_selected(
    drawing: Drawing, selection: Selection, extractor: Extractor, count: int
) -> Drawn:
    """The first `count` samples of a generator that a recogniser accepts, in the order drawn.

    They depend on the seed alone. Selecting changes the mix of classes: the record says how many of
    each class, as the recogniser reads them, were drawn and kept. The recogniser is what
    `open_selection` gave. Raises InputError if fewer than one in 1,000 are accepted.
    """
    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    drawn = found = 0
    classes = len(extractor.class_names)
    seen, kept = np.zeros(classes, int), np.zeros(classes, int)
    while found < count:
        # Twice what is still missing at the rate so far, a block at least.
        expected = 2 * (count - found) * max(drawn, 1) // max(found, 1)
        rows = slice(drawn, drawn + min(max(expected, _BLOCK), 10 * _BLOCK))
        asked = drawing.labels(rows.stop)
        asked = None if asked is None else asked[rows]
        block = drawing.images(drawing.latents(rows.stop)[rows], asked)
        probabilities = extractor.features(block).class_probabilities
        read = np.argmax(probabilities, -1)
        accepted = np.max(probabilities, -1) >= selection.least_confidence
        if selection.as_asked:
            accepted &= read == asked
        # What comes after the last one that is needed counts as not drawn.
        last = np.flatnonzero(accepted)[: count - found]
        until = int(last[-1]) + 1 if found + len(last) == count else len(block)
        seen += class_histogram(read[:until], classes)
        kept += class_histogram(read[last], classes)
        images.append(block[last])
        if asked is not None:
            labels.append(asked[last])
        drawn, found = drawn + until, found + len(last)
        if drawn >= _RAREST * max(found, 1) and found < count:
            raise InputError(
                f"of {drawn:,} images {found:,} were accepted by {extractor.stamp}: lower "
                "--least_confidence, or train the generator longer."
            )
    record = {
        "recogniser": dataclasses.asdict(Identity.of(extractor)),
        "least_confidence": selection.least_confidence,
        "as_asked": selection.as_asked,
        "drawn": drawn,
        "acceptance_rate": count / drawn,
        "drawn_by_class": seen.tolist(),
        "kept_by_class": kept.tolist(),
        "class_names": list(extractor.class_names),
    }
    return Drawn(np.concatenate(images), np.concatenate(labels) if labels else None, record)


def selecting_recogniser(samples: str | os.PathLike[str]) -> Identity | None:
    """The recogniser that chose exported samples, by the record beside them; None if none did.

    Raises InputError for a record that cannot be read or is damaged.
    """
    path = path_of(samples)
    record = path / RECORD if path.is_dir() else path.with_suffix(".json")
    if path.suffix == ".json" or not record.is_file():
        return None
    found = read_checked(record, _CHECK, "export the samples again").get("selection")
    return Identity(**found["recogniser"]) if found else None
