"""Clips: numbers of their motion and of how long they stay what they are, and damage to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from gan_jax import metrics
from gan_jax.data.content import content_keys
from gan_jax.extractors.common import Features
from gan_jax.judging.degradations import Damage, Degradation, Pool
from gan_jax.judging.entries import estimate_entry
from gan_jax.judging.sides import Sides
from gan_jax.metrics import motion
from gan_jax.metrics.estimates import number_estimate, share_estimate
from gan_jax.reports.result import Entry

_MOST_KEPT = 4  # sets of clips; each judge of a run sees the same real and the same drawn ones
_kept: dict[tuple[tuple[int, ...], bytes], np.ndarray] = {}


def with_motion(features: Features, images: np.ndarray) -> Features:
    """The features, of clips [n, t, h, w, c] with their displacements beside them.

    Those of the last few sets of clips are kept.
    """
    if images.ndim != 5:
        return features
    key = (images.shape, content_keys(images).tobytes())
    if key not in _kept:
        if len(_kept) == _MOST_KEPT:
            del _kept[next(iter(_kept))]
        _kept[key] = motion.displacements(images)
    return dataclasses.replace(features, motion=_kept[key])


def motion_entries(sides: Sides) -> dict[str, Entry]:
    """Speed, its change and the mix of directions, which need no network."""
    real, fake, *halves = (_moved(side) for side in (sides.real, sides.fake, *sides.halves()))
    entries = {}
    for name, measure in (("speed", motion.speeds), ("speed_change", motion.speed_changes)):
        values = measure(fake)
        estimate = number_estimate(float(values.mean()), values.var() / len(values), low=0.0)
        entries[name] = estimate_entry(estimate, len(values), real=float(measure(real).mean()))
    one, other, generated = (
        metrics.class_histogram(motion.directions(moved), motion.NUM_DIRECTIONS) for moved in halves
    )
    estimate = metrics.class_kl_estimate(generated, one)
    floor = metrics.class_kl(other, one)
    entries["direction_kl"] = estimate_entry(estimate, sum(generated), floor=floor)
    return entries


def _moved(side: Features) -> np.ndarray:
    assert side.motion is not None
    return side.motion


def frame_entries(sides: Sides) -> dict[str, Entry]:
    """The share of clips of which every frame is read as one class."""

    def kept(side: Features) -> np.ndarray:
        assert side.frames is not None
        read = side.frames.argmax(-1)
        return (read == read[:, :1]).all(1)

    values = kept(sides.fake)
    share = float(values.mean())
    estimate = share_estimate(share, share * (1 - share) / len(values), len(values))
    real = float(kept(sides.real).mean())
    return {"same_class": estimate_entry(estimate, len(values), real=real)}


def _of_each(change: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]) -> Damage:
    """A damage that changes one clip [t, h, w, c] after the other."""

    def apply(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
        return np.stack([change(clip, strength, rng) for clip in pool.images])

    return apply


def _shuffle(clip: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the frames change places."""
    chosen = rng.permutation(len(clip))[: max(round(strength * len(clip)), 2)]
    order = np.arange(len(clip))
    order[chosen] = np.roll(chosen, 1)
    return clip[order]


def _freeze(clip: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """The last share of the frames shows the frame before it."""
    last = len(clip) - max(round(strength * len(clip)), 1) - 1
    return clip[np.minimum(np.arange(len(clip)), max(last, 0))]


def _jitter(clip: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Every frame moves by up to so many pixels, in a direction of its own."""
    most = round(strength)
    margin = ((0, 0), (most, most), (most, most), (0, 0))
    height, width = clip.shape[1:3]
    padded = np.pad(clip, margin, mode="edge")
    corners = rng.integers(0, 2 * most + 1, (len(clip), 2))
    return np.stack(
        [frame[y : y + height, x : x + width] for frame, (y, x) in zip(padded, corners)]
    )


def _repeat(clip: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Every frame is shown so many times; the last ones are cut off."""
    return clip[np.arange(len(clip)) // round(strength)]


def _reverse(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the clips runs backwards."""
    chosen = rng.permutation(len(pool.images))[: round(strength * len(pool.images))]
    images = pool.images.copy()
    images[chosen] = images[chosen, ::-1]
    return images


def _switch(pool: Pool, strength: float, rng: np.random.Generator) -> np.ndarray:
    """From the middle on, a share of the clips goes on as another one."""
    chosen = rng.permutation(len(pool.images))[: round(strength * len(pool.images))]
    images, middle = pool.images.copy(), pool.images.shape[1] // 2
    images[chosen, middle:] = pool.images[np.roll(chosen, 1), middle:]
    return images


_SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)
CLIP_DAMAGES = (
    Degradation("frames shuffled", "share of the frames", _SHARES, _of_each(_shuffle)),
    Degradation("frozen", "share of the frames", _SHARES, _of_each(_freeze)),
    Degradation("jittered", "pixels, at most", (1.0, 2.0, 3.0, 4.0, 6.0), _of_each(_jitter)),
    Degradation("frames repeated", "times each", (2.0, 3.0, 4.0, 6.0, 8.0), _of_each(_repeat)),
    Degradation("another clip from the middle on", "share of the clips", _SHARES, _switch),
    Degradation("reversed", "share of the clips", _SHARES, _reverse),
)
