"""Recognisers trained on arrays: the same training as a run's, compiled once, and no folder."""

import jax
import numpy as np
import pytest

from gan_jax.data import Dataset, load
from gan_jax.errors import InputError, Interrupted
from gan_jax.extractors.pack import load_pack
from gan_jax.judging.classification import class_logits
from gan_jax.runtime.signals import StopSignal
from gan_jax.runtime.workdir import restore_config
from gan_jax.training import fit_recogniser as fitting
from gan_jax.training.fit_recogniser import fit_recogniser
from tests.recognisers import fit, small_digits, tiny_cnn


@pytest.fixture(scope="module")
def digits():
    return small_digits()


def test_it_is_the_training_of_a_run(tiny_run):
    """The run's own judge again, from the config that its pack keeps."""
    pack = load_pack(tiny_run[1])
    config = restore_config(pack.record["training"])
    config.num_devices = 1  # as the run: that is the machine's own, and not kept
    train, test = load(config.dataset, "train"), load(config.dataset, "test")
    fitted = fit(config, train, num_steps=config.num_steps, seed=config.seed, test=test)
    wanted = pack.features(test.images).probabilities
    np.testing.assert_allclose(fitted.probabilities(test.images), wanted, atol=0.02)
    assert fitted.accuracy == pytest.approx(pack.record["accuracy"], abs=3e-3)
    assert fitted.result.confusion.sum() == len(test)


def test_one_program_serves_all_sizes_and_seeds(digits, monkeypatch):
    """The step is traced once, whatever the number of images, classes present, or seed."""
    train, test = digits
    traced = []
    step = fitting.cnn_update
    monkeypatch.setattr(
        fitting, "cnn_update", lambda *args, **kw: (traced.append(1), step(*args, **kw))[1]
    )
    config = tiny_cnn()
    config.label_smoothing = 0.0123  # so that no other test has compiled it
    for count, seed in ((40, 0), (200, 1), (5, 2)):
        some = Dataset("d", "train", train.images[:count], labels=train.labels[:count])
        fitted = fit(config, some, seed=seed, test=test)
        assert fitted.probabilities(test.images[:7]).sum(-1) == pytest.approx(np.ones(7))
    assert len(traced) == 1


def test_the_same_seed_gives_the_same_network_and_another_does_not(digits):
    train, _ = digits
    first, again, other = (
        jax.tree.leaves(fit(tiny_cnn(), train, seed=seed).variables) for seed in (0, 0, 1)
    )
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


def test_one_class_and_fewer_images_than_a_batch(digits):
    """Sound, if useless: everything is taken for the only class there is."""
    train, test = digits
    sevens = np.flatnonzero(train.labels == 7)[:3]
    some = Dataset("d", "train", train.images[sevens], labels=train.labels[sevens])
    fitted = fit(tiny_cnn(), some, test=test)
    assert fitted.accuracy == pytest.approx(np.mean(test.labels == 7), abs=0.1)


def test_augmentation_is_the_configs(digits):
    train, _ = digits
    plain = fit(tiny_cnn(), train)
    moved = fit(tiny_cnn(**{"augment.translation": 0.25}), train)
    assert not np.array_equal(*(jax.tree.leaves(f.variables)[-1] for f in (plain, moved)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.zeros(3, int)}, "3 labels for 20 images"),
        ({"labels": np.full(20, 10)}, "go up to 10 and num_classes is 10"),
        ({"labels": np.full(20, 0.5)}, "must be whole numbers"),
        ({"images": np.zeros((20, 8, 8, 1), np.float32)}, "takes uint8"),
        ({"images": np.zeros((0, 8, 8, 1), np.uint8)}, "none of them 0"),
        ({"num_steps": 0}, "num_steps is 0"),
        ({"num_classes": 1, "labels": np.zeros(20, int)}, "at least 2 classes"),
    ],
)
def test_what_cannot_be_trained_on(digits, changes, message):
    train, _ = digits
    given = {"images": train.images[:20], "labels": train.labels[:20], "num_classes": 10}
    given |= {"num_steps": 2, "seed": 0} | changes
    with pytest.raises(InputError, match=message):
        fit_recogniser(tiny_cnn(), **given)


def test_test_sets_that_do_not_fit(digits):
    train, test = digits
    wide = load({"name": "mnist5k"}, "test")
    with pytest.raises(InputError, match="28x28x1.*8x8x1"):
        fit(tiny_cnn(), train, test=wide)
    with pytest.raises(InputError, match="no labels"):
        fit(tiny_cnn(), train, test=Dataset("t", "test", test.images))
    with pytest.raises(InputError, match="10 classes.*trained on 4"):
        few = train.labels < 4
        fit_recogniser(
            tiny_cnn(), train.images[few], train.labels[few], 4, num_steps=2, seed=0, test=test
        )


def test_a_signal_ends_it(digits):
    stop = StopSignal()
    stop.number = 15
    with pytest.raises(Interrupted, match="begins anew; what was finished before is kept"):
        fit(tiny_cnn(steps_per_call=2), digits[0], stop=stop)


def test_logits_are_those_that_recognition_reads(digits):
    train, test = digits
    fitted = fit(tiny_cnn(), train, test=test)
    logits = class_logits(fitted.network, fitted.variables, test.images)
    np.testing.assert_array_equal(np.argmax(logits, -1), fitted.result.predictions)
    np.testing.assert_array_equal(
        np.argmax(fitted.probabilities(test.images), -1), fitted.result.predictions
    )
