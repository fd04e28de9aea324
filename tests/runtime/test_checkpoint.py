"""What is kept of a run's states, what is done with a damaged one, and what is never deleted."""

import errno
import logging
import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from gan_jax.runtime.checkpoint import CheckpointError, Checkpoints


def _state(value=1.0, shape=(3,), dtype=np.float32):
    return {"net": {"w": jnp.full(shape, value, dtype)}, "step": jnp.int32(7)}


def _saved(folder, steps, keep=9, scores=None):
    with Checkpoints(folder, keep=keep) as checkpoints:
        for step in steps:
            checkpoints.save(step, _state(step), score=(scores or {}).get(step))
    return [path.name for path in sorted(pathlib.Path(folder).iterdir())]


def _damage(folder, step):
    """Overwrites the numbers of a checkpoint."""
    for path in (pathlib.Path(folder) / str(step) / "state").rglob("d/*"):
        path.write_bytes(bytes(len(path.read_bytes())))


def test_the_newest_and_the_best_are_kept(tmp_path):
    scores = {20: 1.0, 30: 9.0, 60: 8.0}
    assert _saved(tmp_path, [10, 20, 30], 2, scores) == ["20", "30"]
    assert _saved(tmp_path, [40, 50, 60], 2, scores) == ["20", "50", "60"]
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.steps() == [20, 50, 60] and checkpoints.best_step() == 20
        assert checkpoints.best_step(before=20) is None


def test_without_scores_the_newest_are_kept(tmp_path):
    assert _saved(tmp_path, range(10, 90, 10), 2) == ["70", "80"]
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.best_step() is None


def test_a_state_comes_back_as_it_was_with_its_notes(tmp_path):
    state = {"a": jnp.arange(6, dtype=jnp.bfloat16).reshape(2, 3), "b": (jnp.int32(1), None, {})}
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(5, state, notes={"sums": {"loss/a": 0.1}})
    with Checkpoints(tmp_path) as checkpoints:
        step, found = checkpoints.restore(state)
        assert step == 5 and checkpoints.notes(5) == {"sums": {"loss/a": 0.1}}
    assert jax.tree.structure(found) == jax.tree.structure(state)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(state)):
        assert one.dtype == other.dtype and np.array_equal(one, other)


def test_a_state_may_be_given_up_after_it_was_saved(tmp_path):
    step = jax.jit(lambda state: jax.tree.map(lambda x: x + 1, state), donate_argnums=0)
    state = _state(1.0, (1000,))
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state)
        state = step(state)
    with Checkpoints(tmp_path) as checkpoints:
        assert float(checkpoints.restore(state)[1]["net"]["w"][0]) == 1.0


def test_a_damaged_one_is_set_aside(tmp_path, caplog):
    _saved(tmp_path, [10, 20])
    _damage(tmp_path, 20)
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.restore(_state())[0] == 10
    assert (tmp_path / "20").is_dir()
    caplog.clear()
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore(_state())[0] == 10
        assert checkpoints.steps() == [10]
    assert (tmp_path / "damaged-20" / "state").is_dir()
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 3 and "step 20 is damaged" in texts[0] and "damaged-20" in texts[2]
    _saved(tmp_path, [20])
    (tmp_path / "20" / "check" / "metadata").unlink()
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.restore(_state())[0] == 10
    assert (tmp_path / "damaged-20-2" / "state").is_dir()


def test_all_damaged(tmp_path):
    _saved(tmp_path, [10])
    _damage(tmp_path, 10)
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(CheckpointError, match=r"can be read \(damaged: 10\)"):
            checkpoints.restore(_state())
    assert (tmp_path / "10").is_dir()


_PASSING = [
    OSError(errno.EIO, "Input/output error"),
    PermissionError(errno.EACCES, "Permission denied"),
    ValueError('UNKNOWN: Error opening "d/12": [OS error 24: Too many open files]'),
    ValueError("RESOURCE_EXHAUSTED: Out of memory allocating 100 bytes"),
    MemoryError(),
]


@pytest.mark.parametrize("error", _PASSING, ids=lambda error: type(error).__name__)
def test_an_error_that_may_pass_is_no_damage(tmp_path, monkeypatch, error):
    _saved(tmp_path, [10, 20])

    def fail(*args, **kwargs):
        raise error

    with Checkpoints(tmp_path) as checkpoints:
        with monkeypatch.context() as patch:
            patch.setattr(ocp.Checkpointer, "restore", fail)
            with pytest.raises(CheckpointError, match="step 20 .* cannot be read now: "):
                checkpoints.restore(_state())
        assert checkpoints.restore(_state())[0] == 20


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (_state(shape=(4,)), r"net/w is float32\[3\], and this config makes it float32\[4\]"),
        (_state(dtype=np.int32), r"net/w is float32\[3\], and this config makes it int32\[3\]"),
        ({"net": {}, "step": jnp.int32(0)}, r"net/w is float32\[3\], .* makes it nothing"),
        (_state() | {"x": jnp.zeros(2)}, r"x is not in it, .* makes it float32\[2\]"),
    ],
)
def test_a_state_of_another_network_is_no_damage(tmp_path, template, message):
    _saved(tmp_path, [10])
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(CheckpointError, match=message):
            checkpoints.restore(template)
        assert checkpoints.restore(_state())[0] == 10


def test_a_full_disk_is_said_once_and_what_was_saved_stays(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, _state(5.0))
    checkpoints.wait()
    with monkeypatch.context() as patch:
        patch.setattr(ocp.Checkpointer, "save", full)
        checkpoints.save(2, _state())
        with pytest.raises(CheckpointError, match="disk is full.*step 1 is whole"):
            checkpoints.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    checkpoints.save(2, _state())
    checkpoints.close()
    assert checkpoints.restore(_state())[0] == 2


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "checkpoints").write_text("")
    with pytest.raises(CheckpointError, match="could not be written to .*checkpoints: File exists"):
        Checkpoints(tmp_path / "checkpoints")


def test_what_a_kill_left_is_cleared(tmp_path):
    _saved(tmp_path, [10])
    shutil.copytree(tmp_path / "10", tmp_path / ".20.0123456789abcdef.new")
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.steps() == [10]
    assert [path.name for path in tmp_path.iterdir()] == ["10"]


def test_nothing_is_logged_by_the_library(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    _saved(tmp_path, [10, 20])
    shutil.rmtree(tmp_path / "20" / "state" / "d")
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.restore(_state())
    assert {record.name for record in caplog.records} == {"gan_jax.runtime.checkpoint"}
