"""The README and docs/ keep their word: lines run as printed, commands and links fit the code."""

import ast
import functools
import importlib
import importlib.util
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from gan_jax.config.experiments import load_config
from gan_jax.runtime.commands import COMMANDS, parse
from gan_jax.runtime.jobs import choose
from gan_jax.runtime.options import OPTIONS
from tests.whole.test_runs import environment

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "benchmarks" / "README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
EXTENDING = ROOT / "docs" / "extending.md"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def _section(page, title):
    """The first python block under a heading."""
    heading = re.search(rf"^#+ {title}$", page.read_text(), re.MULTILINE)
    assert heading, f"{page.name} has no section '{title}'"
    block = re.search(r"```python\n(.*?)```", page.read_text()[heading.end() :], re.DOTALL)
    assert block, f"{page.name}: '{title}' has no python block"
    return block.group(1)


def _run(lines, page):
    names = {"__name__": "__main__"}
    exec(compile(lines, str(page), "exec"), names)
    return names


def _notebook():
    return _run(_section(PAGES[0], "In a notebook"), PAGES[0])


def test_the_lines_train_a_gan(capsys):
    assert "from gan_jax.steps import gan_step" in _section(PAGES[0], "In a notebook")
    notebook = _notebook()
    losses = {name: float(value) for name, value in notebook["metrics"].items()}
    assert set(losses) >= {"loss/discriminator", "loss/generator"}
    assert np.isfinite(list(losses.values())).all()
    assert int(notebook["state"].step) > 10
    assert "loss/generator" in capsys.readouterr().out


def test_the_parts_make_a_step_of_ones_own(quickly_compiled):
    page = ROOT / "docs" / "parts.md"
    names = _run(_section(page, "A step of your own"), page)
    key = jax.random.key(0)
    real, fake = jax.random.uniform(key, (2, 4, 28, 28, 1), minval=-1, maxval=1)
    params = names["network"].init(key, real, train=False)["params"]
    opt_state = names["adam"].init(params)
    update = jax.jit(names["update"])
    losses = []
    for _ in range(3):
        params, opt_state, loss = update(params, opt_state, real, fake, key)
        losses.append(float(loss))
    assert losses[2] < losses[0]  # of the same images


@each_page
def test_python_blocks_import_what_there_is(page):
    for block in _blocks(page, "python"):
        lines = [line for line in block.splitlines() if not line.startswith(("%", "!"))]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith(("gan_jax", "configs")):
                if importlib.util.find_spec(node.module) is None and page == EXTENDING:
                    continue
                module = importlib.import_module(node.module)
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    assert hasattr(module, alias.name) or importlib.util.find_spec(name), name


@each_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)\s]*)?\)", page.read_text()):
        if target and not target.startswith("http"):
            assert (page.parent / target).exists(), target
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]*)\)", page.read_text()):
        if not target.startswith("http"):
            text = ((page.parent / target) if target else page).read_text()
            headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}
            assert anchor in slugs, f"{target}#{anchor}"


@each_page
def test_files_that_a_page_names_are_there(page):
    for name in re.findall(
        r"`((?:gan_jax|configs|tests|benchmarks|docs)/[\w/.]+\.\w+)`", page.read_text()
    ):
        new = re.search(rf"A new file\s+`{re.escape(name)}`", page.read_text())
        assert new or (ROOT / name).exists(), name


def test_the_tree_is_the_one_on_disk():
    tree = re.search(r"## The tree\n\n```\n(.*?)```", PAGES[0].read_text(), re.DOTALL).group(1)
    rooms = set()
    for line in tree.splitlines():
        names, inside = re.split(r" {2,}", line.strip())[0].split(), line.startswith(" ")
        for name in names:
            assert (ROOT / ("gan_jax" if inside else "") / name).exists(), name
        rooms |= {name.strip("/") for name in names if inside}
    there = {path.name for path in (ROOT / "gan_jax").iterdir() if not path.name.startswith("_")}
    assert rooms == there - {"py.typed"}


def _commands(page):
    """The words of each command in a page's bash blocks, from its script or subcommand on."""
    for block in _blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            if (
                line.startswith(("python train.py", "python eval.py", "gan-jax"))
                and "$" not in line
            ):
                yield shlex.split(line, comments=True)[1:]


@each_page
def test_commands_name_fields_and_flags_that_there_are(page):
    for script, *words in _commands(page):
        if script in ("train.py", "train", "check"):
            _check_training(words)
        elif script == "eval.py":
            _check_judging(words)
        else:
            _, given, folders = parse(next(one for one in COMMANDS if one.name == script), words)
            choose(given, folders)


def _check_training(words):
    given = dict(word.removeprefix("--").split("=", 1) for word in words if "=" in word)
    path, _, argument = words[words.index("--config") + 1].partition(":")
    if path == "configs/mine.py":
        return
    config = load_config(f"{path}:{argument}" if argument else path)
    for name in given:
        if name.startswith("config."):
            *sections, field = name.split(".")[1:]
            section = functools.reduce(lambda part, inner: part[inner], sections, config)
            assert isinstance(section, ConfigDict) and field in section, name
    free = {word.split("=")[0] for word in words if word.startswith("--")} - {"--config"}
    assert all(word.startswith("--config.") or word == "--workdir" for word in free), words


def _check_judging(words):
    own = {name for heading in OPTIONS.values() for name in heading}
    given, folders, name = {}, [], None
    for word in words:
        if word.startswith("--"):
            name, _, value = word.removeprefix("--").partition("=")
            assert name in own, name
            given[name] = value or True
        elif given[name] is not True or name == "compare":
            folders.append(word)
        else:
            given[name] = word
    choose(given, folders)  # refuses what does not go together


def test_what_extending_adds_can_be_trained(tmp_path):
    """The parts of docs/extending.md, added to a copy of the package as the page says."""
    for folder in ("gan_jax", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "train.py", tmp_path)
    text = EXTENDING.read_text()
    for path, kind, block in re.findall(
        r"`([\w/]+\.py)`:\n\n```(python|diff)\n(.*?)```", text, re.DOTALL
    ):
        file = tmp_path / path
        file.write_text(_patched(file.read_text(), block) if kind == "diff" else block)
    small = {"num_steps": 4, "evaluation.every": 0, "evaluation.num_samples": 60, "num_devices": 1}
    small |= {"judge.train.num_steps": 20, "compilation_cache": ""}
    command = [sys.executable, "train.py", "--config", "configs/mine.py", "--workdir", "mine"]
    command += [f"--config.{name}={value}" for name, value in small.items()]
    env = environment(tmp_path) | {"PYTHONPATH": str(tmp_path)}
    env["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # compiles faster
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    entry = json.loads((tmp_path / "mine" / "eval.json").read_text())["metrics"]["total_variance"]
    assert entry["value"] > 0 and entry["real"] > 0 and entry["n"] == 60
    rows = map(json.loads, (tmp_path / "mine" / "metrics.jsonl").read_text().splitlines())
    assert [row["step"] for row in rows if 0 < row.get("watch/brightness", 0) < 1] == [4]


def _patched(text, diff):
    """The text with each part of a diff applied; ' ' and '-' lines must stand in it once."""
    for part in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = part.splitlines()
        before, after = (
            "".join(f"{line[1:]}\n" for line in lines if line[:1] != sign) for sign in "+-"
        )
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text
