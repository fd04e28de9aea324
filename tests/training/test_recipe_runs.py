"""Whole runs with what follows the training: stopped, saved and resumed; and configs refused."""

import pytest

from gan_jax import run as training
from gan_jax.config import gan_config
from gan_jax.config.build import build_gan, build_recogniser
from gan_jax.config.checks import check_config
from gan_jax.errors import InputError
from gan_jax.steps.state import FollowingGANState
from tests import runs
from tests.whole.test_runs import same_state

pytestmark = pytest.mark.usefixtures("quickly_compiled")

FOLLOWING = {
    "num_steps": 12,
    "steps_per_call": 2,
    "log_every": 2,
    "evaluation.every": 0,
    "model.width": 4,
    "lecam_weight": 0.01,
    "discriminator_steps": 2,
    "batch_size": 16,
    "augment.brightness": 0.5,
    "augment.cutout": 0.5,
    # Adjusted every 3 updates: the cut at step 5, after 10 updates, is between two adjustments.
    "augment.adaptive.use": True,
    "augment.adaptive.target": 0.01,
    "augment.adaptive.interval": 3,
    "augment.adaptive.images": 480,
    "burn_in.images": 160,
    "ema_half_life_end": 400.0,
    "generator_optimizer.learning_rate_end": 1e-4,
    "discriminator_optimizer.b2_end": 0.9,
}


@pytest.mark.slow
def test_a_run_that_follows_its_logits_and_was_cut_equals_one_that_was_not(tmp_path):
    """LeCam's averages, adaptive augmentation, schedules and two discriminator steps, from disk."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    training.run(runs.tiny_config("", **FOLLOWING), whole)
    training.run(runs.tiny_config("", **FOLLOWING | {"num_steps": 5}), cut)
    step, state = runs.final_state(cut)
    assert step == 5 and isinstance(state, FollowingGANState)
    assert state.averages["augment"]["updates"] == 1 and state.averages["augment"]["mean_sign"] != 0
    assert all(value != 0 for value in state.averages["lecam"].values())
    training.run(runs.tiny_config("", **FOLLOWING), cut)
    assert same_state(runs.final_state(cut), runs.final_state(whole))
    rows = [row for row in runs.history(whole) if "augment/p" in row]
    assert rows[0]["augment/p"] == 0 and rows[-1]["augment/p"] > 0
    assert all(-1 <= row["augment/real_signs"] <= 1 for row in rows)
    assert [row for row in runs.history(cut) if "augment/p" in row][-3:] == rows[-3:]


def config_with(**changes):
    config = gan_config()
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    check_config(config)
    return config


ADAPTIVE = {"augment__adaptive__use": True, "augment__cutout": 0.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment__translation": 0.6}, "translation is 0.6; expected a fraction.*0.5"),
        ({"augment__cutout": 1.5}, "cutout is 1.5; expected a fraction.*1.0"),
        ({"augment__brightness": -0.5}, "brightness is -0.5; expected 0 or more"),
        ({"augment__probability": 1.5}, "probability is 1.5; expected 0 to 1"),
        ({"augment__probability": 0.5}, "how often.*but not how: set config.augment.translation"),
        ({"augment__adaptive__use": True}, "how often.*but not how"),
        (ADAPTIVE | {"augment__adaptive__target": 1.0}, "target is 1.0; expected a number between"),
        (ADAPTIVE | {"augment__adaptive__interval": 0}, "interval is 0; expected 1 or more"),
        (ADAPTIVE | {"augment__adaptive__images": 0}, "images is 0; expected a number of images"),
        (ADAPTIVE | {"augment__adaptive__limit": 0.0}, "limit is 0.0; expected above 0"),
        (ADAPTIVE | {"augment__probability": 0.5}, "sets the probability itself.*at 1"),
        (ADAPTIVE | {"loss": "wasserstein"}, "'wasserstein'.*sign.*fixed.*probability_end"),
        (
            ADAPTIVE | {"loss": "relativistic", "model__discriminator_norm": "none"},
            "'relativistic'.*sign of the logits.*fixed schedule",
        ),
        ({"burn_in__images": -1}, "burn_in.images is -1"),
        ({"burn_in__shape": "cosin"}, "did you mean 'cosine'"),
        ({"burn_in__images": 1000}, "nothing changes over it.*r1_weight_end"),
        ({"ema_half_life_end": 9.0}, "ema_half_life_end is 9.0.*set config.burn_in.images"),
        (
            {"burn_in__images": 9, "generator_optimizer__b2_end": 1.0},
            "generator_optimizer.b2_end is 1.0; expected 0 or more, and less than 1",
        ),
        (
            {"burn_in__images": 9, "discriminator_optimizer__learning_rate_end": -1.0},
            "discriminator_optimizer.learning_rate_end is -1.0; expected 0 or more",
        ),
        (
            {
                "burn_in__images": 9,
                "generator_optimizer__learning_rate_end": 0.1,
                "generator_optimizer__schedule": "cosine",
            },
            "learning_rate_end is 0.1 with schedule 'cosine'.*schedule='constant'",
        ),
        (
            {"burn_in__images": 9, "r1_weight_end": 1.0},
            "r1_weight.*batch normalisation",
        ),
    ],
)  # fmt: skip
def test_refusals(changes, message):
    with pytest.raises(InputError, match=message):
        build_gan(config_with(**changes), (16, 16, 1), 10)


def test_a_recogniser_may_be_augmented_now_and_then():
    config = runs.tiny_config("").judge.train
    config.augment.update({"brightness": 0.5, "probability": 0.3})
    recogniser = build_recogniser(config, 10, 5)
    assert recogniser.augment.probability == 0.3
