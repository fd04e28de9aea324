"""Two real processes on one machine, through `jax.distributed`, agree with one."""

import socket
import subprocess
import sys

import jax
import numpy as np

from tests import runs
from tests.test_runs import ROOT, environment


def test_two_processes_train_the_same_run_as_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Plain gradient steps would do; with Adam, few of them keep round-off small.
    flags = ["--config.num_steps=4", "--config.steps_per_call=2", "--config.evaluation.every=0"]
    flags += ["--config.judge.train.num_steps=4", "--config.judge.train.steps_per_call=2"]
    flags += ["--config.log_every=2", f"--config={ROOT}/configs/smoke.py"]

    def start(name, *more):
        command = [sys.executable, str(ROOT / "train.py"), *flags, f"--workdir={name}"]
        return subprocess.Popen(
            [*command, f"--config.judge.pack={name}_cnn/pack", *more],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    pair = [
        start(
            "two", f"--coordinator=127.0.0.1:{port}", "--num_processes=2", f"--process_id={index}"
        )
        for index in range(2)
    ]
    outputs = [process.communicate(timeout=400)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], "\n".join(outputs)
    assert "Report:" in outputs[0]
    assert outputs[1].count("Training") == 0  # only process 0 speaks
    single = start("one")
    output = single.communicate(timeout=400)[0]
    assert single.returncode == 0, output

    one, two = runs.final_state(tmp_path / "one"), runs.final_state(tmp_path / "two")
    assert one[0] == two[0] == 4
    assert {row["step"] for row in runs.history(tmp_path / "two")} == {2, 4}
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(one[1]), jax.tree.leaves(two[1]), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=2e-5, err_msg=str(path))
    judged = [runs.evaluation(tmp_path / name)["metrics"] for name in ("one", "two")]
    values = [entry["fd_semantic"]["value"] for entry in judged]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-2)
