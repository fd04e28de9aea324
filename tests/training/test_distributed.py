"""Two real processes on one machine, through `jax.distributed`, train what one process trains."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from tests import distributed_worker

_ROOT = pathlib.Path(__file__).resolve().parents[2]


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _start(command, folder):
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environment |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(_ROOT)}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # compiles sooner
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(processes, seconds):
    """The outputs of processes that belong together; none is left behind."""
    try:
        return [process.communicate(timeout=seconds)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What each of two processes has computed."""
    folder, address = tmp_path_factory.mktemp("pair"), f"127.0.0.1:{_free_port()}"
    processes = [
        _start(["-m", "tests.distributed_worker", address, "2", str(i), f"{i}.npz"], folder)
        for i in range(2)
    ]
    outputs = _finish(processes, 300)
    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)
    return [dict(np.load(folder / f"{i}.npz")) for i in range(2)]


@pytest.fixture(scope="module")
def alone():
    """The same runs in this process, on one device."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield {
        kind: distributed_worker.train(kind, "pmap", streamed=False, num_devices=1)
        for kind in ("gan", "cnn")
    }
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.parametrize("name", distributed_worker.RUNS)
def test_two_processes_agree_with_one(pair, alone, name):
    expected = alone[distributed_worker.RUNS[name][0]]
    for path, value in expected.items():
        mine, theirs = (results[f"{name} {path}"] for results in pair)
        np.testing.assert_array_equal(mine, theirs, err_msg=path)
        np.testing.assert_allclose(mine, value, rtol=1e-4, atol=1e-5, err_msg=path)
    count = sum(path.startswith(name) for path in pair[0])
    assert count == len(expected) > 20


def test_work_on_many_examples_is_shared_and_gathered(pair):
    for results in pair:
        np.testing.assert_array_equal(results["map_batches"], 2 * np.arange(11.0))
    assert pair[0]["progress"].tolist() == [8, 11]  # of all that both have done


def test_processes_can_ask_each_other(pair):
    assert [results["any_process"].tolist() for results in pair] == [[False, True]] * 2
    assert [results["main"].tolist() for results in pair] == [[True, True], [False, True]]


@pytest.mark.slow
def test_the_command_line_trains_a_judge_and_a_gan_in_two_processes(tmp_path):
    """Into one folder, with one report; the next start goes on from their checkpoints."""

    def start(num_steps):
        command = [str(_ROOT / "train.py"), f"--config={_ROOT}/configs/smoke.py", "--workdir=gan"]
        command += [f"--config.num_steps={num_steps}", "--config.judge.train.num_steps=4"]
        command += ["--config.log_every=2", "--config.steps_per_call=2"]
        command += ["--config.evaluation.every=0", "--config.compilation_cache="]
        command += ["--config.judge.pack=cnn/pack", "--num_processes=2"]
        command += [f"--coordinator=127.0.0.1:{_free_port()}"]
        pair = [_start([*command, f"--process_id={index}"], tmp_path) for index in range(2)]
        outputs = _finish(pair, 300)
        assert [process.returncode for process in pair] == [0, 0], "\n".join(outputs)
        assert "Training" not in outputs[1] and "Report:" not in outputs[1]  # one speaks
        return outputs[0]

    assert "A judge is trained first" in start(4)
    content = json.loads((tmp_path / "gan" / "eval.json").read_text())
    assert content["protocol"]["step"] == 4
    assert content["metrics"]["fd_semantic"]["value"] > 0
    assert "Resuming from the checkpoint of step 4" in start(6)
    log = (tmp_path / "gan" / "metrics.jsonl").read_text()
    rows = [json.loads(line) for line in log.splitlines()]
    assert [row["step"] for row in rows if "loss/generator" in row] == [2, 4, 6]
    assert sorted(path.name for path in tmp_path.glob("*/report.html")) == ["report.html"] * 2
    assert "is finished at step 6" in start(6)
