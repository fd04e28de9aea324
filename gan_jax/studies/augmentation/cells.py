"""One group of a study at work: its subset, its GAN, its filters, and the results of its cells."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import time
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from ml_collections import ConfigDict

from gan_jax.config.study_plan import Added, Arm, Group
from gan_jax.config.study_settings import gan_run_config, recogniser_config
from gan_jax.data import Dataset
from gan_jax.data.disk import new_file
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.images import image_grid, save_png
from gan_jax.runtime.logs import read_history
from gan_jax.runtime.parallel import map_batches
from gan_jax.runtime.pixels import to_float
from gan_jax.runtime.signals import StopSignal
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.sampling.trained import read_gan
from gan_jax.studies.augmentation.filters import (
    accepted,
    agreed,
    calibrated_log_ratio,
    first_of_each_class,
)
from gan_jax.studies.augmentation.subsets import Splits, nested_order
from gan_jax.training.fit_recogniser import FittedRecogniser, fit_recogniser
from gan_jax.training.gan import train_gan

SUBSET = "subset.npz"
PICTURES: dict[Added, str] = {
    added: f"{added.value}.png" for added in Added if added is not Added.NONE
}
# Far from the seeds of the arms, so that no filter begins with the weights of what it filters for.
_FILTER_SEEDS = 100_000
_PICTURE_ROWS = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """Generated images, in an order whose beginnings have the subset's mix of classes.

    Attributes:
        images: uint8 [n, h, w, c].
        labels: the classes asked for, int32 [n].
        logits: of the discriminator, told those classes, float32 [n].
        real_logits: of the subset's own images, float32 [size].
    """

    images: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    real_logits: np.ndarray


class GroupWork:
    """The parts that the cells of a group share, each made when it is first needed.

    Args:
        config: of the study.
        splits: of the study; the test images are for results only.
        group: which.
        workdir: the study's folder.
        stop: tells the trainings to end.
    """

    def __init__(
        self,
        config: ConfigDict,
        splits: Splits,
        group: Group,
        *,
        workdir: pathlib.Path,
        stop: StopSignal,
    ) -> None:
        self._config, self._splits, self._group, self._stop = config, splits, group, stop
        self.gan_folder = workdir / folder.GANS / group.name

    @functools.cached_property
    def subset(self) -> Dataset:
        """The real images of the group; its GAN, filters and arms see no others."""
        train, group = self._splits.train, self._group
        order = nested_order(train.class_labels, group.seed, balanced=self._config.balanced)
        return train.subset(order[: group.size])

    @functools.cached_property
    def pool(self) -> Pool:
        """The generated images; the GAN is trained first if it is not yet."""
        run, subset = self.gan_folder, self.subset
        run.mkdir(parents=True, exist_ok=True)
        _write_subset(run / SUBSET, subset, self._splits.num_classes)
        # A whole path, so that the study may be resumed from another folder.
        own = gan_run_config(self._config, (run / SUBSET).resolve(), self._group.seed)
        train_gan(own, run, self._stop)
        # Any beginning of the subset has its mix of classes, and so has any of the images.
        trained, labels = read_gan(run), subset.class_labels
        gan, count = trained.gan, round(self._config.pool_ratio * len(subset))
        asked = labels[np.arange(count) % len(labels)]
        batch = {"batch_size": self._config.evaluation.batch_size}
        latents = sample_latents(self._group.seed, count, gan.latent_dim)
        drawn = generate_images(gan.generator, trained.ema, latents, labels=asked, **batch)
        logits, real_logits = (
            map_batches(_read(gan.discriminator), trained.discriminator, inputs, **batch)
            for inputs in ((drawn, asked), (subset.all_images(), labels))
        )
        return Pool(drawn, asked, logits, real_logits)

    def gan_step_seconds(self) -> list[float]:
        """Seconds per step of the group's GAN, measured in training, without compilation."""
        rows = read_history(self.gan_folder)
        rates = [row["time/images_per_second"] for row in rows if "time/images_per_second" in row]
        return [self._config.gan.batch_size / rate for rate in rates if rate > 0]

    @functools.cached_property
    def kept_by_agreement(self) -> np.ndarray:
        """Which images of the pool the filtering recognisers keep, bool [n]."""
        fits = [
            self._fit(Arm(classical=True), self.subset, seed=_FILTER_SEEDS * number)
            for number in range(1, self._config.filters.recognisers + 1)
        ]
        probabilities = np.stack([fitted.probabilities(self.pool.images) for fitted in fits])
        return agreed(probabilities, self.pool.labels, self._config.filters.confidence)

    @functools.cached_property
    def kept_by_rejection(self) -> np.ndarray:
        """Which images of the pool discriminator rejection sampling accepts, bool [n]."""
        pool = self.pool
        ratio = calibrated_log_ratio(pool.logits, pool.real_logits, pool.logits)
        return accepted(ratio, pool.labels, self._config.filters.acceptance, self._group.seed)

    def added(self, arm: Arm) -> np.ndarray:
        """The generated images that an arm adds: indices into the pool, in the subset's mix.

        If a filter keeps too few of a class, the arm adds those few.
        """
        if arm.added is Added.NONE:
            return np.zeros(0, int)
        count = round(arm.ratio * len(self.subset))
        if arm.added is Added.GAN:
            return np.arange(count)
        kept = self.kept_by_agreement if arm.added is Added.AGREEMENT else self.kept_by_rejection
        labels = self.pool.labels
        wanted = np.bincount(labels[:count], minlength=self._splits.num_classes)
        return first_of_each_class(kept, labels, wanted)

    def run(self, arm: Arm, extra_steps: int = 0) -> dict[str, Any]:
        """The result of an arm, JSON values; `extra_steps` are those of a control.

        'correct' holds for each test image whether it was named correctly, packed into hex digits;
        'seconds' is the time of the training and the test. The rest depends on no clock.
        """
        subset, rows = self.subset, self.added(arm)
        images, labels = subset.all_images(), subset.class_labels
        if len(rows):
            images = np.concatenate([images, self.pool.images[rows]])
            labels = np.concatenate([labels, self.pool.labels[rows]])
            self._picture(arm, rows)
        steps = self._config.recogniser.num_steps + extra_steps
        start = time.monotonic()
        train = Dataset("study", "train", images, None, labels.astype(np.int32))
        test = self._splits.test
        found = self._fit(arm, train, seed=0, steps=steps, test=test).tested
        seconds = time.monotonic() - start
        correct = found.predictions == test.class_labels
        return {
            "size": self._group.size,
            "seed": self._group.seed,
            "arm": arm.name,
            "accuracy": found.accuracy,
            "recall": _recall(found.confusion),
            "correct": np.packbits(correct).tobytes().hex(),
            "real_images": len(subset),
            "generated_images": len(rows),
            "wanted_images": round(arm.ratio * len(subset)),
            "steps": steps,
            "subset": subset.fingerprint,
            "seconds": seconds,
        }

    def _fit(
        self,
        arm: Arm,
        train: Dataset,
        *,
        seed: int,
        steps: int | None = None,
        test: Dataset | None = None,
    ) -> FittedRecogniser:
        """A trained recogniser; `seed` is added to the group's."""
        return fit_recogniser(
            recogniser_config(self._config, classical=arm.classical),
            train.all_images(),
            train.class_labels,
            self._splits.num_classes,
            num_steps=steps or self._config.recogniser.num_steps,
            seed=self._group.seed + seed,
            test=test,
            stop=self._stop,
        )

    def _picture(self, arm: Arm, rows: np.ndarray) -> None:
        path = self.gan_folder / folder.SAMPLES / PICTURES[arm.added]
        if not path.exists():
            count = _PICTURE_ROWS * len(np.unique(self.subset.class_labels))
            shown = rows[:count]
            save_png(path, image_grid(self.pool.images[shown], columns=count // _PICTURE_ROWS))


@functools.lru_cache(maxsize=8)
def _read(discriminator: nn.Module):
    """A conditional discriminator's logits [n], with running batch statistics.

    Several logits of an image are averaged.
    """

    @jax.jit
    def read(variables: Any, inputs: tuple[Array, Array]) -> Array:
        images, labels = inputs
        outputs = discriminator.apply(variables, to_float(images), labels, train=False)
        logits = outputs[0] if isinstance(outputs, tuple) else outputs
        return jnp.mean(logits.reshape(len(images), -1), axis=-1)

    return read


def _recall(confusion: np.ndarray) -> list[float | None]:
    """Share of each class's images that were named correctly; None for a class without images."""
    counts = zip(np.diag(confusion), confusion.sum(axis=1))
    return [float(right / shown) if shown else None for right, shown in counts]


def _write_subset(path: pathlib.Path, subset: Dataset, num_classes: int) -> None:
    """Writes the subset as both parts of a set: the GAN's run is to see nothing else."""
    if path.exists():
        return
    names = subset.class_names or tuple(str(label) for label in range(num_classes))
    images, labels = subset.all_images(), subset.class_labels
    with new_file(path) as file:
        np.savez_compressed(
            file,
            x_train=images,
            y_train=labels,
            x_test=images,
            y_test=labels,
            class_names=np.array(names),
        )
