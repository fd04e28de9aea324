"""Enlarged held-out images in numbers: each beside its original, and all as a set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gan_jax.data import Dataset
from gan_jax.errors import InputError
from gan_jax.judging.fidelity import (
    check_ssim_size,
    kernel_difference,
    mean_difference,
    mean_entry,
    psnr,
    ssim,
)
from gan_jax.judging.judge import Judge, make_judge
from gan_jax.judging.textures.headline import check_variety
from gan_jax.judging.textures.suite import judge_textures
from gan_jax.judging.view import View
from gan_jax.metrics.texture.headline import HEADLINE
from gan_jax.reports.result import Entry
from gan_jax.runtime.images import image_grid
from gan_jax.runtime.pixels import to_float, to_uint8
from gan_jax.sampling.generate import generate_images
from gan_jax.steps.downscale import bicubic, repeat_pixels
from gan_jax.steps.state import GAN

SEED = 0
_SHOWN = 8
_FEWEST = 4
_SHARES = 3  # of the held-out images: one to enlarge, two to compare distributions with
_MOST_PAIRS = 1_000


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out images to enlarge, and others that these are compared with as a set.

    Attributes:
        originals: uint8 [n, h, w, c].
        small: float32 [n, h / factor, w / factor, c] in [-1, 1], what the networks are given.
        others: at least as many further held-out images.
        factor: 2 or 4.
        judge: by the others; None without a recogniser.
        textures: whether texture_fd is computed.
        batch_size: images per call.
    """

    originals: np.ndarray
    small: np.ndarray
    others: Dataset
    factor: int
    judge: Judge | None
    textures: bool
    batch_size: int

    def enlarged(self, gan: GAN, variables: Any) -> np.ndarray:
        """What a generator makes of the small images, uint8 [n, h, w, c]."""
        return generate_images(gan.generator, variables, self.small, batch_size=self.batch_size)

    def interpolated(self) -> np.ndarray:
        """What bicubic interpolation makes of them, likewise."""
        return np.asarray(to_uint8(bicubic(self.small, self.factor)))

    def measure(
        self, images: np.ndarray, *, train: Dataset | None = None, complete: bool = False
    ) -> Measured:
        """What is known of enlarged images uint8 [n, h, w, c], in the order of the originals.

        Args:
            images: enlarged.
            train: what the network was trained on, to find copies among; None for no search.
            complete: with headline, flags and intervals; else quickly, as during training.
        """
        pixels = {"psnr": psnr(self.originals, images), "ssim": ssim(self.originals, images)}
        entries: dict[str, Entry] = {name: mean_entry(found) for name, found in pixels.items()}
        headline: dict[str, Any] = {}
        flags: list[dict[str, Any]] = []
        view = None
        if self.judge is not None:
            judgement = self.judge.judge(
                images, families=("frechet",), training=train, complete=complete
            )
            entries |= judgement.metrics
            headline, flags = judgement.headline, list(judgement.flags)
            view = View.of_features(judgement.features)
        if self.textures:
            others = self.others.all_images()
            found = judge_textures(others, images, families=HEADLINE, seed=SEED, complete=complete)
            entries |= found.metrics
            if self.judge is None:
                headline, flags = found.headline, list(found.flags)
        return Measured(entries, headline, flags, pixels, view)

    def differences(self, first: Measured, second: Measured) -> dict[str, Entry]:
        """What `first` has less `second`, of the same images, each with its interval.

        'psnr', 'ssim' and, with a judge, 'distance': the kernel distance from real images.
        """
        found = {
            name: mean_difference(values, second.pixels[name])
            for name, values in first.pixels.items()
        }
        if self.judge is not None:
            assert first.view is not None and second.view is not None
            real = View.of_features(self.judge.features)
            sides = (real, first.view, second.view)
            scaled = [side.standardised(by=real)[:_MOST_PAIRS] for side in sides]
            found["distance"] = kernel_difference(*scaled)
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What is known of images enlarged in one way.

    Attributes:
        entries: by metric, as eval.json has them. 'psnr' in dB and 'ssim' are means over pairs with
            the originals, higher is better. 'fd_semantic', 'fd_texture' (by the judge) and
            'texture_fd' are distances from the other held-out images, lower is better, each with
            its floor.
        headline: the judge's, or that of textures; {} without either, and of a quick measurement.
        flags: likewise.
        pixels: 'psnr' and 'ssim' of each image, float64 [n].
        view: what the judge sees of them, in the order of the originals; None without one.
    """

    entries: dict[str, Entry]
    headline: dict[str, Any]
    flags: list[dict[str, Any]]
    pixels: dict[str, np.ndarray]
    view: View | None


def hold_out(
    test: Dataset, gan: GAN, extractor: Any, *, count: int, textures: bool, batch_size: int
) -> HeldOut:
    """Of the held-out images `count` to enlarge, or a third if that is fewer, and twice as many.

    The conditioning of `gan` makes images small; `extractor` is a judge's, or None.

    Raises:
        InputError: fewer than twelve held-out images, too small ones, or all the same.
    """
    check_ssim_size(test.image_shape)
    count = min(count, len(test) // _SHARES)
    if count < _FEWEST:
        raise InputError(
            f"{test.name} has {len(test)} held-out images; at least {_FEWEST * _SHARES} are needed "
            "to enlarge a third of them and compare with the others, and hundreds to mean "
            "something."
        )
    order = test.draw(_SHARES * count, seed=SEED)
    originals, reference = test.take(order[:count]), test.subset(order[count:])
    if textures:
        check_variety(reference.all_images())
    judge = None
    if extractor is not None:
        judge = make_judge(extractor, reference, seed=SEED, batch_size=batch_size)
    conditioning: Any = gan.conditioning
    return HeldOut(
        originals,
        np.asarray(jax.jit(lambda images: conditioning(to_float(images)))(originals)),
        reference,
        conditioning.factor,
        judge,
        textures,
        batch_size,
    )


def summary(entries: dict[str, Entry]) -> dict[str, float]:
    """For a log: 'eval/name' and 'eval/name_floor'."""
    rows = {f"eval/{name}": entry["value"] for name, entry in entries.items()}
    floors = {f"eval/{n}_floor": e["floor"] for n, e in entries.items() if e.get("floor")}
    return rows | floors


def score(entries: dict[str, Entry]) -> float:
    """To rank checkpoints by, lower is better: fd_texture, else texture_fd, else less PSNR."""
    for name in ("fd_texture", "texture_fd"):
        if name in entries:
            return entries[name]["value"]
    return -entries["psnr"]["value"]


def examples(held_out: HeldOut, ways: Sequence[np.ndarray]) -> np.ndarray:
    """The first images made small (their pixels repeated), enlarged in several ways, and original.

    uint8 [ways + 2, n, h, w, c].
    """
    small = repeat_pixels(np.asarray(to_uint8(held_out.small[:_SHOWN])), held_out.factor)
    return np.stack([small, *(way[:_SHOWN] for way in ways), held_out.originals[:_SHOWN]])


def side_by_side(held_out: HeldOut, ways: Sequence[np.ndarray]) -> np.ndarray:
    """A picture of `examples`, a row per image."""
    stacked = examples(held_out, ways).swapaxes(0, 1)
    return image_grid(stacked.reshape(-1, *stacked.shape[2:]), columns=stacked.shape[1])
