"""Means and keys over a mapped axis: the same on one device and on eight."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.models.cnn import CNN
from gan_jax.models.platform import traced_for
from gan_jax.steps.axis import (
    bind_axis,
    draw_latents,
    example_index,
    example_keys,
    global_count,
    named_key,
    pmean,
    standard_deviation,
)


def _on_eight(function):
    """The outputs of `function(axis_name)` on each of eight devices, stacked."""
    return jax.pmap(lambda _: function("axis"), axis_name="axis")(jnp.zeros(8))


def test_mean():
    rows = np.arange(16.0).reshape(8, 2)
    tree = {"a": jnp.float32(rows), "b": [jnp.float32(rows**2)]}
    mapped = jax.pmap(lambda t: pmean(t, "axis"), axis_name="axis")(tree)
    np.testing.assert_allclose(mapped["a"], np.broadcast_to(rows.mean(0), (8, 2)))
    np.testing.assert_allclose(mapped["b"][0], np.broadcast_to((rows**2).mean(0), (8, 2)))
    assert pmean(tree, None) is tree


@pytest.mark.parametrize("target", ["cpu", "tpu"])
def test_the_mean_of_scalars_vectors_and_matrices(target):
    """Exactly `lax.pmean`'s, whatever travels together."""
    rng = np.random.default_rng(0)
    trees = [
        {"loss": rng.normal(size=8), "b": rng.normal(size=(8, 5)), "w": rng.normal(size=(8, 3, 2))},
        {"w": rng.normal(size=(8, 3, 2))},
        {"a": rng.normal(size=8), "b": (), "c": {"d": rng.normal(size=(8, 1))}},
    ]
    for tree in jax.tree.map(jnp.float32, trees):
        with traced_for(target):
            found = jax.pmap(lambda t: pmean(t, "axis"), axis_name="axis")(tree)
        wanted = jax.pmap(lambda t: jax.lax.pmean(t, "axis"), axis_name="axis")(tree)
        assert jax.tree.structure(found) == jax.tree.structure(wanted)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_a_deviation_is_that_of_all_devices(offset):
    """Also far from 0, where the difference of two float32 moments has no digit left."""
    values = np.float32(offset + np.random.default_rng(0).normal(size=(8, 5, 3)) * np.arange(1, 4))
    values += np.float32(10 * np.arange(8)[:, None, None])  # devices differ
    expected = np.std(np.float64(values))
    mapped = jax.pmap(lambda x: standard_deviation(x, "axis"), axis_name="axis")(values)
    np.testing.assert_allclose(mapped, np.full(8, expected), rtol=1e-5)
    np.testing.assert_allclose(standard_deviation(jnp.asarray(values), None), expected, rtol=1e-5)


def test_global_indices_run_through_all_devices():
    np.testing.assert_array_equal(example_index(6, None), np.arange(6))
    np.testing.assert_array_equal(_on_eight(lambda axis: example_index(3, axis)).ravel(), range(24))
    assert global_count(3, None) == 3
    np.testing.assert_array_equal(_on_eight(lambda axis: jnp.int32(global_count(3, axis))), 24)


def test_an_example_has_the_same_key_on_any_number_of_devices():
    key = jax.random.key(5)
    alone = jax.random.key_data(example_keys(key, jnp.arange(24)))
    mapped = _on_eight(lambda axis: jax.random.key_data(example_keys(key, example_index(3, axis))))
    np.testing.assert_array_equal(mapped.reshape(alone.shape), alone)
    assert len({tuple(row) for row in np.asarray(alone)}) == 24
    latents = _on_eight(lambda axis: draw_latents(key, example_index(3, axis), 5))
    # The same bits, but compiled together with something else they may differ in the last place.
    np.testing.assert_allclose(
        latents.reshape(24, 5), draw_latents(key, jnp.arange(24), 5), rtol=1e-6
    )


def test_latents_are_standard_normal_and_do_not_depend_on_how_many():
    latents = np.asarray(draw_latents(jax.random.key(1), jnp.arange(2000), 8))
    assert latents.dtype == np.float32
    few = draw_latents(jax.random.key(1), jnp.arange(3), 8)
    np.testing.assert_array_equal(few, latents[:3])
    covariance = latents.T @ latents / 2000
    assert abs(latents.mean(0)).max() < 0.1  # 4.5 standard deviations
    assert abs(covariance - np.eye(8)).max() < 0.15


def test_named_keys_are_a_promise():
    """Resuming a run on another machine must go on with the same draws: these never change."""
    key = named_key(jax.random.key(0), "latents")
    expected = jax.random.fold_in(jax.random.key(0), 0x526E1E70)
    np.testing.assert_array_equal(jax.random.key_data(key), jax.random.key_data(expected))
    names = ("latents", "generator", "discriminator", "dropout_real", "dropout_fake", "samples")
    keys = [tuple(jax.random.key_data(named_key(key, name)).tolist()) for name in names]
    assert len(set(keys)) == len(names)


def test_binding_sets_the_field_where_there_is_one():
    network = CNN(num_classes=3)
    assert bind_axis(network, None) is network
    bound = bind_axis(network, "axis")
    assert bound.axis_name == "axis" and bound.num_classes == 3 and network.axis_name is None
    assert bind_axis(bound, "axis") is bound
    dense = nn.Dense(2)
    assert bind_axis(dense, "axis") is dense


@pytest.mark.parametrize("name", ["", "generator"])
def test_named_keys_work_inside_compiled_code(name):
    key = jax.random.key(3)
    traced = jax.jit(lambda key: jax.random.key_data(named_key(key, name)))(key)
    np.testing.assert_array_equal(traced, jax.random.key_data(named_key(key, name)))
