"""The updates of class-conditional GANs: whose labels, and the auxiliary classifier's loss."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special

from gan_jax import steps
from gan_jax.errors import InputError
from gan_jax.runtime import parallel
from gan_jax.steps.losses import NON_SATURATING, RELATIVISTIC
from gan_jax.steps.penalties import R1
from gan_jax.steps.state import GAN, create_gan_state
from tests.networks import LATENT_DIM, SHAPE, ConditionalDiscriminator, ConditionalGenerator
from tests.tiny_gan import (
    ADAM,
    COUNT,
    KEY,
    assert_close,
    double,
    jitted,
    make_batch,
    plain_adam,
    purpose_latents,
    same,
)

pytestmark = pytest.mark.usefixtures("precise_and_quickly_compiled")

LABELS = make_batch()["labels"]
WEIGHT, GAMMA = 0.7, 2.0


def make_gan(auxiliary, optimizer=ADAM, **fields):
    discriminator = ConditionalDiscriminator(auxiliary=auxiliary)
    weight = WEIGHT if auxiliary else 0.0
    return GAN(
        ConditionalGenerator(), discriminator, optimizer, optimizer, LATENT_DIM, num_classes=3,
        auxiliary_weight=weight, **fields,
    )  # fmt: skip


@functools.cache
def make_state(auxiliary):
    return double(create_gan_state(make_gan(auxiliary), KEY, SHAPE))


# The networks in plain JAX


def plain_images(params, latents, labels=LABELS):
    x = latents @ params["Dense_0"]["kernel"] + params["Embed_0"]["embedding"][labels]
    x = (x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-5)
    x = x * params["BatchNorm_0"]["scale"] + params["BatchNorm_0"]["bias"]
    return jnp.tanh(x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"]).reshape(-1, *SHAPE)


def plain_outputs(params, images, labels=LABELS):
    """Logits [n], and the classes' [n, 3] with an auxiliary classifier."""
    x = images.reshape(len(images), -1) @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
    x = jnp.log1p(jnp.exp(x))
    logits = (x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"])[:, 0]
    if "Dense_2" in params:
        return logits, x @ params["Dense_2"]["kernel"] + params["Dense_2"]["bias"]
    return logits + (x * params["Embed_0"]["embedding"][labels]).sum(1), None


def plain_cross_entropy(class_logits, labels=LABELS):
    probabilities = jnp.exp(class_logits) / jnp.exp(class_logits).sum(1, keepdims=True)
    return -jnp.mean(jnp.log(probabilities[jnp.arange(len(labels)), labels]))


def plain_discriminator_loss(params, real, fake):
    (on_real, classes), (on_fake, _) = plain_outputs(params, real), plain_outputs(params, fake)
    value = jnp.mean(jnp.log1p(jnp.exp(-on_real)) + jnp.log1p(jnp.exp(on_fake)))
    if classes is not None:
        value += WEIGHT * plain_cross_entropy(classes)
    gradient = jax.vmap(
        jax.grad(lambda x, label: plain_outputs(params, x[None], label[None])[0][0])
    )(real, LABELS)
    return value + GAMMA / 2 * jnp.mean(jnp.sum(gradient**2, (1, 2, 3)))


def plain_generator_loss(params, discriminator, latents, on_real=None):
    on_fake, classes = plain_outputs(discriminator, plain_images(params, latents))
    shift = 0 if on_real is None else on_real
    value = jnp.mean(jnp.log1p(jnp.exp(shift - on_fake)))
    return value if classes is None else value + WEIGHT * plain_cross_entropy(classes)


# The numbers, against plain JAX with a hand-written Adam


@pytest.mark.parametrize("auxiliary", [False, True])
def test_discriminator_update_is_the_textbook_one(auxiliary):
    """Generated images take the labels of the real ones of their positions; R1 knows labels."""
    gan, state = make_gan(auxiliary, penalties=(R1(GAMMA),)), make_state(auxiliary)
    fake = plain_images(state.generator.params, purpose_latents("discriminator"))
    gradient = jax.jit(jax.grad(plain_discriminator_loss))(
        state.discriminator.params, make_batch()["images"], fake
    )
    new, _ = jitted(steps.discriminator_update, gan=gan)(state, make_batch(), KEY)
    assert_close(new.discriminator.params, plain_adam(state.discriminator.params, [gradient]))


@pytest.mark.parametrize("auxiliary", [False, True])
@pytest.mark.parametrize("loss", [NON_SATURATING, RELATIVISTIC])
def test_generator_update_is_the_textbook_one(auxiliary, loss):
    gan, state = make_gan(auxiliary, loss=loss), make_state(auxiliary)
    on_real = None
    if loss.relativistic:
        on_real = plain_outputs(state.discriminator.params, make_batch()["images"])[0]
    gradient = jax.jit(jax.grad(plain_generator_loss))(
        state.generator.params, state.discriminator.params, purpose_latents("generator"), on_real
    )
    new, _ = jitted(steps.generator_update, gan=gan)(state, make_batch(), KEY)
    assert_close(new.generator.params, plain_adam(state.generator.params, [gradient]))


@pytest.mark.parametrize("auxiliary", [False, True])
def test_simultaneous_step_is_both_gradients_at_the_same_point(auxiliary):
    gan, state = make_gan(auxiliary, penalties=(R1(GAMMA),)), make_state(auxiliary)
    latents = purpose_latents("simultaneous")
    fake = plain_images(state.generator.params, latents)
    params = (state.discriminator.params, state.generator.params)
    gradients = (
        jax.jit(jax.grad(plain_discriminator_loss))(params[0], make_batch()["images"], fake),
        jax.jit(jax.grad(plain_generator_loss))(params[1], params[0], latents),
    )
    new, metrics = jitted(steps.simultaneous_step, gan=gan)(state, make_batch(), KEY)
    for net, before, gradient in zip(
        (new.discriminator, new.generator), params, gradients, strict=True
    ):
        assert_close(net.params, plain_adam(before, [gradient]))
    names = {"loss/auxiliary_real", "loss/auxiliary_fake"}
    assert names & set(metrics) == (names if auxiliary else set())


def test_the_auxiliary_losses_are_cross_entropies_of_the_labels():
    """Reported without their weight, beside the adversarial losses."""
    gan, state, batch = make_gan(True), make_state(True), make_batch()
    params = state.discriminator.params
    fakes = [
        plain_images(state.generator.params, purpose_latents(p))
        for p in ("discriminator", "generator")
    ]
    (_, d), (_, g) = (
        jitted(update, gan=gan)(state, batch, KEY)
        for update in (steps.discriminator_update, steps.generator_update)
    )

    def cross_entropy(images):
        logs = scipy.special.log_softmax(np.asarray(plain_outputs(params, images)[1]), axis=1)
        return -logs[np.arange(COUNT), np.asarray(LABELS)].mean()

    np.testing.assert_allclose(d["loss/auxiliary_real"], cross_entropy(batch["images"]), rtol=1e-12)
    np.testing.assert_allclose(g["loss/auxiliary_fake"], cross_entropy(fakes[1]), rtol=1e-12)
    on_fake = np.asarray(plain_outputs(params, fakes[1])[0])
    np.testing.assert_allclose(g["loss/generator"], np.logaddexp(0, -on_fake).mean(), rtol=1e-12)
    assert set(d) == {"loss/discriminator", "logits/real", "logits/fake", "loss/auxiliary_real"}
    assert set(g) == {"loss/generator", "loss/auxiliary_fake"}


# Labels


@pytest.mark.parametrize("update", [steps.discriminator_update, steps.generator_update])
def test_the_labels_matter(update):
    state, batch = make_state(False), make_batch()
    call = jitted(update, gan=make_gan(False))
    before, after = (
        call(state, batch | {"labels": labels}, KEY)[0] for labels in (LABELS, (LABELS + 1) % 3)
    )
    name = "discriminator" if update is steps.discriminator_update else "generator"
    # Every table of classes, and the weights that all classes share.
    for one, other in zip(
        *(jax.tree.leaves(getattr(s, name).params) for s in (before, after)), strict=True
    ):
        assert not np.array_equal(one, other)


def test_generator_update_looks_at_labels_but_not_at_images():
    state = make_state(False)
    update = jitted(steps.generator_update, gan=make_gan(False))
    assert same(update(state, make_batch(0), KEY), update(state, make_batch(1), KEY))


@pytest.mark.parametrize(
    "update",
    [steps.discriminator_update, steps.generator_update, steps.simultaneous_step],
)
def test_a_batch_without_labels_is_refused(update):
    batch = {"images": make_batch()["images"]}
    with pytest.raises(InputError, match="conditional on 3 classes and the batch has no 'labels'"):
        update(make_state(False), batch, KEY, gan=make_gan(False))


class _FreeGenerator(ConditionalGenerator):
    """Without batch statistics, so that examples do not meet."""

    def __call__(self, latents, labels, *, train):
        return super().__call__(latents, labels, train=False)


def test_accumulated_parts_keep_their_labels():
    """With relativistic pairs, which share a label."""
    gan = dataclasses.replace(
        make_gan(True, optax.sgd(0.1), loss=RELATIVISTIC), generator=_FreeGenerator()
    )
    cut = dataclasses.replace(gan, accumulation=2)
    state, update = double(create_gan_state(gan, KEY, SHAPE)), steps.simultaneous_step
    whole = jitted(update, gan=gan)(state, make_batch(), KEY)
    assert_close(jitted(update, gan=cut)(state, make_batch(), KEY), whole)


def test_one_device_equals_jit_and_pmap_on_eight():
    """Losses, gradients (as SGD steps), batch statistics, averages; labels and dropout go along."""
    assert jax.device_count() == 8
    gan = dataclasses.replace(
        make_gan(True, optax.sgd(0.1)),
        discriminator=ConditionalDiscriminator(auxiliary=True, dropout_rate=0.5),
    )
    state = jax.tree.map(np.asarray, double(create_gan_state(gan, KEY, SHAPE)))
    rng = np.random.default_rng(0)
    data = {"images": rng.uniform(-1, 1, (40, *SHAPE)), "labels": np.arange(40, dtype=np.int32) % 3}
    rows = rng.integers(0, 40, (2, 16)).astype(np.int32)
    results = []
    for mode, count in (("pmap", 1), ("pmap", 8), ("jit", 8)):
        plan = parallel.make_plan(mode, 16, count)
        call = parallel.compile_steps(
            functools.partial(steps.gan_step, gan=gan),
            lambda data, rows: {name: values[rows] for name, values in data.items()},
            plan,
        )
        key, held = parallel.replicate((KEY, data), plan)
        after = call(parallel.replicate(state, plan), key, held, rows)
        results.append(jax.tree.map(np.array, parallel.local_copy(after)))
    for other in results[1:]:
        assert_close(other, results[0])
    assert not same(results[0][0].discriminator.params, state.discriminator.params)
