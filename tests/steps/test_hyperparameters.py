"""Numbers of a definition by their place: found, replaced, refused."""

import dataclasses

import pytest

from gan_jax.steps.hyperparameters import NotTraceable, differing_numbers, with_hyperparameters
from gan_jax.steps.penalties import R1, R2
from tests.tiny_gan import make_gan


def test_only_what_differs_is_found():
    gans = [make_gan(penalties=(R1(1.0), R2(weight)), ema_half_life=5.0) for weight in (2.0, 3.0)]
    assert differing_numbers(gans) == {"penalties.1.weight": (2.0, 3.0)}
    assert differing_numbers(gans[:1]) == {}


def test_numbers_are_replaced_in_a_copy():
    gan = make_gan(penalties=(R1(1.0), R2(2.0)))
    changed = with_hyperparameters(gan, {"penalties.1.weight": 7.0, "ema_half_life": 3.0})
    assert changed.penalties == (R1(1.0), R2(7.0))
    assert changed.ema_half_life == 3.0
    assert gan.penalties == (R1(1.0), R2(2.0))
    assert dataclasses.replace(changed, penalties=gan.penalties, ema_half_life=10_000.0) == gan
    assert with_hyperparameters(gan, {}) is gan


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"accumulation": 2}, "accumulation"),
        ({"penalties": (R1(1.0),)}, "penalties"),
        ({"latent_dim": 4}, "latent_dim"),
    ],
)
def test_what_is_no_number_is_refused(fields, named):
    gan = make_gan()
    with pytest.raises(NotTraceable, match=named):
        differing_numbers([gan, dataclasses.replace(gan, **fields)])


@pytest.mark.parametrize("place", ["penalties.0.weight", "nothing", "latent_dim.x"])
def test_an_unknown_place_is_an_error(place):
    with pytest.raises(KeyError):
        with_hyperparameters(make_gan(), {place: 1.0})
