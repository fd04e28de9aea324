"""Textures that take no training, out of one photograph: what a generator has to beat.

`phase_randomised` and `gaussian_field` know the photograph's mean and power spectrum and nothing
else; `random_patches` knows everything up to the side of a patch and nothing beyond.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gan_jax.errors import InputError

_Draw = Callable[[np.random.Generator], np.ndarray]


def phase_randomised(
    photograph: np.ndarray, count: int, *, size: tuple[int, int] = (64, 64), seed: int = 0
) -> np.ndarray:
    """Crops of the photograph with random phases.

    Random phase noise (Galerne, Gousseau & Morel, "Random phase textures: theory and synthesis",
    2011, section 2): the amplitudes are kept, the same random phase is added in every channel. The
    amplitudes are those of the photograph's periodic component, as in the paper's section 4: the
    jump between opposite edges would draw a cross.

    Args:
        photograph: uint8 [H, W, c], no side below the crop's.
        count: n, at least 1.
        size: (h, w) of a crop.
        seed: of the phases and of where crops are cut. A new field is drawn whenever as many crops
            were cut as fit side by side.

    Returns:
        uint8 [n, h, w, c]; values beyond 0..255 are cut.

    Raises:
        InputError: another type or shape, a photograph smaller than a crop, or no crop.
    """
    _check(photograph, count, size)
    mean, spectrum = _centred_spectrum(photograph)

    def draw(rng: np.random.Generator) -> np.ndarray:
        noise = np.fft.rfft2(rng.standard_normal(photograph.shape[:2]))
        turned = spectrum * (noise / np.abs(noise))[..., None]
        return mean + np.fft.irfft2(turned, s=photograph.shape[:2], axes=(0, 1))

    return _crops(draw, photograph.shape[:2], count, size, seed)


def gaussian_field(
    photograph: np.ndarray, count: int, *, size: tuple[int, int] = (64, 64), seed: int = 0
) -> np.ndarray:
    """Crops of Gaussian random fields with the photograph's mean and power spectrum.

    Asymptotic discrete spot noise (Galerne, Gousseau & Morel 2011, section 2): white noise, the
    same for all channels, convolved with the photograph's periodic component. Amplitudes vary as
    well as phases. Arguments, result and errors as of `phase_randomised`.
    """
    _check(photograph, count, size)
    mean, spectrum = _centred_spectrum(photograph)
    spectrum = spectrum / np.sqrt(np.prod(photograph.shape[:2]))

    def draw(rng: np.random.Generator) -> np.ndarray:
        noise = np.fft.rfft2(rng.standard_normal(photograph.shape[:2]))
        return mean + np.fft.irfft2(
            spectrum * noise[..., None], s=photograph.shape[:2], axes=(0, 1)
        )

    return _crops(draw, photograph.shape[:2], count, size, seed)


def random_patches(
    photograph: np.ndarray,
    count: int,
    *,
    size: tuple[int, int] = (64, 64),
    patch: int = 16,
    seed: int = 0,
) -> np.ndarray:
    """Images laid out of random square patches of the photograph, side by side, without blending.

    Efros & Freeman, "Image quilting for texture synthesis and transfer", 2001, figure 2 (a). What
    does not divide by the patch's side is cut off at the right and bottom.

    Args:
        photograph: uint8 [H, W, c].
        count: n, at least 1.
        size: (h, w) of an image.
        patch: side in pixels, from 1 to the photograph's shorter side.
        seed: of the places that patches are taken from.

    Returns:
        uint8 [n, h, w, c].

    Raises:
        InputError: another type or shape, a photograph smaller than an image, a patch that does not
            fit, or no image.
    """
    _check(photograph, count, size)
    height, width, channels = photograph.shape
    if not 1 <= patch <= min(height, width):
        raise InputError(
            f"patch is {patch}; expected 1 to {min(height, width)} pixels, the shorter side of the "
            "photograph."
        )
    rows, columns = (-(-side // patch) for side in size)
    rng = np.random.default_rng(seed)
    top = rng.integers(height - patch + 1, size=(count, rows, columns, 1, 1))
    left = rng.integers(width - patch + 1, size=(count, rows, columns, 1, 1))
    reach = np.arange(patch)
    patches = photograph[top + reach[:, None], left + reach]
    laid = patches.swapaxes(2, 3).reshape(count, rows * patch, columns * patch, channels)
    return np.ascontiguousarray(laid[:, : size[0], : size[1]])


BASELINES: dict[str, Callable[..., np.ndarray]] = {
    "phases randomised": phase_randomised,
    "Gaussian field": gaussian_field,
    "random patches": random_patches,
}


def _check(photograph: np.ndarray, count: int, size: tuple[int, int]) -> None:
    photograph = np.asarray(photograph)
    if photograph.dtype != np.uint8 or photograph.ndim != 3 or 0 in photograph.shape:
        raise InputError(
            f"the photograph is {photograph.dtype} {list(photograph.shape)}; expected one image, "
            "uint8 [h, w, c]."
        )
    if count < 1 or min(size) < 1:
        raise InputError(
            f"{count} crops of {size[0]}x{size[1]} were asked for; expected at least one crop of "
            "at least one pixel."
        )
    if photograph.shape[0] < size[0] or photograph.shape[1] < size[1]:
        raise InputError(
            f"the photograph is {photograph.shape[0]}x{photograph.shape[1]} and a crop "
            f"{size[0]}x{size[1]}; give a larger photograph or smaller crops."
        )


def _centred_spectrum(photograph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [c], and rfft2 [H, W // 2 + 1, c] of the periodic component without it.

    Moisan, "Periodic plus smooth image decomposition", 2011, section 3: the smooth component solves
    Poisson's equation for the jumps between opposite edges.
    """
    pixels = photograph.astype(np.float64)
    height, width = pixels.shape[:2]
    jumps = np.zeros_like(pixels)
    across, along = pixels[-1] - pixels[0], pixels[:, -1] - pixels[:, 0]
    jumps[0] += across
    jumps[-1] -= across
    jumps[:, 0] += along
    jumps[:, -1] -= along
    rows = 2 * np.cos(2 * np.pi * np.fft.fftfreq(height))[:, None]
    columns = 2 * np.cos(2 * np.pi * np.fft.rfftfreq(width))
    laplacian = rows + columns - 4
    laplacian[0, 0] = 1.0
    smooth = np.fft.rfft2(jumps, axes=(0, 1)) / laplacian[..., None]
    spectrum = np.fft.rfft2(pixels, axes=(0, 1)) - smooth
    spectrum[0, 0] = 0.0
    return pixels.mean(axis=(0, 1)), spectrum


def _crops(
    draw: _Draw, field: tuple[int, int], count: int, size: tuple[int, int], seed: int
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    per_field = (field[0] // size[0]) * (field[1] // size[1])
    crops = []
    while len(crops) < count:
        pixels = np.clip(np.rint(draw(rng)), 0, 255).astype(np.uint8)
        for _ in range(min(per_field, count - len(crops))):
            top = rng.integers(field[0] - size[0] + 1)
            left = rng.integers(field[1] - size[1] + 1)
            crops.append(pixels[top : top + size[0], left : left + size[1]])
    return np.stack(crops)
