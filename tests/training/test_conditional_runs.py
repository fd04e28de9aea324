"""Whole class-conditional runs: pictures, class agreement, resuming, judging again; refusals."""

import numpy as np
import pytest
from PIL import Image

from gan_jax import run as training
from gan_jax.data import load
from gan_jax.errors import InputError, Interrupted
from gan_jax.sampling.generate import generate_images, sample_latents
from gan_jax.sampling.trained import read_gan
from gan_jax.training import evaluate_gan as evaluation
from tests import runs
from tests.whole.test_bad_input import refused
from tests.whole.test_runs import same_state

_CHANGES = {
    "model.conditional": "auxiliary",
    "model.auxiliary_weight": 0.5,
    "evaluation.num_samples": 60,
}


@pytest.fixture(scope="module")
def conditional_run(tiny_run, tmp_path_factory):
    """A finished tiny run: (its folder, the pack's)."""
    folder, pack = tmp_path_factory.mktemp("conditional") / "gan", tiny_run[1]
    training.run(runs.tiny_config(pack, **_CHANGES), folder)
    return folder, pack


def test_a_conditional_run_leaves_its_class_agreement(conditional_run):
    folder, _ = conditional_run
    content = runs.evaluation(folder)
    entry = content["metrics"]["class_agreement"]
    assert entry["n"] == 60 and entry["ci"][0] < entry["value"] < entry["ci"][1]
    assert entry["real"] > 0.8  # the smoke judge on the digits of the test set
    classes = entry["classes"]
    assert sum(part["n"] for part in classes.values()) == 60
    right = sum(part["n"] * part["value"] for part in classes.values())
    assert right == pytest.approx(60 * entry["value"])
    for part in classes.values():
        assert part["ci"][0] <= part["value"] <= part["ci"][1]
        assert (part["taken_for"] is None) == (part["value"] == 1)
    assert content["protocol"]["labels"] == "random, in the mix of the training set"
    rows = [row for row in runs.history(folder) if "eval/class_agreement" in row]
    assert [row["step"] for row in rows] == [20, 40]
    assert rows[-1]["eval/class_agreement"] == entry["value"]
    assert any("loss/auxiliary_real" in row for row in runs.history(folder))


def test_its_pictures_have_a_named_row_a_class(conditional_run):
    folder, _ = conditional_run
    page = (folder / "report.html").read_text()
    for heading in ("Samples by class", "The classes that were asked for", "class to class"):
        assert heading in page
    for name in ("step_0000020.png", "final.png", "interpolation.png", "between_classes.png"):
        with Image.open(folder / "samples" / name) as picture:
            rows = 3 if name in ("interpolation.png", "between_classes.png") else 10
            assert picture.height == rows * 17 - 1
            columns = {"step_0000020.png": 1, "final.png": 10}.get(name, 12)
            margin = np.asarray(picture.convert("L"))[:, : picture.width - columns * 17 + 1]
            assert (margin.reshape(-1) < 128).sum() > 10 * rows  # the names


def test_a_conditional_run_cut_in_two_equals_one_that_was_not(
    conditional_run, tmp_path, monkeypatch
):
    folder, pack = conditional_run
    runs.at_step(monkeypatch, 20, runs.terminate)
    cut, config = tmp_path / "cut", runs.tiny_config(pack, **_CHANGES)
    with pytest.raises(Interrupted, match="saved at step 30 of 40"):
        training.run(config, cut)
    monkeypatch.undo()
    training.run(config, cut)
    assert same_state(runs.final_state(cut), runs.final_state(folder))
    assert runs.evaluation(cut)["metrics"] == runs.evaluation(folder)["metrics"]


def test_judging_a_conditional_run_again(conditional_run, tmp_path):
    """With the same labels as at the run's end."""
    folder, _ = conditional_run
    again = evaluation.evaluate_run(folder, out=tmp_path, families=["classifier"])["metrics"]
    assert again["class_agreement"] == runs.evaluation(folder)["metrics"]["class_agreement"]


def test_the_generator_of_a_run_draws_by_class(conditional_run):
    trained = read_gan(conditional_run[0])
    assert trained.gan.num_classes == 10
    latents = np.repeat(sample_latents(0, 1, trained.gan.latent_dim), 10, 0)
    images = generate_images(trained.gan.generator, trained.ema, latents, labels=np.arange(10))
    assert len(np.unique(images.reshape(10, -1), axis=0)) == 10


def test_data_without_labels_is_refused_before_anything(tiny_run, tmp_path):
    images = load({"name": "mnist5k"}, "train").images[:64]
    np.savez(tmp_path / "bare.npz", images=images)
    changes = {"dataset.name": "npz", "dataset.path": str(tmp_path / "bare.npz")}
    config = runs.tiny_config(tiny_run[1], **_CHANGES, **changes)
    refused(config, tmp_path / "run", "'auxiliary', and the training images have no class")


def test_a_conditional_generator_is_not_sampled_without_labels(conditional_run):
    trained = read_gan(conditional_run[0])
    with pytest.raises(InputError, match="call it with labels"):
        generate_images(trained.gan.generator, trained.ema, sample_latents(0, 2, 16))
