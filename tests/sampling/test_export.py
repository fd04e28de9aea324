"""Samples as files, truncated latents, and the generator as a program without this package."""

import dataclasses
import hashlib
import importlib.util
import json
import subprocess
import sys
import zipfile

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gan_jax.data import read_images
from gan_jax.errors import InputError
from gan_jax.models.article import ArticleGenerator
from gan_jax.models.dcgan import DCGANGenerator
from gan_jax.models.platform import platform, traced_for
from gan_jax.models.r3gan import R3GANGenerator
from gan_jax.models.resnet import ResnetGenerator
from gan_jax.models.super_resolution import UPSAMPLINGS, SuperResolutionGenerator
from gan_jax.models.texture import TextureGenerator
from gan_jax.runtime.pixels import to_uint8
from gan_jax.sampling.drawing import Drawing, Source
from gan_jax.sampling.generate import generate_images, sample_latents, truncated_latents
from gan_jax.sampling.program import PLATFORMS, export_program, exported_generator
from gan_jax.sampling.samples import export_samples
from gan_jax.sampling.trained import read_gan
from gan_jax.steps.downscale import Downscale
from tests.networks import TEXTURE
from tests.sampling.untrained import untrained_gan

_needs_flatbuffers = pytest.mark.skipif(
    importlib.util.find_spec("flatbuffers") is None, reason="needs flatbuffers"
)


class _Conditional(nn.Module):
    """Latents [n, 5] and labels [n] to images [n, 4, 3, 2]."""

    @nn.compact
    def __call__(self, latents, labels, *, train):
        x = nn.Dense(24)(latents) + 3 * nn.Embed(3, 24)(labels)
        return jnp.tanh(x).reshape(-1, 4, 3, 2)


@pytest.fixture
def conditional(monkeypatch):
    trained = untrained_gan(_Conditional(), (4, 3, 2), 5, jnp.zeros((1,), int), num_classes=3)
    monkeypatch.setattr("gan_jax.sampling.drawing.read_gan", lambda *_: trained)
    return trained


# Truncated latents


def test_truncated_latents_lie_within_psi_and_are_normal_there():
    latents = truncated_latents(0, 400, 50, 0.7)
    assert latents.dtype == np.float32 and np.abs(latents).max() <= 0.7
    assert stats.kstest(latents.ravel(), stats.truncnorm(-0.7, 0.7).cdf).pvalue > 0.01


def test_truncation_keeps_what_was_within():
    latents, cut = sample_latents(2, 30, 9), truncated_latents(2, 30, 9, 1.0)
    within = np.abs(latents) <= 1.0
    np.testing.assert_array_equal(cut[within], latents[within])
    assert 0.5 < within.mean() < 0.9 and not np.isin(cut[~within], latents).any()
    np.testing.assert_array_equal(truncated_latents(2, 11, 9, 1.0), cut[:11])
    np.testing.assert_array_equal(truncated_latents(2, 30, 9, 9.0), latents)


@pytest.mark.parametrize("psi", [0.0, -1.0, float("nan")])
def test_a_truncation_that_leaves_nothing(psi):
    with pytest.raises(InputError, match="--truncation is .*above 0"):
        truncated_latents(0, 2, 2, psi)


# Samples


def _digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_samples_are_those_that_were_judged(tiny_run, tmp_path):
    trained = read_gan(tiny_run[0])
    latents = sample_latents(trained.config.seed, 30, trained.gan.latent_dim)
    expected = generate_images(trained.gan.generator, trained.ema, latents)
    for out in (tmp_path / "pngs", tmp_path / "set.npz"):
        record = export_samples(Source(tiny_run[0]), 30, out)
        found = read_images(str(out))
        np.testing.assert_array_equal(found.take(np.arange(30)), expected)
        assert found.labels is None
        assert record["checkpoint"] == 40 and record["seed"] == 0
    assert len(list((tmp_path / "pngs").iterdir())) == 31
    kept = json.loads((tmp_path / "set.json").read_text())
    assert kept == record
    assert kept["truncation"] is None and len(kept["weights_sha256"]) == 64
    other = json.loads((tmp_path / "pngs" / "samples.json").read_text())
    assert other["images_sha256"] == kept["images_sha256"]


def test_the_same_seed_gives_the_same_bytes(tiny_run, tmp_path):
    def write(name, **changes):
        for out in (name, f"{name}_packed/set.npz"):
            export_samples(Source(tiny_run[0], **changes), 5, tmp_path / out)
        return _digests(tmp_path / name), _digests(tmp_path / f"{name}_packed")

    assert write("one", seed=4) == write("two", seed=4)
    assert write("one_b", seed=4)[0] != write("other", seed=5)[0]
    assert write("cut", seed=4, truncation=0.5)[0] != write("more", seed=4, truncation=1.0)[0]
    with zipfile.ZipFile(tmp_path / "one_packed" / "set.npz") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
    record = json.loads((tmp_path / "cut" / "samples.json").read_text())
    assert record["truncation"]["psi"] == 0.5 and "drawn again" in record["truncation"]["method"]


def test_conditional_samples_come_with_labels(conditional, tmp_path):
    record = export_samples(Source("run"), 40, tmp_path / "set.npz")
    found = read_images(str(tmp_path / "set.npz"))
    assert set(found.labels) == {0, 2} and "mix" in record["labels"]
    expected = generate_images(
        _Conditional(), conditional.ema, sample_latents(3, 40, 5), labels=found.labels
    )
    np.testing.assert_array_equal(found.images, expected)
    with pytest.raises(InputError, match="2 channels.*NAME.npz"):
        export_samples(Source("run"), 4, tmp_path / "pngs")


def test_conditional_pngs_lie_in_folders_of_their_class(monkeypatch, tmp_path):
    class Grey(_Conditional):
        def __call__(self, latents, labels, *, train):
            return super().__call__(latents, labels, train=train)[..., :1]

    trained = untrained_gan(Grey(), (4, 3, 1), 5, jnp.zeros((1,), int), num_classes=3)
    monkeypatch.setattr("gan_jax.sampling.drawing.read_gan", lambda *_: trained)
    export_samples(Source("run"), 12, tmp_path / "pngs")
    export_samples(Source("run"), 12, tmp_path / "set.npz")
    packed, found = read_images(str(tmp_path / "set.npz")), read_images(str(tmp_path / "pngs"))
    assert found.class_names == ("a", "c")
    order = np.argsort(packed.labels, kind="stable")
    np.testing.assert_array_equal(found.images, packed.images[order])


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (("bag", "ankle boot", "T-shirt"), {"bag", "T-shirt"}),
        (("bag", "boot", "T-shirt/top"), {"0", "2"}),
        (("bag", "boot", ".."), {"0", "2"}),
    ],
)
def test_class_names_go_with_the_samples_where_they_can(names, folders, monkeypatch, tmp_path):
    class Grey(_Conditional):
        def __call__(self, latents, labels, *, train):
            return super().__call__(latents, labels, train=train)[..., :1]

    trained = untrained_gan(Grey(), (4, 3, 1), 5, jnp.zeros((1,), int), num_classes=3)
    named = dataclasses.replace(trained.train, class_names=names)
    trained = dataclasses.replace(trained, train=named)
    monkeypatch.setattr("gan_jax.sampling.drawing.read_gan", lambda *_: trained)
    export_samples(Source("run"), 12, tmp_path / "pngs")
    assert {place.name for place in (tmp_path / "pngs").iterdir() if place.is_dir()} == folders
    export_samples(Source("run"), 12, tmp_path / "set.npz")
    assert read_images(str(tmp_path / "set.npz")).class_names == names


def test_textures_are_exported_as_crops_and_not_truncated(monkeypatch, tmp_path):
    trained = untrained_gan(TEXTURE, (16, 16, 1), TEXTURE.latent_dim)
    monkeypatch.setattr("gan_jax.sampling.drawing.read_gan", lambda *_: trained)
    export_samples(Source("run"), 3, tmp_path / "crops")
    assert read_images(str(tmp_path / "crops")).image_shape == (16, 16, 1)
    with pytest.raises(InputError, match="--truncation is 0.5.*textures"):
        export_samples(Source("run", truncation=0.5), 3, tmp_path / "cut")


@pytest.mark.parametrize(
    ("count", "out", "message"),
    [
        (0, "new", "--export is 0"),
        (5, "set.png", "neither a folder nor NAME.npz"),
        (5, "full", "holds files already"),
        (5, "folder.npz", "is a folder"),
    ],
)
def test_places_that_samples_cannot_go_to(tmp_path, count, out, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.png").touch()
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InputError, match=message):
        export_samples(Source(tmp_path), count, tmp_path / out)


def test_a_run_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="not the folder of a run"):
        export_samples(Source(tmp_path / "nowhere"), 5, tmp_path / "new")
    with pytest.raises(InputError, match="--seed is -1"):
        export_samples(Source(tmp_path, seed=-1), 5, tmp_path / "newer")
    assert not list(tmp_path.iterdir())


# Programs

_READER = """
import sys

sys.modules["gan_jax"] = None  # importing it fails

import jax
import numpy as np

program = jax.export.deserialize(bytearray(open(sys.argv[1], "rb").read()))
inputs = np.load(sys.argv[2])
images = [program.call(*(inputs[name][:n] for name in sorted(inputs))) for n in (1, 7)]
loaded = {name.split(".")[0] for name, module in sys.modules.items() if module is not None}
assert not loaded & {"flax", "gan_jax"}
np.savez(sys.argv[3], one=images[0], all=images[1])
"""


def _call_elsewhere(folder, program, **inputs):
    """What the program gives in a process of its own that cannot import this package."""
    np.savez(folder / "inputs.npz", **inputs)
    names = [folder / program, folder / "inputs.npz", folder / "images.npz"]
    command = [sys.executable, "-c", "import jax.export\n" + _READER, *map(str, names)]
    subprocess.run(command, check=True, cwd=folder)
    with np.load(folder / "images.npz") as found:
        return found["one"], found["all"]


@_needs_flatbuffers
def test_a_program_runs_without_this_package(tiny_run, tmp_path):
    record = export_program(Source(tiny_run[0]), tmp_path / "digits.jax")
    trained = read_gan(tiny_run[0])
    latents = sample_latents(1, 7, trained.gan.latent_dim)
    one, images = _call_elsewhere(tmp_path, "digits.jax", latents=latents)
    assert images.dtype == np.float32 and images.shape == (7, 16, 16, 1)
    expected = trained.gan.generator.apply(trained.ema, latents, train=False)
    np.testing.assert_allclose(images, expected, atol=1e-5)
    np.testing.assert_allclose(one, expected[:1], atol=1e-5)
    drawn = generate_images(trained.gan.generator, trained.ema, latents)
    assert np.abs(np.asarray(to_uint8(images), int) - drawn).max() <= 1
    kept = json.loads((tmp_path / "digits.json").read_text())
    assert kept == record and kept["platforms"] == list(PLATFORMS) and "[n, 16]" in kept["takes"]


@_needs_flatbuffers
def test_the_weights_are_in_a_program_once(tiny_run, tmp_path):
    export_program(Source(tiny_run[0]), tmp_path / "digits.jax")
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(read_gan(tiny_run[0]).ema))
    assert weights < (tmp_path / "digits.jax").stat().st_size < weights + 60_000


@_needs_flatbuffers
def test_a_conditional_program_takes_labels(conditional, tmp_path):
    record = export_program(Source("run"), tmp_path / "made.jax")
    latents, labels = sample_latents(0, 7, 5), np.arange(7, dtype=np.int32) % 3
    _, images = _call_elsewhere(tmp_path, "made.jax", a=latents, b=labels)
    expected = _Conditional().apply(conditional.ema, latents, labels, train=False)
    np.testing.assert_allclose(images, expected, atol=1e-5)
    assert "labels int32 [n] in [0, 3)" in record["takes"]


_SMALL = {"image_shape": (16, 16, 1), "width": 4}
_GENERATORS = {
    "article": (ArticleGenerator((16, 16, 3)), 6),
    "dcgan": (DCGANGenerator((16, 16, 3), width=4), 6),
    "dcgan of classes": (DCGANGenerator((16, 16, 1), width=4, num_classes=3), 6),
    "dcgan, bfloat16": (DCGANGenerator((16, 16, 1), width=4, dtype=jnp.bfloat16), 6),
    "resnet": (ResnetGenerator((16, 16, 1), width=4), 6),
    "resnet of classes": (ResnetGenerator((16, 16, 1), width=4, num_classes=3), 6),
    "r3gan": (R3GANGenerator((16, 16, 1), width=8, blocks=1), 6),
    "textures": (TEXTURE, TEXTURE.latent_dim),
    **{
        f"texture, {name}": (generator, generator.latent_dim)
        for name, generator in {
            "one": TextureGenerator(**_SMALL, levels=2, local_dim=3),
            "refined": TextureGenerator(**_SMALL, levels=2, local_dim=3, refined=True),
            "of classes": TextureGenerator(
                **_SMALL, levels=2, local_dim=3, num_textures=3, num_classes=3
            ),
        }.items()
    },
}


_MOST = [pytest.param(name, marks=pytest.mark.slow) for name in list(_GENERATORS)[1:]]


@pytest.mark.parametrize("name", [next(iter(_GENERATORS)), *_MOST])
def test_every_generator_is_a_program_for_every_platform(name):
    generator, dim = _GENERATORS[name]
    num_classes = getattr(generator, "num_classes", 0)
    labels = np.arange(7, dtype=np.int32) % 3 if num_classes else None
    inputs = [] if labels is None else [labels[:1]]
    trained = untrained_gan(generator, generator.image_shape, dim, *inputs, num_classes=num_classes)
    program = exported_generator(Drawing(Source("run"), trained))
    assert program.platforms == PLATFORMS
    given = [part for part in (sample_latents(0, 7, dim), labels) if part is not None]
    images = jax.jit(program.call)(*given)
    expected = jax.jit(lambda *given: generator.apply(trained.ema, *given, train=False))(*given)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, expected, atol=2e-2 if "bfloat16" in name else 1e-5)


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_a_network_that_enlarges_is_a_program_for_images_of_any_size(upsampling):
    generator = SuperResolutionGenerator(2, 4, 1, upsampling)
    small = np.random.default_rng(0).uniform(-1, 1, (2, 9, 13, 3)).astype(np.float32)
    variables = jax.jit(lambda: generator.init(jax.random.key(0), small, train=False))()
    trained = untrained_gan(DCGANGenerator((16, 16, 3), width=4), (16, 16, 3), 6)
    gan = dataclasses.replace(trained.gan, generator=generator, conditioning=Downscale(2))
    drawing = Drawing(Source("run"), dataclasses.replace(trained, gan=gan, ema=variables))
    program = exported_generator(drawing)
    assert program.platforms == PLATFORMS
    for images in (small, small[:1, :, :9]):
        expected = generator.apply(variables, images, train=False)
        found = program.call(images)
        assert found.shape == (len(images), 18, 2 * images.shape[2], 3)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_each_platform_has_the_forms_that_suit_it():
    """The CPU's rewritten transposed convolutions, and XLA's own elsewhere; the same images."""
    trained = untrained_gan(DCGANGenerator((28, 28, 1), width=4, kernel_size=5), (28, 28, 1), 6)
    program = exported_generator(Drawing(Source("run"), trained))
    assert "lhs_dilate = [2, 2]" in program.mlir_module()  # where XLA is fast at it
    latents = sample_latents(0, 5, 6)
    images = {}
    for name in ("cpu", "gpu"):
        with traced_for(name):
            assert platform() == name
            generator = trained.gan.generator.clone()
            images[name] = jax.jit(lambda x: generator.apply(trained.ema, x, train=False))(latents)  # noqa: B023
    assert platform() == "cpu"
    np.testing.assert_allclose(images["gpu"], images["cpu"], atol=1e-5)
    here = jax.jit(program.call).lower(latents).compile()
    assert "branch_0_fun" in here.as_text() and "branch_1_fun" not in here.as_text()
    np.testing.assert_allclose(here(latents), images["cpu"], atol=1e-5)


def test_a_program_without_flatbuffers_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install flatbuffers"):
        export_program(Source(tmp_path), tmp_path / "digits.jax")


@_needs_flatbuffers
def test_programs_that_cannot_be(tiny_run, tmp_path):
    with pytest.raises(InputError, match="--truncation is 0.5.*where it is called"):
        export_program(Source(tiny_run[0], truncation=0.5), tmp_path / "digits.jax")
    for name in ("", "digits.json"):
        with pytest.raises(InputError, match="give the name of a file"):
            export_program(Source(tiny_run[0]), tmp_path / name)
