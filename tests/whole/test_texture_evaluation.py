"""Textures against textures from the command line."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gan_jax.errors import InputError
from gan_jax.judging.textures import suite as texture_suite
from gan_jax.judging.textures.crops import Cutting, crop_size, cut_crops, open_side
from gan_jax.judging.textures.page import make_report
from tests.runs import evaluation
from tests.whole.test_runs import ROOT, environment
from tests.whole.textures import stripes, texture_sets


def _save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)
    return path


def _save_set(path, images):
    np.savez(path, images=images)
    return path


def _cut(path, split="all", **options):
    cutting = Cutting(**options)
    side = open_side(str(path), split, cutting)
    return cut_crops(side, crop_size([side, side], cutting), cutting)


# The main path


def test_one_photograph_against_another(tmp_path):
    """As a user runs it: a table with a verdict, eval.json and a page; no extractor."""
    _save(tmp_path / "fake.png", stripes(150, 170, 9, seed=1))
    _save(tmp_path / "real.png", stripes(160, 160, 6))
    done = subprocess.run(
        [sys.executable, str(ROOT / "eval.py"), "--texture", "--samples=fake.png",
         "--reference=real.png", "--crop=32", "--out=out"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = evaluation(tmp_path / "out")
    entry, protocol = content["metrics"]["texture_fd"], content["protocol"]
    assert entry["value"] > 1.5 * entry["floor"] > 0
    assert content["headline"]["verdict"] == "told apart"
    assert "few pictures" in {flag["name"] for flag in content["flags"]}
    *_, verdict = [line for line in done.stdout.splitlines() if "real images (p = " in line]
    assert verdict.startswith("Told from real images (p = 0.001; 20 images against 25 real ones).")
    assert protocol["samples"] == "photograph:fake.png"
    assert protocol["reference"] == "photograph:real.png"
    assert (protocol["images"], protocol["reference_images"]) == (20, 25)
    assert (protocol["crop"], protocol["crops"]) == ("32 x 32", "crops on a grid, none overlapping")
    assert len(protocol["reference_fingerprint"]) == 64 and protocol["seed"] == 0
    assert {"jax", "numpy", "python", "gan_jax"} <= set(protocol["versions"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.index("crops of one picture") < page.index(verdict[:40])
    for part in ("Real and generated", "Power spectrum", "At 1 pixel", "Farthest from"):
        assert part in page
    assert "large sample" not in page


def test_a_mistake_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "eval.py"), "--texture", "--samples=nowhere.png",
         "--reference=procedural", "--out=out"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("Error: there is no file 'nowhere.png'")
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()


def test_json_is_what_is_written(eval_py, quick_judge, tmp_path):
    real, fake = (_save_set(tmp_path / f"{s}.npz", texture_sets(6, 16, 16)) for s in "ab")
    printed = eval_py("--texture", "--samples", fake, "--reference", real, "--out", tmp_path / "o",
                      "--json", "--metrics=cooccurrence", "--seed=7")  # fmt: skip
    assert json.loads(printed) == evaluation(tmp_path / "o")
    assert quick_judge[0]["families"] == ["cooccurrence"] and quick_judge[0]["seed"] == 7


def test_what_was_found_stands_above_the_table_and_what_was_compared_below(
    eval_py, quick_judge, tmp_path
):
    real, fake = (_save_set(tmp_path / f"{s}.npz", texture_sets(6, 16, 16)) for s in "ab")
    text = eval_py("--texture", "--samples", fake, "--reference", real, "--out", tmp_path / "o")
    flag, verdict, *_, compared = text.splitlines()
    assert flag == "! They are few."
    assert verdict.startswith("Told from real images (p = 0.001;")
    assert compared == (
        "samples npz:b (6 images), reference npz:a (all, 6 images); 16 x 16, whole images"
    )


def test_an_extractor_adds_its_feature_maps(tiny_run, eval_py, tmp_path):
    real, fake = (_save_set(tmp_path / f"{n}.npz", texture_sets(n, 16, 16)) for n in (8, 6))
    eval_py("--texture", "--samples", fake, "--reference", real, "--out", tmp_path / "o",
            "--extractor", tiny_run[1], "--metrics=cnn")  # fmt: skip
    content = evaluation(tmp_path / "o")
    assert set(content["metrics"]) == {"patch_fd", "gram_distance"}
    assert content["protocol"]["extractor"].startswith("cnn-smoke@")
    assert "patch_fd" in (tmp_path / "o" / "report.html").read_text()


# What is cut


def test_a_grid_covers_the_middle_and_no_pixel_twice(tmp_path):
    numbered = np.arange(70 * 50, dtype=np.int64).reshape(70, 50, 1)
    photo = np.concatenate([numbered // 256, numbered % 256, 0 * numbered], -1).astype(np.uint8)
    crops = _cut(_save(tmp_path / "a.png", photo), crop=16).astype(np.int64)
    assert crops.shape == (4 * 3, 16, 16, 3)
    places = (crops[..., 0] * 256 + crops[..., 1]).ravel()
    assert len(set(places)) == len(places)
    # 70 = 3 + 4 * 16 + 3 and 50 = 1 + 3 * 16 + 1
    assert (places.min(), places.max()) == (3 * 50 + 1, 66 * 50 + 48)


def test_random_crops_are_seeded_and_all_different(tmp_path):
    path = _save(tmp_path / "a.png", stripes(40, 40, 7))
    one, again, other = (_cut(path, crop=16, num_crops=50, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert one.shape == (50, 16, 16, 1) and len({crop.tobytes() for crop in one}) == 50
    # More are asked for than there are places.
    assert len(_cut(path, crop=39, num_crops=50)) == 4


def test_crops_that_may_overlap_are_called_so(eval_py, quick_judge, tmp_path):
    path = _save(tmp_path / "a.png", stripes(40, 40, 7))
    eval_py("--texture", "--samples", path, "--reference", path, "--crop=16", "--num_crops=9",
            "--out", tmp_path / "o")  # fmt: skip
    assert "the floor is lower" in evaluation(tmp_path / "o")["protocol"]["crops"]


def test_photographs_take_the_size_of_the_other_side(eval_py, quick_judge, tmp_path):
    fake = _save_set(tmp_path / "fake.npz", texture_sets(9, 20, 24))
    real = _save(tmp_path / "real.png", stripes(90, 100, 6))
    eval_py("--texture", "--samples", fake, "--reference", real, "--out", tmp_path / "o")
    assert quick_judge[0]["images"].shape == (9, 20, 24, 1)
    assert quick_judge[0]["reference"].shape == (16, 20, 24, 1)
    assert "grid" in evaluation(tmp_path / "o")["protocol"]["crops"]


def test_sets_of_different_sizes_are_cropped_to_the_smaller(eval_py, quick_judge, tmp_path):
    fake = _save_set(tmp_path / "fake.npz", texture_sets(5, 16, 16))
    real = _save_set(tmp_path / "real.npz", texture_sets(5, 33, 47))  # no powers of two
    flags_ = ("--texture", "--samples", fake, "--reference", real, "--out", tmp_path / "o")
    with pytest.raises(InputError, match="16x16.*33x47.*give --crop=16 to cut both"):
        eval_py(*flags_)
    eval_py(*flags_, "--crop=16")
    assert quick_judge[0]["images"].shape == (5, 16, 16, 1)
    assert quick_judge[0]["reference"].shape == (5 * 4, 16, 16, 1)


def test_a_folder_of_photographs_of_any_sizes(tmp_path):
    for index, size in enumerate([(40, 33), (16, 70), (35, 35)]):
        _save(tmp_path / "mixed" / f"{index}.png", stripes(*size, 6, seed=index))
    assert _cut(tmp_path / "mixed", crop=16).shape == (4 + 4 + 4, 16, 16, 1)
    with pytest.raises(InputError, match="'0.png' is 40x33.*smaller than a crop of 64x64"):
        _cut(tmp_path / "mixed")


def test_a_folder_of_images_of_one_size_is_taken_whole(eval_py, quick_judge, tmp_path):
    """All of it, where the ordinary --samples would hold out a tenth."""
    for index in range(5):
        for side in "ab":
            _save(tmp_path / side / f"{index}.png", stripes(16, 18, 6, seed=index))
    eval_py("--texture", "--samples", tmp_path / "a", "--reference", tmp_path / "b",
            "--out", tmp_path / "o")  # fmt: skip
    assert quick_judge[0]["reference"].shape == (5, 16, 18, 1)
    assert evaluation(tmp_path / "o")["protocol"]["crops"] == "whole images"


def test_a_folder_with_a_test_part_gives_that(eval_py, quick_judge, tmp_path):
    for index in range(5):
        for part, level in (("train", 0), ("test", 150)):
            image = stripes(16, 16, 6, seed=index) // 4 + np.uint8(level)
            _save(tmp_path / "set" / part / f"{index}.png", image)
    fake = _save_set(tmp_path / "fake.npz", texture_sets(5, 16, 16))
    arguments = ["--texture", "--samples", fake, "--reference", tmp_path / "set", "--out",
                 tmp_path / "o"]  # fmt: skip
    eval_py(*arguments)
    assert quick_judge[0]["reference"].min() >= 150
    eval_py(*arguments, "--reference_split=train")
    assert quick_judge[1]["reference"].max() < 64


def test_parts_of_built_in_sets(eval_py, quick_judge, tmp_path):
    fake = _save_set(tmp_path / "fake.npz", texture_sets(5, 24, 24))
    eval_py("--texture", "--samples", fake, "--reference=procedural:checks", "--crop=24",
            "--out", tmp_path / "o")  # fmt: skip
    assert quick_judge[0]["reference"].shape[1:] == (24, 24, 1)
    protocol = evaluation(tmp_path / "o")["protocol"]
    assert (protocol["reference"], protocol["reference_split"]) == ("procedural:checks", "test")
    with pytest.raises(InputError, match="chequers"):
        eval_py("--texture", "--samples", fake, "--reference=procedural:chequers", "--out=x")


def test_grey_and_colour(eval_py, quick_judge, tmp_path):
    fake = _save(tmp_path / "fake.png", stripes(40, 40, 6, channels=3))
    real = _save(tmp_path / "real.png", stripes(40, 40, 6))
    arguments = ["--texture", "--samples", fake, "--reference", real, "--crop=16", "--out",
                 tmp_path / "o"]  # fmt: skip
    with pytest.raises(InputError, match="'photograph:fake.png' has 3.*has 1: give --grey"):
        eval_py(*arguments)
    eval_py(*arguments, "--grey")
    assert quick_judge[0]["images"].shape[-1] == quick_judge[0]["reference"].shape[-1] == 1
    assert evaluation(tmp_path / "o")["protocol"]["grey"] is True


def test_the_farthest_crops_stand_beside_the_most_similar(quick_judge, tmp_path):
    real = np.concatenate([texture_sets(6, 16, 16), 255 - 0 * texture_sets(1, 16, 16)])
    fake = np.concatenate([texture_sets(6, 16, 16), np.full((1, 16, 16, 1), 3, np.uint8)])
    judgement = texture_suite.judge_textures(real, fake)
    found = make_report("x", {"metrics": {}}, judgement, real, fake).outliers
    np.testing.assert_array_equal(found.images[0], fake[6])  # the constant one
    np.testing.assert_array_equal(found.nearest[0, 0], real[6])  # beside the constant one
    assert (np.diff(found.distances) <= 0).all()


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reference=b.npz", "--out=o", "--crop=-1"], "--crop=-1: expected 0 or more"),
        (["--reference=b.npz", "--out=o", "--crop=30"], r"'npz:a\[0\]' is 16x16.*give --crop=8"),
        (["--reference=photo.jpg", "--out=o"], "no file 'photo.jpg'"),
        (["--reference=small.png", "--out=o"], "'small.png' is 12x40.*smaller than a crop of 16"),
        (["--reference=real.png", "--out=o"], "gives 2 crop.s. of 16x16, and at least 4"),
        (["--reference=broken.png", "--out=o"], "'broken.png' cannot be read"),
        (["--reference=nan.npz", "--out=o"], "NaN or infinity"),
        (["--reference=mnist6k", "--out=o"], "'mnist6k' is neither.*mnist5k"),
        (["--reference=b.npz", "--out=o", "--extractor=pixels"], "feature maps of one CNN"),
        (["--reference=b.npz", "--out=o", "--metrics=spectra"], "'spectra' is not known.*spectrum"),
        (["--reference=parts", "--out=o", "--reference_split=all"], "subfolders 'train' and"),
        (["--reference=loose", "--out=o", "--reference_split=test"], "no subfolder 'test'"),
    ],
)
def test_one_clear_error(eval_py, quick_judge, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _save_set(pathlib.Path("a.npz"), texture_sets(5, 16, 16))
    _save_set(pathlib.Path("b.npz"), texture_sets(5, 16, 16))
    _save_set(pathlib.Path("nan.npz"), np.full((5, 16, 16, 1), np.nan, np.float32))
    _save(pathlib.Path("small.png"), stripes(12, 40, 6))
    _save(pathlib.Path("real.png"), stripes(20, 40, 6))
    pathlib.Path("broken.png").write_bytes(b"\x89PNG no")
    for part in ("parts/train", "parts/test", "loose"):
        _save(pathlib.Path(part) / "0.png", stripes(16, 16, 6))
    with pytest.raises(InputError, match=message):
        eval_py("--texture", "--samples=a.npz", *arguments)
    assert not quick_judge and not pathlib.Path("o").exists()


@pytest.mark.parametrize(
    ("real", "fake", "missing"),
    [
        (texture_sets(6, 16, 16), np.full((4, 16, 16, 1), 9, np.uint8), ()),  # a constant sample
        (texture_sets(6, 13, 15), texture_sets(6, 13, 15), ("at least 14x14",)),
    ],
)
def test_images_that_statistics_cannot_be_taken_of(real, fake, missing, eval_py, tmp_path):
    """A number, or why there is none; by the suite itself."""
    real, fake = _save_set(tmp_path / "r.npz", real), _save_set(tmp_path / "f.npz", fake)
    text = eval_py("--texture", "--samples", fake, "--reference", real, "--out", tmp_path / "o")
    metrics = evaluation(tmp_path / "o")["metrics"]
    assert metrics and all(np.isfinite(entry["value"]) for entry in metrics.values())
    assert ("texture_fd" in metrics) == (not missing)
    for reason in missing:
        assert "texture_fd was not computed: " in text and reason in text.splitlines()[-2]
