"""Which job a command line asks of eval.py, and the flags that it refuses."""

import re
import subprocess
import sys

import pytest

from gan_jax.errors import InputError
from gan_jax.run.evaluate import ACTIONS
from gan_jax.runtime.jobs import JOBS, choose
from gan_jax.runtime.options import OPTIONS
from tests.whole.test_runs import ROOT


def given(line):
    """The flags of a command line by name; without a value they are True."""
    parts = (part.lstrip("-").partition("=") for part in line.split())
    return {name: value if equals else True for name, equals, value in parts}


@pytest.mark.parametrize(
    ("line", "job"),
    [
        ("--workdir=r", "--workdir"),
        ("--workdir=r --texture --metrics=frechet", "--workdir"),
        ("--samples=s --reference=m --extractor=p --out=o --resize=crop_area", "--samples"),
        ("--samples=s --reference=m --out=o --texture --crop=64", "--texture --samples"),
        ("--workdir=r --export=5 --out=o --select=p --as_asked", "--export --workdir"),
        ("--workdir=r --out=o --recognise --keep=3", "--recognise --workdir"),
        ("--samples=s --out=o --extractor=p --recognise", "--recognise --samples"),
        ("--compare --out=o", "--compare"),
        ("--gate=p --reference=mnist5k", "--gate"),
    ],
)
def test_the_job_that_is_asked_for(line, job):
    assert str(choose(given(line))) == job


def test_a_flag_that_is_switched_off_is_not_given():
    assert str(choose({"workdir": "r", "recognise": False, "grey": False})) == "--workdir"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "give one of --workdir"),
        ("--workdir=r --samples=s", "give one of --workdir"),
        ("--workdir=", "give one of --workdir"),
        ("--workdir=r --export=5 --walk=b.gif", "--export and --walk: give one of them"),
        ("--recognise --gan_train_test --workdir=r --out=o", "--recognise and --gan_train_test: "),
        ("--samples=s --export=5 --out=o", "--export needs --workdir"),
        ("--gate=p --recognise", "--recognise needs --workdir or --samples"),
        ("--samples=s --extractor=p", "--samples needs --reference too"),
        ("--gate=p", "--gate needs --reference too"),
        ("--workdir=r --export=5", "--export needs --out too"),
        ("--workdir=r --enlarge=i.png", "--enlarge needs --out too"),
        ("--workdir=r --recognise --out=", "--recognise needs --out too"),
        ("--samples=s --recognise --out=o", "--recognise needs --extractor too"),
        ("--samples=s --gan_train_test --extractor=p --out=o", "needs --reference too"),
        ("--samples=s --texture --reference=b", "--texture needs --out too"),
        ("--samples=s --texture --out=o", "--texture needs --reference too"),
        ("--workdir=r --export=5 --out=o --as_asked", "--as_asked needs --select too"),
        ("--workdir=r --truncation=0.5", "does not go with --workdir; it is for --export and --"),
        ("--workdir=r --export=5 --out=o --fps=5", "--fps does not go with --export --workdir; it"),
        ("--workdir=r --export_program=b --truncation=1", "--truncation does not go with"),
        ("--workdir=r --walk=b.gif --out=c", "--out does not go with --walk"),
        ("--workdir=r --keep=3", "it is for --recognise."),
        ("--workdir=r --recognise --out=o --reference=m", "--reference does not go with"),
        ("--workdir=r --recognise --out=o --seeds=3", "it is for --gan_train_test."),
        ("--samples=s --texture --training=x", "it is for --samples alone and --benchmark."),
        ("--samples=s --texture --resize=crop_area", "--resize does not go with --texture"),
        ("--workdir=r --texture --crop=16", "it is for --texture --samples."),
        ("--samples=s --reference=b --grey", "it is for --texture --samples."),
        ("--samples=s --member=2", "it is for --workdir alone, --export, --walk"),
    ],
)
def test_what_is_refused(line, message):
    with pytest.raises(InputError, match=re.escape(message)):
        choose(given(line))


def test_folders_are_for_compare_alone():
    assert str(choose({"compare": True}, ["runs/a", "runs/b"])) == "--compare"
    with pytest.raises(InputError, match="'runs/a' is not understood; see --help"):
        choose({"workdir": "r"}, ["runs/a"])


def test_each_job_is_done_by_its_own_function():
    assert set(ACTIONS) == {job.action or job.source for job in JOBS}


def test_help_shows_every_flag_under_its_heading(tmp_path):
    """Quickly: nothing heavy is loaded for it."""
    code = (
        f"import sys, runpy; sys.argv = ['eval.py', '--help']; sys.path.insert(0, {str(ROOT)!r})\n"
        f"try: runpy.run_path({str(ROOT / 'eval.py')!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'jax' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    headings = ["What is looked at:", "Judging:", "Drawing and exporting:", "Results:"]
    places = [done.stdout.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places) and "if not given, test" in " ".join(done.stdout.split())
    assert places[2] < done.stdout.index("  --truncation: ") < places[3]
    for job in JOBS:
        for flag in job.flags:
            assert re.search(rf"  --(\[no\])?{flag}: ", done.stdout), flag


def test_every_flag_of_the_command_line_is_some_jobs():
    """One that none takes could never be given, and one that is missing never used."""
    known = {name for heading in OPTIONS.values() for name in heading}
    assert known == frozenset().union(*(job.flags for job in JOBS))
