"""Controls, which have learnt nothing: a CNN as initialised, the pixels themselves, their PCA.

A trained CNN's numbers are worth something only where they differ from these (a random network can
see much: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models").
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import InputError
from gan_jax.extractors.common import Features, OfOneShape, checked_images, digest_of, shape_text
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.record import make_record
from gan_jax.metrics import Moments
from gan_jax.models.cnn import CNN

# A covariance of more takes minutes to decompose and gigabytes to hold.
MOST_FEATURES = 4096
_BLOCK = 1024
_PREPROCESSING = "uint8 / 255, flattened, no resizing"


def random_extractor(
    image_shape: tuple[int, ...],
    *,
    seed: int = 0,
    network: CNN | None = None,
    layers: dict[str, str] | None = None,
) -> Extractor:
    """The recogniser before its first step, 'random-cnn-s' and the seed in its stamp.

    Kernels are uniform with variance 2 / fan-in (He et al. 2015); normalisation does nothing yet.
    Weights are made from integers without rounding: the same seed gives the same digest on every
    machine. Its probabilities say nothing of classes, and its accuracy is None.

    Args:
        image_shape: (h, w, c) of the images to judge, h and w at least 4; (t, h, w, c) of clips.
        network: None for the recogniser with its default sizes and 10 outputs; a trained pack's for
            its control.
        layers: {'semantic': layer name, 'texture': layer name}; None for 'penultimate', 'block2'.

    Raises:
        InputError: a shape, seed or layer that cannot be.
    """
    image_shape = _checked_shape(image_shape)
    if seed < 0:
        raise InputError(f"the seed of a random extractor is {seed}; expected at least 0.")
    network = CNN(num_classes=10) if network is None else network
    layers = {"semantic": "penultimate", "texture": "block2"} if layers is None else layers

    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    create = functools.partial(network.init_with_output, train=False)
    outputs, shapes = jax.eval_shape(create, jax.random.key(0), images)
    for use, ndim in (("semantic", 2), ("texture", 4)):
        if layers.get(use) not in outputs or outputs[layers[use]].ndim != ndim:
            fitting = [name for name, value in outputs.items() if value.ndim == ndim]
            raise InputError(
                f"layers[{use!r}] is {layers.get(use)!r}; expected one of {', '.join(fitting)}."
            )
    flat: dict[str, Any] = flax.traverse_util.flatten_dict(shapes, sep="/")
    flat = {
        name: _initial(name, flat[name].shape, (seed, number))
        for number, name in enumerate(sorted(flat))
    }
    record = make_record(
        name=f"random-cnn-s{seed}",
        network=network,
        image_shape=image_shape,
        layers=layers,
        class_names=tuple(f"output {i}" for i in range(network.num_classes)),
        accuracy=None,
        num_test=0,
        training={},
        splits={},
        versions={},
    )
    variables = flax.traverse_util.unflatten_dict(flat, sep="/")
    return Extractor(network, variables, record, digest_of(record, flat))


def _initial(name: str, shape: tuple[int, ...], seed: tuple[int, int]) -> np.ndarray:
    kind = name.rsplit("/", 1)[-1]
    if kind in ("scale", "var"):
        return np.ones(shape, np.float32)
    if kind != "kernel":
        return np.zeros(shape, np.float32)
    # The bits of a generator are numpy's promise; the streams of its distributions are not.
    bits = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(math.prod(shape))
    uniform = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2**-23) - np.float32(1)
    return uniform.reshape(shape) * np.float32(math.sqrt(6 / math.prod(shape[:-1])))


@dataclasses.dataclass(frozen=True, eq=False)
class PixelExtractor(OfOneShape):
    """Pixels as features, or their coordinates along a few directions; it knows no classes.

    Attributes:
        record: its name, image shape and preprocessing among others.
        digest: SHA-256 of the record and, of a PCA, the reference images.
        mean: float64 [h*w*c], subtracted from the pixels first; None for plain pixels.
        components: float64 [h*w*c, k], orthonormal columns; None for plain pixels.
    """

    record: dict[str, Any]
    digest: str
    mean: np.ndarray | None = None
    components: np.ndarray | None = None

    def features(
        self,
        images: np.ndarray,
        *,
        batch_size: int = _BLOCK,
        progress: Callable[[int], None] | None = None,
    ) -> Features:
        """The features of uint8 images [n, h, w, c], computed on the host.

        'semantic' is float32 [n, h*w*c] from 0 to 1, or [n, k]; 'texture' and 'probabilities' are
        None. Raises InputError for images of another type or shape.
        """
        pieces, done = [], 0
        for block in _pixels(self.checked(images), batch_size):
            if self.components is not None:
                block = (block - self.mean) @ self.components
            pieces.append(block.astype(np.float32))
            done += len(block)
            if progress:
                progress(done)
        return Features(np.concatenate(pieces), None, None)


def pixel_extractor(image_shape: tuple[int, ...]) -> PixelExtractor:
    """Pixels / 255, flattened, as features; for tiny images only.

    Raises InputError for more than 4096 pixels and channels together, or a shape that cannot be.
    """
    shape = _checked_shape(image_shape)
    if math.prod(shape) > MOST_FEATURES:
        raise InputError(
            f"images of {shape_text(shape)} have {math.prod(shape)} numbers each, and plain "
            f"pixels serve as features up to {MOST_FEATURES}: take a PCA of them, or smaller "
            "images."
        )
    record = _record("pixels", shape)
    return PixelExtractor(record, digest_of(record, {}))


def pca_extractor(reference: np.ndarray, num_components: int = 64) -> PixelExtractor:
    """The coordinates of pixels / 255 along the principal axes of a reference.

    Exact, by the eigenvectors of the covariance, or of the Gram matrix if there are fewer images
    than pixels. Each axis has the sign that makes its largest entry positive. The digest is over
    the reference images and `num_components`, so it does not depend on the machine.
    `record['explained']` is the share of the reference's variance that is kept.

    Args:
        reference: uint8 [n, h, w, c]; n or h*w*c at most 4096.
        num_components: k, at least 1 and below n.

    Raises:
        InputError: images of another type, too many, or that vary along fewer than k axes.
    """
    reference = checked_images(reference)
    shape, count = reference.shape[1:], len(reference)
    size = math.prod(shape)
    if min(count, size) > MOST_FEATURES:
        raise InputError(
            f"a PCA of {count} images of {shape_text(shape)} would take too long: give at most "
            f"{MOST_FEATURES} reference images, or images of at most that many numbers."
        )
    if count < 2:
        raise InputError(
            f"a PCA needs at least 2 reference images to vary, and there is {count}: give more."
        )
    if not 1 <= num_components <= min(count - 1, size):
        raise InputError(
            f"num_components is {num_components}; a PCA of {count} images of {shape_text(shape)} "
            f"has from 1 to {min(count - 1, size)}."
        )
    variances, components, mean = _principal_axes(reference, num_components)
    rank = int(np.sum(variances > variances[0] * len(variances) * np.finfo(np.float64).eps))
    rank = 0 if np.all(reference == reference[0]) else rank  # else round-off would be an axis
    if rank < num_components:
        raise InputError(
            f"num_components is {num_components}, but the {count} reference images vary along "
            f"{rank} axes only: give fewer, or more different images."
        )
    largest = np.argmax(np.abs(components), axis=0)
    components *= np.sign(components[largest, np.arange(num_components)])
    record = _record(f"pca{num_components}", shape) | {"num_components": num_components}
    digest = digest_of(record, {"reference": reference})
    explained = float(variances[:num_components].sum() / variances.sum())
    return PixelExtractor(record | {"explained": explained}, digest, mean, components)


def _principal_axes(reference: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All variances in falling order, the first k axes [d, k], and the mean [d]."""
    if len(reference) > math.prod(reference.shape[1:]):
        moments = Moments.of_batches(_pixels(reference, _BLOCK))
        variances, vectors = np.linalg.eigh(moments.covariance())
        return np.clip(variances[::-1], 0, None), vectors[:, ::-1][:, :k].copy(), moments.mean
    pixels = np.concatenate(list(_pixels(reference, _BLOCK)))
    mean = pixels.mean(0)
    pixels -= mean
    variances, vectors = np.linalg.eigh(pixels @ pixels.T / (len(pixels) - 1))
    axes = pixels.T @ vectors[:, ::-1][:, :k]
    with np.errstate(invalid="ignore"):  # of images that are all the same
        return np.clip(variances[::-1], 0, None), axes / np.linalg.norm(axes, axis=0), mean


def _pixels(images: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    """float64 [at most `rows`, h*w*c] from 0 to 1, one block after the other."""
    for start in range(0, len(images), rows):
        block = images[start : start + rows]
        yield block.reshape(len(block), -1) / 255.0


def _record(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {
        "format": 1,
        "name": name,
        "image_shape": list(shape),
        "preprocessing": _PREPROCESSING,
        "layers": {"semantic": name},
        "accuracy": None,
        "splits": {},
    }


def _checked_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    shape = tuple(int(side) for side in shape)
    if len(shape) not in (3, 4) or min(shape) < 1:
        raise InputError(f"image_shape is {shape}; expected (height, width, channels), each >= 1.")
    return shape
