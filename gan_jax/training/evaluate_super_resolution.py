"""Enlarged held-out images in numbers: a run's network against what is easier to have."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.config.build import count_steps
from gan_jax.config.build_super_resolution import pixel_only
from gan_jax.config.saved import plain
from gan_jax.data import Dataset, load
from gan_jax.errors import InputError
from gan_jax.judging.fidelity import check_ssim_size, mean_entry, psnr, ssim
from gan_jax.judging.fidelity_differences import kernel_difference, mean_difference
from gan_jax.judging.judge import Judge, Judgement, make_judge
from gan_jax.judging.protocol import make_protocol
from gan_jax.judging.textures.headline import check_variety
from gan_jax.judging.textures.suite import judge_textures
from gan_jax.judging.view import View
from gan_jax.metrics.texture.headline import HEADLINE
from gan_jax.reports.numbers_first import SAME_COMMAND, Tell, expendable, judging, publish, quietly
from gan_jax.reports.super_resolution import SuperResolutionReport, write_super_resolution_report
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.checkpoint import Checkpoints
from gan_jax.runtime.environment import describe_environment
from gan_jax.runtime.images import image_grid, save_png
from gan_jax.runtime.logs import read_history
from gan_jax.runtime.parallel import is_main_process
from gan_jax.runtime.pixels import to_float, to_uint8
from gan_jax.sampling.generate import generate_images
from gan_jax.steps.downscale import bicubic, repeat_pixels
from gan_jax.steps.state import GAN, create_gan_state
from gan_jax.training.frozen import in_the_loop

WARM_UP, PIXEL = "warm_up", "pixel"  # folders in that of the run
BICUBIC, PIXEL_LOSS, ADVERSARIAL, ORIGINAL = "bicubic", "pixel loss", "adversarial", "original"
_FEWEST = 4
_SHARES = 3  # of the held-out images: one to enlarge, two to compare distributions with
_SHOWN = 8
_SEED = 0
_MOST_PAIRS = 1_000

Entry = dict[str, Any]


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
        batch_size: images a call.
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
            headline, flags, view = judgement.headline, list(judgement.flags), _view(judgement)
        if self.textures:
            others = self.others.take(np.arange(len(self.others)))
            found = judge_textures(others, images, families=HEADLINE, seed=_SEED, complete=complete)
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
            features = self.judge.features
            real = View.of(features.semantic, features.texture)
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


def _view(judgement: Judgement) -> View:
    return View.of(judgement.features.semantic, judgement.features.texture)


def hold_out(
    test: Dataset,
    gan: GAN,
    extractor: Any,
    *,
    count: int,
    textures: bool,
    batch_size: int,
) -> HeldOut:
    """Of the held-out images `count` to enlarge, or a third if that is fewer, and twice as many.

    Args:
        test: held-out images.
        gan: with a conditioning that makes images small.
        extractor: a judge's, or None.
        count: how many.
        textures: whether to judge as textures.
        batch_size: images a call.

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
    order = test.draw(_SHARES * count, seed=_SEED)
    originals, others = test.take(order[:count]), order[count:]
    labels = None if test.labels is None else test.labels[others]
    if textures:
        check_variety(test.take(others))
    reference = dataclasses.replace(test, images=test.take(others), source=None, labels=labels)
    judge = None
    if extractor is not None:
        judge = make_judge(extractor, reference, seed=_SEED, batch_size=batch_size)
    return HeldOut(
        originals,
        np.asarray(jax.jit(lambda images: gan.conditioning(to_float(images)))(originals)),
        reference,
        gan.conditioning.factor,
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


def side_by_side(held_out: HeldOut, columns: Sequence[np.ndarray], shown: int = _SHOWN):
    """A picture, a row an image: made small (its pixels repeated), the columns, the original."""
    small = repeat_pixels(np.asarray(to_uint8(held_out.small[:shown])), held_out.factor)
    stacked = np.stack([small, *[c[:shown] for c in columns], held_out.originals[:shown]], 1)
    return image_grid(stacked.reshape(-1, *stacked.shape[2:]), columns=stacked.shape[1])


def evaluate_super_resolution(
    out: pathlib.Path,
    *,
    run: pathlib.Path,
    config: ConfigDict,
    gan: GAN,
    ema: Any,
    step: int,
    pixel: tuple[GAN, Any],
    held_out: HeldOut,
    train: Dataset,
    tell: Tell = quietly,
    again: str = "",
) -> dict[str, Any]:
    """Writes eval.json, a picture and report.html into `out`; returns what eval.json holds.

    Headline, flags and metrics are the adversarial network's. Under 'contenders' stand the metrics
    of all, under 'headlines' their headlines, with those of the originals themselves, which is what
    a perfect network would get; under 'differences' the adversarial network's less each rival's.

    Args:
        out: a folder.
        run: that of the run.
        config: of the run.
        gan: its static half.
        ema: the generator's averaged variables, on the host.
        step: that they are of.
        pixel: the same network with the pixel loss alone, and its averaged variables.
        held_out: images to enlarge.
        train: what it was trained on.
        tell: takes what eval.json holds before picture and page are made.
        again: the command that makes these again; '' for that which judges the run.

    Raises:
        InputError: eval.json cannot be written; its content has been told.
    """
    images = {
        BICUBIC: held_out.interpolated(),
        PIXEL_LOSS: held_out.enlarged(*pixel),
        ADVERSARIAL: held_out.enlarged(gan, ema),
        ORIGINAL: held_out.originals,
    }
    measured = {
        name: held_out.measure(found, train=train, complete=True) for name, found in images.items()
    }
    ours = measured[ADVERSARIAL]
    content = {
        "headline": ours.headline,
        "flags": ours.flags,
        "metrics": ours.entries,
        "contenders": {name: found.entries for name, found in measured.items()},
        "headlines": {name: found.headline for name, found in measured.items() if found.headline},
        "differences": {
            name: held_out.differences(ours, measured[name]) for name in (BICUBIC, PIXEL_LOSS)
        },
        "protocol": _protocol(held_out, train, step) | in_the_loop(run),
    }
    if not is_main_process():
        return content
    page, again = out / folder.REPORT, again or judging(run)
    publish(out / folder.EVALUATION, content, page, tell=tell)
    with expendable(f"The picture in {folder.SAMPLES}", again):
        shown = [images[name] for name in (BICUBIC, PIXEL_LOSS, ADVERSARIAL)]
        save_png(out / folder.SAMPLES / "final.png", side_by_side(held_out, shown))
    with expendable(page.name, again):
        small = repeat_pixels(np.asarray(to_uint8(held_out.small[:_SHOWN])), held_out.factor)
        write_super_resolution_report(
            page,
            SuperResolutionReport(
                title=f"x{held_out.factor} on {train.name}",
                content=content,
                pictures=np.stack([small, *(found[:_SHOWN] for found in images.values())]),
                names=(f"given (1/{held_out.factor})", *images),
                config=plain(config),
                history=read_history(run),
                environment=describe_environment(),
            ),
        )
    return content


def _protocol(held_out: HeldOut, train: Dataset, step: int) -> dict[str, Any]:
    judge = held_out.judge
    return make_protocol(
        {
            "task": "super-resolution",
            "factor": held_out.factor,
            "downscaling": "area average, not rounded to 8 bits",
            "interpolation": "Pillow, bicubic",
            **({} if judge is None else judge.describe()),
            "training": train.name,
            "training_fingerprint": train.fingerprint,
            "step": step,
        },
        seed=_SEED,
        images=len(held_out.originals),
        preprocessing="uint8" if judge is None else judge.extractor.record["preprocessing"],
        reference=held_out.others,
    )


def read_pixel(run: pathlib.Path, config: ConfigDict, gan: GAN, train: Dataset) -> tuple[GAN, Any]:
    """The network with the pixel loss alone of a finished run, and its averaged variables.

    Raises:
        InputError: the run has not come to it yet.
    """
    place = run / PIXEL / folder.CHECKPOINTS
    network = pixel_only(gan, config, count_steps(config, len(train)))
    template = create_gan_state(network, jax.random.key(config.seed), train.image_shape)
    restored = None
    if place.is_dir():
        with Checkpoints(place, read_only=True) as checkpoints:
            restored = checkpoints.restore(template)
    if restored is None:
        raise InputError(f"'{run}' has no network of the pixel loss alone yet: train it first.")
    return network, jax.tree.map(np.asarray, restored[1].ema)


def evaluate_again(
    out: pathlib.Path,
    trained: Any,
    judges: Sequence[Judge],
    count: int,
    batch_size: int,
    textures: bool,
    tell: Tell = quietly,
) -> dict[str, Any]:
    """`evaluate_super_resolution` of a run that was read back.

    Args:
        out: a folder.
        trained: a `gan_jax.sampling.trained.TrainedGAN`.
        judges: the one whose extractor is to judge, or none.
        count: images to enlarge.
        batch_size: images a call.
        textures: whether to judge as textures.
        tell: takes what eval.json holds before picture and page are made.
    """
    config, gan, train = trained.config, trained.gan, trained.train
    test = load(config.dataset, "test")
    extractor = judges[0].extractor if judges else None
    options = dict(count=count, batch_size=batch_size, textures=textures)
    return evaluate_super_resolution(
        out,
        run=trained.folder,
        config=config,
        gan=gan,
        ema=trained.ema,
        step=trained.step,
        pixel=read_pixel(trained.folder, config, gan, train),
        held_out=hold_out(test, gan, extractor, **options),
        train=train,
        tell=tell,
        again=SAME_COMMAND,
    )
