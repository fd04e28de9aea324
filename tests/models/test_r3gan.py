"""R3GAN's networks and the grouped convolution under them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.config import gan_config
from gan_jax.config.build import build_gan
from gan_jax.errors import InputError
from gan_jax.models.grouped_convolution import GROUPED_FORMS, grouped_conv
from gan_jax.models.platform import traced_for
from gan_jax.models.r3gan import InvertedBottleneck, R3GANDiscriminator, R3GANGenerator
from gan_jax.runtime.pixels import to_uint8
from gan_jax.steps import discriminator_update
from gan_jax.steps.losses import RELATIVISTIC
from gan_jax.steps.penalties import R1, R2
from gan_jax.steps.state import GAN, create_gan_state
from tests.models.modules import made, normal, shapes_of
from tests.models.test_layers import quantities

pytestmark = pytest.mark.usefixtures("quickly_compiled")

_LATENT = 6
_SMALL = dict(width=4, blocks=1, group_size=4)
# Each with the shape of its inputs.
_NETWORKS = [
    (R3GANGenerator((8, 9, 1), **_SMALL), (_LATENT,)),
    (R3GANDiscriminator(**_SMALL), (8, 9, 1)),
]


def _moved(module, *shape):
    """Variables whose branches are no longer zero."""
    draw = np.random.default_rng(1).normal
    return jax.tree.map(lambda p: p + 0.1 * jnp.float32(draw(size=p.shape)), made(module, *shape))


@functools.partial(jax.jit, static_argnums=0)
def _apply(module, variables, x):
    return module.apply(variables, x, train=True)


def _count(variables):
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


# Grouped convolution


def _plain(x, kernel):
    """Each output channel of its group's inputs, tap by tap."""
    h, w = x.shape[1:3]
    (kh, kw, size, features), groups = kernel.shape, x.shape[-1] // kernel.shape[2]
    before = [(k - 1) // 2 for k in (kh, kw)]
    x = jnp.pad(x, ((0, 0), (before[0], kh), (before[1], kw), (0, 0)))
    x = x.reshape(*x.shape[:3], groups, size)
    kernel = kernel.reshape(kh, kw, size, groups, features // groups)
    total = sum(
        jnp.einsum("nhwgi,igo->nhwgo", x[:, i : i + h, j : j + w], kernel[i, j])
        for i in range(kh)
        for j in range(kw)
    )
    return total.reshape(len(x), h, w, features)


@pytest.mark.parametrize("form", GROUPED_FORMS)
@pytest.mark.parametrize("kernel_size", [(3, 3), (2, 3)], ids=str)
def test_grouped_forms_agree_in_every_derivative(form, kernel_size):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        x = jnp.asarray(rng.normal(size=(2, 4, 5, 6)))
        kernel = jnp.asarray(rng.normal(size=(*kernel_size, 2, 12)))
        cotangent = jnp.asarray(rng.normal(size=(2, 4, 5, 12)))
        ours = functools.partial(grouped_conv, form=form)
        found, wanted = jax.jit(
            lambda *operands: [quantities(f, *operands) for f in (ours, _plain)]
        )(x, kernel, cotangent)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            scale = max(1.0, float(jnp.max(jnp.abs(b))))
            np.testing.assert_allclose(a, b, atol=1e-12 * scale, rtol=0)


def test_more_groups_than_fill_a_tpus_lanes():
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        operands = [jnp.asarray(rng.normal(size=s)) for s in ((1, 3, 2, 300), (3, 3, 2, 600))]
        for argument in (0, 1):
            found, wanted = (
                jax.grad(lambda *o, f=f: jnp.sum(jnp.sin(f(*o))), argument)(*operands)
                for f in (functools.partial(grouped_conv, form="blocks"), _plain)
            )
            np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_the_chosen_grouped_form_is_exact_in_float32():
    x, kernel = normal(4, 7, 7, 32), normal(3, 3, 16, 32, seed=1) / 12

    def both(function):
        y, pull = jax.vjp(function, x, kernel)
        return y, *pull(jnp.cos(3 * y))

    found, wanted = jax.jit(lambda: (both(grouped_conv), both(_plain)))()
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * float(jnp.max(jnp.abs(b))), rtol=0)


def test_grouped_convolutions_refuse_what_does_not_divide():
    x = jnp.zeros((1, 4, 4, 6))
    with pytest.raises(InputError, match="6 channels to 8 do not divide into groups of 4"):
        grouped_conv(x, jnp.zeros((3, 3, 4, 8)))
    with pytest.raises(InputError, match="6 channels to 8 do not divide into groups of 2"):
        grouped_conv(x, jnp.zeros((3, 3, 2, 8)))
    with pytest.raises(InputError, match="'winograd'; use None or one of direct, split"):
        grouped_conv(x, jnp.zeros((3, 3, 2, 6)), form="winograd")


# The networks


@pytest.mark.parametrize(
    "shape", [(16, 16, 1), (28, 28, 2), (32, 32, 3), (48, 64, 4), (30, 45, 1)], ids=str
)
def test_any_size_with_any_channels(shape):
    for module, inputs, wanted in [
        (R3GANGenerator(shape, width=16, halvings=1), (_LATENT,), (2, *shape)),
        (R3GANDiscriminator(width=16, halvings=1), shape, (2,)),
    ]:
        x = jnp.zeros((2, *inputs))
        output, variables = jax.eval_shape(
            lambda m=module, x=x: m.init_with_output(jax.random.key(0), x, train=True)
        )
        assert output.shape == wanted and output.dtype == jnp.float32
        assert set(variables) == {"params"}


def test_parameters_are_those_of_the_layers():
    width, blocks, expansion, size, channels = 32, 3, 2, 8, 3

    def block(count):
        inner = expansion * count
        return 2 * count * inner + 9 * size * inner + 2 * inner

    fields = dict(width=width, halvings=1, blocks=blocks, expansion=expansion, group_size=size)
    # 7x7 and 14x14 pixels with all channels, 28x28 with half of them.
    stages = blocks * (2 * block(width) + block(width // 2)) + width * (width // 2)
    base, image = 49 * width, channels * (width // 2)
    generator = shapes_of(R3GANGenerator((28, 28, channels), **fields), _LATENT)
    assert _count(generator) == _LATENT * width + base + stages + image
    discriminator = shapes_of(R3GANDiscriminator(**fields), 28, 28, channels)
    assert _count(discriminator) == image + stages + base + width + 1


def test_the_papers_networks_have_the_papers_size():
    """CIFAR-10 without classes: 768 channels at 4, 8, 16 and 32 pixels, about 20 million."""
    generator = R3GANGenerator((32, 32, 3), width=768)
    assert _count(shapes_of(generator, 64)) == pytest.approx(20.7e6, rel=0.02)
    discriminator = R3GANDiscriminator(width=768)
    assert _count(shapes_of(discriminator, 32, 32, 3)) == pytest.approx(20.7e6, rel=0.02)


def test_branches_begin_at_zero_and_kernels_at_fixups_spread():
    block = InvertedBottleneck(2, 16, gain=0.5)
    x = normal(2, 4, 4, 64)
    variables = jax.jit(lambda: block.init(jax.random.key(0), x))()
    np.testing.assert_array_equal(block.apply(variables, x), x)
    params = variables["params"]
    for kernel, inputs in [(params["expand"]["kernel"], 64), (params["kernel"], 9 * 16)]:
        wanted = 0.5 * (2 / (1 + 0.2**2) / inputs) ** 0.5
        assert float(jnp.std(kernel)) == pytest.approx(wanted, rel=0.05)
    # Four branches: two blocks at each of two resolutions.
    params = made(R3GANDiscriminator(width=16), 8, 8, 1)["params"]
    kernels = [own["expand"]["kernel"] for name, own in params.items() if "Bottle" in name]
    assert len(kernels) == 4
    wanted = 4**-0.25 * (2 / (1 + 0.2**2) / 16) ** 0.5
    assert float(jnp.std(jnp.stack(kernels))) == pytest.approx(wanted, rel=0.08)


def test_a_block_laid_out_for_a_tpu_is_the_same_in_every_derivative():
    """With 128 examples the batch lies in the lanes."""
    block = InvertedBottleneck(group_size=4, dtype=jnp.float32)
    x = normal(128, 3, 3, 8)
    shapes = jax.eval_shape(lambda: block.init(jax.random.key(0), x))
    variables = jax.tree.map(lambda v: normal(*v.shape) / 4, shapes)

    def derivatives(variables, x):
        def loss(variables, x):
            return jnp.sum(jnp.sin(block.apply(variables, x)))

        def penalty(variables, x):
            return jnp.sum(jax.grad(loss, 1)(variables, x) ** 2)

        return [jax.value_and_grad(f, (0, 1))(variables, x) for f in (loss, penalty)]

    found = {}
    for target in ("gpu", "tpu"):
        with traced_for(target):
            found[target] = jax.tree.leaves(
                jax.jit(lambda *given: derivatives(*given))(variables, x)
            )
    for a, b in zip(found["tpu"], found["gpu"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * float(jnp.max(jnp.abs(b))))


def test_at_the_start_the_networks_are_linear():
    for module, shape in _NETWORKS:
        variables, x = made(module, *shape), normal(8, *shape)
        one, two, both = (_apply(module, variables, v) for v in (x[:4], x[4:], x[:4] + x[4:]))
        np.testing.assert_allclose(both, one + two, rtol=1e-4, atol=1e-5)
        assert float(jnp.abs(one).max()) > 0.01


def test_each_example_is_on_its_own():
    order = np.array([2, 0, 3, 1])
    for module, shape in _NETWORKS:
        variables, x = _moved(module, *shape), normal(4, *shape)
        plain = np.asarray(_apply(module, variables, x))
        permuted = _apply(module, variables, x[order])
        np.testing.assert_allclose(permuted, plain[order], rtol=1e-5, atol=1e-6)
        changed = np.asarray(_apply(module, variables, x.at[1].add(1.0)))
        np.testing.assert_array_equal(np.delete(changed, 1, 0), np.delete(plain, 1, 0))
        assert np.abs(changed[1] - plain[1]).max() > 1e-4


def test_images_are_clipped_only_where_they_are_stored():
    generator = _NETWORKS[0][0]
    images = _apply(generator, _moved(generator, _LATENT), 30 * normal(4, _LATENT))
    assert float(images.max()) > 1 and float(images.min()) < -1
    stored = np.asarray(to_uint8(images))
    np.testing.assert_array_equal(stored, to_uint8(jnp.clip(images, -1, 1)))
    assert stored.min() == 0 and stored.max() == 255


def test_an_update_with_both_penalties_wakes_the_branches():
    adam, network = optax.adam(1e-2, b1=0.0, b2=0.99), _NETWORKS[1][0]
    gan = GAN(_NETWORKS[0][0], network, adam, adam, _LATENT, loss=RELATIVISTIC,
              penalties=(R1(1.0), R2(1.0)))  # fmt: skip
    key = jax.random.key(0)
    state = create_gan_state(gan, key, (8, 9, 1))
    batch = {"images": jnp.clip(normal(4, 8, 9, 1), -1, 1)}
    after, metrics = jax.jit(functools.partial(discriminator_update, gan=gan))(state, batch, key)
    assert all(np.isfinite(value) for value in metrics.values())
    assert float(metrics["penalty/r1"]) > 0 and float(metrics["penalty/r2"]) > 0
    for name, params in after.discriminator.params.items():
        if "Bottle" in name:
            assert float(jnp.abs(params["project"]["kernel"]).max()) > 1e-3


@pytest.mark.parametrize(("module", "shape"), _NETWORKS, ids=["generator", "discriminator"])
def test_bfloat16_computes_with_float32_parameters_and_outputs(module, shape):
    variables, x = _moved(module, *shape), normal(4, *shape)
    half = module.clone(dtype=jnp.bfloat16)
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes_of(half, *shape))} == {
        jnp.dtype("float32")
    }
    found, whole = _apply(half, variables, x), _apply(module, variables, x)
    assert found.dtype == jnp.float32
    difference = float(jnp.abs(found - whole).max() / jnp.abs(whole).max())
    assert 1e-5 < difference < 0.05


def _build(**model):
    config = gan_config()
    config.model.update(name="r3gan", **model)
    # Its discriminator has no batch normalisation, whatever discriminator_norm says.
    config.update(loss="relativistic", r1_weight=1.0, r2_weight=1.0)
    return build_gan(config, (28, 28, 1), 10)


def test_the_config_makes_them():
    gan = _build(width=64, discriminator_width=32, halvings=1, blocks=1)
    assert gan.generator == R3GANGenerator((28, 28, 1), width=64, halvings=1, blocks=1)
    assert gan.discriminator == R3GANDiscriminator(width=32, halvings=1, blocks=1)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (dict(width=60), "width is 60;.*must be a multiple of 8"),
        (dict(width=24, halvings=2), "width is 24; with halvings 2.*multiple of 32"),
        (dict(width=64, discriminator_width=3), "width is 3;.*multiple of 8"),
        (dict(halvings=3), "halvings is 3; images of 28x28 have 3 stages: expected 0 to 2"),
        (dict(halvings=-1), "halvings is -1"),
        (dict(blocks=0), "config.model.blocks is 0; expected 1 or more"),
        (dict(expansion=0), "expansion is 0; expected 1 or more"),
        (dict(group_size=0), "group_size is 0; expected 1 or more"),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(model, message):
    with pytest.raises(InputError, match=message):
        _build(**model)
