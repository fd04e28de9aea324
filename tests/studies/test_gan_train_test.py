"""GAN-train and GAN-test: exact where they can be, resumable, and tested on what was held out."""

import dataclasses
import html
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

from configs import smoke
from gan_jax import metrics
from gan_jax.data import Dataset
from gan_jax.errors import InputError, Interrupted
from gan_jax.reports.seeds.gan_train_test import SeedResult, summarise_seeds, verdict
from gan_jax.sampling.drawing import Source
from gan_jax.sampling.generate import generate_images
from gan_jax.sampling.trained import TrainedGAN
from gan_jax.steps.state import GAN
from gan_jax.studies import gan_train_test, labelled
from gan_jax.studies.gan_train_test import check_held_out, run_gan_train_test, table_text
from gan_jax.studies.labelled import Experiment, Labelled, samples_of_files, samples_of_run
from tests import networks
from tests.recognisers import STEPS, save_tiny_pack, small_digits, tiny_cnn

COUNT = 48


def same_real_images(seed, count):
    """A perfect generator: the very images that the baseline of this seed is trained on."""
    train, _ = small_digits()
    rows = train.draw(count, seed=seed)
    return Labelled(train.images[rows], train.labels[rows])


def experiment(draw=same_real_images, **changes):
    train, test = small_digits()
    fields = dict(
        title="a test",
        config=tiny_cnn(),
        train=train,
        test=test,
        labelled_by=labelled.GIVEN,
        draw=draw,
        available=None,
        protocol={"samples": "a test"},
    )
    return Experiment(**(fields | changes))


def run(out, draw=same_real_images, *, num_seeds=1, num_images=COUNT, changes=None, **options):
    return run_gan_train_test(
        experiment(draw, **(changes or {})),
        out,
        num_seeds=num_seeds,
        num_images=num_images,
        num_steps=STEPS,
        **options,
    )


@pytest.fixture
def trainings(monkeypatch):
    """What `fit_recogniser` was given, in order."""
    given = []
    fit = gan_train_test.fit_recogniser

    def spy(config, images, labels, num_classes, **options):
        given.append((images, options))
        return fit(config, images, labels, num_classes, **options)

    monkeypatch.setattr(gan_train_test, "fit_recogniser", spy)
    return given


def test_a_perfect_generator_is_at_the_baseline_and_seeds_resume(trainings, tmp_path):
    """Exactly: the same images, seed and steps give the same network."""
    _, test = small_digits()
    first = run(tmp_path)
    result = first["seeds"][0]
    assert result["gan_train"] == result["baseline"]
    assert first["metrics"]["gan_train"]["difference"] == {
        "value": 0.0, "ci": None, "n": 1, "floor": 0.0
    }  # fmt: skip
    assert first["metrics"]["baseline"]["n"] == len(test)
    assert first["metrics"]["gan_test"]["n"] == COUNT
    assert "1 seed(s)" in first["notes"][0]
    # One more seed: the first is not trained again.
    assert len(trainings) == 2
    both = run(tmp_path, num_seeds=2)
    assert len(trainings) == 4 and {options["seed"] for _, options in trainings[2:]} == {1}
    assert both["seeds"][0] == result and both["seeds"][1]["seed"] == 1
    assert json.loads((tmp_path / "gan_train_test.json").read_text()) == both
    # None of the trainings saw a test image, and each saw as many images and steps.
    for images, options in trainings:
        assert len(images) == COUNT and options["num_steps"] == STEPS
        assert check_held_out(test.images, images, "a", "b") == 0 and options["test"] is test
    page = html.unescape((tmp_path / "report.html").read_text())
    for text in ("Shmelkov et al. 2018", "near to recall", "near to precision", labelled.GIVEN):
        assert text in page
    assert "labels that came with the images" in table_text(both)
    with pytest.raises(InputError, match="seed 0 of another experiment, with another images"):
        run(tmp_path, num_images=COUNT - 1)


def test_an_interruption_keeps_the_seeds_that_are_done(monkeypatch, tmp_path):
    fit = gan_train_test.fit_recogniser

    def stopped(*arguments, **options):
        if options["seed"] == 1:
            raise Interrupted("Stopped", 15)
        return fit(*arguments, **options)

    monkeypatch.setattr(gan_train_test, "fit_recogniser", stopped)
    with pytest.raises(Interrupted):
        run(tmp_path, num_seeds=2)
    assert [path.name for path in (tmp_path / "seeds").iterdir()] == ["seed_0.json"]
    assert not (tmp_path / "gan_train_test.json").exists()


def test_images_that_say_nothing_and_of_one_class(tmp_path):
    """Noise, all labelled 3: GAN-train names everything 3; no other class is drawn."""
    _, test = small_digits()

    def noise(seed, count):
        images = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
        return Labelled(images, np.full(count, 3, np.int32))

    found = run(tmp_path, noise)
    expected = np.mean(test.labels == 3)
    assert found["metrics"]["gan_train"]["value"] == pytest.approx(expected, abs=0.05)
    assert found["classes"]["3"]["gan_test"]["value"] is not None
    assert found["classes"]["4"]["gan_test"]["value"] is None
    assert any("no generated image is labelled 0, 1, 2, 4" in note for note in found["notes"])


def test_a_single_image(tmp_path):
    found = run(tmp_path, num_images=1)
    assert found["protocol"]["images"] == 1 and found["metrics"]["gan_test"]["n"] == 1
    assert any("fewer than a batch of 16" in note for note in found["notes"])


def test_a_test_set_that_is_not_held_out_is_refused(tmp_path):
    train, test = small_digits()
    leaked = dataclasses.replace(test, images=test.images[:100], labels=test.labels[:100])
    with pytest.raises(InputError, match="among the generated images.*held out"):
        run(tmp_path, lambda seed, n: Labelled(test.images[:n], test.labels[:n]),
            changes={"test": leaked})  # fmt: skip
    own = Dataset("own", "test", train.images[:50], labels=train.labels[:50])
    with pytest.raises(InputError, match="50 of the 50 images of own are among the real training"):
        run(tmp_path, changes={"test": own})
    assert not list((tmp_path / "seeds").glob("*"))


def test_copies_are_counted():
    images = np.arange(60, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    assert check_held_out(images, images[[0, 2, 2]], "a", "b") == 2
    assert check_held_out(images[:1] + 1, images[:1], "a", "b") == 0
    other = np.zeros((100, 4, 4, 1), np.uint8)
    other[:, 0, 0, 0] = np.arange(100)
    assert check_held_out(other, other[:10], "a", "b") == 10
    with pytest.raises(InputError, match="11 of the 100 images of a are among b"):
        check_held_out(other, other[:11], "a", "b")


def test_the_built_in_splits_are_disjoint():
    train, test = small_digits()
    assert check_held_out(test.images, train.images, "a", "b") == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_seeds": 0}, "--seeds is 0"),
        ({"num_images": 4001}, "4,000 at most"),
        ({"num_images": 21, "changes": {"available": 20}}, "there are 20 at most"),
    ],
)
def test_numbers_out_of_range(options, message, tmp_path):
    with pytest.raises(InputError, match=message):
        run(tmp_path / "o", **options)
    assert not (tmp_path / "o").exists()


def test_real_data_of_one_class_is_refused(tmp_path):
    train, _ = small_digits()
    ones = train.labels == 1
    one = Dataset("ones", "train", train.images[ones], labels=train.labels[ones])
    with pytest.raises(InputError, match="at least 2 classes"):
        run(tmp_path, changes={"train": one})


def result(seed, baseline, gan_train, gan_test):
    return SeedResult(seed, *map(np.array, (baseline, gan_train, gan_test)), 0)


RESULTS = (
    result(0, [[9, 1], [2, 8]], [[7, 3], [4, 6]], [[5, 0], [0, 0]]),
    result(1, [[8, 2], [1, 9]], [[8, 2], [4, 6]], [[4, 1], [0, 0]]),
    result(2, [[9, 1], [1, 9]], [[6, 4], [3, 7]], [[5, 0], [0, 0]]),
)


def test_means_and_intervals_over_seeds():
    found = summarise_seeds(RESULTS, ("cat", "dog"))
    baseline, gan_train = np.array([17, 17, 18]) / 20, np.array([13, 14, 13]) / 20
    entry = found["metrics"]["gan_train"]
    assert entry["values"] == pytest.approx(gan_train) and entry["n"] == 20
    for values, got in ((gan_train, entry), (gan_train - baseline, entry["difference"])):
        wanted = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert got["value"] == pytest.approx(values.mean())
        assert got["ci"] == pytest.approx([wanted.low, wanted.high])
    assert found["metrics"]["gan_test"]["ci"][1] == 1.0  # cut off there
    assert found["classes"]["cat"]["baseline"]["value"] == pytest.approx((0.9 + 0.8 + 0.9) / 3)
    assert found["classes"]["dog"]["gan_test"] == {"value": None, "ci": None}
    wilson = metrics.wilson_interval(17, 20)
    assert found["metrics"]["baseline"]["interval_of_one_test"] == pytest.approx(wilson)


def test_of_overlapping_test_images_those_that_share_nothing_count():
    found = summarise_seeds(RESULTS, ("cat", "dog"), independent=5)["metrics"]
    wanted = {"baseline": (17 / 20, 5), "gan_train": (13 / 20, 5), "gan_test": (1.0, 5)}
    for arm, (share, count) in wanted.items():
        wilson = metrics.wilson_interval(share * count, count)
        assert found[arm]["interval_of_one_test"] == pytest.approx(wilson)
    assert found["baseline"]["n"] == 20


def test_the_verdict_says_no_more_than_the_seeds():
    content = summarise_seeds(RESULTS, ("cat", "dog"))
    content["protocol"] = {"labelled_by": "pseudo-labels of cnn-x@12345678"}
    text = verdict(content)
    assert "66.7 % of the real test images correctly, one trained on as many real images" in text
    assert "20.0 points less (-32.4 to -7.6)" in text
    assert "beside the real ones: no difference that 3 seeds can show" in text
    assert "pseudo-labels of cnn-x@12345678" in text
    one = summarise_seeds(RESULTS[:1], ("cat", "dog")) | {"protocol": content["protocol"]}
    assert "20.0 points less, in one seed" in verdict(one)


def test_results_survive_their_file():
    again = SeedResult.from_dict(json.loads(json.dumps(RESULTS[1].to_dict())))
    assert again.seed == 1 and np.array_equal(again.gan_test, RESULTS[1].gan_test)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack")
    save_tiny_pack(folder, widths=(5,))
    return str(folder)


def test_labelled_and_bare_files(pack, tmp_path):
    train, test = small_digits()
    np.savez(tmp_path / "real.npz", x_train=train.images, y_train=train.labels,
             x_test=test.images, y_test=test.labels)  # fmt: skip
    np.savez(tmp_path / "fake.npz", images=train.images[:30], labels=train.labels[:30])
    np.savez(tmp_path / "bare.npz", images=train.images[:30])
    real = str(tmp_path / "real.npz")
    found = samples_of_files(str(tmp_path / "fake.npz"), pack, real)
    assert found.labelled_by == labelled.GIVEN and found.available == 30
    assert np.array_equal(found.train.images, train.images)
    assert np.array_equal(found.test.labels, test.labels)
    drawn = found.draw(3, 12)
    assert len(drawn.images) == 12
    for image, label in zip(drawn.images, drawn.labels, strict=True):
        same = (train.images[:30] == image).all((1, 2, 3))
        assert label in train.labels[:30][same]
    assert len(found.draw(0, 30).images) == 30
    rows = np.random.default_rng(0).permutation(30)
    np.savez(tmp_path / "moved.npz", images=train.images[rows], labels=train.labels[rows])
    moved = samples_of_files(str(tmp_path / "moved.npz"), pack, real).draw(3, 12)
    np.testing.assert_array_equal(moved.images, drawn.images)
    np.testing.assert_array_equal(moved.labels, drawn.labels)
    np.savez(tmp_path / "whole.npz", images=train.images, labels=train.labels)
    divided = samples_of_files(str(tmp_path / "fake.npz"), pack, str(tmp_path / "whole.npz"))
    assert len(divided.train) + len(divided.test) == len(train) and len(divided.test) < len(train)
    bare = samples_of_files(str(tmp_path / "bare.npz"), pack, real)
    assert bare.labelled_by.startswith("pseudo-labels of cnn-tiny@")
    assert bare.config.model.widths == (5,)
    with pytest.raises(InputError, match="8x8x1.*28x28x1"):
        samples_of_files(str(tmp_path / "fake.npz"), pack, "mnist5k")
    resized = samples_of_files(str(tmp_path / "fake.npz"), pack, "mnist5k", resize="crop_area")
    assert resized.train.image_shape == resized.test.image_shape == (8, 8, 1)
    np.savez(
        tmp_path / "other.npz", images=train.images[:3], labels=[0, 1, 2], class_names=list("abc")
    )
    with pytest.raises(InputError, match="the classes of npz:other are a, b, c"):
        samples_of_files(str(tmp_path / "other.npz"), pack, real)
    with pytest.raises(InputError, match="one pack is taken"):
        samples_of_files(str(tmp_path / "bare.npz"), f"{pack},{pack}", real)


def test_an_unconditional_run_is_labelled_by_its_judge(tiny_run):
    run_folder, _ = tiny_run
    found = samples_of_run(Source(run_folder))
    assert found.labelled_by.startswith("pseudo-labels of cnn-smoke@")
    drawn, other = found.draw(0, 20), found.draw(1, 20)
    assert drawn.labels.dtype == np.int32 and not np.array_equal(drawn.images, other.images)
    assert found.train.split == "train" and found.test.split == "test"
    assert found.config.num_steps == 120


def test_a_conditional_run_is_asked_for_its_classes(monkeypatch, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, *networks.SHAPE), dtype=np.uint8)
    labels = np.arange(40) % 3
    labels[labels == 1] = 2  # no class 1
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    config = smoke.get_config()
    config.dataset.update(dict(name="npz", path=str(tmp_path / "d.npz"), image_size=()))
    generator = networks.ConditionalGenerator()
    inputs = jnp.zeros((1, networks.LATENT_DIM)), jnp.zeros((1,), jnp.int32)
    init = jax.jit(lambda key: generator.init(key, *inputs, train=False))
    ema = jax.tree.map(np.asarray, init(jax.random.key(0)))
    sgd = optax.sgd(0.1)
    gan = GAN(generator, networks.ConditionalDiscriminator(), sgd, sgd, 3, num_classes=3)
    train = labelled.load(config.dataset, "train")
    trained = TrainedGAN(config, gan, ema, 7, train, tmp_path)
    monkeypatch.setattr("gan_jax.sampling.drawing.read_gan", lambda *arguments: trained)
    found = samples_of_run(Source(tmp_path))
    assert found.labelled_by == labelled.ASKED and found.config.name == "cnn-smoke"
    drawn = found.draw(0, 60)
    assert set(drawn.labels) == {0, 2}
    latents = Source(tmp_path, seed=1_000_000).open().latents(60)
    np.testing.assert_array_equal(
        drawn.images, generate_images(generator, ema, latents, labels=drawn.labels)
    )
    assert check_held_out(found.test.images, found.train.images, "a", "b") == 0
