"""Runs that are struck at a chosen system call, and go on to the same end.

A small library in C, loaded before all others, kills the process at its n-th call that writes
below the run's folder, or makes that call fail. `GAN_JAX_FAULTS` is the mean number of kills of a
kind of run, and half as many calls fail; a few are made without it.
"""

import errno
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import pytest

from tests import runs
from tests.whole.test_runs import ROOT, environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and cc"
    ),
]

_STRIKES = int(os.environ.get("GAN_JAX_FAULTS", 2))
_WITH_A_JUDGE = ("sweep", "super_resolution")  # the others train theirs, or need none
_SHARES = {"gan": 1.5, "study": 0.5}  # of the strikes; a study is long, and trains GANs too
_ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EDQUOT)
_SECONDS = 300  # after which a process counts as stuck
_SMALL = [
    f"--config={ROOT}/configs/smoke.py",
    "--config.num_steps=40",
    "--config.evaluation.every=20",
    "--config.evaluation.num_samples=40",
    "--config.judge.train.num_steps=20",
    "--config.judge.train.checkpoint.every=10",
    "--config.judge.pack=judge/pack",
]
_KINDS = {
    "gan": _SMALL,
    "sweep": [*_SMALL, "--config.num_seeds=2"],
    "recogniser": [
        f"--config={ROOT}/configs/cnn_mnist5k.py",
        "--config.model.widths=(8, 16)",
        "--config.model.dense=16",
        "--config.layers.texture=block1",
        "--config.num_steps=20",
        "--config.checkpoint.every=5",
        "--config.evaluation.every=10",
    ],
    "study": [
        f"--config={ROOT}/configs/augmentation_study_smoke.py",
        "--config.sizes=(40,)",
        "--config.ratios=(0.5,)",
        "--config.filters.recognisers=1",
    ],
    "super_resolution": [
        *_SMALL,
        "--config.super_resolution.factor=2",
        "--config.super_resolution.warm_up_steps=20",
        "--config.model.discriminator_norm=none",
    ],
}


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    place = tmp_path_factory.mktemp("faults") / "faults.so"
    source = pathlib.Path(__file__).with_name("faults.c")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", str(place), str(source), "-ldl"], check=True
    )
    return place


class Runner:
    """Trains one kind of run in a folder of its own, with and without strikes."""

    def __init__(self, kind, library, place):
        self.kind, self._library, self.place = kind, library, place
        self._judge: pathlib.Path | None = None
        self.whole = place / "whole"
        if kind in _WITH_A_JUDGE:
            self.train(self.whole)
            self._judge = shutil.move(self.whole / "judge", place / "judge")
            shutil.rmtree(self.whole)
        self.calls = self.train(self.whole)[1]
        self.expected = _end(self.whole)

    def train(self, home, at=0, error=0, more=0):
        """(process, number of calls) of one start; strikes at call `at`."""
        if not home.exists():
            home.mkdir()
            if self._judge is not None:
                shutil.copytree(self._judge, home / "judge")
        count = self.place / "count"
        count.unlink(missing_ok=True)
        settings = environment(self.place) | {
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(self.place / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "LD_PRELOAD": str(self._library),
            "FAULT_BELOW": str(home),
            "FAULT_AT": str(at),
            "FAULT_ERRNO": str(error),
            "FAULT_MORE": str(more),
            "FAULT_COUNT": str(count),
        }
        found = subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *_KINDS[self.kind], "--workdir=run"],
            cwd=home,
            env=settings,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        return found, int(count.read_text()) if count.exists() else 0

    def finish(self, home, missing_page=False):
        """Starts it until it ends, and compares the end with that of a run without strikes."""
        found = self.train(home)[0]
        assert found.returncode == 0, found.stderr
        assert _end(home, missing_page) == self.expected
        left = [
            str(p.relative_to(home))
            for p in home.rglob("*")
            if p.name.endswith((".new", ".tmp", ".lock"))
        ]
        assert left == []


def _end(home, missing_page=False):
    """What must be equal: the newest states, the logs and the numbers of all that was trained."""
    found = {}
    for place in sorted(path for path in home.rglob("*") if path.is_dir()):
        name = str(place.relative_to(home))
        if (place / "checkpoints").is_dir():
            steps = sorted(int(p.name) for p in place.glob("checkpoints/*") if p.name.isdigit())
            check = (place / "checkpoints" / str(steps[-1]) / "check/metadata").read_text()
            found[name, "state"] = (steps, json.loads(check)["crc32"])
            parts = ("pixel", "warm_up")  # of super-resolution
            if place.name not in parts and not (missing_page and place.name == "judge"):
                assert (place / "report.html").stat().st_size > 1000
        if (place / "metrics.jsonl").exists():
            found[name, "log"] = runs.history(place)
        for path in sorted(place.glob("*.json")):
            if path.name == "eval.json" or place.name == "cells":
                found[name, path.name] = json.dumps(_without_times(json.loads(path.read_text())))
    return found


def _without_times(content):
    return {
        name: value
        for name, value in content.items()
        if name not in ("elapsed", "seconds", "protocol", "environment")
    }


@pytest.fixture(scope="module", params=_KINDS)
def runner(request, library, tmp_path_factory):
    return Runner(request.param, library, tmp_path_factory.mktemp(request.param))


def _calls(runner, salt, strikes):
    rng = random.Random(f"{runner.kind} {salt}")
    count = max(round(strikes * _SHARES.get(runner.kind, 1)), 1)
    return [rng.randint(1, runner.calls) for _ in range(count)]


def test_killed_at_a_call(runner):
    for at in _calls(runner, "kill", _STRIKES):
        home = runner.place / f"killed-{at}"
        found, calls = runner.train(home, at)
        # Logs are flushed by the clock, so a run may end before a late call.
        assert found.returncode == -9 or calls < at, (at, found.stderr)
        runner.finish(home)
        shutil.rmtree(home)


def test_a_call_fails(runner):
    for index, at in enumerate(_calls(runner, "error", _STRIKES / 2)):
        error = _ERRORS[index % len(_ERRORS)]
        home = runner.place / f"failed-{at}"
        found = runner.train(home, at, error, more=index % 3 * 3)[0]
        where = f"call {at}, {errno.errorcode[error]}: {found.stderr}"
        assert found.returncode in (0, 2), where
        assert "Traceback" not in found.stderr, where
        if found.returncode == 2:
            errors = [line for line in found.stderr.splitlines() if line.startswith("Error: ")]
            assert len(errors) == 1 and found.stderr.splitlines()[-1] == errors[0], where
        # A judge's page is not worth stopping for: a warning names the command that makes it.
        runner.finish(home, missing_page="report.html: this could not be made" in found.stderr)
        shutil.rmtree(home)
