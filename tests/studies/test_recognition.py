"""Images read by several recognisers: what is written, that it is right, and what is missing."""

import csv
import dataclasses
import html
import json
import types

import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.data import Dataset, image_files, read_images
from gan_jax.errors import InputError
from gan_jax.extractors.pack import load_pack
from gan_jax.extractors.readings import Readings, difference, held_out, open_recognisers, read
from gan_jax.runtime.images import save_png
from gan_jax.sampling.drawing import Source
from gan_jax.studies.recognition import recognise as recognition
from gan_jax.studies.recognition.files import write_table
from gan_jax.studies.recognition.numbers import recognition_table
from gan_jax.studies.recognition.selection import select_surest
from tests.command import eval_py
from tests.recognisers import NAMES, save_tiny_pack, small_digits


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    """Folders of packs: three seeds, one of another architecture, one of other classes."""
    root = tmp_path_factory.mktemp("packs")
    for seed in range(3):
        save_tiny_pack(root / f"s{seed}", seed=seed)
    save_tiny_pack(root / "wide", widths=(5,))
    save_tiny_pack(root / "letters", widths=(5,), names=tuple("abcdefghij"))
    return root


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The test digits as an npz file: no pack knows its fingerprint by name, only by content."""
    _, test = small_digits()
    path = tmp_path_factory.mktemp("reference") / "real.npz"
    np.savez(path, images=test.images, labels=test.labels)
    return str(path)


def three(packs):
    return ",".join(str(packs / f"s{seed}") for seed in range(3))


def save(path, images, **arrays):
    np.savez(path, images=images, **arrays)
    return str(path)


def recognise(samples, choices, out, select=0, **options):
    subject = recognition.subject_of_samples(str(samples), choices, **options)
    content = recognition.recognise(subject, out, select=select)
    assert json.loads((out / "recognition.json").read_text()) == content
    return content


def table(out):
    with (out / "recognition.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def page(out):
    return html.unescape((out / "report.html").read_text())


def test_a_folder_of_labelled_images(packs, reference, tmp_path):
    train, test = small_digits()
    rows = np.arange(0, 400, 10)
    for row in rows:
        save_png(tmp_path / "in" / str(train.labels[row]) / f"d{row}.png", train.images[row])
    out = tmp_path / "out"
    content = recognise(
        tmp_path / "in", three(packs), out, reference=reference, reference_split="all", select=7
    )
    opened = open_recognisers(three(packs))
    written = table(out)
    # Each file's row says what the recognisers say of that very file.
    assert len(written) == len(rows)
    probabilities = np.stack([pack.features(train.images).probabilities for pack in opened])
    for line in written:
        label, name = line["file"].split("/")
        row = int(name[1:-4])
        mean = probabilities[:, row].mean(0)
        assert line["asked"] == label == str(train.labels[row])
        assert line["label"] == str(mean.argmax())
        assert float(line["confidence"]) == pytest.approx(mean.max(), abs=1e-4)
        for index, pack in enumerate(opened):
            assert line[f"label {pack.stamp}"] == str(probabilities[index, row].argmax())
    # The numbers are those of the metrics on the same images.
    readings = Readings(probabilities[:, rows])
    expected = metrics.rater_agreement(readings.each, 10)
    found = content["metrics"]
    assert found["fleiss_kappa"]["value"] == pytest.approx(expected.kappa)
    assert found["pairwise_agreement"]["value"] == pytest.approx(expected.pairwise)
    assert found["confidence"]["value"] == pytest.approx(readings.confidences.mean(), abs=1e-6)
    assert sum(found["class_histogram"]["value"]) == len(rows)
    right = np.mean(readings.labels == train.labels[rows])
    assert found["class_agreement"]["value"] == pytest.approx(right)
    real = read(opened, test.images, batch_size=500)
    assert found["unanimous"]["real"] == np.mean((real.each == real.each[:, :1]).all(1))
    for part, values in zip(
        [*content["judges"], content], [*real.probabilities, real.mean], strict=True
    ):
        calibration = metrics.measure_calibration(values, test.labels)
        assert part["metrics"]["real_accuracy"]["value"] == calibration.accuracy
        error = part["metrics"]["calibration_error"]
        assert error["value"] == pytest.approx(calibration.curve.expected_error)
        assert error["n"] == len(test) and error["floor"] == calibration.floor
    assert content["missing"] == []
    protocol = content["protocol"]
    assert protocol["recognisers"] == {pack.stamp: pack.digest for pack in opened}
    for part in (content, *content["judges"]):
        assert (
            part["protocol"]["images"] == len(rows) and part["protocol"]["reference_images"] == 1000
        )
        assert part["protocol"]["preprocessing"] == "uint8 / 127.5 - 1, no resizing"
    assert all(part["protocol"]["held_out"].startswith("yes") for part in content["judges"])
    # What was selected, and the page.
    with np.load(out / "selected.npz") as chosen:
        assert chosen["images"].shape == (7, 8, 8, 1)
        first = readings.probabilities[0].max(-1)
        assert first[np.argsort(-first)[:7]].mean() == pytest.approx(
            content["judges"][0]["metrics"]["selected_confidence"]["value"]
        )
        assert list(chosen["class_names"]) == list(NAMES)
    for text in ("Reliability", "Fleiss' kappa", "held-out judge", "Least certain"):
        assert text in page(out)
    assert "held-out judge cnn-tiny@" in recognition_table(content)


def test_crops_that_overlap_are_no_evidence_for_calibration(packs, tmp_path):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 40, 1)).astype(np.uint8)
    places = rng.integers(0, 33, (300, 2))
    crops = np.stack([picture[top : top + 8, left : left + 8] for top, left in places])
    labels = np.arange(300, dtype=np.int32) % 10
    subject = recognition.subject_of_samples(
        save(tmp_path / "a.npz", small_digits()[1].images[:20]), three(packs)
    )
    cut = Dataset("crops", "test", crops, labels=labels, class_names=NAMES, cropped=True)
    content = recognition.recognise(dataclasses.replace(subject, reference=cut), tmp_path / "out")
    used = content["metrics"]["calibration_error"]["n"]
    assert 10 <= used <= 100, "only pieces of 6 x 6 are found among crops of 8 x 8"
    assert any(f"{used} of 300 that share nothing" in text for text in content["missing"])
    whole = dataclasses.replace(subject, reference=dataclasses.replace(cut, cropped=False))
    content = recognition.recognise(whole, tmp_path / "whole")
    assert content["metrics"]["calibration_error"]["n"] == 300


def test_fewer_than_three_recognisers_say_how_to_train_another(packs, tmp_path):
    train, _ = small_digits()
    samples = save(tmp_path / "a.npz", train.images[:20])
    alone = recognise(samples, str(packs / "s0"), tmp_path / "one", select=5)
    assert "fleiss_kappa" not in alone["metrics"] and len(alone["judges"]) == 1
    wanted, calibration = alone["missing"]
    assert "3 recognisers of different seeds are wanted" in wanted and "1 is given" in wanted
    command = "with --config.seed=1 --workdir runs/cnn_tiny_1"  # there is no configs/cnn_tiny.py
    assert command in wanted and command in page(tmp_path / "one") and "configs/" not in wanted
    assert "--reference" in calibration and "calibration_error" not in alone["metrics"]
    two = recognise(samples, f"{packs / 's0'},{packs / 's1'}", tmp_path / "two")
    assert "2 are given" in two["missing"][0] and "--config.seed=2" in two["missing"][0]
    assert two["metrics"]["fleiss_kappa"]["raters"] == 2


def test_a_single_image_and_a_single_class(packs, reference, tmp_path):
    train, _ = small_digits()
    alone = save(tmp_path / "one.npz", train.images[:1])
    one = recognise(alone, three(packs), tmp_path / "o", reference=reference)
    assert one["metrics"]["pairwise_agreement"]["ci"] is None and len(table(tmp_path / "o")) == 1
    same = np.repeat(train.images[:1], 30, axis=0)
    found = recognise(save(tmp_path / "same.npz", same), three(packs), tmp_path / "s", select=3)
    assert max(found["metrics"]["class_histogram"]["value"]) == 30
    assert found["judges"][1]["metrics"]["selected_gap"]["n"] == 3


def test_images_of_another_size(packs, tmp_path):
    samples = save(tmp_path / "a.npz", np.zeros((4, 12, 12, 1), np.uint8))
    with pytest.raises(InputError, match="12x12x1.*8x8x1"):
        recognise(samples, three(packs), tmp_path / "o")
    assert not (tmp_path / "o").exists()
    found = recognise(samples, three(packs), tmp_path / "o", resize="crop_area")
    assert found["protocol"]["resize"] == "crop_area"


def test_a_place_that_cannot_be_written(packs, tmp_path):
    samples = save(tmp_path / "a.npz", np.zeros((4, 8, 8, 1), np.uint8))
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="taken' cannot be written"):
        recognise(samples, three(packs), tmp_path / "taken")


def test_a_reference_that_was_trained_on_or_does_not_fit(packs, tmp_path):
    train, test = small_digits()
    samples = save(tmp_path / "a.npz", test.images[:30])
    seen = save(tmp_path / "seen.npz", train.images, labels=train.labels)
    found = recognise(samples, three(packs), tmp_path / "o", reference=seen, reference_split="all")
    assert len(found["missing"]) == 3 and "what it was trained on" in found["missing"][0]
    assert found["judges"][0]["protocol"]["held_out"].startswith("no")
    bare = save(tmp_path / "bare.npz", test.images)
    found = recognise(samples, three(packs), tmp_path / "p", reference=bare)
    assert "has no labels" in found["missing"][0] and "calibration_error" not in found["metrics"]
    other = save(
        tmp_path / "o.npz", test.images, labels=test.labels, class_names=list("klmnopqrst")
    )
    found = recognise(samples, three(packs), tmp_path / "q", reference=other)
    assert "the classes of" in found["missing"][0] and "calibration_error" not in found["metrics"]


def test_packs_that_do_not_go_together(packs):
    first = packs / "s0"
    with pytest.raises(InputError, match="twice"):
        open_recognisers(f"{first},{first}")
    with pytest.raises(InputError, match="classes of cnn-tiny"):
        open_recognisers(f"{first},{packs / 'letters'}")
    with pytest.raises(InputError, match="is empty"):
        open_recognisers(" , ")
    with pytest.raises(InputError, match="no extractor pack in 'random'"):
        open_recognisers("random")


def test_who_is_a_held_out_judge(packs):
    first, second, wide = (load_pack(packs / name) for name in ("s0", "s1", "wide"))
    assert difference(first, second) == "another seed"
    assert difference(second, wide) == "another seed and another architecture"
    assert difference(first, first) == "the same seed and architecture"
    train, test = small_digits()
    assert held_out(first, train.fingerprint).startswith("no")
    assert held_out(first, test.fingerprint).startswith("yes")
    assert held_out(first, "0").startswith("not known")


@pytest.mark.parametrize("count", [-1, 21])
def test_more_than_there_are_cannot_be_selected(packs, count, tmp_path):
    train, _ = small_digits()
    samples = save(tmp_path / "a.npz", train.images[:20])
    with pytest.raises(InputError, match=f"--keep is {count}; expected 1 to 20"):
        recognise(samples, str(packs / "s0"), tmp_path / "o", select=count)


def test_files_are_named_in_the_order_of_the_images(tmp_path):
    train, _ = small_digits()
    for row, place in enumerate(("train/b", "test/a", "train/a", "test/b", "train/a")):
        save_png(tmp_path / place / f"{row}.png", train.images[row])
    files = image_files(str(tmp_path))
    assert [name.split("/")[0] for name in files] == ["train"] * 3 + ["test"] * 2
    found = read_images(str(tmp_path)).images
    for name, image in zip(files, found, strict=True):
        row = int(name.split("/")[-1].removesuffix(".png"))
        np.testing.assert_array_equal(image, train.images[row])
    assert image_files("mnist5k") is None


def test_the_command_line(packs, tmp_path):
    train, _ = small_digits()
    samples = save(tmp_path / "a.npz", train.images[:20])
    done = eval_py(tmp_path, "--recognise", "--samples", samples, "--extractor", three(packs),
                   "--keep", 4, "--out", "o")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fleiss_kappa" in done.stdout and "missing: calibration" in done.stdout
    assert {"recognition.json", "recognition.csv", "report.html", "selected.npz"} <= {
        path.name for path in (tmp_path / "o").iterdir()
    }


def test_a_number_to_keep_that_is_none(tmp_path):
    done = eval_py(tmp_path, *"--recognise --workdir r --out o --keep 0".split())
    assert done.returncode == 2 and "--keep is 0; expected" in done.stderr


def softmax(logits):
    values = np.exp(logits - logits.max(-1, keepdims=True))
    return np.float32(values / values.sum(-1, keepdims=True))


def test_a_selection_that_games_its_recogniser_shows_a_gap():
    """On images the first is sure of for its own reasons, the second knows nothing."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 3))
    private = 6.0 * rng.normal(size=(2, 400, 3))
    gamed = select_surest(Readings(softmax(shared + private)), 40).others[0]
    honest = select_surest(Readings(softmax(np.stack([6 * shared] * 2))), 40).others[0]
    assert gamed.gap.interval[0] > 0.3 and gamed.gap.mean > gamed.gap_before.mean
    assert gamed.agreeing < 30
    assert honest.gap.mean == honest.gap_before.mean == 0.0 and honest.agreeing == 40


def test_selection_by_hand():
    first = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.9, 0.1]]
    other = [[0.7, 0.3], [0.5, 0.5], [0.5, 0.5], [0.2, 0.8]]
    readings = Readings(np.float32([first, other]))
    found = select_surest(readings, 3, real=readings)
    assert set(found.rows[:2]) == {0, 3} and found.rows[2] == 1
    np.testing.assert_array_equal(found.labels, [0, 0, 1])
    assert found.confidence == pytest.approx((0.9 + 0.9 + 0.8) / 3)
    assert found.confidence_before == pytest.approx(0.8)
    judge = found.others[0]
    assert judge.agreeing == 1  # of equal probabilities the first class is named
    assert judge.confidence == pytest.approx((0.7 + 0.2 + 0.5) / 3)
    assert judge.gap.mean == pytest.approx((0.2 + 0.7 + 0.3) / 3) and judge.gap.n == 3
    assert judge.gap_before.mean == pytest.approx((0.2 + 0.7 + 0.3 + 0.1) / 4)
    assert judge.gap_real == judge.gap  # as large a share of the same images


def test_of_images_equally_sure_those_kept_do_not_hang_on_their_order():
    """As of a recogniser that gives most images a probability of 1, in a set sorted by class."""
    rng = np.random.default_rng(1)
    probabilities = np.stack([np.repeat(np.eye(3), 40, axis=0), rng.dirichlet([1] * 3, 120)])
    shuffled = rng.permutation(120)
    first = select_surest(Readings(np.float32(probabilities)), 30)
    second = select_surest(Readings(np.float32(probabilities[:, shuffled])), 30)
    np.testing.assert_array_equal(shuffled[second.rows], first.rows)
    assert second.others == first.others
    assert np.bincount(first.labels, minlength=3).min() > 3


def test_the_images_of_a_run(tiny_run, tmp_path):
    run, pack = tiny_run
    subject = recognition.subject_of_run(Source(run), num_samples=50)
    content = recognition.recognise(subject, tmp_path / "o")
    assert content["judges"][0]["protocol"]["extractor"] == load_pack(pack).stamp
    assert content["protocol"]["images_are"] == "generated"
    assert content["protocol"]["images"] == 50 and content["protocol"]["preprocessing"]
    assert content["metrics"]["calibration_error"]["n"] == 1000
    assert content["judges"][0]["protocol"]["held_out"].startswith("yes")
    assert "class_agreement" not in content["metrics"]  # nothing was asked of it
    assert (tmp_path / "o" / "samples" / "most_certain.png").exists()


def test_names_in_the_table_are_no_formulas(tmp_path):
    """A spreadsheet that opens the table computes nothing and calls nothing."""
    files = ["=cmd|'/c calc'!A1", "+1", "-1", "@x", "\t=1", "a\n=1", "good.png", "caf\udce9.png"]
    names = ("=1+1", "two")
    readings = Readings(np.full((1, len(files), 2), (0.75, 0.25), np.float32))
    pack = types.SimpleNamespace(class_names=names, stamp="cnn@12345678")
    labels = np.zeros(len(files), int)
    write_table(tmp_path / "t.csv", [pack], readings, files=files, labels=labels)
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head[1:4] == ["file", "asked", "label"]
    assert [row[1] for row in rows] == [
        "'=cmd|'/c calc'!A1", "'+1", "'-1", "'@x", "\\t=1", "a\\n=1", "good.png", "caf\\xe9.png"
    ]  # fmt: skip
    assert {row[2] for row in rows} == {row[3] for row in rows} == {"'=1+1"}
