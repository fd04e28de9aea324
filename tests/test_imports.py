"""What may import what, what stays unloaded, and that public names are explained."""

import ast
import functools
import json
import os
import pathlib
import subprocess
import sys

import pytest

_PACKAGE = pathlib.Path(__file__).resolve().parent.parent / "gan_jax"

# A module imports from the layers above it only; inside data, metrics and models there is no order.
_LAYERS = (
    {"errors", "sweep_section"},
    {
        "adaptive",
        "augment",
        "axis",
        "checkpoint",
        "cli",
        "config",
        "data",
        "environment",
        "figures",
        "hyperparameters",
        "images",
        "member_statistics",
        "memory",
        "schedules",
    },
    {
        "animation",
        "burn_in",
        "class_pictures",
        "config_checks",
        "degradations",
        "extraction",
        "member_figures",
        "resize",
        "texture_baselines",
        "texture_crops",
        "texture_figures",
    },
    {
        "logs",
        "losses",
        "metrics",
        "models",
        "optimizers",
        "parallel",
        "penalties",
        "pixels",
        "ranking",
        "texture_degradations",
        "webpage",
    },
    {
        "class_report",
        "curves",
        "extractor",
        "feed",
        "networks",
        "recogniser_report",
        "state",
        "statistics",
        "workdir",
    },
    {
        "channel_extractor",
        "augmentation",
        "collapse",
        "controls",
        "inception",
        "passes",
        "report",
        "results",
        "rollback",
        "stopped_report",
        "texture_report",
    },
    {
        "extractor_choice",
        "member_steps",
        "protocol",
        "sampling",
        "steps",
        "suite",
        "texture_sampling",
        "texture_suite",
    },
    {
        "class_sampling",
        "factory",
        "gate",
        "judge",
        "judge_result",
        "loop",
        "member_parallel",
        "texture_evaluation",
        "texture_gate",
        "texture_meter",
        "texture_seams",
        "truncation",
    },
    {"members"},
    {
        "class_agreement",
        "collapse_guard",
        "disagreement",
        "layer_statistics",
        "member_records",
        "member_results",
        "trained",
    },
    {"comparison", "evaluation", "generation", "member_table", "session"},
    {
        "comparison_table",
        "latent_walk",
        "member_report",
        "program_export",
        "sample_evaluation",
        "sample_export",
    },
    {"comparison_report", "member_evaluation"},
    {"member_training"},
    {"training"},
)
_RANK = {name: rank for rank, names in enumerate(_LAYERS) for name in names}

# Rooms whose doors are closed to the rest of the house: all that they may know of it.
_CLOSED = {
    "losses": {"errors"},
    "penalties": {"errors"},
    "adaptive": set(),
    "augment": {"errors"},
    "schedules": set(),
    "models": {"errors"},
    "metrics": {"errors"},
    "collapse": {"errors", "metrics"},
    "data": {"errors"},
    "images": {"errors"},
    "logs": {"errors", "images"},
    "class_pictures": {"errors", "images"},
    "class_report": {"class_pictures", "webpage"},
    "report": {
        "class_pictures",
        "class_report",
        "curves",
        "errors",
        "figures",
        "images",
        "recogniser_report",
        "webpage",
    },
    "curves": {"figures", "webpage"},
    "stopped_report": {"curves", "logs", "webpage", "workdir"},
    "texture_crops": {"data", "errors"},
    "texture_figures": {"figures"},
    "texture_report": {"curves", "errors", "metrics", "texture_figures", "webpage"},
    "recogniser_report": {"errors", "figures", "metrics", "webpage"},
    "ranking": set(),
    "hyperparameters": set(),
    "member_statistics": set(),
    "member_figures": {"figures"},
    "member_report": {"member_figures", "member_results", "member_table", "webpage"},
    "optimizers": {"burn_in", "errors", "schedules"},
    "texture_baselines": {"errors"},
    "texture_degradations": {"degradations"},
    "results": {"errors", "workdir"},
    "protocol": {"errors", "results"},
    "judge_result": {"protocol", "ranking", "results"},
    "disagreement": {"judge_result", "ranking"},
    "comparison": {"disagreement", "judge_result", "protocol", "results"},
    "comparison_table": {"comparison", "disagreement", "judge_result", "results", "webpage"},
    "comparison_report": {
        "comparison",
        "comparison_table",
        "errors",
        "figures",
        "judge_result",
        "protocol",
        "results",
        "webpage",
        "workdir",
    },
    "axis": set(),
    "state": {"adaptive", "axis", "losses", "penalties", "schedules"},
    "passes": {"adaptive", "axis", "errors", "penalties", "schedules", "state"},
    "steps": {"axis", "passes", "state"},
    "memory": {"errors"},
    "parallel": {"errors", "memory"},
    "checkpoint": {"errors"},
}

# Libraries that one room alone knows.
_OWNERS = {
    "orbax": {"checkpoint"},
    "grain": {"data"},
    "tensorflow_datasets": {"data"},
    "tensorboardX": {"logs"},
    "matplotlib": {"figures"},
    "safetensors": {"extractor", "inception"},
    "torch": {"inception"},
    "ml_collections": {
        "augmentation",
        "burn_in",
        "config",
        "config_checks",
        "factory",
        "member_evaluation",
        "member_training",
        "members",
        "networks",
        "optimizers",
        "session",
        "sweep_section",
        "trained",
        "training",
        "workdir",
    },
    "absl": {"cli"},
    "tensorflow": set(),
    "pickle": set(),
}
_DEVICE_NAMES = {
    "pmap", "shard_map", "distributed", "sharding", "device_put", "local_devices", "process_index",
    "multihost_utils",
}  # fmt: skip


def _files():
    return sorted(_PACKAGE.rglob("*.py"))


def _room(path):
    """The top-level module or package of a file: 'steps', 'data', or '' for gan_jax itself."""
    return path.relative_to(_PACKAGE).with_suffix("").parts[0].replace("__init__", "")


@functools.cache
def _tree(path):
    return ast.parse(path.read_text())


def _imports(path):
    """Every module that a file imports, anywhere in it, as dotted names."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "gan_jax":
                yield from (f"gan_jax.{alias.name}" for alias in node.names)
            else:
                yield node.module


def _own_imports(path):
    """The rooms that a file imports from, without its own."""
    rooms = {name.split(".")[1] for name in _imports(path) if name.startswith("gan_jax.")}
    return rooms - {_room(path)}


def test_the_table_knows_every_module():
    rooms = {_room(path) for path in _files()} - {""}
    assert rooms == set(_RANK), "give a new module its place in _LAYERS"


def test_imports_point_downwards():
    wrong = [
        f"{path.relative_to(_PACKAGE)} imports {name}"
        for path in _files()
        for name in _own_imports(path)
        if _room(path) == "" or _RANK[name] >= _RANK[_room(path)]
    ]
    assert not wrong


@pytest.mark.parametrize("room", _CLOSED)
def test_closed_rooms_know_nothing_of_training(room):
    for path in _files():
        if _room(path) == room:
            assert _own_imports(path) <= _CLOSED[room], path.name


@pytest.mark.parametrize("library", _OWNERS)
def test_libraries_stay_in_their_rooms(library):
    users = {_room(p) for p in _files() for name in _imports(p) if name.split(".")[0] == library}
    assert users <= _OWNERS[library]


def test_only_parallel_knows_devices():
    for path in _files():
        if _room(path) in ("parallel", "member_parallel"):
            continue
        for node in ast.walk(_tree(path)):
            # `parallel.process_index` would be fine: what counts is where jax's own is used.
            if isinstance(node, ast.Attribute) and node.attr in _DEVICE_NAMES:
                base = node.value
                assert not (isinstance(base, ast.Name) and base.id == "jax"), (path, node.lineno)
        assert not {n for n in _imports(path) if n.startswith(("jax.sharding", "jax.experimental"))}


def _loaded_by(statement):
    """The modules in memory after a statement, in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    environment |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(_PACKAGE.parent)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return set(json.loads(result.stdout))


def _among(loaded, *packages):
    return {
        name
        for name in loaded
        if name in packages or name.startswith(tuple(f"{p}." for p in packages))
    }


def test_importing_the_package_loads_nothing_heavy():
    loaded = _loaded_by("import gan_jax; import gan_jax.cli, gan_jax.errors")
    assert not _among(loaded, "jax", "flax", "numpy", "absl", "ml_collections")


def test_importing_the_steps_loads_no_data_checkpoints_or_flags():
    loaded = _loaded_by("from gan_jax.steps import gan_step")
    assert _among(loaded, "gan_jax") == {
        "gan_jax",
        *(
            f"gan_jax.{name}"
            for name in (
                "adaptive",
                "axis",
                "errors",
                "losses",
                "passes",
                "penalties",
                "schedules",
                "state",
                "steps",
            )
        ),
    }
    assert not _among(
        loaded, "orbax", "tensorflow_datasets", "tensorflow", "grain", "ml_collections",
        "tensorboardX", "matplotlib", "tqdm", "PIL", "safetensors", "absl.app",
    )  # fmt: skip


def test_importing_the_metrics_loads_no_training():
    loaded = _loaded_by("import gan_jax.metrics")
    assert {n.split(".")[1] for n in _among(loaded, "gan_jax") if "." in n} == {"errors", "metrics"}
    assert not _among(loaded, "flax", "optax", "orbax", "tensorflow_datasets", "ml_collections")


def test_importing_data_logs_and_reports_loads_no_training():
    loaded = _loaded_by("import gan_jax.data, gan_jax.logs, gan_jax.report")
    assert not _among(loaded, "flax", "optax", "orbax", "tensorflow", "tensorflow_datasets")
    rooms = {n.split(".")[1] for n in _among(loaded, "gan_jax") if "." in n}
    assert not rooms & {"state", "steps", "parallel", "checkpoint", "training", "loop", "feed"}


_KINDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _public(body):
    return [node for node in body if isinstance(node, _KINDS) and not node.name.startswith("_")]


def _bases(node):
    return {base.id for base in getattr(node, "bases", []) if isinstance(base, ast.Name)}


def test_every_public_definition_has_a_docstring():
    """A method may leave it to the base class that documents it."""
    bare, methods = [], []
    for path in _files():
        definitions = [(path.stem, _tree(path))]
        for node in _public(_tree(path).body):
            definitions.append((node.name, node))
            if isinstance(node, ast.ClassDef) and "Protocol" not in _bases(node):
                methods += [(path, node, method) for method in _public(node.body)]
        bare += [
            f"{path.name}: {name}" for name, node in definitions if not ast.get_docstring(node)
        ]
    documented = {(owner.name, m.name) for _, owner, m in methods if ast.get_docstring(m)}
    bare += [
        f"{path.name}: {owner.name}.{method.name}"
        for path, owner, method in methods
        if not any((name, method.name) in documented for name in _bases(owner) | {owner.name})
    ]
    assert not bare


def test_files_hold_one_job():
    long = {
        str(path.relative_to(_PACKAGE)): len(path.read_text().splitlines()) for path in _files()
    }
    assert {name: count for name, count in long.items() if count > 420} == {}
    assert long["steps.py"] <= 250
