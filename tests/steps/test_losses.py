"""Adversarial losses against closed forms in numpy float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.steps.losses import (
    HINGE,
    LEAST_SQUARES,
    LOSSES,
    MINIMAX,
    NON_SATURATING,
    RELATIVISTIC,
    WASSERSTEIN,
    adversarial_loss,
)

# Beyond 88 the exponential overflows float32, beyond 709 float64 too.
_LOGITS = np.array([-1e4, -800.0, -90.0, -20.0, -3.0, -1e-3, 0.0, 0.5, 7.0, 30.0, 100.0, 1e4])


def _log_sigmoid(x):
    return -np.logaddexp(0.0, -x)


def _pairs():
    real, fake = np.meshgrid(_LOGITS, _LOGITS)
    return real.ravel(), fake.ravel()


@pytest.mark.parametrize("loss", [MINIMAX, NON_SATURATING], ids=lambda loss: loss.name)
def test_discriminator_minimises_the_cross_entropy(loss):
    real, fake = _pairs()
    values = loss.discriminator(jnp.float32(real), jnp.float32(fake))
    assert values.shape == real.shape  # one value an example
    np.testing.assert_allclose(
        values, -_log_sigmoid(real) - _log_sigmoid(-fake), rtol=1e-6, atol=1e-30
    )


def test_minimax_generator():
    values = MINIMAX.generator(jnp.float32(_LOGITS))
    np.testing.assert_allclose(values, _log_sigmoid(-_LOGITS), rtol=1e-6, atol=1e-30)


def test_non_saturating_generator():
    values = NON_SATURATING.generator(jnp.float32(_LOGITS))
    np.testing.assert_allclose(values, -_log_sigmoid(_LOGITS), rtol=1e-6, atol=1e-30)


def test_minimax_is_a_zero_sum_game():
    real, fake = (jnp.float32(x) for x in _pairs())
    theirs = jax.grad(lambda f: jnp.sum(MINIMAX.discriminator(real, f)))(fake)
    ours = jax.grad(lambda f: jnp.sum(MINIMAX.generator(f)))(fake)
    np.testing.assert_array_equal(theirs, -ours)


def test_gradients_stay_finite_and_are_sigmoids():
    def sigmoid(x):
        return np.exp(_log_sigmoid(x))

    logits = jnp.float32(_LOGITS)
    real, fake = jax.grad(lambda r, f: jnp.sum(MINIMAX.discriminator(r, f)), (0, 1))(logits, logits)
    np.testing.assert_allclose(real, -sigmoid(-_LOGITS), rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(fake, sigmoid(_LOGITS), rtol=1e-5, atol=1e-30)
    minimax = jax.grad(lambda f: jnp.sum(MINIMAX.generator(f)))(logits)
    np.testing.assert_allclose(minimax, -sigmoid(_LOGITS), rtol=1e-5, atol=1e-30)
    # The point of the non-saturating loss: a generator that fools nobody still learns.
    kept = jax.grad(lambda f: jnp.sum(NON_SATURATING.generator(f)))(logits)
    np.testing.assert_allclose(kept, -sigmoid(-_LOGITS), rtol=1e-5, atol=1e-30)
    assert kept[0] == -1.0 and minimax[0] == 0.0


@pytest.mark.parametrize(("p", "q"), [(0.5, 0.5), (0.9, 0.1), (1e-3, 0.2)])
def test_the_best_logit_is_the_log_ratio_of_densities(p, q):
    """Goodfellow et al. 2014, proposition 1: D* = p / (p + q)."""

    def risk(logit):
        nothing = jnp.float32(-1e4)  # a fake, or minus a real, that costs nothing
        real, fake = MINIMAX.discriminator(logit, nothing), MINIMAX.discriminator(-nothing, logit)
        return p * real + q * fake

    np.testing.assert_allclose(jax.grad(risk)(jnp.float32(np.log(p / q))), 0.0, atol=1e-7)


_CLOSED_FORMS = {
    LEAST_SQUARES: (lambda r, f: ((r - 1) ** 2 + f**2) / 2, lambda f: (f - 1) ** 2 / 2),
    HINGE: (lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f), lambda f: -f),
    WASSERSTEIN: (lambda r, f: f - r, lambda f: -f),
}


@pytest.mark.parametrize("loss", _CLOSED_FORMS, ids=lambda loss: loss.name)
def test_closed_forms(loss):
    real, fake = _pairs()
    discriminator, generator = _CLOSED_FORMS[loss]
    values = loss.discriminator(jnp.float32(real), jnp.float32(fake))
    np.testing.assert_allclose(values, discriminator(real, fake), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        loss.generator(jnp.float32(_LOGITS)), generator(_LOGITS), rtol=1e-6, atol=1e-6
    )


def test_relativistic_is_the_cross_entropy_of_differences():
    real, fake = _pairs()
    values = RELATIVISTIC.discriminator(jnp.float32(real), jnp.float32(fake))
    np.testing.assert_allclose(values, -_log_sigmoid(real - fake), rtol=1e-5, atol=1e-6)
    values = RELATIVISTIC.generator(jnp.float32(real), jnp.float32(fake))
    np.testing.assert_allclose(values, -_log_sigmoid(fake - real), rtol=1e-5, atol=1e-6)


def test_relativistic_does_not_see_where_all_logits_lie():
    real, fake = (jnp.float32(x) for x in _pairs())
    moved = RELATIVISTIC.discriminator(real + 16, fake + 16)
    np.testing.assert_allclose(moved, RELATIVISTIC.discriminator(real, fake), rtol=1e-3, atol=2e-3)
    assert not np.allclose(
        NON_SATURATING.discriminator(real + 16, fake + 16), NON_SATURATING.discriminator(real, fake)
    )


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_each_player_pulls_its_own_way(loss):
    """D's loss falls with real logits and rises with fake ones; G's falls with fake ones."""
    real = fake = jnp.float32([-0.5, 0.0, 0.5])
    on_real, on_fake = jax.grad(lambda r, f: jnp.sum(loss.discriminator(r, f)), (0, 1))(real, fake)
    pair = (real,) if loss.relativistic else ()
    on_generated = jax.grad(lambda f: jnp.sum(loss.generator(*pair, f)))(fake)
    if loss is not LEAST_SQUARES:
        assert np.all(on_fake > 0)
    assert np.all(on_real < 0) and np.all(on_generated < 0)
    assert loss.discriminator(real, fake).shape == (3,)


def test_names():
    assert adversarial_loss("minimax") is MINIMAX
    assert adversarial_loss("non_saturating") is NON_SATURATING
    with pytest.raises(InputError, match="'non_saturated'.*did you mean 'non_saturating'.*minimax"):
        adversarial_loss("non_saturated")
    with pytest.raises(InputError, match="'xyz' is not known: choices: minimax, non_saturating"):
        adversarial_loss("xyz")
