"""The tutorials of docs/tutorials/ run exactly as they stand, in an empty folder.

A tutorial's bash and python blocks run in the order of the page. Python blocks that follow one
another are the cells of one notebook: they share one process.
"""

import itertools
import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.whole.test_runs import environment

ROOT = pathlib.Path(__file__).resolve().parent.parent
TUTORIALS = sorted(ROOT.glob("docs/tutorials/*.md"))


def blocks_of(page):
    """(language, lines) of each bash block, and of each row of python blocks, in order."""
    found = re.findall(r"^```(bash|python)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    for language, blocks in itertools.groupby(found, key=lambda block: block[0]):
        texts = [text for _, text in blocks]
        yield from [
            (language, text) for text in (texts if language == "bash" else ["\n".join(texts)])
        ]


def run_block(language, text, folder, env):
    """What a block prints, both streams; fails with it where the block does."""
    command = ["bash", "-e", "-c", text] if language == "bash" else [sys.executable, "-c", text]
    done = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}"
    return done.stdout


def commands_in(folder):
    """A folder with `gan-jax` and `python`, those of this interpreter, for the PATH."""
    folder.mkdir()
    for name, words in (("gan-jax", "-m gan_jax"), ("python", "")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


each_tutorial = pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)


@pytest.mark.slow  # half a minute and more each
@each_tutorial
def test_a_tutorial_runs_as_it_stands(page, tmp_path):
    env = environment(tmp_path)
    env["PATH"] = f"{commands_in(tmp_path / 'bin')}{os.pathsep}{env['PATH']}"
    env["PYTHONPATH"] = str(ROOT)
    (tmp_path / "empty").mkdir()
    blocks = list(blocks_of(page))
    assert blocks
    for language, text in blocks:
        run_block(language, text, tmp_path / "empty", env)


@each_tutorial
def test_a_tutorial_is_short_and_shows_what_was_printed(page):
    assert len(page.read_text().splitlines()) <= 90
    assert re.search(r"^```text\n", page.read_text(), re.MULTILINE)
