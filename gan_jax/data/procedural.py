"""Textures drawn from known parameters, so that what was learned can be checked against the truth.

Every image is a function of (kind, parameters, seed, index) alone. `KINDS`, with u along the angle
and v across it, both in periods:

    stripes         light and dark bands of half a period each, across the angle. The spectrum
                    peaks at frequency 1 / period and the angle.
    checks          squares of half a period, their sides along u and v. It peaks at
                    sqrt(2) / period and the angle + and - 45 degrees.
    blobs           light discs of radius 0.3 periods, one at a random place in the middle quarter
                    of each lattice cell. It peaks at 1 / period, the angle and the angle + 90.
    voronoi         dark borders between the Voronoi cells of points, one at a random place in each
                    lattice cell: one cell to period**2 pixels on average. The angle hardly shows.
    noise           Gaussian noise of frequencies about 1 / period (a Gaussian in frequency of
                    relative width 0.2), equal in all directions: the angle has no effect.
    oriented_noise  the same within about 10 degrees (standard deviation) of the angle.
    quasi_periodic  five cosine waves of frequency 1 / period at the angle + 0, 36, 72, 108, 144
                    degrees: ordered, and never repeating.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data.content import content_keys
from gan_jax.data.crops import CROP_SIZE, TEST_SEED
from gan_jax.data.dataset import Dataset
from gan_jax.data.options import SourceOptions, split_names
from gan_jax.data.preprocess import convert_channels
from gan_jax.data.sources import Source, make_dataset
from gan_jax.errors import InputError, nearest

KINDS = ("stripes", "checks", "blobs", "voronoi", "noise", "oriented_noise", "quasi_periodic")

_MEAN = 127.5
_DISC_RADIUS = 0.3  # in periods, as the next two
_DISC_SCATTER = 0.25
_HALF_BORDER = 0.08
_BANDWIDTH = 0.2  # of noise: standard deviation over the middle frequency
_ANGLE_WIDTH = np.deg2rad(10.0)  # of oriented noise
_MARGIN = 4  # periods by which noise is made too large, so that opposite edges do not match


@dataclasses.dataclass(frozen=True, eq=False)
class TextureParameters:
    """What each of n images was drawn with; noise and quasi_periodic draw further phases."""

    period: np.ndarray  # float64 [n], pixels
    angle: np.ndarray  # float64 [n], degrees from the direction of columns towards that of rows
    phase: np.ndarray  # float64 [n, 2] in [0, 1): u and v at the first pixel, in periods


@dataclasses.dataclass(frozen=True)
class Drawing:
    """How textures of one kind are drawn, each at a random phase."""

    kind: str  # one of KINDS, which the module describes
    size: tuple[int, int] = CROP_SIZE  # (height, width) in pixels
    period: float = 8.0  # in pixels, at least 2, at most half the shorter side
    angle: float = 0.0  # in degrees, see `TextureParameters`
    # RMS contrast (Peli 1990), in (0, 1]: each image has mean 127.5 and standard deviation 127.5
    # times this, before values are rounded and cut to 0..255, which shows in noise above 0.3.
    contrast: float = 0.25
    # 0 for one period and angle; j for periods from 2**-j to 2**j times `period` (uniform in the
    # exponent) and angles within 90 * j degrees of `angle`; in [0, 1].
    jitter: float = 0.0
    seed: int = 0  # in [0, 2**63]

    def __post_init__(self) -> None:
        kind, size, period, jitter = self.kind, self.size, self.period, self.jitter
        if kind not in KINDS:
            raise InputError(f"kind '{kind}' of texture is unknown: {nearest(kind, KINDS)}")
        if len(size) != 2 or min(size) < 4:
            raise InputError(f"size is {size}: expected (height, width), each 4 pixels or more.")
        if not 0 <= jitter <= 1:
            raise InputError(
                f"jitter is {jitter}: expected 0 (none) to 1 (period halved to doubled)."
            )
        low, high = 2.0 * 2**jitter, min(size) / 2 / 2**jitter
        if not low <= period <= high:
            raise InputError(
                f"period is {period}: for images of {size[0]}x{size[1]} and jitter {jitter}, "
                f"expected {low:g} to {high:g} pixels (2 pixels to half the shorter side, within "
                "what jitter adds); give another period, a larger size or less jitter."
            )
        if not np.isfinite(self.angle):
            raise InputError(f"angle is {self.angle}: expected a number of degrees, such as 45.")
        if not 0 < self.contrast <= 1:
            raise InputError(
                f"contrast is {self.contrast}: expected a standard deviation over the mean, above "
                "0 and at most 1, such as 0.25."
            )
        if not 0 <= self.seed <= TEST_SEED:
            raise InputError(f"seed {self.seed}: expected 0 or more, at most 2**63.")

    def parameters(self, count: int, *, first: int = 0) -> TextureParameters:
        """The parameters of the images that `images` draws."""
        if count < 1 or first < 0:
            raise InputError(f"count is {count}: expected 1 or more, from {first} on, 0 or more.")
        draws = [_Draws(self, first + row).uniform(4) for row in range(count)]
        phase, spread = np.split(np.stack(draws), 2, axis=1)
        spread = 2 * spread - 1
        return TextureParameters(
            period=self.period * 2.0 ** (self.jitter * spread[:, 0]),
            angle=self.angle + 90.0 * self.jitter * spread[:, 1],
            phase=phase,
        )

    def images(self, count: int, *, first: int = 0) -> np.ndarray:
        """The images from number `first` on, uint8 [count, h, w, 1].

        Image i is the same whatever `first` and `count`. Edges are smoothed over one pixel.
        """
        parameters = self.parameters(count, first=first)
        images = np.empty((count, *self.size, 1), np.uint8)
        for row in range(count):
            draws = _Draws(self, first + row)
            draws.uniform(4)  # those of the parameters
            period, angle = parameters.period[row], np.deg2rad(parameters.angle[row])
            field = self._field(period, angle, parameters.phase[row], draws)
            field = field - field.mean()
            field *= _MEAN * self.contrast / field.std()
            images[row, ..., 0] = np.rint(np.clip(_MEAN + field, 0, 255)).astype(np.uint8)
        return images

    def _field(self, period: float, angle: float, phase: np.ndarray, draws: _Draws) -> np.ndarray:
        if self.kind in ("noise", "oriented_noise"):
            return _noise(
                self.size, period, angle if self.kind == "oriented_noise" else None, draws
            )
        y, x = np.mgrid[: self.size[0], : self.size[1]] / period
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        frame = _Frame(u + phase[0], v + phase[1], period)
        return _PATTERNS[self.kind](frame, draws)


def procedural_textures(kind: str, count: int, *, first: int = 0, **drawing: Any) -> np.ndarray:
    """Textures of a kind, uint8 [count, h, w, 1]: `Drawing.images`, with fields of `Drawing`."""
    return Drawing(kind, **drawing).images(count, first=first)


def load_procedural(options: SourceOptions, split: str) -> Dataset:
    """Drawn textures, a class a kind, as many of each (to within one).

    `options.procedural` gives kinds (names with commas between them, '' for all) and parameters;
    `options.cut` the number of images (`num_crops`, `num_test_crops`) and the seed, on which the
    test split does not depend. uint8 [n, h, w, 1], 64 x 64 where no size is given; with
    `options.channels` 3 the channels are equal.
    """
    drawn, size = options.procedural, options.image_size or CROP_SIZE
    kinds = split_names(drawn.kinds, KINDS, "kinds")
    rows, labels = [], []
    for part in ("train", "test") if split == "all" else (split,):
        train = part == "train"
        total = options.cut.num_crops if train else options.cut.num_test_crops
        if total < len(kinds):
            raise InputError(
                f"dataset.{'num_crops' if train else 'num_test_crops'} is {total}, and there are "
                f"{len(kinds)} kinds: expected at least one image a kind; give {len(kinds)} or "
                "more."
            )
        seed = options.cut.seed if train else TEST_SEED
        drawings = [
            Drawing(kind, size, drawn.period, drawn.angle, drawn.contrast, drawn.jitter, seed)
            for kind in kinds
        ]
        part_labels = np.arange(total) % len(kinds)
        rows += [(drawings[label], i // len(kinds)) for i, label in enumerate(part_labels)]
        labels.append(part_labels.astype(np.int32))

    def read(index: int) -> np.ndarray:
        drawing, number = rows[index]
        return convert_channels(drawing.images(1, first=number)[0], options.channels)

    def keys() -> np.ndarray:
        numbers = [(KINDS.index(drawing.kind), drawing.seed, number) for drawing, number in rows]
        return content_keys(np.array(numbers, np.uint64))

    common = ("size", "period", "angle", "contrast", "jitter")
    source = Source(
        count=len(rows),
        image_shape=(*size, options.channels or 1),
        read=read,
        keys=keys,
        treatment=f"procedural { ({name: getattr(rows[0][0], name) for name in common}) }",
        threads=1,  # drawing is many small operations, which threads slow down
    )
    return make_dataset(
        [source],
        [np.concatenate(labels)],
        name="procedural",
        split=split,
        class_names=kinds,
        options=options,
    )


class _Draws:
    """The random numbers of one image, in the order they are asked for."""

    def __init__(self, drawing: Drawing, index: int) -> None:
        # Raw Philox numbers are the part of NumPy's random streams that never changes.
        key, counter = np.zeros(2, np.uint64), np.zeros(4, np.uint64)
        key[:], counter[3] = (drawing.seed, index), KINDS.index(drawing.kind)
        self._stream = np.random.Philox(key=key, counter=counter)

    def uniform(self, *shape: int) -> np.ndarray:
        """float64 in [0, 1)."""
        raw = np.asarray(self._stream.random_raw(int(np.prod(shape))), np.uint64)
        return (raw >> np.uint64(11)).reshape(shape) * 2.0**-53

    def normal(self, *shape: int) -> np.ndarray:
        """float64, mean 0 and variance 1, by Box and Muller."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(*shape)))
        return radius * np.cos(2 * np.pi * self.uniform(*shape))


class _Frame(NamedTuple):
    """Where the pixels are: u and v in periods, float64 [h, w]; and the period in pixels."""

    u: np.ndarray
    v: np.ndarray
    period: float


def _covered(distance: np.ndarray) -> np.ndarray:
    """How much of a pixel lies inside an edge, by its distance inwards in pixels: 0 to 1."""
    return np.clip(0.5 + distance, 0.0, 1.0)


def _bands(u: np.ndarray, period: float) -> np.ndarray:
    """A square wave, -1 to 1."""
    return 2 * _covered(period * (0.25 - np.abs(u % 1 - 0.5))) - 1


def _stripes(frame: _Frame, draws: _Draws) -> np.ndarray:
    return _bands(frame.u, frame.period)


def _checks(frame: _Frame, draws: _Draws) -> np.ndarray:
    return _bands(frame.u, frame.period) * _bands(frame.v, frame.period)


def _blobs(frame: _Frame, draws: _Draws) -> np.ndarray:
    away = _neighbours(frame, draws, scatter=_DISC_SCATTER, reach=1)
    squared = functools.reduce(np.minimum, (du * du + dv * dv for du, dv in away))
    return _covered((_DISC_RADIUS - np.sqrt(squared)) * frame.period)


def _voronoi(frame: _Frame, draws: _Draws) -> np.ndarray:
    away = list(_neighbours(frame, draws, scatter=0.5, reach=2))
    least = np.full(frame.u.shape, np.inf)
    own_u, own_v = np.zeros_like(least), np.zeros_like(least)  # from the pixel to its own point
    for du, dv in away:
        squared = du * du + dv * dv
        closer = squared < least
        for kept, new in ((least, squared), (own_u, du), (own_v, dv)):
            np.copyto(kept, new, where=closer)
    to_border = np.full_like(least, np.inf)  # distance to the line halfway to each other point
    for du, dv in away:
        between = np.sqrt((du - own_u) ** 2 + (dv - own_v) ** 2)
        distance = (du * du + dv * dv - least) / np.where(between > 0, 2 * between, np.nan)
        to_border = np.fmin(to_border, distance)
    half_border = max(_HALF_BORDER * frame.period, 0.5)
    return _covered(to_border * frame.period - half_border)


def _neighbours(
    frame: _Frame, draws: _Draws, *, scatter: float, reach: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """From each pixel to the points of the lattice cells around it, in periods along u and v.

    A cell's point lies within `scatter` of its middle in u and in v, uniformly.
    """
    cell_u, cell_v = (np.floor(place).astype(np.int64) for place in (frame.u, frame.v))
    low_u, low_v = cell_u.min() - reach, cell_v.min() - reach
    shape = (cell_u.max() + reach - low_u + 1, cell_v.max() + reach - low_v + 1)
    moved = scatter * (2 * draws.uniform(*shape, 2) - 1) + 0.5
    points_u = moved[..., 0] + np.arange(low_u, low_u + shape[0])[:, None]
    points_v = moved[..., 1] + np.arange(low_v, low_v + shape[1])
    index = (cell_u - low_u) * shape[1] + cell_v - low_v
    for step_u, step_v in itertools.product(range(-reach, reach + 1), repeat=2):
        near = index + (step_u * shape[1] + step_v)
        yield points_u.take(near) - frame.u, points_v.take(near) - frame.v


def _quasi_periodic(frame: _Frame, draws: _Draws) -> np.ndarray:
    waves = zip(np.arange(5) * np.pi / 5, draws.uniform(5))
    return functools.reduce(
        np.add,
        (
            np.cos(2 * np.pi * (frame.u * np.cos(turn) + frame.v * np.sin(turn) + phase))
            for turn, phase in waves
        ),
    )


_PATTERNS: dict[str, Callable[[_Frame, _Draws], np.ndarray]] = {
    "stripes": _stripes,
    "checks": _checks,
    "blobs": _blobs,
    "voronoi": _voronoi,
    "quasi_periodic": _quasi_periodic,
}


def _noise(size: tuple[int, int], period: float, angle: float | None, draws: _Draws) -> np.ndarray:
    """Filtered Gaussian noise, float64 [h, w]; an angle (in radians) of None means all of them."""
    height, width = (side + int(np.ceil(_MARGIN * period)) for side in size)
    spectrum = np.fft.fft2(draws.normal(height, width))
    along_y, along_x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    gain = np.exp(-0.5 * ((np.hypot(along_x, along_y) * period - 1) / _BANDWIDTH) ** 2)
    if angle is not None:
        off = np.arctan2(along_y, along_x) - angle
        off = (off + np.pi / 2) % np.pi - np.pi / 2  # opposite directions are one wave
        gain = gain * np.exp(-0.5 * (off / _ANGLE_WIDTH) ** 2)
    return np.fft.ifft2(spectrum * gain).real[: size[0], : size[1]]
