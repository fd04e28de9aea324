"""Runs that are judged as textures."""

from __future__ import annotations

import pytest
from PIL import Image

import gan_jax.training.image_results
from gan_jax import run as training
from gan_jax.errors import InputError
from gan_jax.judging.textures import run as texture_run
from gan_jax.judging.textures import suite as texture_suite
from gan_jax.reports.result import Result, make_protocol
from gan_jax.training.image_results import with_textures
from tests.results import headline
from tests.runs import evaluation, tiny_texture_config
from tests.whole.textures import texture_sets


@pytest.mark.slow
def test_a_run_is_judged_as_textures(quick_judge, eval_py, tmp_path, monkeypatch):
    reports = []
    monkeypatch.setattr(
        gan_jax.training.image_results,
        "write_texture_report",
        lambda path, report: reports.append(report) or path.write_text(report.title),
    )
    training.run(tiny_texture_config(1, every=0), tmp_path / "run")
    content = evaluation(tmp_path / "run")
    assert content["metrics"]["texture_fd"]["value"] == 4.0
    assert content["metrics"]["texture_fd"]["training"] == 4.0
    assert [len(call["images"]) for call in quick_judge] == [10, 10]
    assert content["protocol"]["step"] == 1
    protocol = content["protocol"]["textures"]
    assert (protocol["reference"], protocol["reference_split"]) == ("procedural", "test")
    assert (protocol["reference_images"], protocol["images"]) == (12, 10)
    assert [image.shape for image in reports[0].large] == [(64, 128, 1)]
    assert reports[0].samples.shape == (10, 16, 16, 1) and reports[0].history
    with Image.open(tmp_path / "run" / "samples" / "large_0.png") as picture:
        assert picture.size == (128, 64)
    assert (tmp_path / "run" / "report.html").exists()

    eval_py("--workdir", tmp_path / "run", "--num_samples=6", "--out", tmp_path / "again")
    again = evaluation(tmp_path / "again")["protocol"]["textures"]
    assert again == protocol | {"images": 6, "training_images": 6}


def test_a_run_keeps_both_judgements_and_the_recognisers_first(quick_judge):
    judgement = texture_suite.judge_textures(texture_sets(6, 16, 16), texture_sets(4, 16, 16))
    run = texture_run.RunTextures(judgement, texture_sets(6, 16, 16), texture_sets(4, 16, 16), [])
    protocol = make_protocol({"step": 7}, seed=0, images=4, preprocessing="", reference=None)
    other = Result({"vendi": {"value": 3.0}}, protocol, headline(0.3))
    both = with_textures(other, run).content()
    assert (both["headline"], both["flags"]) == (other.headline, [])
    assert both["textures"] == {"headline": judgement.headline, "flags": list(judgement.flags)}
    assert list(both["metrics"]) == ["texture_fd", "cooccurrence_fd", "vendi"]
    assert both["protocol"] == protocol | {"textures": judgement.protocol}
    alone = with_textures(Result({}, protocol), run).content()
    assert alone["headline"] == judgement.headline and alone["flags"] == list(judgement.flags)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": (12, 12), "period": 4.0}, "12x12.*at least 14x14"),
        ({"num_test_crops": 3}, "3 held-out images, and at least 4"),
    ],
)
def test_a_run_is_refused_before_it_trains(changes, message, tmp_path):
    config = tiny_texture_config(1, every=0)
    config.dataset.update(changes)
    with pytest.raises(InputError, match=message):
        training.run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_does_not_ask_is_not(quick_judge, tiny_run, eval_py, tmp_path):
    assert "texture_fd" not in evaluation(tiny_run[0])["metrics"]
    options = ("--workdir", tiny_run[0], "--out", tmp_path / "o", "--num_samples=20")
    eval_py(*options, "--metrics=frechet")
    assert set(evaluation(tmp_path / "o")["metrics"]) == {"fd_semantic", "fd_texture"}
    # Naming a family of textures asks for it; the recogniser's page goes beside.
    eval_py(*options, "--metrics=cooccurrence,vendi")
    assert quick_judge[0]["families"] == ["cooccurrence"]
    assert {"texture_fd", "vendi"} <= set(evaluation(tmp_path / "o")["metrics"])
    assert "Nearest training images" in (tmp_path / "o" / "recogniser.html").read_text()
