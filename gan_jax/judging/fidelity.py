"""How close enlarged images are to the originals: PSNR and SSIM, by scikit-image."""

from __future__ import annotations

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics import Z
from gan_jax.reports.result import Entry, make_entry

SSIM_WINDOW = 11  # of Wang et al.'s Gaussian weights
_HIGHEST_PSNR = 100.0


def psnr(originals: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB of each image, float64 [n]; equal images count as 100 dB.

    Args:
        originals: uint8 [n, h, w, c].
        images: likewise; image i is compared with original i.
    """
    from skimage.metrics import peak_signal_noise_ratio

    with np.errstate(divide="ignore"):
        values = [
            peak_signal_noise_ratio(original, image, data_range=255)
            for original, image in zip(originals, images, strict=True)
        ]
    return np.minimum(values, _HIGHEST_PSNR)


def ssim(originals: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Structural similarity of each image, float64 [n], at most 1.

    As Wang et al. 2004 ("Image quality assessment: from error visibility to structural
    similarity") have it: Gaussian weights of standard deviation 1.5, channels averaged.

    Args:
        originals: uint8 [n, h, w, c].
        images: likewise.
    """
    from skimage.metrics import structural_similarity

    return np.array(
        [
            structural_similarity(
                original,
                image,
                data_range=255,
                channel_axis=-1,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for original, image in zip(originals, images, strict=True)
        ]
    )


def check_ssim_size(shape: tuple[int, ...]) -> None:
    """Raises InputError for images (h, w, c) that are smaller than SSIM's window."""
    if min(shape[:2]) < SSIM_WINDOW:
        raise InputError(
            f"the images are {shape[0]}x{shape[1]}, and SSIM looks at {SSIM_WINDOW}x{SSIM_WINDOW} "
            "pixels: give larger ones."
        )


def mean_entry(values: np.ndarray) -> Entry:
    """The mean of one number per image, [n], with its 95 % interval (normal), as in eval.json."""
    mean = float(np.mean(values))
    margin = Z * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return make_entry(mean, (mean - margin, mean + margin), len(values))
