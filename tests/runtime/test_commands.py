"""The subcommands of `gan-jax`: which job each asks for, help, and mistakes."""

import re
import subprocess
import sys

import pytest

from gan_jax.__main__ import main
from gan_jax.config.experiments import experiment_names, load_config
from gan_jax.errors import InputError
from gan_jax.runtime.commands import COMMANDS, command_help, completion, parse
from gan_jax.runtime.jobs import JOBS, choose
from tests.whole.test_runs import ROOT, environment

_BY_NAME = {command.name: command for command in COMMANDS}


def _job(line):
    name, *rest = line.split()
    values, given, words = parse(_BY_NAME[name], rest)
    return str(choose(given, words)), values, given, words


@pytest.mark.parametrize(
    ("line", "job", "given"),
    [
        ("judge pngs --reference mnist5k", "--samples", {"samples": "pngs"}),
        ("judge RUN --checkpoint=best", "--workdir", {"checkpoint": "best"}),
        ("judge pngs --benchmark mnist --out o", "--benchmark --samples", {"benchmark": "mnist"}),
        (
            "judge-texture p.png --reference b --out o --crop 64",
            "--texture --samples",
            {"crop": 64},
        ),
        ("sample RUN 50 --out o.npz --truncation 0.7", "--export --workdir", {"export": 50}),
        ("texture RUN 20x30 --out o.png --seamless", "--draw --workdir", {"draw": "20x30"}),
        ("walk RUN w.gif --fps 5", "--walk --workdir", {"walk": "w.gif", "fps": 5.0}),
        ("enlarge RUN i.png --out o", "--enlarge --workdir", {"enlarge": "i.png"}),
        ("program RUN p.jax", "--export_program --workdir", {"export_program": "p.jax"}),
        ("compare a b --json", "--compare", {"compare": True, "json": True}),
        ("gate p --reference mnist5k", "--gate", {"gate": "p"}),
        ("recognise pngs --extractor p --out o", "--recognise --samples", {"recognise": True}),
        ("study RUN --out o --num-samples 9", "--gan_train_test --workdir", {"num_samples": 9}),
    ],
)
def test_each_command_is_a_job(line, job, given, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    found, values, asked, _ = _job(line.replace("RUN", str(tmp_path)))
    assert found == job
    assert given.items() <= asked.items()
    assert values | asked == values


def test_every_job_has_a_command():
    assert {job for command in COMMANDS for job in command.jobs} == set(JOBS)


def test_words_that_are_folders():
    assert _job("compare runs/a runs/b --out c")[-1] == ["runs/a", "runs/b"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_fits_a_terminal(command):
    lines = command_help(command).splitlines()
    assert len(lines) < 30 and max(map(len, lines)) <= 80
    assert all(f"--{name} " in command_help(command) for name in command.options)
    name, *rest = command.example.split()
    assert name == command.name
    parse(command, rest)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("jugde pngs", "gan-jax jugde is not a command: did you mean 'judge'?"),
        ("judge", "the following arguments are required: IMAGES_OR_RUN"),
        ("judge pngs", "--samples needs --reference too"),
        ("judge pngs --refrence=m", "does not take --refrence: did you mean 'reference'?"),
        ("judge pngs more --reference m", "'more' is one word too many: gan-jax judge IMAGES_OR"),
        ("sample run ten --out o", "COUNT: invalid int value: 'ten'"),
        ("sample run 10", "--export needs --out too"),
        ("train --config quickstrat", "'quickstrat' is neither a file nor the name of an exp"),
        ("train --config configs/quickstrat.py", "did you mean 'configs/quickstart.py'?"),
        (
            "train --config smoke --config.batch_sise=2",
            "--config.batch_sise is not a field",
        ),
        ("train", "--config is missing"),
        ("check --config smoke extra", "'extra' is not understood"),
    ],
)
def test_mistakes_are_one_line(line, message, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(line.split()) == 2
    found = capsys.readouterr()
    assert not found.out and found.err.count("\n") == 1
    assert re.search(re.escape(message), found.err)


@pytest.mark.parametrize("words", [[], ["--help"], ["train", "--help"], ["judge", "--help"]])
def test_help_is_quick(words, capsys):
    code = f"import sys\nfrom gan_jax.__main__ import main\nassert main({words!r}) == 0\n"
    code += "assert not {'jax', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) < 30
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_completion_is_a_script_of_the_shell(tmp_path):
    script = tmp_path / "complete.sh"
    script.write_text(completion(["train"]))
    lines = (
        f"source {script}; COMP_WORDS=(gan-jax judge --ben); COMP_CWORD=2; _gan_jax; "
        'echo "${COMPREPLY[@]}"; COMP_WORDS=(gan-jax tra); COMP_CWORD=1; _gan_jax; '
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", lines], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["--benchmark", "train"], done.stderr


def test_experiments_are_found_by_name_from_anywhere(tmp_path):
    """With the configs that they import; nothing of the clone is on the path."""
    code = (
        "import gan_jax\n"
        "assert gan_jax.load_config('recipes:mnist5k.r1').r1_weight == 1.0\n"
        "assert gan_jax.load_config('quickstart').kind == 'gan'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path) | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_an_own_experiment_is_a_file(tmp_path):
    own = tmp_path / "mine.py"
    own.write_text(
        "from configs import smoke\n\ndef get_config(width='4'):\n"
        "    config = smoke.get_config()\n    config.model.width = int(width)\n    return config\n"
    )
    assert load_config(f"{own}:6").model.width == 6
    with pytest.raises(InputError, match="did you mean .*mine.py"):
        load_config(str(tmp_path / "mien.py"))
    assert "quickstart" in experiment_names()
