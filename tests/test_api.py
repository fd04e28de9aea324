"""The package in one call each: the numbers and images of the command line."""

import importlib
import inspect
import json
import re
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import gan_jax
from gan_jax.data import load
from gan_jax.errors import InputError
from tests.command import eval_py
from tests.runs import tiny_config

_QUICK = {"metrics": ["frechet"]}


@pytest.fixture(scope="module")
def digits():
    return load({"name": "mnist5k"}, "train").images[::13]


class _Tensor:
    """What is used of a tensor of PyTorch: [n, c, h, w], on a device, with gradients."""

    def __init__(self, array):
        self._array = array

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self._array


def test_all_ways_to_hold_images_give_the_numbers_of_the_command_line(digits, tmp_path):
    np.savez(tmp_path / "digits.npz", images=digits)
    out = tmp_path / "out"
    samples = ["--samples", str(tmp_path / "digits.npz"), "--reference", "mnist5k"]
    told = eval_py(tmp_path, *samples, "--metrics=frechet", "--out", out, "--cache=")
    assert "extractor: mnist-v1, which comes with gan_jax" in told.stderr
    wanted = json.loads((out / "eval.json").read_text())
    first = np.float32(np.moveaxis(digits, 3, 1)) / 127.5 - 1
    held = {
        "numpy": digits,
        "jax": jnp.float32(digits) / 255,
        "torch": _Tensor(first),
        "pictures": [Image.fromarray(image[..., 0]) for image in digits],
        "no channel axis": digits[..., 0],
        "a path": str(tmp_path / "digits.npz"),
    }
    for kind, images in held.items():
        result = gan_jax.judge(images, "mnist5k", **_QUICK)
        for name, entry in wanted["metrics"].items():
            for key in ("value", "floor", "n"):
                assert result.metrics[name][key] == pytest.approx(entry[key], rel=1e-6), kind
        assert result.headline["test"] == pytest.approx(wanted["headline"]["test"]), kind
        assert result.protocol["extractor"].startswith("mnist-v1@")
    text = str(result)
    assert "fd_semantic" in text and "old from real images" in text
    shown = result._repr_html_()  # sentences wrap between words, rows of numbers do not wrap
    assert re.search(r"<p>[^<]*old from real images[^<]*</p>", shown)
    assert re.search(r"<pre [^>]*>metric [^<]*fd_semantic [^<]*</pre>", shown)


def test_references_in_memory_and_copies(digits):
    real = load({"name": "mnist5k"}, "test").images[::2]
    options = {"extractor": "mnist-v1", "training": digits, "metrics": ["copying"]}
    result = gan_jax.judge(digits, real, **options)
    assert [flag["name"] for flag in result.flags if flag["apart"]] == ["copied"]


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((20, 28, 28, 1), np.int64), "holds int64: images must be uint8"),
        (np.linspace(0, 7, 20 * 784).reshape(20, 28, 28), "floats from 0 to 7, which is not clear"),
        (np.zeros((20, 14, 14, 1), np.uint8), "14x14x1 and the extractor mnist-v1"),
        (np.zeros((20, 28, 28, 3), np.uint8), "28x28x3 and the extractor mnist-v1"),
        (np.zeros((20, 3, 28, 28), np.uint8), "looks like channels first"),
        (None, "is a NoneType of object; expected an array"),
        ([Image.new("L", (28, 28)), Image.new("L", (20, 28))], r"\[1\] 28x20x1"),
        ([Image.new("L", (28, 28)), 3], r"\[1\] is a int, and others are pictures"),
        ("no/such/place", "neither a file, a folder nor a known set"),
    ],
)
def test_what_cannot_be_judged_is_told_in_one_line(images, message):
    with pytest.raises(InputError, match=message) as told:
        gan_jax.judge(images, "mnist5k", **_QUICK)
    assert "\n" not in str(told.value)


def test_a_reference_without_a_pack_asks_for_one(digits):
    with pytest.raises(InputError, match="no pack comes with gan_jax for the reference"):
        gan_jax.judge(digits, np.zeros((30, 28, 28, 3), np.uint8), **_QUICK)


def test_a_trained_generator_draws_what_it_was_judged_by(tiny_run):
    run, pack = tiny_run
    trained = gan_jax.load(run)
    images = trained.sample(12)
    assert images.shape == (12, *trained.image_shape) and images.dtype == np.uint8
    np.testing.assert_array_equal(images[:5], trained.sample(5))
    assert (trained.sample(5, seed=3) != images[:5]).any()
    assert (trained.sample(5, truncation=0.5) != images[:5]).any()
    with pytest.raises(InputError, match="count is 0"):
        trained.sample(0)
    with pytest.raises(InputError, match="takes none: leave them out"):
        trained.sample(3, labels="seven")
    with pytest.raises(InputError, match="needs the run of a texture GAN"):
        trained.texture((64, 64))


def test_a_finished_run_is_left_as_it_is_and_compared_with_a_copy(tiny_run, tmp_path, capsys):
    run, pack = tiny_run
    again = gan_jax.train(tiny_config(pack), run)
    assert "nothing to do" in capsys.readouterr().out
    assert again.stopped == "" and "fd_semantic" in str(again.result)
    assert again.load().step == gan_jax.load(run).step
    copy = shutil.copytree(run, tmp_path / "copy")
    assert "fd_semantic" in str(gan_jax.compare([run, copy]))


# What others build on: a change here is a change for them, and stands in CHANGELOG.md.
_SIGNATURES = {
    "gan_jax.compare": "(folders)",
    "gan_jax.judge": "(images, reference, *, extractor='', reference_split='', training='', "
    "metrics=None, resize='', image_size=(), batch_size=500, announce=...)",
    "gan_jax.load": "(workdir, *, checkpoint='latest', member=None)",
    "gan_jax.load_config": "(choice)",
    "gan_jax.train": "(config, workdir)",
    "gan_jax.data.load": "(config, split)",
    "gan_jax.data.batch_indices": "(num_examples, batch_size, *, seed, step, num_steps=1)",
    "gan_jax.steps.cnn_update": "(state, batch, key, *, recogniser, axis_name=None)",
    "gan_jax.steps.discriminator_update": "(state, batch, key, *, gan, axis_name=None)",
    "gan_jax.steps.gan_step": "(state, batch, key, *, gan, axis_name=None)",
    "gan_jax.steps.generator_update": "(state, batch, key, *, gan, axis_name=None)",
    "gan_jax.steps.simultaneous_step": "(state, batch, key, *, gan, axis_name=None)",
    "gan_jax.metrics.frechet_distance": "(real, fake)",
    "gan_jax.metrics.kernel_distance": "(real, fake, *, degree=3, gamma=None, offset=1.0)",
}


@pytest.mark.parametrize("name", _SIGNATURES)
def test_public_names_and_signatures(name):
    module, _, attribute = name.rpartition(".")
    found = inspect.signature(getattr(importlib.import_module(module), attribute))
    bare = [part.replace(annotation=part.empty) for part in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=found.empty))
    assert re.sub(r"<function.* at 0x\w+>", "...", text) == _SIGNATURES[name]


def test_the_package_offers_these_names():
    assert set(gan_jax.__all__) == {
        "__version__", "compare", "judge", "load", "load_config", "train",
    }  # fmt: skip
