"""The judge at work: generated images against a reference, in numbers with their protocol."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import gan_jax
from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.extractors.pack import Extractor, Features
from gan_jax.judging.statistics import Origin, cached_moments
from gan_jax.judging.suite import NUM_SPLITS, QUICK, UNSURE_BELOW, Entry, Sides, run_suite

_REFERENCE_LIMIT = 20_000
_TRAINING_LIMIT = 10_000


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the judge says of a set of images.

    Attributes:
        metrics: name to {'value', and where they exist 'floor', 'real', 'ci', 'n'}.
        protocol: what the numbers depend on.
        features: of the judged images.
    """

    metrics: dict[str, dict[str, Any]]
    protocol: dict[str, Any]
    features: Features

    def summary(self) -> dict[str, float]:
        """The numbers for a log: 'eval/name', and 'eval/name_floor'."""
        rows = {}
        for name, entry in self.metrics.items():
            if isinstance(entry["value"], (int, float)):
                rows[f"eval/{name}"] = entry["value"]
                if entry.get("floor") is not None:
                    rows[f"eval/{name}_floor"] = entry["floor"]
        return rows


@dataclasses.dataclass(frozen=True)
class Judge:
    """An extractor and the real images it compares with.

    Attributes:
        extractor: the CNN, or anything with its attributes and `features`.
        reference: real images; where the extractor's training images are known, others.
        images: the reference images, uint8 [m, h, w, c].
        seed: of the random halves and of the bootstrap.
        batch_size: images a call.
        cache: folder for the reference's statistics; '' for none.
        progress: called with the number of images done.
    """

    extractor: Extractor
    reference: Dataset
    images: np.ndarray
    seed: int = 0
    batch_size: int = 500
    cache: str = ""
    progress: Callable[[int], None] | None = None

    @functools.cached_property
    def features(self) -> Features:
        """Of the reference images; computed when first asked for."""
        return self._features_of(self.images)

    @property
    def knows_classes(self) -> bool:
        """Whether the extractor's probabilities mean anything: it was trained on classes."""
        return bool(self.extractor.class_names) and self.extractor.record["accuracy"] is not None

    @property
    def reference_counts(self) -> list[int]:
        """Images of each class in the reference: by its labels, or else as the CNN sees them."""
        labels = self.reference.labels
        if labels is None or self.reference.num_classes != len(self.extractor.class_names):
            labels = np.argmax(self.features.probabilities, -1)
        return metrics.class_histogram(labels, len(self.extractor.class_names))

    @property
    def trained_on_reference(self) -> bool:
        """Whether the extractor's training images are the reference itself."""
        return self.extractor.record["splits"].get("train") == self.reference.fingerprint

    def judge(
        self,
        images: np.ndarray,
        *,
        families: Sequence[str] | None = QUICK,
        training: Dataset | None = None,
        num_bootstrap: int = 0,
    ) -> Judgement:
        """The numbers of uint8 images [n, h, w, c].

        Args:
            families: of metrics, see `gan_jax.judging.suite`; None for all that can be computed.
            training: what the generator was trained on, to find copies among.
            num_bootstrap: resamplings for the intervals of the Frechet distances.

        Raises:
            InputError: images that do not fit the extractor, or too few.
        """
        if len(images) < 2:
            raise InputError(
                f"{len(images)} image(s) to judge: at least 2 are needed for a Frechet distance, "
                "and hundreds for one that means something."
            )
        features = self._features_of(images)
        copied = None
        if training is not None and (families is None or "copying" in families):
            copied = self._features_of(
                training.take(_rows(len(training), _TRAINING_LIMIT, self.seed))
            )
        sides = Sides(
            reference=lambda: self.features,
            reference_moments=self._reference_moments,
            reference_counts=(lambda: self.reference_counts) if self.knows_classes else None,
            fake=features,
            training=copied,
            num_bootstrap=num_bootstrap,
            seed=self.seed,
        )
        entries, skipped = run_suite(sides, families)
        protocol = self._protocol(len(images), entries)
        if copied is not None:
            protocol |= {"training": training.name, "training_images": len(copied.semantic)}
        if skipped:
            protocol["skipped"] = skipped
        return Judgement(entries, protocol, features)

    def _features_of(self, images: np.ndarray) -> Features:
        return self.extractor.features(images, batch_size=self.batch_size, progress=self.progress)

    def _reference_moments(self) -> metrics.Moments:
        def compute() -> metrics.Moments:
            return metrics.Moments.of(self.features.semantic)

        if not self.cache:
            return compute()
        count = len(self.images)
        return cached_moments(self.cache, self.origin, compute, n=count, seed=self.seed)

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

    def _protocol(self, num_images: int, entries: dict[str, Entry]) -> dict[str, Any]:
        record = self.extractor.record
        protocol = {
            "extractor": self.extractor.stamp,
            "extractor_sha256": self.extractor.digest,
            "extractor_accuracy": record["accuracy"],
            "gate": getattr(self.extractor, "gate", "not run"),
            "layers": record["layers"],
            "preprocessing": record["preprocessing"],
            "reference": self.reference.name,
            "reference_split": self.reference.split,
            "reference_fingerprint": self.reference.fingerprint,
            "reference_images": len(self.images),
            "extractor_trained_on_reference": self.trained_on_reference,
            "images": num_images,
            "seed": self.seed,
            "gan_jax": gan_jax.__version__,
        }
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


def make_judge(
    extractor: Extractor,
    reference: Dataset,
    *,
    seed: int = 0,
    batch_size: int = 500,
    cache: str = "",
    progress: Callable[[int], None] | None = None,
) -> Judge:
    """A judge by the reference, of whose images 20,000 are taken in a seeded order if it has more.

    An extractor may say otherwise by `reference_limit`.

    Args:
        extractor: a CNN, or anything with its attributes and `features`.
        reference: real images.
        seed: of all that is random.
        batch_size: images a call.
        cache: folder for the reference's statistics; '' for none.
        progress: called with the number of images done.

    Raises:
        InputError: images that do not fit the extractor, or fewer than four.
    """
    if len(reference) < 4:
        raise InputError(
            f"the reference {reference.name} has {len(reference)} images; at least 4 are needed "
            "for a Frechet distance with a floor, and hundreds for one that means something."
        )
    extractor.check_shape(reference.image_shape)  # before a large set is read
    limit = getattr(extractor, "reference_limit", _REFERENCE_LIMIT)
    order = _rows(len(reference), limit, seed)
    images = reference.take(order)
    if len(order) < len(reference):
        labels = None if reference.labels is None else reference.labels[order]
        reference = dataclasses.replace(reference, images=images, source=None, labels=labels)
    return Judge(extractor, reference, images, seed, batch_size, cache, progress)


def _rows(count: int, most: int, seed: int) -> np.ndarray:
    """All rows as they stand, or `most` of them in a seeded order."""
    if count <= most:
        return np.arange(count)
    return np.random.Generator(np.random.Philox(seed)).permutation(count)[:most]
