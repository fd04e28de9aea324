"""JAX_ENABLE_X64 changes no dtype of a state, and a run under it resumes, exports and is judged."""

import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.config import cnn_config, gan_config
from gan_jax.config.build import build_gan, build_recogniser
from gan_jax.run import run
from gan_jax.sampling.drawing import Source
from gan_jax.sampling.samples import export_samples
from gan_jax.steps import cnn_update
from gan_jax.steps.state import create_cnn_state, create_gan_state
from gan_jax.steps.updates import UPDATES
from gan_jax.training.evaluate_gan import evaluate_run
from tests import runs

_SETTINGS = {
    "plain": {},
    "accumulation": {"accumulation": 2},
    "penalties": {
        "model.discriminator_norm": "none",
        "loss": "relativistic",
        "r1_weight": 1.0,
        "r2_weight": 1.0,
        "penalty_interval": 1,
    },
    "dragan": {"model.discriminator_norm": "none", "dragan_weight": 1.0},
    "lecam": {"loss": "hinge", "lecam_weight": 0.1},
    "augment": {
        "augment.probability": 0.5,
        "augment.translation": 0.2,
        "augment.rotation": 10.0,
        "augment.contrast": 0.5,
        "augment.cutout": 0.5,
    },
    "adaptive": {"augment.adaptive.use": True, "augment.translation": 0.2},
    "burn_in": {
        "burn_in.images": 100,
        "r1_weight": 1.0,
        "r1_weight_end": 0.1,
        "ema_half_life_end": 50.0,
        "model.discriminator_norm": "none",
    },
    "simultaneous": {"updates": "simultaneous"},
    "r3gan": {"model.name": "r3gan"},
    "resnet": {"model.name": "resnet"},
    "texture": {"model.name": "texture", "model.latent_dim": 0},
}


def _dtypes(tree):
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path): str(leaf.dtype) for path, leaf in flat}


@pytest.mark.parametrize("name", _SETTINGS)
def test_a_step_keeps_the_dtypes_of_the_state(name):
    config = gan_config()
    config.model.width = 8
    config.model.latent_dim = 4
    config.update_from_flattened_dict(_SETTINGS[name])
    gan = build_gan(config, (16, 16, 1), 100)
    create = functools.partial(create_gan_state, gan, image_shape=(16, 16, 1))
    plain = _dtypes(jax.eval_shape(create, jax.random.key(0)))
    with jax.enable_x64(True):
        state = jax.eval_shape(create, jax.random.key(0))
        assert _dtypes(state) == plain
        batch = {
            "images": jnp.zeros((8, 16, 16, 1), jnp.float32),
            "index": jnp.arange(8, dtype=jnp.int32),
        }
        step = functools.partial(UPDATES[config.updates], gan=gan)
        state, _ = jax.eval_shape(step, state, batch, jax.random.key(1))
    assert _dtypes(state) == plain


def test_a_recognisers_step_keeps_them_too():
    config = cnn_config()
    config.model.widths, config.model.dense = (4,), 8
    config.augment.rotation = 10.0
    recogniser = build_recogniser(config, 3, 100)
    with jax.enable_x64(True):
        create = functools.partial(create_cnn_state, recogniser, image_shape=(8, 8, 1))
        state = jax.eval_shape(create, jax.random.key(0))
        before = _dtypes(state)
        batch = {
            "images": jnp.zeros((8, 8, 8, 1), jnp.float32),
            "labels": jnp.zeros(8, jnp.int32),
            "index": jnp.arange(8, dtype=jnp.int32),
        }
        step = functools.partial(cnn_update, recogniser=recogniser)
        after = _dtypes(jax.eval_shape(step, state, batch, jax.random.key(1))[0])
    assert before == after and "float64" not in before.values()


def test_a_run_resumes_exports_and_is_judged_under_it(tiny_run, tmp_path):
    """One that was begun without it goes on with it, and the other way round."""
    place, pack = tmp_path / "run", tiny_run[1]
    few = {"evaluation.every": 0, "evaluation.num_samples": 60}
    shutil.copytree(tiny_run[0], place)
    with jax.enable_x64(True):
        run(runs.tiny_config(pack, num_steps=60, **few), place)
        judged = evaluate_run(place, out=tmp_path / "judged")["metrics"]
        export_samples(Source(place), 8, tmp_path / "a.npz")
    assert judged["fd_semantic"]["value"] == pytest.approx(
        runs.evaluation(place)["metrics"]["fd_semantic"]["value"], rel=1e-3
    )
    export_samples(Source(place), 8, tmp_path / "b.npz")
    one, other = (np.load(tmp_path / name)["images"].astype(int) for name in ("a.npz", "b.npz"))
    assert np.abs(one - other).max() <= 1
    run(runs.tiny_config(pack, num_steps=80, **few), place)
    assert runs.final_state(place)[0] == 80
