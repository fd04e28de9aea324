"""Where results go: seen to be fit before any work, whole or absent, and named with `~`."""

import functools
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from absl import flags
from PIL import Image

from gan_jax.data import read_images
from gan_jax.errors import InputError
from gan_jax.models.texture import TextureGenerator
from gan_jax.run.evaluate import ACTIONS
from gan_jax.sampling.drawing import Source
from gan_jax.sampling.program import export_program
from gan_jax.sampling.samples import export_samples
from gan_jax.sampling.textures import draw_texture, sample_texture
from gan_jax.sampling.walk import write_walk
from gan_jax.training.evaluate_samples import evaluate_samples
from tests.sampling.untrained import untrained_gan
from tests.whole.test_runs import environment

pytestmark = pytest.mark.usefixtures("quickly_compiled")


class _Drawn:
    """Counts how often a generator was asked to draw, which is the work."""

    def __init__(self, monkeypatch):
        self.times = 0
        monkeypatch.setattr("gan_jax.sampling.drawing.Drawing.images", self._count)

    def _count(self, *_):
        self.times += 1
        raise AssertionError("drawn before the place was looked at")


@functools.cache
def _untrained(channels, **fields):
    generator = TextureGenerator(
        (16, 16, channels), width=4, levels=2, local_dim=3, initialization="xavier", **fields
    )
    return untrained_gan(generator, generator.image_shape, generator.latent_dim)


@pytest.fixture
def made(monkeypatch):
    """A texture GAN that was never trained, in place of what is read from a run."""

    def make(channels=3, **fields):
        trained = _untrained(channels, **fields)
        monkeypatch.setattr("gan_jax.sampling.drawing.read_gan", lambda *_: trained)
        return trained

    return make


@pytest.mark.parametrize(
    ("flag", "write"),
    [
        ("--out", lambda place: export_samples(Source("run"), 3, place / "samples")),
        ("--out", lambda place: export_samples(Source("run"), 3, place / "samples.npz")),
        ("--walk", lambda place: write_walk(Source("run"), place / "walk.gif", frames=3)),
        ("--export_program", lambda place: export_program(Source("run"), place / "made.jax")),
        ("--out", lambda place: draw_texture(Source("run"), (8, 8), place / "wall.png")),
    ],
)
def test_a_place_that_takes_nothing_is_refused_before_the_work(
    flag, write, made, tmp_path, monkeypatch
):
    made()
    drawn = _Drawn(monkeypatch)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"{flag} .* cannot be written: "):
        write(tmp_path / "file")
    assert not drawn.times and (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize(
    ("out", "statistics", "message"),
    [
        ("file", "", "--out .*file' cannot be written"),
        ("out", "file/a.npz", "--save_statistics .*file' cannot be written"),
        ("out", "a.txt", "expected a name ending in .npz"),
    ],
)
def test_samples_are_not_judged_where_nothing_can_be_kept(
    out, statistics, message, tmp_path, monkeypatch
):
    monkeypatch.setattr("gan_jax.judging.samples.make_judge", lambda *_, **__: pytest.fail("work"))
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "a.npz", images=images)
    (tmp_path / "file").touch()
    statistics = str(tmp_path / statistics) if statistics else ""
    with pytest.raises(InputError, match=message):
        evaluate_samples(
            str(tmp_path / "a.npz"),
            str(tmp_path / "a.npz"),
            "pixels",
            tmp_path / out,
            statistics=statistics,
        )


_CUT = """
import os, signal, sys
from gan_jax.data import disk as files
from gan_jax.sampling import place, samples
from gan_jax.sampling.drawing import Source
from tests.sampling.untrained import untrained_gan
from tests.networks import TEXTURE

trained = untrained_gan(TEXTURE, TEXTURE.image_shape, TEXTURE.latent_dim)
from gan_jax.sampling import drawing
drawing.read_gan = lambda *_: trained
where, out = sys.argv[1:]

def killing(function, at):
    calls = []
    def call(*arguments, **options):
        calls.append(0)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

name, at = where.split(":")
if name == "png":
    samples.save_png = killing(samples.save_png, int(at))
elif name == "rename":
    os.rename = killing(os.rename, int(at))
elif name == "replace":
    os.replace = killing(os.replace, int(at))
samples.export_samples(Source("run"), 6, out)
"""


def _export(where, out, folder):
    return subprocess.run(
        [sys.executable, "-c", _CUT, where, str(out)],
        env=environment(folder) | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("where", ["png:1", "png:4", "rename:1"])
def test_an_export_that_was_killed_is_not_there_and_can_be_made_again(where, tmp_path):
    out = tmp_path / "samples"
    assert _export(where, out, tmp_path).returncode == -signal.SIGKILL
    assert not out.exists()
    done = _export("none:0", out, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read_images(str(out), split="all")) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["samples"]


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 2])
def test_an_archive_never_stands_beside_the_record_of_another(at, tmp_path):
    out = tmp_path / "samples.npz"
    np.savez(out, images=np.zeros((2, 4, 4, 1), np.uint8))
    out.with_suffix(".json").write_text('{"images": 2}')
    assert _export(f"replace:{at}", out, tmp_path).returncode == -signal.SIGKILL
    assert not out.exists()
    assert _export("none:0", out, tmp_path).returncode == 0
    assert json.loads(out.with_suffix(".json").read_text())["images"] == 6
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["samples.json", "samples.npz"]


def test_an_export_that_fails_leaves_nothing(made, tmp_path, monkeypatch):
    made()
    (tmp_path / "samples").mkdir()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gan_jax.sampling.samples.save_png", full)
    with pytest.raises(OSError, match="No space"):
        export_samples(Source("run"), 3, tmp_path / "samples")
    assert [path.name for path in tmp_path.iterdir()] == ["samples"]
    assert not list((tmp_path / "samples").iterdir())


# Textures of a given size


@pytest.mark.parametrize("channels", [1, 3])
def test_a_texture_of_a_given_size_keeps_its_colours(channels, made, tmp_path):
    trained = made(channels, num_textures=2)
    options = {"seed": 5, "texture": 1, "wrap": True}
    said = draw_texture(
        Source("run", seed=5), (20, 36), tmp_path / "a" / "wall.png", number=1, seamless=True
    )
    expected = sample_texture(trained.gan.generator, trained.ema, (20, 36), **options)
    with Image.open(tmp_path / "a" / "wall.png") as picture:
        assert picture.mode == {1: "L", 3: "RGB"}[channels]
        found = np.asarray(picture).reshape(20, 36, channels)
    np.testing.assert_array_equal(found, expected)
    assert said.startswith("20x36 pixels (height x width), checkpoint 7, seed 5: ")


@pytest.mark.parametrize(
    ("size", "out", "options", "message"),
    [
        ((20, 20), "wall.jpg", {}, "give NAME.png"),
        ((20, 20), "wall.png", {"number": 2}, "holds 2: expected a number from 0 to 1"),
        ((21, 20), "wall.png", {"seamless": True}, "whole cells of 4 pixels"),
    ],
)
def test_textures_that_cannot_be_drawn(size, out, options, message, made, tmp_path):
    made(num_textures=2)
    with pytest.raises(InputError, match=message):
        draw_texture(Source("run"), size, tmp_path / out, **options)
    assert not list(tmp_path.iterdir())


# The home folder


@pytest.fixture
def seen(eval_script, monkeypatch):
    """The values of eval.py's flags when a job begins."""
    values = {}
    for name in ACTIONS:
        monkeypatch.setitem(ACTIONS, name, lambda options: values.update(vars(options)))

    def run(*arguments):
        for name in flags.FLAGS:
            flags.FLAGS[name].unparse()
        eval_script.main(flags.FLAGS(["eval.py", *arguments]))
        return values

    return run


def test_a_tilde_is_the_home_folder_in_every_flag(seen, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    found = seen("--workdir=~/run", "--out=~/o", "--extractor=~/p,inception:~/w,pca:9")
    assert found["workdir"] == "/home/ada/run" and found["out"] == "/home/ada/o"
    assert found["extractor"] == "/home/ada/p,inception:/home/ada/w,pca:9"
    found = seen("--samples=~/s", "--reference=textures:brick", "--out=a~/b", "--extractor=pixels")
    assert found["samples"] == "/home/ada/s" and found["reference"] == "textures:brick"
    assert found["out"] == "a~/b"
    for flag in ("walk", "export_program"):
        assert seen("--workdir=r", f"--{flag}=~/x.gif")[flag] == "/home/ada/x.gif"
    assert seen("--gate=~/p", "--reference=~/r")["gate"] == "/home/ada/p"


def test_without_a_home_there_is_no_cache_and_no_crash(seen, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda text: text)  # as without a passwd entry
    assert seen("--workdir=run")["cache"] == ""
    with pytest.raises(InputError, match="'~/run' begins with ~, and the home folder is not known"):
        seen("--workdir=~/run")
