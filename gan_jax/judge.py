"""The judge at work: generated images against a reference, in numbers with their protocol."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import gan_jax
from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.extractor import Extractor, Features

_REFERENCE_LIMIT = 20_000
_NUM_SPLITS = 8
LAYERS = ("semantic", "texture")


def standardise(features: np.ndarray, layer: str, *, by: np.ndarray | None = None) -> np.ndarray:
    """Features [n, d] as they are compared: those of 'texture' standardised by the reference's.

    Scales of middle channels differ widely; the reference's moments make them equal.

    Args:
        features: of any images.
        layer: 'semantic' or 'texture'.
        by: those of the reference; None if `features` are these.
    """
    if layer != "texture":
        return features
    reference = features if by is None else by
    mean, std = reference.mean(0, dtype=np.float64), reference.std(0, dtype=np.float64)
    return (features - mean) / np.maximum(std, 1e-6 * max(float(std.max()), 1e-12))


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the judge says of a set of images.

    Attributes:
        metrics: name to {'value', and where they exist 'floor', 'ci', 'n'}.
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
        extractor: the CNN.
        reference: real images; where the extractor's training images are known, others.
        features: of the reference images.
        images: the reference images, uint8 [m, h, w, c].
        seed: of the random halves and of the bootstrap.
    """

    extractor: Extractor
    reference: Dataset
    features: Features
    images: np.ndarray
    seed: int = 0

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
        self, images: np.ndarray, *, num_bootstrap: int = 0, batch_size: int = 500, progress=None
    ) -> Judgement:
        """The numbers of uint8 images [n, h, w, c].

        Raises:
            InputError: images that do not fit the extractor, or too few.
        """
        if len(images) < 2:
            raise InputError(
                f"{len(images)} image(s) to judge: at least 2 are needed for a Frechet distance, "
                "and hundreds for one that means something."
            )
        features = self.extractor.features(images, batch_size=batch_size, progress=progress)
        entries: dict[str, dict[str, Any]] = {}
        for name in LAYERS:
            entries[f"fd_{name}"] = self._frechet(name, features, num_bootstrap)
        probabilities = features.probabilities
        count = len(images)
        counts = metrics.class_histogram(
            np.argmax(probabilities, -1), len(self.extractor.class_names)
        )
        real = self.features.probabilities
        entries["classifier_score"] = {
            "value": metrics.classifier_score(probabilities),
            "real": metrics.classifier_score(real),
            "n": count,
        }
        entries["confidence"] = {
            "value": metrics.mean_confidence(probabilities),
            "real": metrics.mean_confidence(real),
            "n": count,
        }
        entries["class_histogram"] = {"value": counts, "real": self.reference_counts, "n": count}
        entries["class_kl"] = {"value": metrics.class_kl(counts, self.reference_counts), "n": count}
        return Judgement(entries, self._protocol(count, entries["fd_semantic"]["n"]), features)

    def _frechet(self, name: str, features: Features, num_bootstrap: int) -> dict[str, Any]:
        reference, generated = getattr(self.features, name), getattr(features, name)
        generated = standardise(generated, name, by=reference)
        reference = standardise(reference, name)
        result = metrics.frechet_with_floor(
            reference,
            generated,
            num_splits=_NUM_SPLITS,
            num_bootstrap=num_bootstrap,
            seed=self.seed,
        )
        return {
            "value": result.value,
            "floor": result.floor,
            "ci": None if result.ci is None else list(result.ci),
            "n": result.n,
        }

    def _protocol(self, num_images: int, frechet_n: int) -> dict[str, Any]:
        record = self.extractor.record
        return {
            "extractor": self.extractor.stamp,
            "extractor_sha256": self.extractor.digest,
            "extractor_accuracy": record["accuracy"],
            "layers": record["layers"],
            "preprocessing": record["preprocessing"],
            "reference": self.reference.name,
            "reference_split": self.reference.split,
            "reference_fingerprint": self.reference.fingerprint,
            "reference_images": len(self.images),
            "extractor_trained_on_reference": self.trained_on_reference,
            "images": num_images,
            "frechet_n": frechet_n,
            "frechet_halvings": _NUM_SPLITS,
            "floor": "mean distance between random halves of the reference, at the same n",
            "seed": self.seed,
            "gan_jax": gan_jax.__version__,
        }


def make_judge(
    extractor: Extractor, reference: Dataset, *, seed: int = 0, batch_size: int = 500, progress=None
) -> Judge:
    """Takes the features of the reference, of its first 20,000 images in a seeded order if more.

    Raises:
        InputError: images that do not fit the extractor, or fewer than four.
    """
    if len(reference) < 4:
        raise InputError(
            f"the reference {reference.name} has {len(reference)} images; at least 4 are needed "
            "for a Frechet distance with a floor, and hundreds for one that means something."
        )
    extractor.check_shape(reference.image_shape)  # before a large set is read
    count = len(reference)
    if count > _REFERENCE_LIMIT:
        order = np.random.Generator(np.random.Philox(seed)).permutation(count)[:_REFERENCE_LIMIT]
        labels = None if reference.labels is None else reference.labels[order]
        images = reference.take(order)
        reference = dataclasses.replace(reference, images=images, source=None, labels=labels)
    else:
        images = reference.take(np.arange(count))
    features = extractor.features(images, batch_size=batch_size, progress=progress)
    return Judge(extractor, reference, features, images, seed)
