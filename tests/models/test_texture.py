"""The texture GAN: pixels know no border, latents are read as promised, and it can be trained."""

import functools
import importlib
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from gan_jax.config import gan_config
from gan_jax.config.build import build_gan
from gan_jax.config.checks import check_config
from gan_jax.errors import InputError
from gan_jax.models.spans import spans
from gan_jax.models.texture import Noise, TextureGenerator
from gan_jax.models.texture_discriminator import TextureDiscriminator
from gan_jax.steps import simultaneous_step
from gan_jax.steps.state import GAN, create_gan_state
from tests.networks import TEXTURE

pytestmark = pytest.mark.usefixtures("quickly_compiled")


@functools.cache
def _variables(generator):
    """Initial parameters, and running statistics that are not those of a fresh net."""
    variables = jax.jit(
        lambda: generator.init(jax.random.key(0), jnp.zeros((1, generator.latent_dim)), train=False)
    )()
    rng = np.random.default_rng(0)
    change = functools.partial(
        jax.tree.map, lambda x: x * jnp.float32(rng.uniform(0.5, 2, x.shape))
    )
    return variables | {"batch_stats": change(variables.get("batch_stats", {}))}


@functools.partial(jax.jit, static_argnames="generator")
def _paint(generator, variables, noise, wave_numbers=None):
    return generator.apply(
        variables, Noise(*noise), wave_numbers, train=False, method=TextureGenerator.paint
    )


@functools.partial(jax.jit, static_argnames="generator")
def _images(generator, variables, latents):
    return generator.apply(variables, latents, train=False)


def _normal(*shape, seed=0):
    return jnp.float32(np.random.default_rng(seed).normal(size=shape))


def _shapes(module, *shape):
    """Shape and dtype of what a module makes of two examples; nothing is computed."""
    made = jax.eval_shape(
        lambda x: module.init_with_output(jax.random.key(0), x, train=False)[0],
        jax.ShapeDtypeStruct((2, *shape), jnp.float32),
    )
    return made.shape, made.dtype


# Places


def test_spans_are_what_four_wide_kernels_reach():
    for side, levels in [(64, 4), (16, 2), (37, 3), (5, 1)]:
        found = spans(side, levels)
        assert found[-1] == (0, side)
        needed = set(range(side))
        for span in found[-2:0:-1]:
            # Pixel r of a doubled map lies under the 4 taps of cells (r - 1) // 2 and the next.
            needed = {cell for r in needed for cell in ((r - 1) // 2, (r + 1) // 2)}
            assert span == (min(needed), max(needed) + 1)
        assert found[0] == (min(needed) - 1, max(needed) + 2)
    assert [span.length for span in spans(64, 4)] == [8, 6, 10, 18, 34, 64]


def test_spans_of_more_layers_are_wider():
    plain, wide = spans(64, 4), spans(64, 4, coarse=3, refined=1)
    assert wide[-1] == (-1, 65)
    assert wide[0].length == wide[1].length + 6
    assert all(w.start <= p.start and w.stop >= p.stop for w, p in zip(wide, plain))


@pytest.mark.parametrize("shape", [(16, 16, 1), (37, 16, 3), (64, 21, 4)], ids=str)
def test_any_crop_with_any_channels(shape):
    generator = TEXTURE.clone(image_shape=shape)
    assert _shapes(generator, generator.latent_dim) == ((2, *shape), jnp.float32)
    assert _shapes(TextureDiscriminator(4, 2), *shape) == ((2,), jnp.float32)


@pytest.mark.parametrize("layers", [{}, {"refined": True, "coarse_layers": 2}], ids=str)
def test_a_part_of_an_image_is_made_of_its_part_of_the_noise(layers):
    """So that tiles fit together exactly."""
    small = TEXTURE.clone(**layers)
    whole = small.clone(image_shape=(32, 48, 1))
    variables = _variables(small)
    local = tuple(_normal(1, *grid) for grid in whole.grids)
    phases = _normal(1, 2, 2)
    shares = (jnp.array([0.3, 0.7])[None, None, None],) * 2
    expected = _paint(whole, variables, (local, shares, phases))[:, 8:24, 20:36]
    part = tuple(
        noise[:, 8 // cell :, 20 // cell :][:, : grid[0], : grid[1]]
        for noise, grid, cell in zip(local, small.grids, (4, 2))
    )
    numbers = variables["params"]["wave_numbers"] / 4
    noise = (part, shares, phases + numbers @ jnp.array([8.0, 20.0]))
    np.testing.assert_allclose(_paint(small, variables, noise), expected, atol=2e-6)
    assert float(expected.std()) > 0.05


def test_pixels_at_the_border_are_distributed_as_those_inside():
    images = _images(
        TEXTURE,
        _variables(TEXTURE),
        _normal(6000, TEXTURE.latent_dim),
    )
    spread = np.asarray(images[..., 0].std(0))
    # In an untrained net a pixel's spread depends on its place in the cell.
    cells = spread.reshape(4, 4, 4, 4)
    inside = cells[1:3, :, 1:3].mean((0, 2))
    assert inside.min() > 0.05
    np.testing.assert_allclose(cells, np.broadcast_to(inside[:, None], cells.shape), rtol=0.06)


def test_all_of_the_noise_is_used_and_none_is_missing():
    def corner(latents):
        return jnp.square(TEXTURE.apply(_variables(TEXTURE), latents, train=False)).sum()

    gradient = jax.jit(jax.grad(corner))(_normal(8, TEXTURE.latent_dim))
    used = np.abs(np.asarray(gradient)).max(0) > 0
    assert not used[:2].any()  # the choice of a texture is a step
    assert used[2:].all()


# Latents


def test_latents_are_choice_phases_and_local_noise():
    latents = _normal(2000, TEXTURE.latent_dim)
    noise = TEXTURE.apply({}, latents, method=TextureGenerator.noise)
    chosen = np.asarray(noise.textures[0])[:, 0, 0]
    np.testing.assert_array_equal(chosen.argmax(1), np.asarray(latents)[:, :2].argmax(1))
    assert set(np.unique(chosen)) == {0.0, 1.0} and (chosen.sum(1) == 1).all()
    phases = np.asarray(noise.phases)
    np.testing.assert_array_equal(phases[:, 0], phases[:, 1])
    uniform = stats.kstest(phases[:, 0, 0], stats.uniform(0, 2 * math.pi).cdf)
    assert uniform.pvalue > 1e-3 and 0 <= phases.min() and phases.max() <= 2 * math.pi
    # Level 0 with a margin of 2 cells on each side, level 1 with one.
    assert [x.shape[1:] for x in noise.local] == [(8, 8, 3), (10, 10, 1)]
    np.testing.assert_array_equal(noise.local[0][0, 0, 0], latents[0, 4:7])
    np.testing.assert_array_equal(noise.local[1][0, -1, -1], latents[0, -1:])
    assert TEXTURE.latent_dim == 2 + 2 + 8 * 8 * 3 + 10 * 10


def test_one_texture_needs_no_choice():
    single = TEXTURE.clone(num_textures=1, num_waves=0, fine_dim=0)
    assert single.latent_dim == 8 * 8 * 3
    assert "wave_numbers" not in _variables(single)["params"]
    images = _images(single, _variables(single), _normal(2, single.latent_dim))
    assert float(images.std()) > 0.05


def test_the_choice_decides_and_what_was_not_chosen_does_not_matter():
    latents = np.tile(_normal(1, TEXTURE.latent_dim), (3, 1))
    latents[:, :2] = [[1, 0], [5, -5], [0, 1]]
    first, same, other = _images(TEXTURE, _variables(TEXTURE), latents)
    np.testing.assert_array_equal(first, same)
    assert float(jnp.abs(first - other).max()) > 0.05


def test_waves_have_the_lengths_they_are_given():
    """Without local noise, a wave of two cells along the width repeats after eight pixels."""
    variables = _variables(TEXTURE)
    local = tuple(jnp.zeros((1, *grid)) for grid in TEXTURE.grids)
    shares = (jnp.array([1.0, 0.0])[None, None, None],) * 2
    numbers = jnp.zeros((2, 2, 2)).at[0, :, 1].set(2 * math.pi / 8)
    image = _paint(TEXTURE, variables, (local, shares, _normal(1, 2, 2)), numbers)[0, ..., 0]
    np.testing.assert_allclose(image[:, 8:], image[:, :8], atol=2e-6)
    np.testing.assert_allclose(image[4:], image[:-4], atol=2e-6)
    assert float(jnp.abs(image[:, 4:] - image[:, :-4]).max()) > 0.02


def test_labels_choose_the_texture():
    labelled = TEXTURE.clone(num_classes=2)
    assert labelled.latent_dim == TEXTURE.latent_dim - 2
    latents = _normal(2, TEXTURE.latent_dim)
    latents = latents.at[:, :2].set(jnp.array([[0.0, 1.0], [1.0, 0.0]]))
    apply = jax.jit(functools.partial(labelled.apply, train=False))
    images = apply(_variables(TEXTURE), latents[:, 2:], jnp.array([1, 0]))
    np.testing.assert_allclose(images, _images(TEXTURE, _variables(TEXTURE), latents), atol=1e-6)


# What is wrong is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_shape": (3, 16, 1)}, "3x16 are smaller than a cell of noise, 4 pixels"),
        ({"levels": 0}, "levels is 0; expected 1 to"),
        ({"local_dim": 0}, "local_dim is 0.*1 or more"),
        ({"fine_dim": -1}, "fine_dim is -1.*0 or more"),
        ({"num_textures": 0}, "num_textures is 0.*1 or more"),
        ({"num_waves": -1}, "num_waves is -1.*0 or more"),
        ({"coarse_layers": 0}, "coarse_layers is 0.*1 or more"),
        ({"num_classes": 3}, "have 3 classes, and num_textures is 2.*same number"),
        ({"norm": "layer"}, "'layer' is not known: choices: batch, none"),
    ],
    ids=str,
)
def test_impossible_fields(change, message):
    generator = TEXTURE.clone(**change)
    with pytest.raises(InputError, match=message):
        jax.eval_shape(lambda: generator.init(jax.random.key(0), jnp.zeros((1, 9)), train=False))


def test_latents_of_another_length():
    with pytest.raises(InputError, match="have 9 numbers; a texture of 16x16 takes 296"):
        jax.eval_shape(lambda: TEXTURE.init(jax.random.key(0), jnp.zeros((1, 9)), train=False))


# Training


def _gan(levels=1):
    generator = TEXTURE.clone(image_shape=(8, 8, 1), levels=levels)
    return GAN(
        generator, TextureDiscriminator(4, 2), optax.sgd(1.0), optax.sgd(1.0),
        latent_dim=generator.latent_dim, ema_half_life=0,
    )  # fmt: skip


def test_every_parameter_learns():
    gan = _gan(levels=2)
    state = create_gan_state(gan, jax.random.key(0), (8, 8, 1))
    step = jax.jit(functools.partial(simultaneous_step, gan=gan))
    after, _ = step(state, {"images": _normal(8, 8, 8, 1)}, jax.random.key(1))
    for name in ("generator", "discriminator"):
        old, new = (getattr(s, name).params for s in (state, after))
        changed = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), old, new)
        assert all(jax.tree.leaves(changed)), (name, changed)


def test_eight_devices_train_as_one():
    gan, key = _gan(), jax.random.key(1)
    state = create_gan_state(gan, jax.random.key(0), (8, 8, 1))
    images = _normal(16, 8, 8, 1)
    alone, metrics = jax.jit(functools.partial(simultaneous_step, gan=gan))(
        state, {"images": images}, key
    )
    step = functools.partial(simultaneous_step, gan=gan, axis_name="data")
    spread, shared = jax.pmap(step, "data", in_axes=(None, 0, None))(
        state, {"images": images.reshape(8, 2, 8, 8, 1)}, key
    )
    np.testing.assert_allclose(
        shared["loss/discriminator"], np.full(8, metrics["loss/discriminator"]), rtol=1e-5
    )
    jax.tree.map(
        lambda one, all_: np.testing.assert_allclose(all_, np.stack([one] * 8), atol=2e-5),
        (alone.generator.params, alone.discriminator.params, alone.ema),
        (spread.generator.params, spread.discriminator.params, spread.ema),
    )


# From a config


def _config(**changes):
    config = gan_config()
    config.model.name = "texture"
    config.model.latent_dim = 0
    config.update_from_flattened_dict(changes)
    return config


def test_a_config_derives_the_length_of_the_latents():
    gan = build_gan(_config(**{"model.num_textures": 3}), (64, 64, 1), 10)
    assert (
        gan.latent_dim
        == gan.generator.latent_dim
        == 3 + 4 + 8 * 8 * 16 + 2 * (10**2 + 18**2 + 34**2)
    )
    assert build_gan(_config(**{"model.latent_dim": 4188}), (64, 64, 1), 10).latent_dim == 4188


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.latent_dim": 64}, "latent_dim is 64; a texture of 64x64.*takes 4188.*Set it to 0"),
        ({"model.discriminator_width": -1}, "discriminator_width is -1; expected 1 or more, or 0"),
        ({"r1_weight": 1.0}, "batch normalisation"),
        ({"model.conditional": "auxiliary"}, "no classifier: set it to 'projection'"),
        (
            {"model.conditional": "projection"},
            "3 classes, and num_textures is 1",
        ),
        (
            {"model.levels": 7},
            "a cell of noise, 128 pixels.*config.dataset.image_size",
        ),
        (
            {"model.discriminator_scales": 0},
            "model.discriminator_scales is 0; expected 1 or more",
        ),
        ({"model.discriminator_scales": 4}, "64x64 are too small for 4 scales .* need 128 pixels"),
        ({"model.name": "dcgan"}, "latent_dim is 0; expected 1 or more"),
    ],
    ids=str,
)
def test_a_config_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        build_gan(_config(**changes), (64, 64, 1), 10, num_classes=3)


@pytest.mark.parametrize("name", ["texture_brick", "texture_all", "texture_folder"])
def test_configs_build(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    check_config(config)
    classes = config.model.num_textures if config.model.conditional else 0
    gan = build_gan(config, (*config.dataset.image_size, 1), 10, num_classes=classes)
    assert isinstance(gan.generator, TextureGenerator)
    assert gan.num_classes == gan.generator.num_classes == classes
