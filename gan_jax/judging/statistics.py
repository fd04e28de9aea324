"""Reference statistics in files: mean and covariance, exchanged with others and cached.

A file is an npz with 'mu' [d] and 'sigma' [d, d], as pytorch-fid writes and reads them. Ours also
say what they are of: 'n', 'seed', 'extractor', 'layer', 'preprocessing', 'reference', 'gan_jax',
and 'sha256' over all of it. Everything is plain numbers and text; nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

import gan_jax
from gan_jax.data.array_files import ArrayFile
from gan_jax.data.disk import new_file, open_file, path_of
from gan_jax.errors import InputError
from gan_jax.extractors.common import digest_of
from gan_jax.metrics import Moments
from gan_jax.runtime import parallel

_log = logging.getLogger(__name__)

_TOLD = ("extractor", "layer", "preprocessing", "reference")
_READ = ("mu", "sigma", "n", "seed", "gan_jax", *_TOLD, "sha256")  # others are passed over


@dataclasses.dataclass(frozen=True)
class Origin:
    """What statistics were computed from. An empty text stands for unknown.

    Attributes:
        extractor: digest of the extractor.
        layer: of the extractor, such as 'pool3'.
        preprocessing: how images were brought to the extractor, as its record says.
        reference: fingerprint of the images.
    """

    extractor: str
    layer: str
    preprocessing: str
    reference: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
    """What a file holds.

    Attributes:
        moments: mean and scatter. Where the file does not tell n, their count is 2: that keeps the
            covariance, but such moments cannot be merged with others.
        n: number of images; None if the file does not tell.
        seed: by which images were chosen from a larger set; None if it does not tell.
        origin: what they are of, as far as the file tells.
    """

    moments: Moments
    n: int | None
    seed: int | None
    origin: Origin


def save_statistics(
    path: str | pathlib.Path, moments: Moments, origin: Origin, *, seed: int = 0
) -> None:
    """Writes an npz file, whole or not at all.

    Args:
        seed: by which the images were chosen, if they are part of a larger set.

    Raises:
        InputError: fewer than two images, or another ending.
    """
    path = _npz(path)
    arrays: dict[str, Any] = {
        "mu": np.asarray(moments.mean, np.float64),
        "sigma": moments.covariance(),
        "n": np.int64(moments.count),
        "seed": np.int64(seed),
        "gan_jax": np.str_(gan_jax.__version__),
        **{name: np.str_(getattr(origin, name)) for name in _TOLD},
    }
    arrays["sha256"] = np.str_(_content_hash(arrays))
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as file:
        np.savez(file, **arrays)


def open_statistics(path: str | pathlib.Path) -> pathlib.Path:
    """The file that statistics are to be written to; its folder is made.

    Raises:
        InputError: another ending than '.npz', or a place that cannot be written to.
    """
    return open_file(_npz(path), "--save_statistics")


def _npz(path: str | pathlib.Path) -> pathlib.Path:
    path = path_of(path)
    if path.suffix != ".npz":
        raise InputError(f"statistics are written to '{path}'; expected a name ending in .npz.")
    return path


def load_statistics(path: str | pathlib.Path, *, expected: Origin | None = None) -> Statistics:
    """Reads an npz file of this module, of pytorch-fid, or of any program with the same two keys.

    Where the file tells less than `expected`, a warning is logged that it cannot be checked.

    Args:
        expected: what the statistics will be compared with; empty texts are not compared.

    Raises:
        InputError: no such file, a damaged or changed one, one without the two keys, arrays that
            are no mean and covariance, or another origin than `expected`.
    """
    path = path_of(path)
    arrays = _read(path)
    mean, covariance = _checked_moments(arrays, path)
    if "sha256" in arrays and str(arrays["sha256"]) != _content_hash(arrays):
        raise InputError(
            f"the statistics file '{path}' was changed after it was written: its contents do not "
            "give its sha256. Make it again, or leave out 'sha256' if the change was meant."
        )
    origin = Origin(**{name: str(arrays.get(name, "")) for name in _TOLD})
    if expected is not None:
        _compare(origin, expected, path)
    count = _integer(arrays, "n", path)
    if count is not None and count < 2:
        raise InputError(
            f"the statistics file '{path}' is of n = {count} images; a covariance needs n >= 2."
        )
    moments = Moments(count or 2, mean, covariance * ((count or 2) - 1))
    seed = _integer(arrays, "seed", path)
    return Statistics(moments, count, seed, origin)


def cached_moments(
    folder: str | pathlib.Path,
    origin: Origin,
    compute: Callable[[], Moments],
    *,
    n: int,
    seed: int = 0,
) -> Moments:
    """The moments of a reference, from the cache or else computed and put there.

    A damaged file, or one whose content does not fit its name, is computed anew with a warning. A
    folder that cannot be written gives a warning too. All processes call it together: either all
    compute, or none does.

    Args:
        folder: made if it is not there.
        compute: gives moments of `n` images.
        n: number of images, at least 2.
        seed: by which they were chosen from a larger set.

    Raises:
        InputError: an origin with an unknown part, n below 2, or other moments than of n images.
    """
    unknown = [name for name in _TOLD if not getattr(origin, name)]
    if unknown:
        raise InputError(
            f"statistics of unknown {', '.join(unknown)} cannot be cached: they would be taken for "
            "those of others."
        )
    if n < 2:
        raise InputError(f"a covariance needs n >= 2 images, but n = {n}; give more images.")
    path = cache_path(folder, origin, n=n, seed=seed)
    moments = _from_cache(path, origin, n, seed)
    missing = parallel.any_process(moments is None)
    if moments is not None and not missing:
        return moments
    moments = compute()
    if moments.count != n:
        raise InputError(f"moments of {moments.count} images were computed where n = {n} was said.")
    try:
        save_statistics(path, moments, origin, seed=seed)
    except OSError as error:
        _log.warning("Statistics cannot be cached in '%s' (%s); going on.", path.parent, error)
        return moments
    # Read back, so that this run has the same digits as all later ones.
    return load_statistics(path, expected=origin).moments


def cache_path(
    folder: str | pathlib.Path, origin: Origin, *, n: int, seed: int = 0
) -> pathlib.Path:
    """Where `cached_moments` keeps these: a SHA-256 over all that they depend on."""
    told = dataclasses.asdict(origin) | {"n": int(n), "seed": int(seed)}
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return path_of(folder) / f"{key}.npz"


def _from_cache(path: pathlib.Path, origin: Origin, n: int, seed: int) -> Moments | None:
    if not path.exists():
        return None
    try:
        found = load_statistics(path, expected=origin)
        if (found.n, found.seed, found.origin) != (n, seed, origin):
            raise InputError(f"'{path}' holds statistics of n = {found.n}, seed {found.seed}.")
    except (InputError, OSError) as error:
        _log.warning("Cached statistics are not used, but computed again: %s", error)
        return None
    return found.moments


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise InputError(
            f"there is no statistics file '{path}': give an npz file with 'mu' and 'sigma'."
        )
    file = ArrayFile(path)
    if not {"mu", "sigma"} <= set(file.keys):
        held = ", ".join(sorted(file.keys)[:8]) or "nothing"
        raise InputError(
            f"'{path}' holds {held}; a file of statistics has 'mu' and 'sigma'. A file "
            "of images is given as samples."
        )
    return {name: file.read(name) for name in _READ if name in file.keys}


def _checked_moments(
    arrays: dict[str, np.ndarray], path: pathlib.Path
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance in float64, exactly symmetric."""
    mean, covariance = arrays["mu"], arrays["sigma"]
    if mean.ndim != 1 or not len(mean) or covariance.shape != (len(mean), len(mean)):
        raise InputError(
            f"'{path}' has mu of shape {list(mean.shape)} and sigma of shape "
            f"{list(covariance.shape)}; expected [d] and [d, d]."
        )
    for name, array in (("mu", mean), ("sigma", covariance)):
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise InputError(
                f"'{path}': {name} is {array.dtype} or not finite; expected finite real numbers."
            )
    mean, covariance = mean.astype(np.float64), covariance.astype(np.float64)
    scale = float(np.max(np.abs(covariance)))
    if np.min(np.diag(covariance)) < 0 or np.max(np.abs(covariance - covariance.T)) > 1e-5 * scale:
        raise InputError(
            f"'{path}': sigma is no covariance: it is not symmetric, or has a negative variance."
        )
    return mean, (covariance + covariance.T) / 2


def _compare(found: Origin, expected: Origin, path: pathlib.Path) -> None:
    unknown = []
    for name in _TOLD:
        theirs, ours = getattr(found, name), getattr(expected, name)
        if ours and not theirs:
            unknown.append(name)
        elif ours != theirs and ours:
            raise InputError(
                f"the statistics file '{path}' is of another {name}: '{theirs}', and '{ours}' is "
                "expected. The two cannot be compared; make the statistics again with the same."
            )
    if unknown:
        _log.warning(
            "'%s' does not tell its %s: that it fits cannot be checked.", path, ", ".join(unknown)
        )


def _integer(arrays: dict[str, np.ndarray], name: str, path: pathlib.Path) -> int | None:
    if name not in arrays:
        return None
    if arrays[name].shape != () or arrays[name].dtype.kind not in "iu":
        raise InputError(f"'{path}': {name} is {arrays[name]!r}; expected a whole number.")
    return int(arrays[name])


def _content_hash(arrays: dict[str, np.ndarray]) -> str:
    told = {name: np.asarray(value) for name, value in arrays.items() if name != "sha256"}
    numbers = {name: value for name, value in told.items() if value.dtype.kind != "U"}
    texts = {name: str(value) for name, value in told.items() if value.dtype.kind == "U"}
    return digest_of(texts, numbers)
