"""A trained GAN read back from its run's folder."""

import json
import shutil

import jax
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.sampling.trained import read_gan
from tests import runs


def test_the_newest_checkpoint_and_one_by_its_step(tiny_run):
    folder, _ = tiny_run
    newest, earlier = read_gan(folder), read_gan(folder, "20")
    assert (newest.step, earlier.step) == (40, 20)
    saved = runs.final_state(folder)[1].ema
    for ours, theirs in zip(jax.tree.leaves(newest.ema), jax.tree.leaves(saved), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    latents = sample_latents(0, 3, newest.gan.latent_dim)
    images = [generate_images(t.gan.generator, t.ema, latents) for t in (newest, earlier)]
    assert images[0].shape == (3, *newest.train.image_shape)
    assert not np.array_equal(*images)


def test_the_best_checkpoint(tiny_run):
    folder, _ = tiny_run
    rows = [row for row in runs.history(folder) if "eval/fd_semantic" in row]
    best = min(rows, key=lambda row: row["eval/fd_semantic"])
    assert read_gan(folder, "best").step == best["step"]


def test_what_cannot_be_read(tiny_run, tmp_path):
    folder, pack = tiny_run
    with pytest.raises(InputError, match="'newest'; expected 'latest', 'best' or a step"):
        read_gan(folder, "newest")
    with pytest.raises(InputError, match="run of a recogniser"):
        read_gan(pack.parent)
    with pytest.raises(InputError, match="not the folder of a run"):
        read_gan(tmp_path)


def test_the_best_checkpoint_of_a_run_without_scores_is_not_guessed(tiny_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run[0], folder)
    for path in folder.glob("checkpoints/*/check/metadata"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"score": None}))
    with pytest.raises(InputError, match="no checkpoint of this run has a score.*of 20, 40"):
        read_gan(folder, "best")
