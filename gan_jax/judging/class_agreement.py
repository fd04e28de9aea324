"""Whether a conditional GAN draws the classes it was asked for: as a recogniser reads them, and how
far they are from real ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.data.content import content_order
from gan_jax.data.labels import renumbered
from gan_jax.judging.class_distances import Classed, class_distances
from gan_jax.judging.judge import Judge, Judgement
from gan_jax.judging.suite import QUICK, read_classes
from gan_jax.judging.view import View
from gan_jax.reports.class_pictures import ClassPictures, NamedRows
from gan_jax.reports.pages.classes import farthest_classes
from gan_jax.reports.result import make_entry, share_entry

NAME = "class_agreement"
_SHOWN = 3  # classes
_COLUMNS = 10


def judge_asked(
    judge: Judge,
    images: np.ndarray,
    labels: np.ndarray | None,
    train: Dataset,
    *,
    families: Sequence[str] | None,
    training: Dataset | None = None,
    complete: bool = False,
) -> Judgement:
    """What a judge says of images, with 'class_agreement' where they were asked for by class.

    Args:
        labels: the classes asked for, int32 [n], in the numbering of `train`, what the GAN was
            trained on; None of images that nobody asked for by class.
        images, families, training, complete: see `Judge.judge`.
    """
    asked = None
    if labels is not None and judge.knows_classes:
        asked = renumbered(labels, train.label_names, judge.extractor.class_names)
    judgement = judge.judge(
        images, families=families, training=training, classes=asked, complete=complete
    )
    # A conditional GAN's agreement is one of the classifier's numbers.
    if labels is None or (families is not None and "classifier" not in families):
        return judgement
    order = content_order(images) if complete else None
    return with_agreement(judgement, judge, labels, train, order=order)


def judge_by_each(
    judges: Sequence[Judge],
    images: np.ndarray,
    labels: np.ndarray | None,
    train: Dataset,
    *,
    families: Sequence[str] | None = None,
) -> list[Judgement]:
    """Complete judgements by the judges of a run, the headline's first.

    The judges beside it say whether they agree: headline, Fréchet distances and classes are enough
    for that, unless `families` names what all of them give.

    Args:
        images, labels, train: see `judge_asked`; copies are looked for among `train`.
        families: see `Judge.judge`; None for all that the first judge can give.
    """
    beside = QUICK if families is None else families
    return [
        judge_asked(
            judge,
            images,
            labels,
            train,
            families=beside if place else families,
            training=train,
            complete=True,
        )
        for place, judge in enumerate(judges)
    ]


def with_agreement(
    judgement: Judgement,
    judge: Judge,
    labels: np.ndarray,
    train: Dataset,
    *,
    order: np.ndarray | None = None,
) -> Judgement:
    """The judgement with the metric 'class_agreement', where the judge knows the classes.

    Its entry holds 'value', the share of images that the recogniser reads as the class they were
    asked to be, its 95 % interval 'ci', 'real', the same of the reference images and their labels,
    'n', and 'classes': the same of each class by name, with 'taken_for', the class that it is most
    often read as instead, or None, and what `class_distances` gives. A recogniser of other classes
    is named in the protocol's 'skipped'.

    Args:
        judgement: of images of these labels, in this order.
        labels, train: see `judge_asked`.
        order: of the images by their content, to take the time for distances, which need a labelled
            reference; None for none.
    """
    protocol: dict[str, Any] = {
        **judgement.protocol,
        "labels": "random, in the mix of the training set",
    }
    names = judge.extractor.class_names
    asked = renumbered(labels, train.label_names, names) if judge.knows_classes else None
    if asked is None:
        if judge.knows_classes:
            reason = f"the recogniser's classes are others: {', '.join(map(str, names[:10]))}"
            protocol["skipped"] = protocol.get("skipped", {}) | {NAME: reason}
        return dataclasses.replace(judgement, protocol=protocol)
    known, real = judge.reference_classes, None
    if known is not None:
        real = metrics.class_agreement(read_classes(judge.features), known, len(names))
    fake = metrics.class_agreement(read_classes(judgement.features), asked, len(names))
    entry = agreement_entry(fake, real, names)
    if order is not None and known is not None:
        tested = judge.independent
        held_out = Classed(View.of_features(judge.features).take(tested), known[tested])
        drawn = Classed(View.of_features(judgement.features.take(order)), asked[order])
        distances = class_distances(held_out, drawn, judge.ladder, names, seed=judge.seed)
        for name, part in distances.items():
            entry["classes"][name] |= part
    return dataclasses.replace(
        judgement, metrics=judgement.metrics | {NAME: entry}, protocol=protocol
    )


def with_farthest(
    pictures: ClassPictures,
    judgement: Judgement,
    judge: Judge,
    images: np.ndarray,
    labels: np.ndarray,
    train: Dataset,
) -> ClassPictures:
    """The pictures with those of the classes farthest from real, where that is known.

    The judgement is the judge's, complete, by `judge_asked`, which takes the other arguments too.
    """
    names = farthest_classes(judgement.metrics.get(NAME, {}))[:_SHOWN]
    if not names:
        return pictures
    numbers = [judge.extractor.class_names.index(name) for name in names]
    asked = renumbered(labels, train.label_names, judge.extractor.class_names)
    sides = [
        np.stack([some[np.resize(np.flatnonzero(classes == n), _COLUMNS)] for n in numbers])
        for some, classes in ((images, asked), (judge.images, judge.reference_classes))
    ]
    generated, real = (NamedRows(tuple(names), rows) for rows in sides)
    return dataclasses.replace(pictures, farthest=generated, farthest_real=real)


def agreement_entry(
    fake: metrics.ClassAgreement, real: metrics.ClassAgreement | None, names: Sequence[str]
) -> dict[str, Any]:
    """The entry 'class_agreement' of generated images and real ones, or None, and class names."""
    entry = make_entry(fake.share, fake.interval, fake.count, classes={})
    if real is not None:
        entry["real"] = real.share
    for label in map(int, np.flatnonzero(fake.confusion.sum(axis=1))):
        taken_for = fake.taken_for(label)
        part = share_entry(*fake.of_class(label))
        if real is not None and real.of_class(label)[1]:
            part["real"] = real.of_class(label)[0] / real.of_class(label)[1]
        part["taken_for"] = None if taken_for is None else names[taken_for]
        entry["classes"][names[label]] = part
    return entry
