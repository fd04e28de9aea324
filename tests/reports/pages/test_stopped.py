"""The page of a run that was stopped: the reason on top, then what there is."""

from __future__ import annotations

import html
import json
import re
import shutil
from unittest.mock import Mock

import numpy as np
import pytest

from gan_jax import run as training
from gan_jax.errors import Interrupted, ModeCollapse, TrainingDiverged
from gan_jax.reports.pages.stopped import write_stopped_report
from gan_jax.runtime.images import save_png
from gan_jax.training import running
from tests import runs


def _written(folder, reason="the generator has collapsed <here>.", num_steps=60) -> str:
    folder.mkdir(exist_ok=True)
    path = write_stopped_report(
        folder,
        reason,
        title="made on made",
        num_steps=num_steps,
        config={"seed": 7},
        environment={"jax": "1.2.3"},
    )
    page = path.read_text(encoding="utf-8")
    assert path.name == "report.html" and page.count("<section") == page.count("</section>")
    assert "http" not in page
    return page


def _log(folder, rows):
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _row(step, distance):
    return {
        "step": step,
        "loss/generator": 0.5,
        "loss/discriminator": 0.7,
        "eval/fd_semantic": distance,
        "eval/fd_semantic_floor": 2.0,
        "eval/vendi": 1.5,
        "eval/vendi_real": 9.0,
        "eval/collapsed": float(step > 20),
    }


def _headings(page: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", page)


def test_the_reason_is_on_top_and_escaped(tmp_path):
    _log(tmp_path, [_row(10, 30.0), _row(20, 8.0), _row(30, 40.0)])
    page = _written(tmp_path)
    verdict = re.search('<p class="verdict">(.*?)</p>', page)[1]
    assert verdict == "Stopped: the generator has collapsed &lt;here&gt;."
    header = page[: page.index("</header>")]
    assert "<h1>made on made</h1>" in header
    assert "<b>30 of 60</b>" in header
    assert "<b>step 20</b><span>had the lowest fd_semantic</span>" in header
    assert page.index(verdict) < page.index("<section")


def test_what_there_is_is_shown(tmp_path):
    _log(tmp_path, [_row(10, 30.0), _row(20, 8.0), _row(30, 40.0)])
    shades = {10: 50, 20: 100, 30: 150, 40: 200}  # 40 was drawn before the run went back
    for step, shade in shades.items():
        picture = np.full((9, 9, 1), shade, np.uint8)
        save_png(tmp_path / "samples" / f"step_{step:07d}.png", picture)
    save_png(tmp_path / "samples" / "final.png", np.zeros((4, 4, 3), np.uint8))
    page = _written(tmp_path)
    assert _headings(page) == ["Samples", "Where it stood", "Training", "Setup"]
    assert page.count("<img") == 2
    assert "Step 20, the best" in page and "Step 30, the last" in page and "Step 40" not in page
    cells = re.findall(r"<tr><td><b>(\w+)</b></td><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>", page)
    assert cells == [("fd_semantic", "40.0", "2.00"), ("vendi", "1.50", "9.00")]
    assert "at step 30" in page and "1.2.3" in page and "&quot;seed&quot;: 7" in page


def test_colours_and_a_last_picture_that_is_the_best(tmp_path):
    _log(tmp_path, [_row(10, 30.0), _row(20, 8.0)])
    save_png(tmp_path / "samples" / "step_0000020.png", np.zeros((9, 9, 3), np.uint8))
    page = _written(tmp_path)
    assert page.count("<img") == 1 and "Step 20, the last" in page and "the best" not in page


@pytest.mark.parametrize(
    "rows", [[], [{"step": 10, "loss/generator": None}], [_row(10, None)]], ids=str
)
def test_a_run_that_was_stopped_early(tmp_path, rows):
    _log(tmp_path / "run", rows)
    page = _written(tmp_path / "run", reason="training diverged.")
    assert "Stopped: training diverged." in page and "Setup" in _headings(page)
    assert f"<b>{10 if rows else 0} of 60</b>" in page
    assert "lowest" not in page and "<img" not in page


def test_a_folder_without_a_log(tmp_path):
    assert "<b>0 of 60</b>" in _written(tmp_path / "new")


# A run


@pytest.fixture
def collapsed(tiny_run, tmp_path):
    """A run left at step 40 of 60, its readings made to tell of a collapse; and its config."""
    folder = shutil.copytree(tiny_run[0], tmp_path / "run")
    for name in ("eval.json", "report.html"):
        (folder / name).unlink()
    good = {"eval/vendi": 9.0, "eval/coverage": 0.9, "eval/class_kl": 0.1}
    bad = {"eval/vendi": 1.01, "eval/coverage": 0.01, "eval/class_kl": 2.3}
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        if "eval/vendi" in row:
            row |= good if row["step"] == 20 else bad
    _log(folder, rows)
    settings = {"num_steps": 60, "collapse.action": "stop", "collapse.patience": 1}
    return folder, runs.tiny_config(tiny_run[1], **settings)


def test_a_collapse_leaves_a_page_and_does_so_again(collapsed, capsys):
    folder, config = collapsed
    pages = []
    for _ in range(2):
        with pytest.raises(ModeCollapse) as error:
            training.run(config, folder)
        path = folder / "report.html"
        assert f"Report: {path}" in capsys.readouterr().out
        pages.append(path.read_text(encoding="utf-8"))
        path.unlink()
    assert pages[0] == pages[1]
    text = html.unescape(pages[0])
    assert f"Stopped: {error.value}" in text and "from step 40 to 40" in text
    assert "<b>40 of 60</b>" in text and "Step 40, the " in text and "Has it collapsed?" in text
    assert not (folder / "eval.json").exists()  # so the run is not taken for a finished one


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), None])
def test_what_ends_a_run_is_never_hidden(tmp_path, caplog, monkeypatch, error):
    """A divergence leaves a page too; where it cannot be written, that is only warned of."""
    (tmp_path / "run").mkdir()
    if error:
        monkeypatch.setattr(running, "write_stopped_report", Mock(side_effect=error))
    with pytest.raises(TrainingDiverged, match="learning rate"):
        with running.reported_if_stopped(tmp_path / "run", runs.tiny_config(""), "made", 60):
            raise TrainingDiverged("Try another learning rate.")
    assert (tmp_path / "run" / "report.html").exists() == (error is None)
    assert ("report.html: this could not be made" in caplog.text) == (error is not None)


def test_other_ends_leave_no_page(tmp_path):
    with pytest.raises(Interrupted):
        with running.reported_if_stopped(tmp_path, runs.tiny_config(""), "made", 60):
            raise Interrupted("SIGTERM: stopped and saved", 15)
    assert not list(tmp_path.iterdir())
