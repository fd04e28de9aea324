"""The package in one call each; `gan_jax` offers these names as its own."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.experiments import load_config as load_config
from gan_jax.data import machine
from gan_jax.data.disk import path_of
from gan_jax.errors import InputError, Interrupted, nearest
from gan_jax.judging.samples import open_samples
from gan_jax.models.texture import TextureGenerator
from gan_jax.reports.comparison.comparison import Comparison
from gan_jax.reports.comparison.report import compare_runs
from gan_jax.reports.result import Result, checked_result, read_content
from gan_jax.run import run
from gan_jax.runtime import workdir as folder
from gan_jax.sampling.drawing import Drawing, Source
from gan_jax.sampling.textures import sample_texture

Path = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Run:
    """A run in its folder.

    Attributes:
        folder: the run's, with report.html and eval.json once it has ended.
        stopped: why it was left before its end, '' if it was not; the same call goes on from there.
    """

    folder: pathlib.Path
    stopped: str = ""

    @property
    def result(self) -> Result:
        """What its judge found; InputError before its end."""
        path = self.folder / folder.EVALUATION
        try:
            return checked_result(read_content(path), path)
        except InputError as error:
            raise InputError(f"'{self.folder}' {error}.") from error

    def load(self, checkpoint: str = "latest") -> Trained:
        """Its generator; see `load`."""
        return load(self.folder, checkpoint=checkpoint)

    def _repr_html_(self) -> str:
        if self.stopped:
            return f"<p>{self.folder}: {self.stopped}</p>"
        return f"<p>Report: {self.folder / folder.REPORT}</p>{self.result._repr_html_()}"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained generator, ready to draw."""

    drawing: Drawing

    @property
    def step(self) -> int:
        """Of the checkpoint."""
        return self.drawing.trained.step

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(h, w, c) of what it draws."""
        return self.drawing.image_shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the classes that it can be asked for; () if it takes no labels."""
        return self.drawing.trained.train.label_names if self.drawing.num_classes else ()

    def sample(
        self,
        count: int,
        *,
        labels: Sequence[int | str] | int | str | None = None,
        seed: int | None = None,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Images uint8 [count, h, w, c]; image i depends on (seed, i), labels and weights alone.

        Args:
            count: how many, 1 or more.
            labels: classes to ask for, by number or name: one for all, or one each; None for the
                training set's mix. Of a generator without classes only None.
            seed: of the latents; None for the run's own, whose first images its result judges.
            truncation: numbers of the latents beyond it either way are drawn again, such as 0.7.

        Raises:
            InputError: a count, seed, truncation or class that cannot be.
        """
        if count < 1:
            raise InputError(f"count is {count}; expected a number of images, 1 or more.")
        source = dataclasses.replace(self.drawing.source, seed=seed, truncation=truncation)
        source.check()
        drawing = dataclasses.replace(self.drawing, source=source)
        asked = drawing.labels(count) if labels is None else self._numbers(labels, count)
        return drawing.images(drawing.latents(count), asked)

    def texture(
        self,
        size: tuple[int, int],
        *,
        seed: int | None = None,
        number: int | None = None,
        seamless: bool = False,
    ) -> np.ndarray:
        """A texture of any size, uint8 [h, w, c]; see `sampling.textures.sample_texture`.

        Raises:
            InputError: the generator is no texture GAN's, or a size or texture that cannot be.
        """
        trained = self.drawing.trained
        if not isinstance(trained.gan.generator, TextureGenerator):
            height, width, _ = self.image_shape
            raise InputError(
                f"this generator draws images of {height}x{width} only: a texture of any size "
                "needs the run of a texture GAN, such as of configs/texture_folder.py."
            )
        seed = self.drawing.seed if seed is None else seed
        return sample_texture(
            trained.gan.generator, trained.ema, size, seed=seed, texture=number, wrap=seamless
        )

    def _numbers(self, labels: Sequence[int | str] | int | str, count: int) -> np.ndarray:
        names = self.class_names
        if not names:
            raise InputError("labels are given, and this generator takes none: leave them out.")
        each = [labels] * count if isinstance(labels, int | str) else list(labels)
        if len(each) != count:
            raise InputError(f"{len(each)} labels for {count} images: give one, or one each.")
        for label in each:
            if isinstance(label, str) and label not in names:
                raise InputError(f"the class {label!r} is not known: {nearest(label, names)}")
            if not isinstance(label, str) and not 0 <= label < len(names):
                raise InputError(f"the class {label} is not one of 0 to {len(names) - 1}.")
        return np.array(
            [names.index(one) if isinstance(one, str) else int(one) for one in each], np.int32
        )


def train(config: ConfigDict | str, workdir: Path) -> Run:
    """Trains what a config describes, or goes on where the folder stands: `train.py` in a call.

    Ctrl-C, or a notebook's stop button, saves and returns; the same call goes on from there.

    Args:
        config: from `load_config`, such as `gan_jax.load_config("quickstart")`, or such a name.
        workdir: the run's folder.

    Raises:
        InputError, TrainingDiverged, ModeCollapse: see `gan_jax.run.run`.
    """
    place = path_of(workdir)
    try:
        run(load_config(config) if isinstance(config, str) else config, place)
    except Interrupted as reason:
        print(reason, flush=True)
        return Run(place, str(reason))
    return Run(place)


def load(workdir: Path, *, checkpoint: str = "latest", member: int | None = None) -> Trained:
    """The trained generator of a run.

    Args:
        workdir: the run's folder.
        checkpoint: 'latest', 'best' or a step.
        member: of a run of several GANs, which one, from 0.

    Raises:
        InputError: no such run, checkpoint or member, or a run that draws from no latents.
    """
    return Trained(Source(path_of(workdir), checkpoint, member).open())


def compare(folders: Sequence[Path]) -> Comparison:
    """Compares the results in several runs' folders; see docs/comparing.md.

    Raises:
        InputError: no two results that measure the same.
    """
    return compare_runs([str(path_of(one)) for one in folders])


def judge(
    images: Any,
    reference: Any,
    *,
    extractor: str = "",
    reference_split: str = "",
    training: Any = "",
    metrics: Sequence[str] | None = None,
    resize: str = "",
    image_size: Sequence[int] = (),
    batch_size: int = 500,
    announce: Callable[[str], None] = lambda line: None,
) -> Result:
    """Judges generated images; the numbers are those of `eval.py --samples`.

        result = gan_jax.judge(images, "mnist5k")
        print(result)
        result.metrics["fd_semantic"]["value"]

    No file is written.

    Args:
        images: generated ones: an array of NumPy, JAX or PyTorch, a list of Pillow's pictures, or
            the path of a folder or file; see `gan_jax.data.given.given_images`.
        reference: real ones, likewise, or a set's name such as 'mnist5k'.
        extractor: a released pack's name, a pack's folder or another of `extractors.choice`;
            several with commas; '' for the released pack of the reference.
        reference_split: 'train', 'test' or 'all'; '' for its test part, or all of a set that has no
            parts of its own.
        training: what the generator was trained on, to find copies among; '' if not known.
        metrics: families, see `gan_jax.judging.suite`; None for all that can be computed.
        resize: how to bring images to the extractor's size, such as 'crop_area'; '': refuse.
        image_size: (height, width) to bring them to in place of that size.
        batch_size: images per call of the network.
        announce: told, before any work, which images are the reference and the training images.

    Returns:
        The result: `print` shows it as a table, and so does a notebook. `metrics` has by name
        'value', 'floor', 'ci' and 'n', `flags` what must be known first, `content()` all of it.

    Raises:
        InputError: images, a reference or a pack that cannot be read or do not fit together.
    """
    machine.keep_freed_memory()
    opened = open_samples(
        images,
        reference,
        extractor,
        reference_split=reference_split or "test",
        divide=bool(reference_split),
        training=training,
        families=metrics,
        resize=resize,
        image_size=image_size,
        announce=announce,
    )
    pixels = opened.samples.all_images()
    found = opened.judge(opened.judges(batch_size=batch_size), pixels, metrics)
    first, *others = (Result.of(one, opened.about) for one in found)
    return dataclasses.replace(first, judges=others)
