"""Whole runs of super-resolution, and their use."""

import functools
import html
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from configs import super_resolution
from gan_jax import run as training
from gan_jax.config.build import build_gan, pixel_only
from gan_jax.data import Dataset, batch_indices, load
from gan_jax.errors import InputError, Interrupted
from gan_jax.extractors.identity import Identity
from gan_jax.extractors.pack import load_pack
from gan_jax.reports.pages.super_resolution import super_resolution_text, verdict
from gan_jax.sampling.drawing import Source
from gan_jax.sampling.enlarge import enlarge_files
from gan_jax.sampling.trained import read_gan
from gan_jax.steps import gan_step, generator_update
from gan_jax.steps.state import create_gan_state
from gan_jax.training import evaluate_gan as evaluation
from gan_jax.training.enlarged import hold_out
from gan_jax.training.evaluate_super_resolution import read_pixel
from tests import runs
from tests.command import eval_py
from tests.packs import untrained_pack

STEPS, WARM_UP = 6, 2


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def small_config(judge, loop, **changes):
    """Digits of 16 x 16 pixels from 8 x 8, in a few steps."""
    config = runs.tiny_config(judge)
    section = config.super_resolution
    section.factor, section.width, section.blocks, section.warm_up_steps = 2, 4, 1, WARM_UP
    section.perceptual.pack = str(loop)
    section.optimizer.learning_rate = 0.01
    config.model.discriminator_norm = "none"
    config.model.width = 4
    config.loss, config.r1_weight = "relativistic", 1.0
    config.batch_size, config.num_steps, config.steps_per_call = 8, STEPS, 2
    config.log_every = config.checkpoint.every = config.evaluation.every = 2
    config.evaluation.num_samples = 40
    config.update_from_flattened_dict(changes)
    return config


@pytest.fixture(scope="module")
def packs(tiny_run, tmp_path_factory):
    loop = tmp_path_factory.mktemp("loop") / "pack"
    untrained_pack(loop)
    return tiny_run[1], loop


@pytest.fixture(scope="module")
def enlarging(packs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("enlarging") / "run"
    training.run(small_config(*packs), folder)
    return folder


def test_a_run_leaves_contenders_and_a_report(enlarging):
    content = runs.evaluation(enlarging)
    names = {"psnr", "ssim", "fd_semantic", "fd_texture"}
    for entries in content["contenders"].values():
        assert set(entries) == names
    assert list(content["contenders"]) == ["bicubic", "pixel loss", "adversarial", "original"]
    assert content["metrics"] == content["contenders"]["adversarial"]
    assert content["contenders"]["original"]["psnr"]["value"] == 100
    # Each number beside those of the others at one n, each with its interval.
    for entries in content["contenders"].values():
        assert {entry["n"] for entry in entries.values()} == {40}
        assert all(len(entry["ci"]) == 2 for entry in entries.values())
    protocol = content["protocol"]
    assert protocol["extractor"].startswith("cnn-smoke@")
    assert protocol["in_the_loop"]["super_resolution.perceptual"].startswith("cnn-made@")
    assert protocol["step"] == STEPS
    page = (enlarging / "report.html").read_text()
    assert html.escape(verdict(content)) in page and "Side by side" in page
    assert all(html.escape(flag["text"]) in page for flag in content["flags"])
    with Image.open(enlarging / "samples" / "final.png") as picture:
        assert picture.size == (5 * 16 + 4, 8 * 16 + 7)
    rows = {row["step"] for row in runs.history(enlarging) if "loss/perceptual" in row}
    assert rows == {4, 6}
    assert all("loss/generator" not in row for row in runs.history(enlarging / "pixel"))


def test_the_page_opens_with_a_test_a_size_and_flags(enlarging):
    content = runs.evaluation(enlarging)
    assert content["headline"] == content["headlines"]["adversarial"]
    assert set(content["headlines"]) == set(content["contenders"])
    assert content["headline"]["test"]["n_fake"] == 40
    assert content["headlines"]["original"]["verdict"] != "told apart"


def test_the_protocol_lacks_nothing(enlarging):
    protocol = runs.evaluation(enlarging)["protocol"]
    config = small_config("", "")
    test = load(config.dataset, "test")
    assert protocol["seed"] == 0 and protocol["images"] == 40
    assert protocol["preprocessing"].startswith("uint8 / 127.5 - 1")
    assert protocol["reference_images"] == 80 < len(test)
    assert len(protocol["reference_fingerprint"]) == 64 and protocol["gan_jax"]
    assert protocol["reference_fingerprint"] != test.fingerprint  # of those compared with alone
    assert protocol["training_fingerprint"] == load(config.dataset, "train").fingerprint


def test_what_is_enlarged_does_not_hang_on_the_order_of_the_set():
    gan = build_gan(small_config("", ""), (16, 16, 1), STEPS)
    images = pixels(30, 16, 16, 1)
    options = {"count": 5, "textures": False, "batch_size": 4}
    one, other = (
        hold_out(Dataset("set", "test", images=side), gan, None, **options)
        for side in (images, images[::-1])
    )
    np.testing.assert_array_equal(one.originals, other.originals)
    np.testing.assert_array_equal(one.others.images, other.others.images)


def test_a_rival_is_beaten_only_beyond_chance():
    def content(value, ci):
        psnr = {"psnr": {"value": 20.0, "ci": [19.0, 21.0]}}
        headline = {"verdict": "told apart", "test": {"p": 0.001, "n_fake": 9, "n_real": 9}}
        gap = {"psnr": {"value": -1.0, "ci": [-1.5, -0.5]}, "distance": {"value": value, "ci": ci}}
        return {
            "headline": headline,
            "flags": [{"name": "copies", "text": "Copies.", "apart": True}],
            "contenders": {"adversarial": psnr, "pixel loss": psnr},
            "headlines": {},
            "differences": {"bicubic": gap, "pixel loss": gap},
        }

    assert "Nearer to real than bicubic." in verdict(content(-1, [-2, -0.5]))
    assert "Farther from real than pixel loss." in verdict(content(1, [0.5, 2]))
    assert "Not clearly nearer to real than bicubic." in verdict(content(-1, [-2, 0.5]))
    assert "1.00 dB (0.50 to 1.50) below the pixel" in verdict(content(-1, [-2, 0.5]))
    assert super_resolution_text(content(-1, [-2, -0.5])).startswith("! Copies.\n")


def test_the_warm_up_leads_to_both_networks(packs, enlarging):
    """By hand: the contender is the pixel loss all the way; the GAN begins with its warm-up."""
    config = small_config(*packs)
    train = load(config.dataset, "train")
    trained = read_gan(enlarging)
    assert trained.step == STEPS
    gan = build_gan(config, train.image_shape, STEPS, num_classes=10)
    alone = pixel_only(gan, config, STEPS)
    key = jax.random.key(config.seed)
    state = create_gan_state(alone, key, train.image_shape)
    step = jax.jit(functools.partial(generator_update, gan=alone))
    rows = batch_indices(len(train), config.batch_size, seed=0, step=0, num_steps=STEPS)
    for number, batch in enumerate(rows):
        if number == WARM_UP:
            begun = state
        state, metrics = step(state, {"images": jnp.float32(train.take(batch)) / 127.5 - 1}, key)
    assert set(metrics) == {"loss/pixel"}
    _, kept = read_pixel(trained)
    for a, b in zip(jax.tree.leaves(kept), jax.tree.leaves(state.ema), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    from gan_jax.training.frozen import with_frozen_losses

    gan = with_frozen_losses(gan, config, enlarging, train, [], None)
    assert [loss.name for loss in gan.generator_losses] == ["pixel", "perceptual"]
    fresh = gan.generator_optimizer.init(begun.generator.params)
    state = begun.replace(generator=begun.generator.replace(opt_state=fresh))
    step = jax.jit(functools.partial(gan_step, gan=gan))
    for batch in rows[WARM_UP:]:
        state, _ = step(state, {"images": jnp.float32(train.take(batch)) / 127.5 - 1}, key)
    for a, b in zip(jax.tree.leaves(trained.ema), jax.tree.leaves(state.ema), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_a_run_cut_in_each_of_its_parts_is_the_run(packs, enlarging, tmp_path, monkeypatch):
    from gan_jax.training import loop as training_loop

    cut, seen = tmp_path / "cut", []

    def third_time(self, meeting):  # at the end of a part it is asked twice
        seen.append(meeting)
        return 15 if len(seen) == 3 else 0

    messages = []
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(training_loop.StopSignal, "agreed", third_time)
            with pytest.raises(Interrupted) as error:
                training.run(small_config(*packs), cut)
        messages.append(str(error.value))
        seen.clear()
    assert ["step 4 of 6" in message for message in messages] == [True, True]
    assert (cut / "pixel" / "checkpoints" / "6").exists()
    training.run(small_config(*packs), cut)
    assert runs.evaluation(cut)["contenders"] == runs.evaluation(enlarging)["contenders"]
    leaves = [jax.tree.leaves(read_gan(folder).ema) for folder in (cut, enlarging)]
    assert all(map(np.array_equal, *leaves))


def test_a_part_of_another_run_is_not_gone_on_with(packs, enlarging, tmp_path):
    shutil.copytree(enlarging / "warm_up", tmp_path / "run" / "warm_up")
    config = small_config(*packs, **{"super_resolution.pixel_loss": "l2"})
    with pytest.raises(InputError, match="pixel_loss was 'l1' and is now 'l2'"):
        training.run(config, tmp_path / "run")


def test_judging_again_and_not_by_the_loops_recogniser(packs, enlarging, tmp_path):
    first = runs.evaluation(enlarging)
    again = evaluation.evaluate_run(enlarging, out=tmp_path / "again")
    assert again["contenders"] == first["contenders"]
    with pytest.raises(InputError, match="super_resolution.perceptual.*one network"):
        evaluation.evaluate_run(enlarging, extractors=str(packs[1]), out=tmp_path / "no")
    with pytest.raises(InputError, match=r"perceptual.pack \(cnn-smoke@.*one network"):
        training.run(small_config(packs[0], packs[0]), tmp_path / "run")
    with pytest.raises(InputError, match="its generator is given images and no latents"):
        Source(enlarging).open()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset.image_size": (18, 16), "judge.pack": "", "super_resolution.factor": 4,
          "super_resolution.perceptual.pack": ""}, "18x16"),
        ({"super_resolution.factor": 3}, "factor is 3"),
        ({"super_resolution.upsampling": "cubic"}, "upsampling 'cubic'"),
        ({"super_resolution.pixel_loss": "l3"}, "'l3' is not known"),
        ({"super_resolution.warm_up_steps": STEPS}, "warm_up_steps is 6 of 6"),
        ({"super_resolution.factor": 0}, "nothing is enlarged"),
        ({"super_resolution.adversarial_weight": 0.0}, "adversarial_weight is 0.0"),
        ({"super_resolution.blocks": 0}, "blocks is 0"),
        ({"model.conditional": "projection"}, "not told of classes"),
        ({"num_seeds": 2}, "one GAN at a time"),
        ({"discriminator_steps": 2}, "discriminator_steps is 2"),
        ({"collapse.action": "stop"}, "action is 'stop'"),
    ],
)  # fmt: skip
def test_what_cannot_be(packs, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        training.run(small_config(*packs, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_pack_of_other_channels_is_refused(packs, tmp_path):
    untrained_pack(tmp_path / "pack", shape=(16, 16, 3))
    with pytest.raises(InputError, match="config.super_resolution.perceptual.*16x16x3"):
        training.run(small_config(packs[0], tmp_path / "pack"), tmp_path / "run")


def test_too_few_held_out_images(packs):
    gan = build_gan(small_config(*packs), (16, 16, 1), STEPS)
    few = Dataset("few", "test", images=pixels(11, 16, 16, 1))
    with pytest.raises(InputError, match="has 11 held-out images; at least 12"):
        hold_out(few, gan, None, count=5, textures=False, batch_size=4)
    small = Dataset("small", "test", images=pixels(30, 8, 8, 1))
    with pytest.raises(InputError, match="8x8, and SSIM"):
        hold_out(small, gan, None, count=5, textures=False, batch_size=4)
    black = Dataset("black", "test", images=np.zeros((30, 16, 16, 1), np.uint8))
    with pytest.raises(InputError, match="10 real images are all the same"):
        hold_out(black, gan, None, count=5, textures=True, batch_size=4)
    enough = Dataset("enough", "test", images=pixels(30, 16, 16, 1))
    held = hold_out(enough, gan, None, count=5, textures=False, batch_size=4)
    originals = {image.tobytes() for image in held.originals}
    assert len(originals) == 5 and len(held.others) == 10
    assert not originals & {image.tobytes() for image in held.others.images}
    assert held.small.shape == (5, 8, 8, 1)


# Use


def test_images_of_ones_own(enlarging, tmp_path):
    source = tmp_path / "mine"
    source.mkdir()
    for name, shape in (("a.png", (20, 31)), ("b.jpg", (9, 12, 3))):
        Image.fromarray(pixels(*shape)).save(source / name)
    done = eval_py(tmp_path, "--workdir", enlarging, "--enlarge", source, "--out", "big")
    assert done.returncode == 0, done.stderr
    assert "2 images enlarged x2" in done.stdout
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "big").glob("*.png")}
    assert sizes == {"a.png": (62, 40), "b.png": (24, 18)}
    record = json.loads((tmp_path / "big" / "enlarged.json").read_text())
    assert (record["factor"], record["checkpoint"], record["images"]) == (2, STEPS, 2)
    assert "grey images of 16x16" in record["learned_from"]
    assert f"The network learned from {record['learned_from']}" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("1 of 2 images are in colour, and each channel was enlarged by itself")
    with pytest.raises(InputError, match="holds files already"):
        enlarge_files(enlarging, source / "a.png", tmp_path / "big")
    with pytest.raises(InputError, match="is not there"):
        enlarge_files(enlarging, tmp_path / "none", tmp_path / "out")


def test_a_run_that_does_not_enlarge(tiny_run, tmp_path):
    Image.fromarray(pixels(5, 5)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="draws from latents"):
        enlarge_files(tiny_run[0], tmp_path / "a.png", tmp_path / "out")


@pytest.mark.parametrize("source", ["textures", "fashion_mnist"])
def test_the_judge_of_the_config_is_not_in_its_loop(source):
    config = super_resolution.get_config(source)
    judge, loop = config.judge, config.super_resolution.perceptual
    trained = load_pack(judge.pack).record["training"]
    assert judge.pack != loop.pack
    assert tuple(trained["model"]["widths"]) != tuple(loop.train.model.widths)
    planned = Identity.planned(loop.pack, loop.train)
    assert planned.sameness(Identity.of(load_pack(judge.pack), judge.pack)) == ""
