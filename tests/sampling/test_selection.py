"""Rejection of samples by a recogniser: what is kept, what is recorded, who may not judge."""

import json

import numpy as np
import pytest

from gan_jax.data import read_images
from gan_jax.errors import InputError
from gan_jax.extractors.pack import load_pack
from gan_jax.sampling.drawing import Drawing, Source
from gan_jax.sampling.samples import export_samples
from gan_jax.sampling.selection import Selection, draw_selected, open_selection
from gan_jax.training.evaluate_samples import evaluate_samples
from tests.command import eval_py


@pytest.fixture(scope="module")
def drawing(tiny_run):
    return Source(tiny_run[0]).open()


def reading(pack, images):
    return load_pack(pack).features(images).probabilities


def drawn(drawing, selection, count):
    return draw_selected(drawing, selection, open_selection(selection, drawing), count)


def test_kept_are_the_first_that_convince(tiny_run, drawing):
    pack = tiny_run[1]
    everything = drawing.images(drawing.latents(400), None)
    probabilities = reading(pack, everything)
    least = float(np.quantile(probabilities.max(-1), 0.7))
    selection = Selection(str(pack), least)
    kept = drawn(drawing, selection, 50)
    rows = np.flatnonzero(probabilities.max(-1) >= least)[:50]
    np.testing.assert_array_equal(kept.images, everything[rows])
    record = kept.record
    assert record["drawn"] == rows[-1] + 1
    assert record["acceptance_rate"] == 50 / record["drawn"]
    assert sum(record["drawn_by_class"]) == record["drawn"] and sum(record["kept_by_class"]) == 50
    read = np.bincount(np.argmax(probabilities[rows], -1), minlength=10)
    assert record["kept_by_class"] == read.tolist()
    np.testing.assert_array_equal(drawn(drawing, selection, 20).images, kept.images[:20])


def test_kept_as_asked(tiny_run, drawing):
    """A generator that pays no heed to its labels: what fits by chance is kept."""
    pack = tiny_run[1]

    class Asking(Drawing):
        num_classes = 10

        def labels(self, count):
            return np.arange(count, dtype=np.int32) % 10

        def images(self, latents, labels):
            return super().images(latents, None)

    asking = Asking(drawing.source, drawing.trained)
    selection = Selection(str(pack), as_asked=True)
    with pytest.raises(InputError, match="--as_asked is for a generator that is asked for classes"):
        open_selection(selection, drawing)
    kept = drawn(asking, selection, 30)
    np.testing.assert_array_equal(np.argmax(reading(pack, kept.images), -1), kept.labels)
    assert 0 < kept.record["acceptance_rate"] < 0.6


def test_what_is_refused(tiny_run, drawing, tmp_path):
    pack = str(tiny_run[1])
    for selection, message in (
        (Selection(pack, 1.0), "--least_confidence is 1.0"),
        (Selection(pack), "give one of them"),
        (Selection(str(tmp_path), 0.5), "no extractor pack"),
    ):
        with pytest.raises(InputError, match=message):
            export_samples(Source(tiny_run[0]), 5, tmp_path / "out", selection)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="0 were accepted|lower --least_confidence"):
        drawn(drawing, Selection(pack, 0.9999999), 2)


@pytest.mark.slow
def test_chosen_samples_are_not_judged_by_who_chose_them(tiny_run, tmp_path):
    """The command line, the record, and the refusal: folder and archive."""
    run, pack = tiny_run
    out = tmp_path / "chosen"
    done = eval_py(tmp_path, "--workdir", run, "--export=12", "--out", out, "--select", pack,
                   "--least_confidence=0.2")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "% of those drawn" in done.stdout
    record = json.loads((out / "samples.json").read_text())
    assert record["selection"]["recogniser"]["digest"] == load_pack(pack).digest
    assert read_images(str(out)).take(range(12)).shape == (12, 16, 16, 1)
    export_samples(Source(run), 12, tmp_path / "chosen.npz", Selection(str(pack), 0.2))
    for samples in (out, tmp_path / "chosen.npz"):
        with pytest.raises(InputError, match="chose these samples.*one network"):
            evaluate_samples(
                str(samples), "mnist5k", str(pack), tmp_path / "judged", resize="crop_area"
            )
    assert not (tmp_path / "judged").exists()
    flags = ("--workdir", run, "--export=2", "--out", tmp_path / "x", "--as_asked")
    assert "--as_asked needs --select too" in eval_py(tmp_path, *flags).stderr


def test_unselected_records_are_as_before(tiny_run, tmp_path):
    record = export_samples(Source(tiny_run[0]), 3, tmp_path / "out")
    assert "selection" not in record
