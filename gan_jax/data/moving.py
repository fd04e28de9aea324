"""Moving digits: clips of one or two digits of mnist5k that bounce in a frame, of known motion.

As in Moving MNIST (Srivastava et al. 2015, "Unsupervised learning of video representations using
LSTMs", section 4.1), each digit moves along a diagonal at constant speed and is reflected by the
borders. A set is the digits once, and which digit is where in each frame: frames are put together
where they are needed, on the host or, in training, on the devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.data.built_in import DIGITS, load_mnist5k
from gan_jax.data.content import content_keys
from gan_jax.data.dataset import Dataset
from gan_jax.data.options import SourceOptions
from gan_jax.data.sources import ComposedSource
from gan_jax.errors import InputError

DIRECTIONS = ("up left", "up right", "down left", "down right")
SPEEDS = (0.5, 1.5)  # pixels per frame along the diagonal, in a frame of 32 pixels; uniform
_SIDE = 20  # of the box that holds a digit of MNIST
_SMALLEST = 24
_SIZE = (32, 32)
_STRAIGHT = 4  # frames to begin with in which no border is met, so that the direction shows
_TEST_SEED = 20151502  # fixed: the test clips never depend on the run
_SPLIT_KEYS = {"train": 1, "test": 2}
_DRAWS = 5  # numbers for each digit of a clip


class MovingDigits(ComposedSource):
    """Clips uint8 [n, t, h, w, 1] of digits that move; of one frame, images [n, h, w, 1].

    `sprites` are uint8 [d, 20, 20]; `which` int32 [n, m], the sprites of each clip; `places` int16
    [n, t, m, 2], the upper left corner (row, column) of each sprite in each frame.
    """

    place = "drawn on access"

    def __init__(
        self, sprites: np.ndarray, which: np.ndarray, places: np.ndarray, size: tuple[int, int]
    ) -> None:
        parts = {
            "sprites": np.pad(sprites, ((0, 0), (1, 1), (1, 1))),  # what lies outside is black
            "which": which,
            "places": places,
            "rows": np.arange(size[0], dtype=np.int16),
            "columns": np.arange(size[1], dtype=np.int16),
        }
        super().__init__(
            parts,
            count=len(which),
            image_shape=(places.shape[1], *size, 1)[places.shape[1] == 1 :],
            treatment="moving digits",
        )

    def keys(self) -> np.ndarray:
        digits = content_keys(np.ascontiguousarray(self.parts["sprites"][:, 1:-1, 1:-1]))
        which, places = self.parts["which"], self.parts["places"]
        seen = [digits[which], places.reshape(len(which), -1)]
        return content_keys(np.concatenate(seen, axis=1, dtype="u8", casting="unsafe"))

    @staticmethod
    def compose(parts: Mapping[str, Any], rows: Any) -> Any:
        """The clips at `rows`, integers [k], as uint8, of numpy or of JAX arrays.

        Where two digits meet, the brighter pixel shows.
        """
        corners = parts["places"][rows] - 1  # of the sprite with its border
        last = parts["sprites"].shape[1] - 1
        y = (parts["rows"] - corners[..., 0, None]).clip(0, last)  # [k, t, m, h]
        x = (parts["columns"] - corners[..., 1, None]).clip(0, last)
        which = parts["which"][rows][:, None, :, None, None]
        clips = parts["sprites"][which, y[..., None], x[..., None, :]].max(2)[..., None]
        return clips if clips.shape[1] > 1 else clips[:, 0]


def load_moving_digits(options: SourceOptions, split: str) -> Dataset:
    """Clips uint8 [n, t, h, w, 1], or images if t is 1: white on black, 32 x 32 if not said.

    'train' moves the training digits of mnist5k, drawn from `options.clips.seed`; 'test' its test
    digits, the same for every seed; 'all' is both. The labels of one digit are the digits, or with
    `clip_labels` 'motion' the digit and its first direction, 40 classes; those of two digits are
    the unordered pairs, 55 classes.

    Raises:
        InputError: a frame too small for a digit, colour, or directions of two digits.
    """
    clips, size = options.clips, options.image_size or _SIZE
    _check(options, size)
    splits = ("train", "test") if split == "all" else (split,)
    sprites, which, places, labels, first = [], [], [], [], 0
    for part in splits:
        digits = load_mnist5k(SourceOptions(), part)
        count = clips.num_clips if part == "train" else clips.num_test_clips
        chosen, corners, direction = draw_motion(
            len(digits), count, options=options, size=size, split=part
        )
        sprites.append(_cut_out(digits.all_images()[..., 0]))
        which.append(chosen + np.int32(first))
        places.append(corners)
        labels.append(_labels(digits.class_labels[chosen], direction, clips.clip_labels))
        first += len(digits)
    names = DIGITS
    if clips.clip_labels == "motion":
        names = tuple(f"{digit} {direction}" for digit in DIGITS for direction in DIRECTIONS)
    elif clips.digits_per_clip == 2:
        names = tuple(DIGITS[a] + DIGITS[b] for a, b in _PAIRS)
    return Dataset(
        "moving_digits",
        split,
        source=MovingDigits(
            np.concatenate(sprites), np.concatenate(which), np.concatenate(places), size
        ),
        labels=np.concatenate(labels),
        class_names=names,
    )


def draw_motion(
    num_digits: int, count: int, *, options: SourceOptions, size: tuple[int, int], split: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which digits move and how: int32 [n, m], corners int16 [n, t, m, 2], directions int [n, m].

    Clip i depends on (seed, i) alone; those of split 'test' not on the seed. A direction is a
    number of `DIRECTIONS`.
    """
    clips = options.clips
    # Raw Philox numbers are the part of NumPy's random streams that never changes.
    key = [_TEST_SEED if split == "test" else clips.seed, _SPLIT_KEYS[split]]
    raw = np.random.Philox(key=key).random_raw(count * clips.digits_per_clip * _DRAWS)
    uniform = (raw >> np.uint64(11)).reshape(count, clips.digits_per_clip, _DRAWS) / 2.0**53
    which = (uniform[..., 0] * num_digits).astype(np.int32)
    direction = (uniform[..., 1] * len(DIRECTIONS)).astype(np.int32)
    low, high = SPEEDS
    speed = (low + (high - low) * uniform[..., 2]) / np.sqrt(2.0)
    sides = np.array(size)
    step = speed[..., None] * sides / _SIZE[0]  # [n, m, 2]
    room = (sides - _SIDE).astype(np.float64)
    begin = uniform[..., 3:] * np.maximum(room - _STRAIGHT * step, 0.0)
    frames = np.arange(clips.num_frames)[:, None, None]
    travelled = (begin[:, None] + step[:, None] * frames) % (2 * room)
    along = np.minimum(travelled, 2 * room - travelled)  # reflected by the borders
    forward = np.stack([direction // 2, direction % 2], axis=-1)[:, None] == 1
    return which, np.rint(np.where(forward, along, room - along)).astype(np.int16), direction


_PAIRS = [(a, b) for a in range(10) for b in range(a, 10)]


def _labels(digits: np.ndarray, direction: np.ndarray, kind: str) -> np.ndarray:
    if kind == "motion":
        return (digits[:, 0] * len(DIRECTIONS) + direction[:, 0]).astype(np.int32)
    if digits.shape[1] == 1:
        return digits[:, 0].astype(np.int32)
    number = np.empty((10, 10), np.int32)
    for label, (a, b) in enumerate(_PAIRS):
        number[a, b] = number[b, a] = label
    return number[digits[:, 0], digits[:, 1]]


def _cut_out(images: np.ndarray) -> np.ndarray:
    """The box of 20 x 20 pixels about the middle of each digit, uint8 [d, 20, 20]."""
    sprites = np.empty((len(images), _SIDE, _SIDE), np.uint8)
    for row, image in enumerate(images):
        corner = []
        for axis in (1, 0):
            inked = np.flatnonzero(image.max(axis))
            middle = (inked[0] + inked[-1] + 1) // 2
            corner.append(min(max(middle - _SIDE // 2, 0), image.shape[0] - _SIDE))
        sprites[row] = image[corner[0] : corner[0] + _SIDE, corner[1] : corner[1] + _SIDE]
    return sprites


def _check(options: SourceOptions, size: tuple[int, int]) -> None:
    if min(size) < _SMALLEST:
        raise InputError(
            f"dataset.image_size is {size}: a digit of {_SIDE} pixels moves in a frame of at least "
            f"{_SMALLEST} x {_SMALLEST}, such as (32, 32) or (64, 64)."
        )
    if options.channels == 3:
        raise InputError("dataset.channels is 3, and moving digits are grey: set it to 0 or 1.")
    if options.clips.clip_labels == "motion" and options.clips.digits_per_clip != 1:
        raise InputError(
            "dataset.clip_labels is 'motion', and two digits have two directions: set "
            "dataset.digits_per_clip=1, or dataset.clip_labels='content'."
        )
