"""A folder of videos as clips: animated GIF, WebP and PNG, MP4 and its kin, or folders of frames.

Where frames of an animation stay for different times, they count for that many of the shortest. A
video is cut into clips of `num_frames` that do not overlap; what is left at its end is not used.
Subfolders are classes or parts as those of images are, see `gan_jax.data.listing`. A folder of
images with numbers in their names is a video too: they are its frames, in that order.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageSequence

from gan_jax.data.content import bytes_key, content_keys
from gan_jax.data.dataset import Dataset
from gan_jax.data.decode import decode_image, open_picture, picture_pixels, read_header
from gan_jax.data.disk import open_regular
from gan_jax.data.listing import Listing
from gan_jax.data.options import SourceOptions
from gan_jax.data.sources import Source, make_dataset
from gan_jax.data.trees import Root, image_files, walk_files
from gan_jax.errors import InputError, first_line, printable

_ANIMATED = (".gif", ".webp", ".apng", ".png")
_FILMS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
_NUMBER = re.compile(r"(\d+)\D*$")


@dataclasses.dataclass(frozen=True)
class Video:
    """A video: a file, or the files of its frames."""

    path: pathlib.Path  # of the file or the folder
    frames: tuple[pathlib.Path, ...]  # the files of its frames, in order; () of a file
    count: int  # frames
    shape: tuple[int, int, int]  # (h, w, c) of a frame as stored

    def read(self, memory_limit: int) -> np.ndarray:
        """Every frame, uint8 [count, h, w, c]; InputError if it is damaged or takes more bytes."""
        needed = self.count * int(np.prod(self.shape))
        if needed > memory_limit:
            raise InputError(
                f"video '{self.path}' has {self.count:,} frames of {self.shape[1]}x{self.shape[0]} "
                f"pixels, which take {needed / 2**20:,.0f} MiB decoded, over "
                f"{memory_limit / 2**20:,.0f} MiB: cut it into shorter ones, or raise "
                "dataset.memory_limit_mb."
            )
        found: list[np.ndarray] = []
        for frame in _frames(self):
            if frame.shape[2] != self.shape[2]:
                frame = np.repeat(frame, 3, axis=2) if self.shape[2] == 3 else frame[..., :1]
            if frame.shape != self.shape:
                raise InputError(
                    f"video '{self.path}': frame {len(found)} is {_size(frame.shape)} and the "
                    f"first {_size(self.shape)} pixels (width x height): a video's frames have one "
                    "size; save it anew."
                )
            found.append(frame)
        if len(found) < self.count:
            raise InputError(
                f"video '{self.path}' is damaged: {len(found)} of {self.count} frames can be read; "
                "replace or remove it."
            )
        return np.stack(found[: self.count])


def load_videos(options: SourceOptions, split: str) -> Dataset:
    """Clips uint8 [n, t, h, w, c], or images if t is 1, of a folder, labelled by class folders.

    Without folders for training and testing `options.test_fraction` of each class's videos is held
    out: all clips of a video lie on one side.

    Raises:
        InputError: no video, a damaged one, one of fewer frames than a clip, or videos of several
            sizes without `options.image_size`.
    """
    root = options.existing_path("a folder of videos")
    listing = Listing.of(root, _video_names)
    videos = [_opened(root / name) for name in listing.files]
    length = options.clips.num_frames
    for video in videos:
        if video.count < length:
            raise InputError(
                f"video '{video.path}' has {video.count} frame{'s' * (video.count != 1)}, and a "
                f"clip has {length}: remove it, or set dataset.num_frames={video.count} or less."
            )
    channels = options.channels or max(video.shape[2] for video in videos)
    preprocess = dataclasses.replace(options.preprocess, channels=channels)
    shapes = {preprocess.output_shape((length, *video.shape)): video for video in videos}
    if len(shapes) > 1:
        (one, first), (other, second) = list(shapes.items())[:2]
        raise InputError(
            f"video '{first.path}' is {_size(one[1:])} and '{second.path}' {_size(other[1:])} "
            "pixels (width x height): set dataset.image_size=(h, w) to bring them to one size."
        )
    keys = functools.cache(lambda: np.array([_key(video) for video in videos], np.uint64))
    rows, split = listing.rows(split, options, keys)
    windows = [(row, at) for row in rows for at in range(videos[row].count // length)]
    decoded = functools.lru_cache(4)(lambda row: videos[row].read(options.decoding_limit))

    def read(index: int) -> np.ndarray:
        row, at = windows[index]
        clip = preprocess(decoded(row)[at * length : (at + 1) * length])
        return clip if length > 1 else clip[0]

    source = Source(
        count=len(windows),
        image_shape=next(iter(shapes))[length == 1 :],
        read=read,
        keys=lambda: content_keys(np.array([(keys()[row], at) for row, at in windows], np.uint64)),
        treatment=f"videos, {length} frames, {preprocess}",
        block=8,
    )
    labels = listing.labels
    return make_dataset(
        [source],
        [None if labels is None else labels[[row for row, _ in windows]]],
        name=f"videos:{printable(root.resolve().name)}",
        split=split,
        class_names=listing.class_names,
        options=options,
        own_parts=listing.is_test is not None,
    )


def holds_videos(root: pathlib.Path) -> bool:
    """Whether a folder holds files of a moving kind, and all of them do move.

    An animation among still images is read as one of these, by its first frame.
    """
    if not root.is_dir():
        return False
    names = [name for name in walk_files(root) if _ending(name) in _ANIMATED + _FILMS]
    return bool(names) and all(_ending(name) in _FILMS or _moves(root / name) for name in names)


def _video_names(root: Root) -> list[str]:
    """Files of videos, and folders whose numbered images are frames, below a folder; sorted."""
    if not isinstance(root, pathlib.Path):
        raise InputError(f"'{root}' is a zip, and videos are read from a folder: unpack it.")
    films = [name for name in walk_files(root) if _ending(name) in _FILMS]
    stills: dict[str, list[str]] = {}
    for name in image_files(root):
        if _ending(name) in _ANIMATED and _moves(root / name):
            films.append(name)
        else:
            stills.setdefault(name.rpartition("/")[0], []).append(name)
    if "" in stills:
        film = next(iter(films), "")
        raise InputError(
            f"folder '{root}' holds images that do not move ('{stills[''][0]}'"
            f"{f', beside {film!r}' if film else ''}): put the frames of each video into a folder "
            "of its own."
        )
    found = sorted([*films, *stills])
    if not found:
        raise InputError(
            f"folder '{root}' holds no videos: expected files ending in "
            f"{', '.join((*_ANIMATED, *_FILMS))}, or folders of numbered frames."
        )
    return found


def _ending(name: str) -> str:
    return pathlib.PurePath(name).suffix.lower()


def _moves(path: pathlib.Path) -> bool:
    try:
        with open_picture(path) as picture:
            return getattr(picture, "n_frames", 1) > 1
    except Exception:  # said when it is read
        return False


def _opened(path: pathlib.Path) -> Video:
    if path.is_dir():
        frames = sorted((path / name for name in image_files(path)), key=_frame_number)
        height, width, channels = read_header(frames[0])
        return Video(path, tuple(frames), len(frames), (height, width, channels))
    if _ending(path.name) in _FILMS:
        return _opened_film(path)
    height, width, channels = read_header(path)
    try:
        with open_picture(path) as picture:
            if picture.format == "GIF":  # which has palettes, and no mode for grey
                shown = (picture_pixels(one.copy(), "") for one in ImageSequence.Iterator(picture))
                channels = 1 if all((one == one[..., :1]).all() for one in shown) else 3
            return Video(path, (), sum(_times(picture)), (height, width, channels))
    except Exception as error:  # Pillow's readers raise many kinds on damaged files
        raise _damaged(path, error) from error


def _times(picture: Image.Image) -> list[int]:
    """How often each frame of an animation counts: as often as the shortest delay fits in its own.

    Programs write frames that are the same as one that stays longer.
    """
    delays = [frame.info.get("duration", 0) for frame in ImageSequence.Iterator(picture)]
    shortest = max(min(delays), 1)
    return [max(round(delay / shortest), 1) for delay in delays]


def _frame_number(path: pathlib.Path) -> tuple[int, str]:
    found = _NUMBER.search(path.stem)
    if found is None:
        raise InputError(
            f"frame '{path}' has no number in its name, so the order of the frames cannot be "
            "known: name them frame_0000.png, frame_0001.png and so on."
        )
    return int(found[1]), path.name


def _opened_film(path: pathlib.Path) -> Video:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise InputError(
            f"video '{path}' needs imageio-ffmpeg, which is not installed: run pip install "
            "imageio-ffmpeg, or save it as GIF."
        ) from error
    try:
        count, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
        reader = imageio_ffmpeg.read_frames(str(path))
        width, height = next(reader)["size"]
        reader.close()
    except Exception as error:  # ffmpeg's own words on damaged files
        raise _damaged(path, error) from error
    return Video(path, (), count, (height, width, 3))


def _frames(video: Video) -> Iterator[np.ndarray]:
    if video.frames:
        yield from (decode_image(frame) for frame in video.frames)
        return
    try:
        if _ending(video.path.name) in _FILMS:
            import imageio_ffmpeg

            reader = imageio_ffmpeg.read_frames(str(video.path), pix_fmt="rgb24")
            next(reader)  # what the file says of itself
            yield from (np.frombuffer(frame, np.uint8).reshape(video.shape) for frame in reader)
            return
        with open_picture(video.path) as picture:
            times = _times(picture)
            for frame, count in zip(ImageSequence.Iterator(picture), times):
                yield from [picture_pixels(frame.copy(), str(video.path))] * count
    except InputError:
        raise
    except Exception as error:  # Pillow's readers raise many kinds on damaged files
        raise _damaged(video.path, error) from error


def _damaged(path: pathlib.Path, error: Exception) -> InputError:
    return InputError(f"video '{path}' cannot be read ({first_line(error)}): replace or remove it.")


def _key(video: Video) -> int:
    """A hash of the stored bytes, uint64."""
    files = video.frames or (video.path,)
    try:
        parts = [bytes_key(open_regular(file).read()) for file in files]
    except OSError as error:
        raise InputError(f"video '{video.path}' cannot be read: {error.strerror}.") from error
    return int(content_keys(np.array([parts], np.uint64))[0])


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
