"""How far each class of a conditional GAN is from real: a smeared one is named, others are not."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from gan_jax.data import Dataset
from gan_jax.extractors.common import Features
from gan_jax.judging.class_agreement import judge_asked, with_farthest
from gan_jax.judging.class_distances import FEWEST, Classed, class_distances
from gan_jax.judging.judge import make_judge
from gan_jax.judging.ladder import measure_ladder
from gan_jax.judging.view import View
from gan_jax.reports.class_pictures import ClassPictures, NamedRows
from gan_jax.reports.pages.classes import agreement_section, farthest_classes, farthest_text

NAMES = ("upper left", "upper right", "lower left", "lower right")
SIDE = 12


def draw(count, seed):
    """Grainy images, each with a bright quarter, which is its class; and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count).astype(np.int32)
    grain = rng.normal(0, 30, (count, SIDE, SIDE))
    bright = np.zeros((count, 2, 2))
    bright[np.arange(count), labels // 2, labels % 2] = rng.uniform(70, 110, count)
    images = 80 + bright.repeat(SIDE // 2, 1).repeat(SIDE // 2, 2) + grain
    return np.clip(images, 0, 255).astype(np.uint8)[..., None], labels


def smear(images, sigma=1.5):
    blurred = ndimage.gaussian_filter(images.astype(float), (0, sigma, sigma, 0), mode="nearest")
    return np.rint(blurred).astype(np.uint8)


class Reader:
    """Names the brightest quarter, smeared or not; its features see the grain too."""

    class_names = NAMES
    stamp, digest = "cnn-quarters@0", "0" * 64
    record = {
        "name": "cnn-quarters", "accuracy": 1.0, "layers": {"semantic": "a", "texture": "b"},
        "preprocessing": "none", "splits": {},
    }  # fmt: skip

    def check_shape(self, shape):
        assert tuple(shape) == (SIDE, SIDE, 1)

    def features(self, images, *, batch_size=500, progress=None):
        pixels = images[..., 0] / 255.0
        half = SIDE // 2
        quarters = pixels.reshape(-1, 2, half, 2, half).mean((2, 4)).reshape(-1, 4)
        edges = [np.abs(np.diff(pixels, axis=axis)).mean((1, 2)) for axis in (1, 2)]
        texture = np.stack([*edges, pixels.std((1, 2))], 1)
        return Features(quarters, texture, np.eye(4)[quarters.argmax(1)])


@pytest.fixture(scope="module")
def judge():
    images, labels = draw(400, 0)
    return make_judge(Reader(), Dataset("q", "test", images, labels=labels, class_names=NAMES))


@pytest.fixture(scope="module")
def train():
    images, labels = draw(40, 1)
    return Dataset("q", "train", images, labels=labels, class_names=NAMES)


@pytest.fixture(scope="module")
def smeared():
    images, labels = draw(400, 5)
    return np.where((labels == 2)[:, None, None, None], smear(images), images), labels


@pytest.fixture(scope="module")
def judgement(judge, smeared, train):
    return judged(judge, smeared, train)


def judged(judge, drawn, train, **options):
    options = {"families": ("frechet", "classifier"), "complete": True} | options
    return judge_asked(judge, *drawn, train, **options)


def test_the_smeared_class_is_named_though_it_is_read_as_asked(judgement):
    entry = judgement.metrics["class_agreement"]
    assert entry["classes"]["lower left"]["value"] == 1.0  # which reads as quality, and is none
    assert farthest_classes(entry)[0] == "lower left"
    told = {name for name, part in entry["classes"].items() if part["p"] <= 0.05}
    assert told == {"lower left"}
    part = entry["classes"]["lower left"]
    assert part["size"]["damage"] == "blur" and 1.2 < part["size"]["strength"] < 1.9
    assert part["n"] + part["n_real"] > 150 and part["distance"]["ci"][0] > 0
    assert "Farthest from real: lower left (as 1." in farthest_text(entry)
    assert "px of blur)" in farthest_text(entry)


def test_a_good_gan_has_no_class_that_is_told(judge, train):
    entry = judged(judge, draw(400, 3), train).metrics["class_agreement"]
    assert min(part["p"] for part in entry["classes"].values()) > 0.05
    assert farthest_text(entry) == "No class can be told from real images of it."


def test_the_order_of_images_changes_nothing(judgement, judge, smeared, train):
    order = np.argsort(smeared[1], kind="stable")  # as sets lie on disk
    again = judged(judge, tuple(side[order] for side in smeared), train)
    assert again.metrics["class_agreement"] == judgement.metrics["class_agreement"]


def test_distances_take_their_time_only_at_the_end(judge, smeared, train):
    entry = judged(judge, smeared, train, complete=False).metrics["class_agreement"]
    assert "distance" not in entry["classes"]["lower left"] and farthest_classes(entry) == []


def test_the_page_begins_with_the_farthest_class_and_shows_it(judgement, judge, smeared, train):
    rows = NamedRows(NAMES, smeared[0][:4, None])
    pictures = with_farthest(
        ClassPictures(rows, rows, rows, None), judgement, judge, *smeared, train
    )
    assert pictures.farthest.names[0] == "lower left" and len(pictures.farthest.names) == 3
    bright = pictures.farthest.images[0].reshape(-1, SIDE, SIDE)[:, 6:, :6].mean()
    assert bright > 140  # images of that class, on either side
    real = pictures.farthest_real.images[0].reshape(-1, SIDE, SIDE)
    assert real[:, 6:, :6].mean() > 140 and real.std() > smear(real[..., None]).std()
    page = agreement_section(judgement.metrics["class_agreement"], pictures)
    assert page.count("<img") == 6
    assert page.index("<b>lower left</b>") < page.index("<b>upper left</b>")
    assert "px of blur (" in page and "does not say how good" in page


def test_a_class_of_few_images_is_not_judged(judge, smeared, train):
    images, labels = smeared
    few = np.flatnonzero(labels == 1)[: FEWEST - 1]
    rows = np.concatenate([np.flatnonzero(labels != 1), few])
    entry = judged(judge, (images[rows], labels[rows]), train).metrics["class_agreement"]
    part = entry["classes"]["upper right"]
    assert part["distance"] is None and part["p"] is None and part["size"] is None
    assert "upper right" not in farthest_classes(entry)
    assert "Too few images to test: upper right." in agreement_section(entry)


@pytest.mark.parametrize("sigma", [0.7, 1.0])
def test_a_class_stands_on_the_ladder_where_its_damage_is(judge, sigma):
    """All classes blurred alike: each has that blur, whatever the mix of the whole set."""
    images, labels = draw(1200, 4)
    reader = judge.extractor

    def look(some):
        return View.of_features(reader.features(some))

    ladder = measure_ladder(judge.images, look)
    found = class_distances(
        Classed(look(judge.images), judge.reference_classes),
        Classed(look(smear(images, sigma)), labels),
        ladder,
        NAMES,
    )
    for part in found.values():
        assert part["size"]["strength"] == pytest.approx(sigma, rel=0.2)
    without = class_distances(
        Classed(look(judge.images), judge.reference_classes),
        Classed(look(images), labels),
        None,
        NAMES,
    )
    assert all(part["size"] is None and part["distance"] for part in without.values())


def test_an_unlabelled_reference_gives_no_distances(judge, smeared, train):
    bare = dataclasses.replace(judge.reference, labels=None, class_names=None)
    entry = judged(make_judge(Reader(), bare), smeared, train).metrics["class_agreement"]
    assert "distance" not in entry["classes"]["lower left"]


def test_classes_are_ranked_by_size_and_those_told_come_first():
    def part(p, share, strength, distance):
        size = {"damage": "blur", "unit": "px", "strength": strength, "low": 0, "high": 3,
                "beyond": False, "broken": {"low": 0.0, "share": share, "high": 1.0}}  # fmt: skip
        return {"distance": {"value": distance, "ci": [0, 9]}, "p": p, "size": size}

    classes = {
        "by chance": part(0.4, 0.9, 1.0, 9.0),
        "varied": part(0.01, 0.2, 0.3, 5.0),
        "plain": part(0.01, 0.3, 0.3, 0.1),
        "smear": part(0.01, 1.0, 2.0, 1.0),
        "blurred": part(0.01, 1.0, 1.0, 8.0),
    }
    order = ["smear", "blurred", "plain", "varied", "by chance"]
    assert farthest_classes({"classes": classes}) == order
    assert farthest_text({"classes": classes}) == "Farthest from real: smear (as 2 px of blur)."
    del classes["smear"], classes["blurred"]
    assert "plain (as real ones of which 30.0 % are in shuffled" in farthest_text(
        {"classes": classes}
    )
