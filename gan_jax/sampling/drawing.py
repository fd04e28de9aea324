"""A trained generator with its inputs, as export, walks and studies draw from it."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Any

import flax.linen as nn
import flax.traverse_util
import numpy as np

from gan_jax.errors import InputError
from gan_jax.extractors.common import digest_of
from gan_jax.models.clips import ClipGenerator
from gan_jax.models.texture import TextureGenerator
from gan_jax.runtime.environment import library_versions
from gan_jax.sampling.classes import asked_labels
from gan_jax.sampling.generate import (
    TRUNCATION,
    check_truncation,
    generate_images,
    sample_latents,
    truncated_latents,
)
from gan_jax.sampling.trained import TrainedGAN, read_gan


@dataclasses.dataclass(frozen=True)
class Source:
    """Which generator draws, and from which latents.

    Attributes:
        workdir: of the run.
        checkpoint: 'latest', 'best' or a step.
        member: which one of a run of several GANs; else None.
        seed: of the latents; None for the run's own, whose first images eval.json judges.
        truncation: psi of `truncated_latents`; None for all latents.
        batch_size: images per call; 0 for as many as the run's config says.
        frames: of each clip; 0 for as many as the run was trained on.
    """

    workdir: str | pathlib.Path
    checkpoint: str = "latest"
    member: int | None = None
    seed: int | None = None
    truncation: float | None = None
    batch_size: int = 0
    frames: int = 0

    def check(self) -> None:
        """Raises InputError for a seed below 0, or a truncation that cannot be."""
        if self.seed is not None and self.seed < 0:
            raise InputError(f"--seed is {self.seed}; expected 0 or more.")
        if self.truncation is not None:
            check_truncation(self.truncation)
        if self.frames == 1 or self.frames < 0:
            raise InputError(f"--frames is {self.frames}; expected 2 or more, or 0 as trained.")

    def open(self, *, latents: bool = True) -> Drawing:
        """Reads the run; unless `latents` is False, its generator must draw from latents.

        Raises InputError for no such run, member or checkpoint, or see `check`.
        """
        self.check()
        trained = read_gan(self.workdir, self.checkpoint, self.member)
        if self.truncation is not None and isinstance(trained.gan.generator, TextureGenerator):
            raise InputError(
                f"--truncation is {self.truncation}, and '{self.workdir}' draws textures: their "
                "latents hold phases and the choice of a texture, which have no tails to cut. "
                "Leave it out."
            )
        if latents and trained.gan.conditioning is not None:
            raise InputError(
                f"'{self.workdir}' is a run of super-resolution: its generator is given images and "
                "no latents. Use python eval.py --workdir RUN --enlarge DIR_OR_FILE --out DIR."
            )
        if self.frames and not isinstance(trained.gan.generator, ClipGenerator):
            raise InputError(
                f"--frames is {self.frames}, and '{self.workdir}' makes images: leave it out."
            )
        return Drawing(self, trained)


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A trained generator, ready to draw."""

    source: Source
    trained: TrainedGAN

    @property
    def seed(self) -> int:
        """The latents' seed."""
        chosen = self.source.seed
        return self.trained.config.seed if chosen is None else chosen

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(h, w, c) of the images, (t, h, w, c) of clips."""
        shape = self.trained.train.image_shape
        return (self.source.frames, *shape[1:]) if self.source.frames else shape

    @property
    def generator(self) -> nn.Module:
        """The generator, of clips of the length that the source says."""
        generator = self.trained.gan.generator
        return generator.clone(image_shape=self.image_shape) if self.source.frames else generator

    @property
    def num_classes(self) -> int:
        """How many classes the generator is conditional on; 0 if it takes no labels."""
        return self.trained.gan.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of these classes; empty where they have none."""
        return self.trained.train.class_names or () if self.num_classes else ()

    def latents(self, count: int) -> np.ndarray:
        """float32 [count, latent_dim], truncated if the source says so."""
        dim = getattr(self.generator, "latent_dim", self.trained.gan.latent_dim)
        if self.source.truncation is None:
            return sample_latents(self.seed, count, dim)
        return truncated_latents(self.seed, count, dim, self.source.truncation)

    def labels(self, count: int) -> np.ndarray | None:
        """int32 [count] in the training set's mix, like those judged; None if it takes none."""
        return asked_labels(self.trained.gan, self.trained.train, seed=self.seed, count=count)

    def images(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """uint8 [n, h, w, c] of latents [n, latent_dim] and labels [n] or None."""
        trained = self.trained
        batch_size = self.source.batch_size or trained.config.evaluation.batch_size
        return generate_images(
            self.generator, trained.ema, latents, labels=labels, batch_size=batch_size
        )

    def record(self) -> dict[str, Any]:
        """The origin of the images, all JSON values."""
        trained, config = self.trained, self.trained.config
        psi = self.source.truncation
        return {
            "run": str(self.source.workdir),
            "member": self.source.member,
            "model": config.model.name,
            "dataset": trained.train.name,
            "checkpoint": trained.step,
            "weights": "moving average",
            "weights_sha256": weights_digest(trained.ema),
            "seed": self.seed,
            "truncation": None if psi is None else {"psi": psi, "method": TRUNCATION},
            "image_shape": list(self.image_shape),
            "versions": library_versions(),
        }


def weights_digest(variables: Any) -> str:
    """SHA-256 over a network's variables, 64 hexadecimal digits."""
    flat = flax.traverse_util.flatten_dict(variables, sep="/")
    return digest_of({}, {name: np.asarray(value) for name, value in flat.items()})


def images_digest(images: np.ndarray) -> str:
    """SHA-256 over the shape and pixels of uint8 images [n, h, w, c], 64 hexadecimal digits."""
    digest = hashlib.sha256(f"{list(images.shape)}\n".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()
