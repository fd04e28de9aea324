"""Networks of clips: shapes, what is held fixed over the frames, length, devices, gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.config import gan_config
from gan_jax.config.build import build_gan
from gan_jax.errors import InputError
from gan_jax.models.clips import ClipDiscriminator, ClipGenerator, frames_as_channels
from gan_jax.models.cnn import CNN
from gan_jax.models.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.steps import gan_step
from gan_jax.steps.state import create_gan_state

pytestmark = pytest.mark.usefixtures("quickly_compiled")

_SHAPE = (6, 16, 16, 1)


def _generator(num_classes=0):
    frame = DCGANGenerator((16, 16, 1), width=4, num_classes=num_classes)
    return ClipGenerator(frame, _SHAPE, content_dim=5, motion_dim=3)


def _discriminator(norm="none", num_classes=0):
    frame = DCGANDiscriminator(width=4, norm=norm, num_classes=num_classes)
    return ClipDiscriminator(frame, 3, width=4, norm=norm, num_classes=num_classes)


def _latents(generator, count=4):
    return jax.random.normal(jax.random.key(1), (count, generator.latent_dim))


def _made(module, *inputs):
    """Its variables, and it as a compiled function of (variables, *inputs)."""
    variables = jax.jit(functools.partial(module.init, train=False))(jax.random.key(0), *inputs)
    return variables, jax.jit(functools.partial(module.apply, train=False))


def _state(gan):
    create = functools.partial(create_gan_state, gan, image_shape=(4, 16, 16, 1))
    return jax.jit(create)(jax.random.key(0))


def test_content_holds_for_all_frames_and_noise_comes_in_with_its_frame():
    generator = _generator()
    latents = _latents(generator)
    assert generator.latent_dim == 5 + 6 * 3
    variables, draw = _made(generator, latents)
    clips = draw(variables, latents)
    assert clips.shape == (4, *_SHAPE) and float(abs(clips).max()) <= 1
    other = latents.at[:, 5 + 3 * 3 :].add(1.0)  # the noise of the fourth frame and later
    changed = (draw(variables, other) != clips).any((0, 2, 3, 4))
    assert list(map(bool, changed)) == [False] * 3 + [True] * 3
    other = latents.at[:, 0].add(1.0)
    assert (draw(variables, other) != clips).any((2, 3, 4)).all()


def test_a_longer_clip_begins_as_the_shorter_one():
    generator = _generator()
    longer = generator.clone(image_shape=(9, *_SHAPE[1:]))
    latents = _latents(longer)
    variables, draw = _made(longer, latents)
    shorter = jax.jit(functools.partial(generator.apply, train=False))
    short = shorter(variables, latents[:, : generator.latent_dim])
    np.testing.assert_allclose(draw(variables, latents)[:, :6], short, atol=1e-6)


def test_the_discriminator_judges_the_clip_and_single_frames():
    discriminator = _discriminator()
    clips = jax.random.uniform(jax.random.key(0), (4, *_SHAPE), minval=-1)
    variables, judge = _made(discriminator, clips)
    logits = judge(variables, clips)
    assert logits.shape == (4, 6)
    np.testing.assert_array_equal(logits[:, :3], np.repeat(logits[:, :1], 3, axis=1))
    # Frames 0, 2 and 5 are judged one by one; frame 1 counts for the whole clip alone.
    again = judge(variables, clips.at[:, 1].set(0.0))
    np.testing.assert_array_equal(again[:, 3:], logits[:, 3:])
    assert (again[:, 0] != logits[:, 0]).all()
    order = judge(variables, clips[:, ::-1])
    assert (order[:, 0] != logits[:, 0]).all()  # a clip backwards is another clip


def test_a_recogniser_sees_the_frames_as_channels():
    clips = np.arange(2 * 3 * 8 * 8 * 2, dtype=np.float32).reshape(2, 3, 8, 8, 2)
    folded = frames_as_channels(clips)
    assert folded.shape == (2, 8, 8, 6)
    np.testing.assert_array_equal(folded[..., 2:4], clips[:, 1])
    network = CNN(num_classes=3, widths=(4,), dense=8)
    variables, read = _made(network, jnp.asarray(clips))
    one, other = (read(variables, x)["logits"] for x in (clips, folded))
    np.testing.assert_array_equal(one, other)


def _config(name="dcgan", **fields):
    config = gan_config()
    config.model.update(name=name, width=8, latent_dim=4, motion_dim=2, group_size=8)
    config.model.discriminator_norm = "none"
    config.update_from_flattened_dict(fields)
    return config


@pytest.mark.parametrize(
    ("name", "norm", "conditional"),
    [
        ("dcgan", "batch", "projection"),
        ("dcgan", "spectral", ""),
        ("resnet", "none", "projection"),
        ("r3gan", "none", ""),
        ("article", "none", ""),
    ],
)
def test_every_model_of_images_makes_clips(name, norm, conditional):
    fields = {"model.discriminator_norm": norm, "model.conditional": conditional}
    gan = build_gan(_config(name, **fields), (4, 16, 16, 1), 10, num_classes=3)
    state = _state(gan)
    batch = {"images": jnp.zeros((2, 4, 16, 16, 1)), "labels": jnp.array([0, 2])}
    step = jax.jit(functools.partial(gan_step, gan=gan))
    state, metrics = step(state, batch, jax.random.key(1))
    assert all(np.isfinite(float(value)) for value in metrics.values())
    images = jax.eval_shape(
        functools.partial(gan.generator.apply, train=False),
        state.ema,
        jnp.zeros((2, gan.latent_dim)),
        *([batch["labels"]] if conditional else []),
    )
    assert images.shape == (2, 4, 16, 16, 1)


def test_eight_devices_give_what_one_gives():
    fields = {"r1_weight": 1.0, "augment.translation": 0.25}
    gan = build_gan(_config(**fields), (4, 16, 16, 1), 10)
    key = jax.random.key(0)
    state = _state(gan)
    images = jax.random.uniform(key, (16, 4, 16, 16, 1), minval=-1)
    one, _ = jax.jit(functools.partial(gan_step, gan=gan))(state, {"images": images}, key)
    step = jax.pmap(
        functools.partial(gan_step, gan=gan, axis_name="devices"),
        axis_name="devices",
        in_axes=(None, 0, None),
    )
    shards = images.reshape(8, 2, *images.shape[1:])
    eight, _ = step(state, {"images": shards}, key)
    for a, b in zip(jax.tree.leaves(one.generator.params), jax.tree.leaves(eight.generator.params)):
        np.testing.assert_allclose(a, b[0], atol=2e-4)


@pytest.mark.parametrize(
    ("fields", "shape", "message"),
    [
        ({"model.name": "texture"}, (4, 16, 16, 1), "clips are made by article, dcgan"),
        ({"model.conditional": "auxiliary"}, (4, 16, 16, 1), "with 'projection' or no classes"),
        ({"model.motion_dim": 0}, (4, 16, 16, 1), "motion_dim"),
        ({"super_resolution.factor": 2}, (4, 16, 16, 1), "are for images, and these are clips"),
        ({}, (1, 16, 16, 1), "do not move"),
    ],
)
def test_clips_that_cannot_be_made(fields, shape, message):
    with pytest.raises(InputError, match=message):
        build_gan(_config(**fields), shape, 10, num_classes=3)
