"""Files and folders that appear whole or not at all; the lock on a run's folder."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from gan_jax.data import disk as files
from gan_jax.errors import InputError
from gan_jax.runtime.lock import held


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_whole_or_the_old_one(tmp_path):
    path = tmp_path / "eval.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), files.new_file(path) as file:
        file.write(b"half of it")
        raise RuntimeError
    assert files.read_json(path) == {"a": 1} and _names(tmp_path) == ["eval.json"]


def test_modes_follow_the_umask(tmp_path):
    before = os.umask(0o022)
    try:
        files.write_text(tmp_path / "a", "text")
        with files.new_folder(tmp_path / "b") as made:
            (made / "c").write_text("text")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o755


def test_no_link_is_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "out.json").symlink_to(victim)
    files.write_json(tmp_path / "out.json", {})
    assert victim.read_text() == "mine" and files.read_json(tmp_path / "out.json") == {}


def test_a_folder_is_whole_or_the_old_one(tmp_path):
    place = tmp_path / "pack"
    with files.new_folder(place) as made:
        (made / "a").write_text("old")
    with pytest.raises(RuntimeError), files.new_folder(place) as made:
        (made / "a").write_text("half")
        raise RuntimeError
    assert (place / "a").read_text() == "old" and _names(tmp_path) == ["pack"]
    with files.new_folder(place) as made:
        (made / "b").write_text("new")
    assert _names(place) == ["b"] and _names(tmp_path) == ["pack"]


_WRITER = """
import pathlib, sys, time
from gan_jax.data import disk as files
where = pathlib.Path(sys.argv[1])
with files.new_folder(where / "set") as made, files.new_file(where / "one.npz") as file:
    (made / "0.png").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_left_is_cleared_and_what_is_being_written_is_not(tmp_path):
    command = [sys.executable, "-c", _WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        files.open_folder(tmp_path, "--out")
        assert len(_names(tmp_path)) == 2
        writer.send_signal(signal.SIGKILL)
    files.open_folder(tmp_path, "--out")
    assert _names(tmp_path) == []


def test_a_place_that_cannot_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out '.*file' cannot be written: it is a file"):
        files.open_folder(tmp_path / "file", "--out")
    with pytest.raises(InputError, match="--walk '.*' is a folder: give the name of a file"):
        files.open_file(tmp_path, "--walk")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.path_of("~/runs") == tmp_path / "runs"
    with pytest.raises(InputError, match="the home folder is not known"):
        files.path_of("~nobody_of_that_name/runs")


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "[" * 100_000])
def test_json_that_is_no_object(tmp_path, content):
    path = tmp_path / "eval.json"
    path.write_text(content)
    with pytest.raises(InputError, match="eval.json' (is damaged|holds a JSON)"):
        files.read_json(path)


_HOLDER = """
import pathlib, sys, time
from gan_jax.runtime.lock import held
with held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_writer_a_folder(tmp_path):
    run = tmp_path / "runs" / "a"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(run)], stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        begin = time.monotonic()
        with pytest.raises(InputError, match=f"in use by process {holder.pid} on "), held(run):
            pass
        assert time.monotonic() - begin < 1
        asked = []

        def waiting(name):
            asked.append(name)
            holder.send_signal(signal.SIGKILL)

        with held(run, waiting=waiting):
            assert len(asked) == 1 and f"process {holder.pid}" in asked[0]
    assert not run.exists()


def test_a_lock_file_without_a_holder_blocks_nobody(tmp_path):
    (tmp_path / ".lock").write_text('{"process": 1, "host": "elsewhere"}')
    with held(tmp_path):
        (tmp_path / "kept").write_text("")
    assert _names(tmp_path) == ["kept"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--workdir '.*' cannot be written"):
        with held(pathlib.Path(tmp_path / "file" / "run")):
            pass


def test_a_holder_of_the_same_number_on_another_host_is_waited_for(tmp_path):
    def waiting(name):
        raise LookupError(name)

    with held(tmp_path):
        with pytest.raises(InputError, match="is this run's own folder"):
            with held(tmp_path, waiting=waiting):
                pass
        (tmp_path / ".lock").write_text(json.dumps({"process": os.getpid(), "host": "elsewhere"}))
        with pytest.raises(LookupError), held(tmp_path, waiting=waiting):
            pass
