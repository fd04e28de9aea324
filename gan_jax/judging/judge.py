"""The judge at work: generated images against a reference, in numbers with their protocol."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.data.content import content_keys, content_order
from gan_jax.data.labels import renumbered
from gan_jax.errors import InputError
from gan_jax.extractors.common import Features
from gan_jax.extractors.extractor import Extractor
from gan_jax.judging.clips import with_motion
from gan_jax.judging.entries import INFLUENCE, Entry
from gan_jax.judging.flags import copy_flags, variety_flags
from gan_jax.judging.headline import make_headline
from gan_jax.judging.judgement import Judgement as Judgement
from gan_jax.judging.ladder import Ladder, find_ladder
from gan_jax.judging.overlap import independent_images, overlap_flags
from gan_jax.judging.power import finds_missing_class
from gan_jax.judging.sides import MOST_PAIRS, Sides, TrainingSide
from gan_jax.judging.statistics import Origin, cached_moments
from gan_jax.judging.suite import (
    DISTANCES,
    NUM_SPLITS,
    QUICK,
    UNSURE_BELOW,
    read_classes,
    run_suite,
    spread_out,
)
from gan_jax.judging.view import View, is_constant
from gan_jax.reports.flags import judge_flags
from gan_jax.reports.result import make_protocol

_REFERENCE_LIMIT = 20_000


@dataclasses.dataclass(frozen=True)
class Judge:
    """An extractor and the real images it compares with; see `make_judge`.

    Attributes:
        reference: real images in the order of their content.
        images: the reference images, uint8 [m, h, w, c].
    """

    extractor: Extractor
    reference: Dataset
    images: np.ndarray
    seed: int = 0
    batch_size: int = 500
    cache: str = ""
    progress: Callable[[int], None] | None = None
    _training_sides: dict[Dataset, TrainingSide] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @functools.cached_property
    def features(self) -> Features:
        """The features of the reference, computed when first asked for.

        Raises:
            InputError: they are the same for all images, so nothing can be compared.
        """
        features = with_motion(self._features_of(self.images), self.images)
        if is_constant(features.semantic):
            raise InputError(
                f"the extractor {self.extractor.stamp} sees no difference between the "
                f"{len(self.images):,} images of the reference {self.reference.name}: no distance "
                "from them means anything. Give another reference, or another extractor."
            )
        return features

    @property
    def knows_classes(self) -> bool:
        """Whether the extractor's probabilities mean anything: it was trained on classes."""
        return bool(self.extractor.class_names) and self.extractor.record["accuracy"] is not None

    @property
    def is_control(self) -> bool:
        """Whether the extractor has learnt nothing: random weights, pixels, their PCA."""
        return self.extractor.record["accuracy"] is None and not self.extractor.record[
            "name"
        ].startswith("inception")

    @functools.cached_property
    def reference_classes(self) -> np.ndarray | None:
        """The reference's labels as the extractor numbers classes, int [m]; None without."""
        if self.reference.labels is None or not self.knows_classes:
            return None
        names = self.reference.label_names
        return renumbered(self.reference.labels, names, self.extractor.class_names)

    @property
    def reference_counts(self) -> list[int]:
        """Images of each class in the reference: by its labels, or else as the CNN sees them."""
        labels = self.reference.labels
        if labels is None or self.reference.num_classes != len(self.extractor.class_names):
            labels = read_classes(self.features)
        return metrics.class_histogram(labels, len(self.extractor.class_names))

    @functools.cached_property
    def share_trained_on(self) -> float:
        """The share of the reference images that the extractor was trained on."""
        if self.extractor.record["splits"].get("train") == self.reference.fingerprint:
            return 1.0
        # One that reads channels was trained on other images than it judges.
        keys = getattr(self.extractor, "training_keys", None)
        return 0.0 if keys is None else float(np.isin(content_keys(self.images), keys).mean())

    @functools.cached_property
    def independent(self) -> np.ndarray:
        """The reference images that are tested: of crops those that share no piece, int64 [k]."""
        return independent_images(self.reference)

    @functools.cached_property
    def ladder(self) -> Ladder:
        """The ladder of damages to the reference images that are tested."""
        return find_ladder(
            self.images[self.independent],
            lambda images: View.of_features(self._features_of(images)),
        )

    def judge(
        self,
        images: np.ndarray,
        *,
        families: Sequence[str] | None = QUICK,
        training: Dataset | None = None,
        classes: np.ndarray | None = None,
        complete: bool = False,
    ) -> Judgement:
        """The numbers of uint8 images [n, h, w, c]; their order changes nothing.

        Args:
            families: of metrics, see `gan_jax.judging.suite`; None for all that can be computed.
            training: what the generator was trained on, to find copies among.
            classes: int [n], what was asked for, as the extractor numbers classes; None of images
                that nobody asked for by class.
            complete: with headline, flags and intervals; else quickly, as during training.

        Raises:
            InputError: images that do not fit the extractor, or too few.
        """
        if len(images) < 2:
            raise InputError(
                f"{len(images)} image(s) to judge: at least 2 are needed for a Frechet distance, "
                "and hundreds for one that means something."
            )
        order = content_order(images)
        images = images[order]
        features = with_motion(self._features_of(images), images)
        copied = None
        if training is not None and (families is None or "copying" in families):
            copied = self._training_side(training)
        sides = Sides(
            reference=lambda: self.features,
            reference_moments=self._reference_moments,
            knows_classes=self.knows_classes,
            fake=features,
            training=copied,
            intervals=complete,
            seed=self.seed,
        )
        entries, skipped = run_suite(sides, families)
        influences = _taken_out(entries, INFLUENCE)
        distances = _taken_out(entries, DISTANCES).get("auth_pct")
        protocol = self._protocol(len(images), entries)
        if copied is not None and training is not None:
            protocol |= {"training": training.name, "training_images": len(training)}
        if skipped:
            protocol["skipped"] = skipped
        headline: dict[str, Any] = {}
        flags: list[dict[str, Any]] = []
        if complete:
            headline = self._headline(features, None if classes is None else classes[order])
            if INFLUENCE in headline.get("distance", {}):
                found = headline["distance"].pop(INFLUENCE)
                rows = self.independent[: len(found)]  # a large reference is not taken whole
                influences["size"] = spread_out(found, rows, len(self.images))
            flags = [
                *copy_flags(images, self.images, training, distances),
                *([] if self.is_control else variety_flags(entries)),
                *judge_flags(
                    headline,
                    protocol,
                    control=self.is_control,
                    share_trained_on=self.share_trained_on,
                ),
                *overlap_flags(len(self.independent), len(self.images)),
            ]
        return Judgement(
            entries,
            protocol,
            features.take(np.argsort(order)),
            influences,
            headline=headline,
            flags=tuple(flags),
        )

    def _headline(self, features: Features, classes: np.ndarray | None) -> dict[str, Any]:
        """What `make_headline` finds by the reference images that are tested; {} of one alone."""
        tested = self.independent
        if len(tested) < 2:
            return {}
        both = None
        if classes is not None and self.reference_classes is not None:
            both = (self.reference_classes[tested], classes)
        real = View.of_features(self.features).take(tested)
        headline = make_headline(
            real,
            View.of_features(features),
            None if self.is_control else self.ladder,
            classes=both,
            influence=True,
            seed=self.seed,
        )
        if not self.is_control and self.knows_classes:
            known = self.reference_classes
            labels = read_classes(self.features) if known is None else known
            labels = labels[tested]
            headline["missing_class_noticed"] = finds_missing_class(
                real, labels, min(len(real.values) // 2, len(features)), seed=self.seed
            )
        return headline

    def _training_side(self, training: Dataset) -> TrainingSide:
        """Made once for all that is judged: of many training images it takes most of the time."""
        if training not in self._training_sides:
            features = self._features_of(training.take(training.content_order()))
            real = self.features.semantic[:MOST_PAIRS]
            self._training_sides.clear()  # one is kept: features of many images are large
            self._training_sides[training] = TrainingSide(features.semantic, real)
        return self._training_sides[training]

    def _features_of(self, images: np.ndarray) -> Features:
        return self.extractor.features(images, batch_size=self.batch_size, progress=self.progress)

    def _reference_moments(self) -> metrics.Moments:
        def compute() -> metrics.Moments:
            return metrics.Moments.of(self.features.semantic)

        if not self.cache:
            return compute()
        return cached_moments(self.cache, self.origin, compute, n=len(self.images), seed=self.seed)

    @property
    def origin(self) -> Origin:
        """What the reference's statistics are of."""
        record = self.extractor.record
        return Origin(
            extractor=self.extractor.digest,
            layer=record["layers"]["semantic"],
            preprocessing=record["preprocessing"],
            reference=self.reference.fingerprint,
        )

    def describe(self) -> dict[str, Any]:
        """The extractor, for a protocol."""
        record = self.extractor.record
        return {
            "extractor": self.extractor.stamp,
            "extractor_sha256": self.extractor.digest,
            "extractor_accuracy": record["accuracy"],
            "gate": getattr(self.extractor, "gate", "not run"),
            "layers": record["layers"],
            "extractor_trained_on_reference": self.share_trained_on > 0,
        }

    def _protocol(self, num_images: int, entries: dict[str, Entry]) -> dict[str, Any]:
        protocol = make_protocol(
            self.describe(),
            seed=self.seed,
            images=num_images,
            preprocessing=self.extractor.record["preprocessing"],
            reference=self.reference,
        )
        if "fd_semantic" in entries:
            protocol |= {
                "frechet_n": entries["fd_semantic"]["n"],
                "frechet_halvings": NUM_SPLITS,
                "floor": "mean distance between random halves of the reference, at the same n",
            }
        if "modes_kl" in entries:
            protocol |= {
                "modes_n": entries["modes_kl"]["n"],
                "modes_floor": "other stacks of the reference in place of generated ones",
                "unsure_below": UNSURE_BELOW,
            }
        return protocol


def _taken_out(entries: dict[str, Entry], key: str) -> dict[str, Any]:
    """What entries hold under a key, by their names; it is no longer in them."""
    return {name: entry.pop(key) for name, entry in entries.items() if key in entry}


def make_judge(
    extractor: Extractor,
    reference: Dataset,
    *,
    seed: int = 0,
    batch_size: int = 500,
    cache: str = "",
    progress: Callable[[int], None] | None = None,
) -> Judge:
    """A judge by the reference, of which 20,000 images are drawn by content if it has more.

    An extractor may say otherwise by `reference_limit`.

    Args:
        extractor: a CNN, or anything with its attributes and `features`.
        reference: real images; where the extractor's training images are known, others.
        seed: of all that is random.
        cache: folder for the reference's statistics; '' for none.
        progress: called with the number of images done.

    Raises:
        InputError: images that do not fit the extractor, fewer than four, or all the same.
    """
    if len(reference) < 4:
        raise InputError(
            f"the reference {reference.name} has {len(reference)} images; at least 4 are needed "
            "for a Frechet distance with a floor, and hundreds for one that means something."
        )
    extractor.check_shape(reference.image_shape)  # before a large set is read
    limit = getattr(extractor, "reference_limit", _REFERENCE_LIMIT)
    reference = reference.subset(reference.content_order()[:limit])
    images = reference.all_images()
    if (images == images[0]).all():
        raise InputError(
            f"the {len(images):,} images of the reference {reference.name} are all the same: no "
            "distance from one image says how good others are. Give different real images."
        )
    return Judge(extractor, reference, images, seed, batch_size, cache, progress)
