"""Images at the edge of what texture statistics can be taken of: a number, or one clear error."""

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.judging.textures.evaluation import evaluate_textures, evaluation_text
from tests.runs import evaluation

pytestmark = pytest.mark.usefixtures("quickly_compiled")


def _waves(count, height, width, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((height, width))
    phases = rng.uniform(0, 6, (count, 1, 1))
    images = 127 + 60 * np.sin(columns / 1.1 + rows / 3 + phases)
    return np.rint(images + rng.normal(0, 8, images.shape)).clip(0, 255).astype(np.uint8)[..., None]


def _compared(folder, real, fake, **options):
    """What eval.py --texture writes and prints for two sets of images."""
    for name, images in (("real", real), ("fake", fake)):
        np.savez(folder / f"{name}.npz", images=images)
    sides = (str(folder / "fake.npz"), str(folder / "real.npz"))
    content = evaluate_textures(*sides, folder / "out", **options)
    assert evaluation(folder / "out")["metrics"] == content["metrics"]
    assert all(np.isfinite(entry["value"]) for entry in content["metrics"].values())
    assert (folder / "out" / "report.html").exists()
    return content, evaluation_text(content)


@pytest.mark.parametrize(
    ("size", "metrics"),
    [
        ((5, 5), {"patterns_fd"}),
        ((3, 40), {"patterns_fd"}),
        ((8, 11), {"patterns_fd", "spectrum_fd"}),
        ((9, 9), {"patterns_fd", "spectrum_fd", "cooccurrence_fd"}),
    ],
)
def test_small_images_give_what_they_can(size, metrics, tmp_path):
    content, text = _compared(tmp_path, _waves(8, *size), _waves(8, *size, seed=1))
    assert set(content["metrics"]) == metrics
    assert "texture_fd was not computed: " in text
    missing = content["protocol"]["skipped"]["portilla_simoncelli"]
    assert f"{size[0]}x{size[1]}" in missing and "at least 14x14" in missing


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 40)])
def test_images_too_small_for_any_statistic_are_refused(size, tmp_path):
    with pytest.raises(InputError, match=f"no texture metric.*{size[0]}x{size[1]}"):
        _compared(tmp_path, _waves(8, *size), _waves(8, *size, seed=1))
    assert not (tmp_path / "out").exists()


def test_sides_that_are_no_power_of_two(tmp_path):
    options = dict(families=["spectrum", "cooccurrence", "portilla_simoncelli"])
    content, _ = _compared(tmp_path, _waves(8, 15, 22), _waves(8, 15, 22, seed=1), **options)
    assert list(content["metrics"])[0] == "texture_fd" and len(content["metrics"]) == 4


@pytest.mark.parametrize("fake", [_waves(8, 10, 10), np.full((8, 10, 10, 1), 200, np.uint8)])
def test_a_reference_of_one_image_says_why_there_is_no_number(fake, tmp_path):
    real = np.repeat(_waves(1, 10, 10), 8, axis=0)
    with pytest.raises(InputError, match="the 8 real images are all the same"):
        _compared(tmp_path, real, fake)
    assert not (tmp_path / "out").exists()


def test_constant_images_among_others_do_no_harm(tmp_path):
    real = _waves(8, 10, 10)
    real[:3] = 9
    content, _ = _compared(tmp_path, real, real[::-1], families=["spectrum", "cooccurrence"])
    assert all(entry["value"] < 2 * entry["floor"] for entry in content["metrics"].values())
