"""How close enlarged images are to the originals: PSNR and SSIM, by scikit-image.

Two ways of enlarging the same images are compared image by image: their numbers rise and fall
together, so the interval of each is too wide for a comparison, and that of the difference is not.
"""

from __future__ import annotations

import numpy as np

from gan_jax.errors import InputError
from gan_jax.metrics import Z, normal_interval
from gan_jax.metrics.two_sample import pooled_gram
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
    similarity") have it: Gaussian weights of standard deviation 1.5, channels averaged. Takes what
    `psnr` takes.
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


def mean_difference(first: np.ndarray, second: np.ndarray) -> Entry:
    """The mean of `first` less `second`, float [n], one number per image, with 95 % (normal)."""
    gaps = np.asarray(first, np.float64) - second
    error = float(np.std(gaps, ddof=1)) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
    return _entry(float(gaps.mean()), error, len(gaps))


def kernel_difference(real: np.ndarray, first: np.ndarray, second: np.ndarray) -> Entry:
    """The kernel distance of `first` from real images less that of `second`; below 0: nearer.

    Unbiased, with the jackknife's 95 % interval: each enlarged image is left out of both sides at
    once, and each real image (Bounliphone et al. 2016, "A test of relative similarity", compare two
    models so).

    Args:
        real: standardised views float [m, d], m >= 3.
        first, second: those of the same images enlarged in two ways, [n, d], n >= 3.
    """
    n, m = len(first), len(real)
    gram = pooled_gram(np.concatenate([first, second, real]), gamma=1.0)
    one, other, reference = slice(0, n), slice(n, 2 * n), slice(2 * n, None)
    within_fake = gram[one, one].sum(1) - gram[other, other].sum(1)
    gaps = gram[one, reference] - gram[other, reference]
    across_fake, across_real = gaps.sum(1), gaps.sum(0)
    within, across = within_fake.sum(), across_fake.sum()
    value = within / (n * (n - 1)) - 2 * across / (n * m)
    without_fake = (within - 2 * within_fake) / ((n - 1) * (n - 2))
    without_fake -= 2 * (across - across_fake) / ((n - 1) * m)
    without_real = -2 * (across - across_real) / (n * (m - 1))
    variance = (n - 1) * np.var(without_fake) + (m - 1) * np.var(without_real)
    return _entry(float(value), float(np.sqrt(variance)), n)


def _entry(value: float, error: float, count: int) -> Entry:
    return make_entry(value, normal_interval(value, error), count)
