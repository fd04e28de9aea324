"""How near enlarged images are to their originals, and differences between two ways to enlarge."""

import numpy as np
import pytest
from skimage import metrics as reference

from gan_jax.judging.fidelity import kernel_difference, mean_difference, psnr, ssim
from gan_jax.metrics import kernel_distance


def test_psnr_and_ssim_are_those_of_scikit_image():
    originals = np.random.default_rng(0).integers(0, 256, (3, 16, 14, 3), dtype=np.uint8)
    noisy = np.clip(originals + np.random.default_rng(1).normal(0, 20, originals.shape), 0, 255)
    noisy = noisy.astype(np.uint8)
    error = ((originals / 1.0 - noisy) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(psnr(originals, noisy), 10 * np.log10(255**2 / error))
    assert psnr(originals, originals).tolist() == [100.0] * 3
    assert ssim(originals, originals) == pytest.approx([1.0] * 3)
    planes = [
        reference.structural_similarity(
            originals[1, ..., c], noisy[1, ..., c], gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, data_range=255,
        )
        for c in range(3)
    ]  # fmt: skip
    assert ssim(originals, noisy)[1] == pytest.approx(np.mean(planes))


def test_the_difference_is_that_of_two_kernel_distances():
    rng = np.random.default_rng(0)
    real, noise = rng.normal(size=(40, 5)), rng.normal(size=(20, 5))
    first, second = 0.9 * noise + 0.2, noise - 0.4
    distances = [kernel_distance(real, side, gamma=1.0).value for side in (first, second)]
    found = kernel_difference(real, first, second)
    assert found["value"] == pytest.approx(distances[0] - distances[1], rel=1e-9)
    assert found["n"] == 20
    turned = kernel_difference(real, second, first)
    assert turned["ci"] == pytest.approx([-end for end in reversed(found["ci"])])


def test_the_interval_of_a_difference_covers_it():
    """Enlargements of the same images: what both have in common cancels out."""
    rng = np.random.default_rng(0)

    def draw(count):
        noise = rng.normal(size=(count, 3)) / 3**0.5
        real = rng.normal(size=(2 * count, 3)) / 3**0.5
        return kernel_difference(real, 0.6 * noise, 0.8 * noise)

    truth = np.mean([draw(400)["value"] for _ in range(30)])
    inside = [low <= truth <= high for low, high in (draw(60)["ci"] for _ in range(400))]
    assert 0.92 <= np.mean(inside) <= 0.985
    means = mean_difference([3.0, 5.0, 4.0], [1.0, 2.0, 3.0])
    error = 1.0 / 3**0.5
    assert means["value"] == 2 and means["ci"] == pytest.approx(
        [2 - 1.96 * error, 2 + 1.96 * error]
    )
