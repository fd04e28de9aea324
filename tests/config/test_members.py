"""Which GANs a config describes, and what is refused."""

import pytest

from configs import smoke
from gan_jax.config import cnn_config, gan_config
from gan_jax.config.build import build_gan
from gan_jax.config.checks import check_config
from gan_jax.config.members import (
    build_members,
    has_members,
    member_config,
    members_of,
    settings_of,
)
from gan_jax.errors import InputError
from gan_jax.reports.seeds.sweep import ordered_metrics
from gan_jax.steps.hyperparameters import with_hyperparameters

SHAPE = (16, 16, 1)


def config_with(**changes):
    config = smoke.get_config()
    config.model.discriminator_norm = "none"
    config.update_from_flattened_dict(changes)
    return config


def test_one_seed_without_a_sweep_is_a_single_run():
    assert not has_members(gan_config())
    assert not has_members(cnn_config())
    assert has_members(config_with(num_seeds=2))
    assert has_members(config_with(**{"sweep.ema_half_life": (10.0,)}))


def test_members_are_all_settings_with_the_same_seeds():
    config = config_with(
        seed=5, num_seeds=2, r1_weight=1.0, r2_weight=1.0,
        **{"sweep.gamma": (0.25, 1, 4), "sweep.learning_rate": (1e-4, 2e-4)},
    )  # fmt: skip
    members = members_of(config)
    assert [m.index for m in members] == list(range(12))
    assert [m.seed for m in members] == [5, 6] * 6
    assert members[3].setting.values == (("gamma", 0.25), ("learning_rate", 2e-4))
    assert members[3].name == "gamma=0.25, learning_rate=0.0002, seed 6"
    assert members[3].folder == "03_gamma=0.25_learning_rate=0.0002_seed=6"
    assert len({m.folder for m in members}) == 12


def test_a_members_config_is_that_of_a_single_run():
    config = config_with(
        num_seeds=3, r2_weight=9.0, **{"sweep.gamma": (0.5,), "sweep.learning_rate": (1e-3,)}
    )
    config.generator_optimizer.learning_rate = 1e-4
    config.discriminator_optimizer.learning_rate = 4e-4
    alone = member_config(config, members_of(config)[2])
    check_config(alone)
    assert not has_members(alone)
    assert (alone.seed, alone.r1_weight, alone.r2_weight) == (2, 0.0, 0.5)
    assert alone.generator_optimizer.learning_rate == 1e-3
    assert alone.discriminator_optimizer.learning_rate == pytest.approx(4e-3)
    assert config.r2_weight == 9.0


def test_each_members_numbers_are_those_of_its_own_gan():
    config = config_with(
        num_seeds=2, ema_half_life=500.0,
        **{
            "sweep.r1_weight": (0.0, 2.0),
            "sweep.r2_weight": (1.0, 3.0),
            "sweep.ema_half_life": (100, 200),
            "sweep.discriminator_optimizer.learning_rate": (1e-3, 1e-4),
            "sweep.generator_optimizer.b2": (0.9, 0.99),
        },
    )  # fmt: skip
    members = members_of(config)
    gan, values = build_members(config, members, SHAPE, 60)
    assert len(members) == 64
    for member in members:
        own = {place: numbers[member.index] for place, numbers in values.items()}
        own_gan = with_hyperparameters(gan, own)
        alone = build_gan(member_config(config, member), SHAPE, 60)
        weights = {p.name: p.weight for p in own_gan.penalties if p.weight}
        assert weights == {p.name: p.weight for p in alone.penalties}
        for name in ("ema_half_life", "generator_optimizer", "discriminator_optimizer"):
            assert getattr(own_gan, name) == getattr(alone, name)


def test_what_a_field_ends_at_keeps_its_ratio():
    config = config_with(
        num_seeds=1, r1_weight=1.0, r1_weight_end=0.1, r2_weight=1.0, r2_weight_end=0.1,
        **{"burn_in.images": 100, "sweep.gamma": (0.0, 0.5, 4.0)},
    )  # fmt: skip
    members = members_of(config)
    gan, values = build_members(config, members, SHAPE, 60)
    for member in members:
        own = {place: numbers[member.index] for place, numbers in values.items()}
        gamma = member.setting.values[0][1]
        for penalty in with_hyperparameters(gan, own).penalties:
            assert (penalty.weight.start, penalty.weight.end) == (gamma, 0.1 * gamma)


def test_seeds_alone_share_every_number():
    config = config_with(num_seeds=4, r1_weight=1.0)
    assert build_members(config, members_of(config), SHAPE, 60)[1] == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sweep.r1_weight": (1.0, 1.0)}, "none twice"),
        ({"sweep.r1_weight": ("a",)}, "expected numbers"),
        ({"sweep.r1_weight": (float("nan"), 1.0)}, "expected numbers"),
        ({"sweep.gamma": (1.0,)}, "config.r1_weight and config.r2_weight are 0"),
        ({"sweep.gamma": (1.0,), "sweep.r1_weight": (1.0,), "r1_weight": 1.0}, "r1_weight twice"),
        (
            {"sweep.learning_rate": (1.0,), "sweep.generator_optimizer.learning_rate": (1.0,)},
            "generator_optimizer.learning_rate twice",
        ),
    ],
)
def test_sweeps_that_cannot_be_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        settings_of(config_with(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sweep.r1_weight": (1.0, -1.0)}, r"with r1_weight=-1: config.r1_weight is -1"),
        ({"sweep.learning_rate": (0.0, 1e-3)}, r"with learning_rate=0: .*above 0"),
        (
            {"sweep.r1_weight": (0.0, 1.0), "model.discriminator_norm": "batch"},
            r"with r1_weight=.*batch normalisation",
        ),
    ],
)
def test_every_value_is_checked_as_in_a_single_run(changes, message):
    config = config_with(**changes)
    with pytest.raises(InputError, match=message):
        build_members(config, members_of(config), SHAPE, 60)


def test_no_seeds_and_unknown_names_are_refused():
    with pytest.raises(InputError, match="config.num_seeds is 0"):
        check_config(config_with(num_seeds=0))
    config = config_with()
    with config.unlocked():
        config.sweep.gama = (1.0,)
    with pytest.raises(InputError, match=r"sweep.gama is not a field. Did you mean .*gamma"):
        check_config(config)


def test_the_table_of_stacked_digits_begins_with_their_modes():
    metrics = dict.fromkeys(("fd_texture", "modes", "modes_kl", "fd_semantic", "recall"), {})
    assert ordered_metrics({"settings": [{"metrics": metrics}]}) == [
        "modes", "modes_kl", "fd_semantic", "fd_texture", "recall",
    ]  # fmt: skip
    del metrics["modes_kl"]  # a set without stacks has classes, not modes
    assert ordered_metrics({"settings": [{"metrics": metrics}]})[0] == "fd_semantic"
