"""The benchmarks: works as data, arithmetic of turns, tables, and that peers train the same."""

import dataclasses
import functools
import json
import os
import pathlib
import sys
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import convolutions, environments, machine, step, table
from benchmarks.contestants import CONTESTANTS, choose
from benchmarks.environments import EnvironmentFailed, obtain_python
from benchmarks.leaderboard import __main__ as leaderboard
from benchmarks.leaderboard import page, rows
from benchmarks.peers import ours, plain
from benchmarks.peers.jax_trainer import random_batch
from benchmarks.ratios import neighbour_ratios, summary
from benchmarks.runner import PeerFailed, Process, take_turns
from benchmarks.works import WORKS, Task
from configs import mnist5k_dcgan
from gan_jax.models.dcgan import DCGANGenerator
from gan_jax.steps.state import NetState

SMALL = dataclasses.replace(WORKS["dcgan28"], width=8, batch_size=8)


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
def test_ours_and_plain_have_the_same_variables(work):
    task, key = Task(work), jax.random.key(0)
    mine = jax.eval_shape(lambda: ours.create(task, key))
    theirs = jax.eval_shape(lambda: plain.create(task, key))
    nets = (
        [(mine.generator, theirs.generator), (mine.discriminator, theirs.discriminator)]
        if work.is_gan
        else [(mine.network, theirs)]
    )
    shapes = functools.partial(jax.tree.map, jnp.shape)
    for our, plain_net in nets:
        assert shapes(our.params) == shapes(plain_net.params)
        assert shapes(our.collections.get("batch_stats", {})) == shapes(plain_net.statistics)
    assert ours.parameter_counts(task) == plain.parameter_counts(task)


def test_the_small_dcgan_is_the_configs():
    config, work = mnist5k_dcgan.get_config(), WORKS["dcgan28"]
    assert (work.width, work.batch_size) == (config.model.width, config.batch_size)
    assert (work.latent_dim, work.kernel_size) == (
        config.model.latent_dim,
        config.model.kernel_size,
    )
    optimizer = config.generator_optimizer
    assert (work.learning_rate, work.b1, work.b2) == (
        optimizer.learning_rate,
        optimizer.b1,
        optimizer.b2,
    )


def test_a_task_survives_the_command_line():
    for work in WORKS.values():
        task = Task(work, "compile", "reuse", "bfloat16")
        assert Task.from_json(task.to_json()) == task


def _plain_net(net: NetState, work) -> plain.Net:
    optimizer = plain.make_adam(work)
    return plain.Net(
        net.params, net.collections.get("batch_stats", {}), optimizer.init(net.params)
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{}, dict(image_shape=(8, 8, 1), discriminator_norm="none", r1_weight=2.0)]
)
def test_a_plain_step_has_our_loss_and_makes_our_parameters(changes):
    task = Task(dataclasses.replace(SMALL, **changes))
    work, key = task.work, jax.random.key(3)
    before = ours.create(task, key)
    networks = plain.Networks(
        _plain_net(before.generator, work), _plain_net(before.discriminator, work)
    )
    batch = random_batch(task)
    latents = []

    def record(call, args, kwargs, context):
        if isinstance(context.module, DCGANGenerator):
            jax.debug.callback(latents.append, args[0], ordered=True)
        return call(*args, **kwargs)

    with nn.intercept_methods(record):
        after, metrics = jax.jit(ours.make_step(task))(before, batch, key)
    jax.effects_barrier()
    assert len(latents) == 2
    batch["latents"] = jnp.stack(latents)
    found, loss = jax.jit(plain.make_step(task))(networks, batch, key)
    np.testing.assert_allclose(loss, metrics["loss/generator"], atol=1e-4)
    # Adam's first step is the sign of the gradient: compare what batch normalisation carries, and
    # the first moments, which are the gradients.
    for mine, theirs in [
        (after.generator, found.generator),
        (after.discriminator, found.discriminator),
    ]:
        pairs = zip(
            jax.tree.leaves(mine.opt_state[0].mu), jax.tree.leaves(theirs.adam[0].mu), strict=True
        )
        for a, b in pairs:
            np.testing.assert_allclose(a, b, atol=1e-4 * float(jnp.max(jnp.abs(b))) + 1e-7)
    for a, b in zip(
        jax.tree.leaves(after.generator.collections), jax.tree.leaves(found.generator.statistics)
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_flops_are_those_of_the_layers():
    # 3x3 convolutions of 28, 14 and 7 pixels: 9 taps less those outside, forward and two gradients,
    # without the image's own; dense layers, and some per cent of pointwise operations.
    work = WORKS["cnn"]
    taps = {side: (3 * side - 2) ** 2 for side in (28, 14, 7)}
    first = 2 * taps[28] * 1 * 16
    rest = 2 * taps[28] * 16 * 16 + 2 * taps[14] * (16 * 32 + 32 * 32)
    rest += 2 * taps[7] * (32 * 64 + 64 * 64) + 2 * (3 * 3 * 64 * 128 + 128 * 10)
    products = work.batch_size * (2 * first + 3 * rest)
    assert products < plain.count_flops(Task(work)) < 1.1 * products


def test_ratios_compare_neighbours():
    # The machine slows down steadily; the peer is half as fast as we are all along.
    ours_rates, peers = [10.0, 9.0, 8.0, 7.0, 6.0], ([4.75, 3.75], [4.25, 3.25])
    for position, theirs in enumerate(peers):
        assert neighbour_ratios(ours_rates, theirs, position, 2) == [2.0, 2.0]
    with pytest.raises(ValueError, match="5 turns of ours, not 4"):
        neighbour_ratios(ours_rates[:4], peers[0], 0, 2)
    assert summary([1.0, 2.0, 3.0, 4.0, 5.0]) == {"median": 3.0, "quartiles": [2.0, 4.0]}
    assert summary([2.5]) == {"median": 2.5, "quartiles": [2.5, 2.5]}


def test_turns_alternate_with_ours():
    order = []

    class Peer:
        def __init__(self, name):
            self.name = name

        def turn(self, seconds):
            order.append(self.name)
            return {"rate": 1.0}

    turns = take_turns(
        {name: Peer(name) for name in "oab"}, first="o", rounds=2, seconds=1, report=order.append
    )
    assert "".join(name for name in order if len(name) == 1) == "oaobo" + "aobo"
    assert {name: len(taken) for name, taken in turns.items()} == {"o": 5, "a": 2, "b": 2}


def test_a_peer_that_cannot_start_says_why(tmp_path):
    with pytest.raises(PeerFailed, match="No module named benchmarks.peers.absent"):
        Process(sys.executable, "absent", Task(SMALL), "cpu")
    with pytest.raises(EnvironmentFailed, match="--torch-python .*nowhere does not exist"):
        obtain_python("torch", str(tmp_path / "nowhere"))


def test_an_environment_is_made_once_and_again_when_its_requirements_change(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "PEERS", tmp_path)
    requirements = tmp_path / "requirements-abacus.txt"
    requirements.write_text("# nothing to install\n")
    python = obtain_python("abacus", cache=tmp_path / "cache")
    assert pathlib.Path(python).exists() and python.startswith(str(tmp_path / "cache"))

    def no_more(*args, **kwargs):
        raise AssertionError("made again")

    monkeypatch.setattr(environments.subprocess, "run", no_more)
    assert obtain_python("abacus", cache=tmp_path / "cache") == python
    requirements.write_text("# something else\n")
    with pytest.raises(AssertionError, match="made again"):
        obtain_python("abacus", cache=tmp_path / "cache")


@pytest.mark.slow
def test_a_plain_process_takes_a_turn():
    small = dataclasses.replace(
        WORKS["cnn"], image_shape=(8, 8, 1), batch_size=8, widths=(2,), dense=4
    )
    process = Process(sys.executable, "plain", Task(small), "cpu")
    try:
        turn = process.turn(0.05)
    finally:
        process.stop()
    assert process.description["parameters"] == plain.parameter_counts(Task(small))
    assert process.description["first_step_seconds"] > process.description["compile_seconds"] > 0
    np.testing.assert_allclose(turn["rate"], turn["calls"] * 8 / turn["seconds"])
    assert 1e8 < turn["host_memory_bytes"] < 4e9
    assert turn["others"] is None or 0 <= turn["others"] <= 2 * (os.cpu_count() or 1)


def test_peers_are_chosen_by_name():
    assert [c.name for c in choose("plain")] == ["gan_jax", "Flax plain"]
    assert {c.group for c in choose("torch,keras")} == {"gan_jax", "torch", "keras"}
    with pytest.raises(ValueError, match="'pytorch' is not known"):
        choose("pytorch")
    with pytest.raises(SystemExit, match="'articel' is not known; choose from all, article"):
        step.main(["--work", "articel", "--peers", "plain"])
    assert CONTESTANTS["gan_jax"].task(SMALL, "reuse", "float32").update == "alternating"
    assert CONTESTANTS["Keras XLA"].task(WORKS["cnn"], "reuse", "float32").update == "alternating"


def _record(rates, **machine):
    turns = {"gan_jax": [200.0] * 3, "Keras graph": rates, "Flax plain": [50.0, 50.0]}
    results = {
        name: {
            "rate": summary(taken), "device": "cpu: cpu", "share_of_peak": 0.5,
            "first_step_seconds": 3.0, "host_memory_bytes": 10**8,
            "turns": [{"rate": rate, "others": 0.01} for rate in taken],
        }
        for name, taken in turns.items()
    }  # fmt: skip
    for name in ("Keras graph", "Flax plain"):
        results[name]["ratios"] = [200.0 / rate for rate in turns[name]]
    results["matmul"] = {"rate": summary([1e11])}
    return {
        "machine": {"processor": "Abacus", "cores": 2} | machine,
        "arguments": {"update": "alternating", "batch_size": 0, "width": 0},
        "works": [{"work": {"name": "article"}, "dtype": "float32", "results": results}],
    }


def test_the_table_joins_runs_and_marks_the_best_peer(tmp_path, capsys):
    paths = [tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json"]
    for path, rates in zip(paths, ([100.0, 160.0], [125.0, 250.0])):
        path.write_text(json.dumps(_record(rates)))
    paths[2].write_text(json.dumps({"layers": []}))  # of another kind
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- benchmarks:begin -->\nold\n<!-- benchmarks:end -->\nz\n")
    picture = tmp_path / "plot.png"
    table.main([*map(str, paths), "--plot", str(picture), "--write", str(readme)])
    text = readme.read_text()
    assert text.startswith("a\n<!-- benchmarks:begin -->\nAbacus, 2 cores; alternating update")
    assert text.endswith("<!-- benchmarks:end -->\nz\n") and "old" not in text
    # Ratios 2, 1.25, 1.6 and 0.8: median 1.425, quartiles 1.1375 and 1.7.
    row = next(line for line in text.splitlines() if line.startswith("| article"))
    cells = ["article", "200", "50%", "**1.43** (1.14 to 1.70)", "**142 (1.43)**", "50 (4.00)"]
    assert row == "| " + " | ".join(cells) + " |"
    head = next(line for line in text.splitlines() if line.startswith("| work"))
    assert "| ours by the best peer: median (quartiles) of paired turns |" in head
    # 200 by 142 is 1.41: the reader is told why 1.43 stands there.
    assert "each paired with our two around it. It is not the ratio of the two medians" in text
    assert "busy machine" not in text and "other programs kept 0.01 cores busy" in text
    assert "2 runs" in text and text.split("\n", 2)[2].split("<!-- b")[0] in capsys.readouterr().out
    assert picture.read_bytes()[1:4] == b"PNG"
    table.main([*map(str, paths), "--brief", str(readme)])
    assert readme.read_text().splitlines()[2:7] == [
        "| **measured** on Abacus, 2 cores | `article` |",
        "|---|---|",
        "| images/s | 200 |",
        "| best peer | Keras graph |",
        "| ours by it | 1.43 |",
    ]
    with pytest.raises(SystemExit, match="needs the lines"):
        readme.write_text("no marks")
        table.main([*map(str, paths), "--write", str(readme)])


def test_results_that_began_on_a_busy_machine_are_marked(tmp_path):
    began = (
        {"busy_cores": 0.02, "began_busy": False},
        {"busy_cores": 1.3, "began_busy": True},
        {"load": 0.8},  # as older versions wrote it
        {"load": 2.4},
    )
    paths = [tmp_path / f"{number}.json" for number in range(len(began))]
    for path, fields in zip(paths, began, strict=True):
        path.write_text(json.dumps(_record([100.0, 160.0], **fields)))
    text = table.markdown(table.load(paths))
    assert "4 runs" in text
    assert "1 of them **began on a busy machine** (up to 1.30 cores at work)" in text
    assert "not known of 2" in text and "was 0.80 to 2.40" in text


def _busy(monkeypatch, cores):
    """A machine of two cores of which programs keep so many busy; no time passes."""
    now = [0.0]
    monkeypatch.setattr(machine.time, "sleep", lambda seconds: now.append(now[-1] + seconds))
    monkeypatch.setattr(machine, "busy_seconds", lambda: cores * now[-1])
    monkeypatch.setattr(machine, "core_count", lambda: 2)


def test_a_busy_machine_is_refused_with_its_load(monkeypatch, tmp_path):
    _busy(monkeypatch, 0.05)
    assert machine.check_quiet(False) == {"busy_cores": 0.05, "began_busy": False}
    _busy(monkeypatch, 1.37)
    with pytest.raises(machine.MachineBusy, match="1.37 of 2 cores busy, and at most 0.20"):
        machine.check_quiet(False)
    assert machine.check_quiet(True) == {"busy_cores": 1.37, "began_busy": True}
    with pytest.raises(SystemExit, match="1.37 of 2 cores busy.*go on with --busy"):
        step.main(["--peers", "plain", "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match="mnist5k.dcgan: .*1.37 of 2 cores busy"):
        leaderboard.main(
            ["--train", "--sets", "mnist5k", "--recipes", "dcgan", "--runs", str(tmp_path)]
        )
    assert not any(tmp_path.iterdir())


def test_where_nothing_tells_what_is_busy_the_load_average_does(monkeypatch):
    monkeypatch.setattr(machine, "busy_seconds", lambda: None)
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (1.8, 0.0, 0.0))
    assert machine.busy_cores() == 1.8


def test_a_recipe_that_began_on_a_busy_machine_is_marked(monkeypatch, tmp_path):
    _busy(monkeypatch, 1.37)
    monkeypatch.setattr(
        rows.subprocess, "run", lambda *args, **options: SimpleNamespace(returncode=0)
    )
    assert rows.train("mnist5k.dcgan", tmp_path, (), busy=True) == 0
    _busy(monkeypatch, 0.0)
    assert rows.train("mnist5k.dcgan", tmp_path, ()) == 0  # goes on, on an idle machine now
    part = {
        "metrics": {"fd_semantic": {"value": 5.0, "floor": 2.0, "n": 500}},
        "protocol": {"extractor": "a@1", "images": 2000, "reference_images": 1000},
    }
    other = {"metrics": {"fd_semantic": {"value": 6.0}}, "protocol": {"extractor": "b@2"}}
    content = part | {"members": [{"seed": 0}], "judges": [other]}
    log = '{"step": 1, "time/images_per_second": 1000.0, "eval/fd_semantic": 5.0}\n'
    (tmp_path / "members" / "0").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "members" / "0"):
        (folder / "metrics.jsonl").write_text(log)
        (folder / "eval.json").write_text(json.dumps(content))
    (tmp_path / "config.json").write_text('{"batch_size": 64}')
    row = rows.of_run("mnist5k", "dcgan", tmp_path)
    assert row["seeds"][0]["judges"] == {"a@1": 5.0, "b@2": 6.0}
    assert row["curves"] == [[[64, 5.0]]]
    assert "| 1.1 min* |" in page.section("mnist5k", [row])
    row["machine"]["began_busy"] = False
    assert "| 1.1 min |" in page.section("mnist5k", [row])


def test_the_layers_of_a_work_are_timed_in_every_form_that_can():
    layers = convolutions.layers_of(Task(SMALL))
    assert [str(layer) for layer in layers] == [
        "conv_transpose 4x4/2, 8 x 7x7, 16 to 8",
        "conv_transpose 4x4/2, 8 x 14x14, 8 to 1",
        "conv 4x4/2, 8 x 28x28, 1 to 8",
        "conv 4x4/2, 8 x 14x14, 8 to 16",
    ]
    row = convolutions.measure(layers[0], rounds=1, seconds=0.001)
    assert set(row["forms"]) == {"direct", "dilated", "subpixel", "columns", "shifts"}
    assert row["chosen"] in row["forms"]
    assert all(t["forward"] > 0 and t["gradients"] > 0 for t in row["forms"].values())
    assert f"**{row['forms'][row['chosen']]['forward']:.1f} / " in convolutions.table([row])
