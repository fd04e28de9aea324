"""What the class changes: normalisation, embeddings, heads; and a config's conditional networks."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.config import gan_config
from gan_jax.config.build import build_gan
from gan_jax.errors import InputError
from gan_jax.models.conditional import ConditionalBatchNorm, Embedding, head
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.models.layers import BatchNorm, Dense
from gan_jax.models.r3gan import R3GANDiscriminator, R3GANGenerator
from gan_jax.models.resnet import ResnetDiscriminator, ResnetGenerator

pytestmark = pytest.mark.usefixtures("quickly_compiled")

_CLASSES, _LATENT = 3, 4
_LABELS = jnp.array([2, 0, 1, 2], jnp.int32)


def _normal(*shape, seed=0):
    return jnp.float32(np.random.default_rng(seed).normal(size=shape))


class _Head(nn.Module):
    auxiliary: bool = False
    num_classes: int = _CLASSES
    dtype: Any = None

    @nn.compact
    def __call__(self, x, labels=None):
        return head(self, x, labels, kernel_init=nn.initializers.normal(1.0), train=False)


def test_an_embedding_is_a_row_of_its_table():
    layer = Embedding(_CLASSES, 5)
    variables = layer.init(jax.random.key(0), _LABELS)
    table = np.asarray(variables["params"]["embedding"])
    np.testing.assert_array_equal(layer.apply(variables, _LABELS), table[np.asarray(_LABELS)])
    np.testing.assert_array_equal(layer.apply(variables, jnp.array([-1, _CLASSES])), 0.0)


def test_conditional_batch_norm_is_a_gain_and_a_bias_a_class():
    x, layer = _normal(4, 2, 3, 5), ConditionalBatchNorm(_CLASSES)
    variables = layer.init(jax.random.key(0), x, _LABELS, use_running_average=False)
    assert jax.tree.map(jnp.shape, variables["params"]) == {
        "scale": {"embedding": (_CLASSES, 5)},
        "bias": {"embedding": (_CLASSES, 5)},
    }
    plain = BatchNorm()
    reference = plain.init(jax.random.key(0), x, use_running_average=False)
    apply = functools.partial(layer.apply, use_running_average=False, mutable=["batch_stats"])
    wanted, stats = plain.apply(reference, x, use_running_average=False, mutable=["batch_stats"])
    found, own = apply(variables, x, _LABELS)
    np.testing.assert_allclose(found, wanted, atol=1e-6)  # all classes begin alike
    for a, b in zip(jax.tree.leaves(own), jax.tree.leaves(stats), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    scale, bias = _normal(_CLASSES, 5, seed=1), _normal(_CLASSES, 5, seed=2)
    params = {"scale": {"embedding": scale}, "bias": {"embedding": bias}}
    found, _ = apply({**variables, "params": params}, x, _LABELS)
    exact = np.asarray(x, np.float64)
    normal = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-5)
    own = [np.asarray(table)[np.asarray(_LABELS)][:, None, None] for table in (scale, bias)]
    np.testing.assert_allclose(found, normal * own[0] + own[1], atol=1e-5)


def test_the_projection_head_adds_the_class_vectors_product():
    x = _normal(4, 6)
    params = _Head().init(jax.random.key(0), x, _LABELS)["params"]
    params["Dense_0"]["bias"] += 0.5
    vector, table = params["Dense_0"]["kernel"][:, 0], params["Embedding_0"]["embedding"]
    wanted = x @ vector + 0.5 + np.sum(np.asarray(table)[np.asarray(_LABELS)] * x, 1)
    found = _Head().apply({"params": params}, x, _LABELS)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_the_auxiliary_head_guesses_the_class_and_is_not_told():
    x = _normal(4, 6)
    params = _Head(True).init(jax.random.key(0), x, _LABELS)["params"]
    logits, class_logits = _Head(True).apply({"params": params}, x, _LABELS)
    others, _ = _Head(True).apply({"params": params}, x, (_LABELS + 1) % _CLASSES)
    np.testing.assert_array_equal(logits, others)
    np.testing.assert_allclose(logits, x @ params["Dense_0"]["kernel"][:, 0], rtol=1e-5)
    np.testing.assert_allclose(class_logits, x @ params["Dense_1"]["kernel"], rtol=1e-5)


def test_an_unconditional_head_is_a_dense_layer_to_the_last_bit():
    """Networks without classes, and their checkpoints, stay what they were."""
    x, init = _normal(4, 6), nn.initializers.normal(1.0)
    plain = nn.Dense(1, kernel_init=init)
    for ours in (Dense(1, kernel_init=init), _Head(num_classes=0)):
        variables = ours.init(jax.random.key(0), x)
        params = variables["params"].get("Dense_0", variables["params"])
        assert set(params) == {"kernel", "bias"}
        found = ours.apply(variables, x)
        np.testing.assert_array_equal(
            found.reshape(-1), plain.apply({"params": params}, x).reshape(-1)
        )
    np.testing.assert_array_equal(
        Dense(3).init(jax.random.key(1), x)["params"]["kernel"],
        nn.Dense(3, kernel_init=nn.initializers.xavier_uniform()).init(jax.random.key(1), x)[
            "params"
        ]["kernel"],
    )


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_an_unconditional_dcgan_has_the_layers_it_had(norm):
    networks = [(DCGANGenerator((8, 8, 1), 4, norm=norm), (_LATENT,)),
                (DCGANDiscriminator(4, norm=norm), (8, 8, 1))]  # fmt: skip
    (generator, discriminator) = (
        jax.eval_shape(lambda m=m, s=s: m.init(jax.random.key(0), jnp.zeros((1, *s)), train=False))
        for m, s in networks
    )
    norms = {"BatchNorm_0"} if norm == "batch" else set()
    assert set(generator["params"]) == {"Dense_0", "ConvTranspose_0", *norms}
    assert set(discriminator["params"]) == {"Conv_0", "Dense_0"}
    assert set(generator) == {"params", *({"batch_stats"} if norms else ())}


_GENERATORS = {
    "dcgan batch": DCGANGenerator((8, 8, 1), width=4, num_classes=_CLASSES),
    "dcgan none": DCGANGenerator((8, 8, 1), width=4, norm="none", num_classes=_CLASSES),
    "resnet batch": ResnetGenerator((8, 8, 1), width=4, num_classes=_CLASSES),
    "resnet none": ResnetGenerator((8, 8, 1), width=4, norm="none", num_classes=_CLASSES),
    "r3gan": R3GANGenerator((8, 8, 1), width=4, blocks=1, group_size=4, num_classes=_CLASSES),
}
_DISCRIMINATORS = {
    "dcgan": DCGANDiscriminator(width=4, norm="none", num_classes=_CLASSES),
    "dcgan spectral": DCGANDiscriminator(width=4, norm="spectral", num_classes=_CLASSES),
    "resnet": ResnetDiscriminator(width=4, norm="none", num_classes=_CLASSES),
    "r3gan": R3GANDiscriminator(width=4, blocks=1, group_size=4, num_classes=_CLASSES),
}


@functools.cache
def _made(module, *shape):
    """Variables with every parameter moved from where it begins: some begin alike, or at zero."""
    variables = jax.jit(
        lambda: module.init(
            jax.random.key(0), jnp.zeros((1, *shape)), jnp.zeros(1, int), train=False
        )
    )()
    rng = np.random.default_rng(1)
    params = jax.tree.map(
        lambda p: p + 0.1 * jnp.float32(rng.normal(size=p.shape)), variables["params"]
    )
    return {**variables, "params": params}


@functools.partial(jax.jit, static_argnums=0)
def _apply(module, variables, *inputs):
    return module.apply(variables, *inputs, train=False)


@pytest.mark.parametrize("name", [*_GENERATORS, *_DISCRIMINATORS])
def test_outputs_depend_on_the_label_of_their_own_example(name):
    is_generator = name in _GENERATORS
    module = (_GENERATORS if is_generator else _DISCRIMINATORS)[name]
    shape = (_LATENT,) if is_generator else (8, 8, 1)
    variables, x = _made(module, *shape), _normal(4, *shape)
    found = np.asarray(_apply(module, variables, x, _LABELS))
    others = np.asarray(_apply(module, variables, x, _LABELS.at[1].set(2)))
    np.testing.assert_array_equal(np.delete(others, 1, 0), np.delete(found, 1, 0))
    assert np.abs(others[1] - found[1]).max() > 1e-4
    order = np.array([3, 1, 0, 2])
    permuted = _apply(module, variables, x[order], _LABELS[order])
    np.testing.assert_allclose(permuted, found[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "module",
    [DCGANDiscriminator, ResnetDiscriminator, R3GANDiscriminator],
    ids=lambda m: m.__name__,
)
def test_auxiliary_discriminators_give_class_logits(module):
    network = module(width=8, num_classes=5, auxiliary=True)
    images, labels = jnp.zeros((2, 16, 16, 1)), jnp.zeros(2, int)
    variables = jax.eval_shape(lambda: network.init(jax.random.key(0), images, labels, train=False))
    logits, class_logits = jax.eval_shape(
        lambda v: network.apply(v, images, labels, train=False), variables
    )
    assert logits.shape == (2,) and class_logits.shape == (2, 5)


@pytest.mark.parametrize(
    ("num_classes", "labels", "message"),
    [
        (3, None, "has 3 classes: call it with labels"),
        (0, _LABELS, "unconditional.*without labels"),
        (1, _LABELS, "num_classes is 1; expected 2 or more"),
        (-1, _LABELS, "num_classes is -1"),
    ],
)
def test_labels_must_be_there_exactly_where_there_are_classes(num_classes, labels, message):
    for module, x in [
        (DCGANGenerator((8, 8, 1), num_classes=num_classes), jnp.zeros((4, 2))),
        (ResnetDiscriminator(num_classes=num_classes), jnp.zeros((4, 8, 8, 1))),
        (R3GANGenerator((8, 8, 1), num_classes=num_classes), jnp.zeros((4, 2))),
    ]:
        with pytest.raises(InputError, match=message):
            jax.eval_shape(lambda m=module, x=x: m.init(jax.random.key(0), x, labels, train=False))


# From the config


def _config(**model):
    config = gan_config()
    config.model.update(model)
    return config


def _build(config, num_classes=10, shape=(28, 28, 1)):
    return build_gan(config, shape, 10, num_classes=num_classes)


def test_a_config_without_a_condition_ignores_the_classes():
    gan = _build(_config())
    assert gan.num_classes == 0
    assert gan.generator == DCGANGenerator((28, 28, 1))
    assert gan.discriminator == DCGANDiscriminator()


@pytest.mark.parametrize("name", ["dcgan", "resnet", "r3gan"])
@pytest.mark.parametrize("kind", ["projection", "auxiliary"])
def test_a_condition_reaches_both_networks(name, kind):
    gan = _build(_config(name=name, conditional=kind, auxiliary_weight=0.5))
    assert gan.num_classes == gan.generator.num_classes == gan.discriminator.num_classes == 10
    assert gan.discriminator.auxiliary == (kind == "auxiliary")
    assert gan.auxiliary_weight == 0.5


@pytest.mark.parametrize(
    ("model", "num_classes", "message"),
    [
        (dict(conditional="class"), 10, "'class'; expected 'projection' or 'auxiliary'"),
        (dict(conditional="projection"), 0, "have no classes: give a set with labels"),
        (dict(conditional="projection"), 1, "have 1 class: give a set"),
        (dict(conditional="projection", name="article"), 10, "'article' cannot be told of classes"),
        (dict(conditional="auxiliary", name="texture"), 10, "a texture's.*has no classifier"),
        (dict(conditional="auxiliary", auxiliary_weight=0.0), 10, "auxiliary_weight is 0.0"),
    ],
)
def test_conditions_that_cannot_be_met_are_refused(model, num_classes, message):
    with pytest.raises(InputError, match=message):
        _build(_config(**model), num_classes)
