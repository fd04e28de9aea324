"""Numbers are written and printed before pages, and a page that fails takes none with it."""

import errno
import json
import subprocess
import sys

import numpy as np
import pytest

from gan_jax.errors import InputError, Interrupted
from gan_jax.judging.textures import evaluation
from gan_jax.judging.textures.evaluation import evaluate_textures
from gan_jax.reports import page
from gan_jax.reports.charts.basic import class_chart, interval_chart
from gan_jax.reports.numbers_first import expendable, publish
from gan_jax.reports.pages.pictures import tile
from gan_jax.training.evaluate_gan import evaluate_run
from tests.reports.reading import line_chart
from tests.whole.test_runs import ROOT, environment

_CAFE = b"caf\xe9".decode(errors="surrogateescape")  # as a file system gives it


@pytest.fixture
def noise(tmp_path):
    """Two sets of images by their files, and the flags that judge one by the other quickly."""
    names = [str(tmp_path / "a.npz"), str(tmp_path / "b.npz")]
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        np.savez(name, images=rng.integers(0, 256, (12, 16, 16, 1), np.uint8))
    return names


def test_a_page_that_fails_takes_no_numbers_with_it(noise, tmp_path, monkeypatch, caplog):
    out, told = tmp_path / "out", []
    evaluate_textures(*noise, out, families=["spectrum"])
    assert (out / "report.html").is_file()

    def fail(*_):
        assert told and (out / "eval.json").is_file()  # before any page
        raise ValueError("no such glyph\nand more")

    monkeypatch.setattr(evaluation, "write_texture_report", fail)
    content = evaluate_textures(*noise, out, families=["spectrum"], tell=told.append)
    assert json.loads((out / "eval.json").read_text()) == told[0] == content
    assert not (out / "report.html").exists()  # it was of other numbers
    (line,) = caplog.messages
    assert line.startswith("report.html: this could not be made (ValueError: no such glyph).")
    assert "the same command makes it again" in line and "\n" not in line


def test_a_runs_numbers_stand_before_its_pictures_and_page(tiny_run, tmp_path, monkeypatch, caplog):
    run, told = tiny_run[0], []

    def fail(*_):
        assert told and (tmp_path / "eval.json").is_file()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gan_jax.reports.numbers_first.save_png", fail)
    monkeypatch.setattr("gan_jax.training.image_results.write_gan_report", fail)
    found = evaluate_run(run, out=tmp_path, num_samples=8, families=["frechet"], tell=told.append)
    assert found == json.loads((tmp_path / "eval.json").read_text())
    assert found["metrics"]["fd_semantic"] == told[0]["metrics"]["fd_semantic"]
    lines = [line for line in caplog.messages if "could not be made" in line]
    assert [line.split(": ")[0] for line in lines] == ["The pictures in samples", "report.html"]
    assert all("(No space left on device)" in line for line in lines)


def test_numbers_are_told_where_the_disk_takes_none(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gan_jax.reports.numbers_first.write_json", full)
    told = []
    with pytest.raises(InputError, match="eval.json' cannot be written: No space left"):
        publish(tmp_path / "eval.json", {"metrics": {}}, tell=told.append)
    assert told == [{"metrics": {}}]


def test_what_stops_a_run_is_not_taken_for_a_page_that_failed():
    with pytest.raises(Interrupted), expendable("report.html"):
        raise Interrupted("SIGTERM: stopped", 15)
    # Nor by code of others that goes on after errors.
    with pytest.raises(Interrupted):
        try:
            raise Interrupted("SIGTERM: stopped", 15)
        except Exception:
            pytest.fail("swallowed")


@pytest.mark.parametrize("backend", ["module://not_installed.backend", "nonsense"])
def test_charts_do_not_depend_on_the_backend_of_a_notebook(backend, tmp_path):
    code = (
        "import os\n"
        "from gan_jax.reports.charts.basic import class_chart\n"
        "print(class_chart('t', ['a', 'b'], [1, 2])[:4])\n"
        f"assert os.environ['MPLBACKEND'] == {backend!r}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path) | {"MPLBACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "<svg\n" and not done.stderr


def test_names_that_are_not_utf8_stand_escaped_on_pages(tmp_path):
    path = tmp_path / "page.html"
    parts = [
        page.table([_CAFE, "n"], [[_CAFE, "1"]]),
        tile(np.zeros((4, 4, 1), np.uint8), _CAFE),
        class_chart(_CAFE, [_CAFE, "b"], [1, 2]),
        interval_chart("t", [_CAFE], [1.0], [None], xlabel="x"),
    ]
    page.write(path, _CAFE, parts)
    text = path.read_bytes().decode("utf-8", "strict")
    assert text.count("caf\\xe9") >= 6


def test_ticks_of_steps_are_whole_numbers():
    chart = line_chart("t", "a", [19, 20, 21], [1, 2, 3])
    ticks = [part.split("</text>")[0].split(">")[-1] for part in chart.split("<text")[1:]]
    steps = [tick for tick in ticks if tick.startswith(("19", "20", "21"))]
    assert steps == ["19", "20", "21"]


@pytest.mark.parametrize(
    ("blocks", "status", "left", "message"),
    [
        (20, 0, ["eval.json"], "report.html: this could not be made (File too large ("),
        (0, 2, [], "eval.json' cannot be written: File too large ("),
    ],
)
def test_a_full_disk_costs_a_page_or_a_file_and_no_table(
    blocks, status, left, message, noise, tmp_path
):
    """The largest file that the system allows stands for the space on the disk."""
    flags = f"--texture --samples {noise[0]} --reference {noise[1]} --metrics spectrum --out out"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f {blocks}; {sys.executable} {ROOT}/eval.py {flags}"],
        cwd=tmp_path,
        env=environment(tmp_path) | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status and "spectrum_fd" in done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == left
    (line,) = done.stderr.splitlines()
    assert message in line
