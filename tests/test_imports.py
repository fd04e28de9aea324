"""What may import what, what stays unloaded, and that public names are explained."""

import ast
import functools
import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.import_rules import CLOSED, LAYERS, OWNERS

_PACKAGE = pathlib.Path(__file__).resolve().parent.parent / "gan_jax"

# Packages in which there is no order; in the others every module has its own place.
_WHOLE = {"data", "metrics", "models"}
_PACKAGES = {path.parent.name for path in _PACKAGE.glob("*/__init__.py")} - _WHOLE
_RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

_DEVICE_NAMES = {
    "pmap", "shard_map", "distributed", "sharding", "device_put", "local_devices", "process_index",
    "multihost_utils",
}  # fmt: skip


def _files():
    return sorted(_PACKAGE.rglob("*.py"))


def _room(path):
    """A file's place in the table: 'steps', 'members.plan', 'data'; '' for a bare __init__."""
    parts = path.relative_to(_PACKAGE).with_suffix("").parts
    return parts[0] if parts[0] in _WHOLE else ".".join(parts).replace("__init__", "").strip(".")


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
            if (_PACKAGE.parent / node.module.replace(".", "/")).is_dir():
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def _own_imports(path):
    """The rooms that a file imports from, without its own."""
    names = [name.split(".")[1:] for name in _imports(path) if name.startswith("gan_jax.")]
    rooms = {name[0] if name[0] in _WHOLE else ".".join(name) for name in names}
    return rooms - {_room(path)}


def test_the_table_knows_every_module():
    rooms = {_room(path) for path in _files()} - {"", *_PACKAGES}
    assert rooms == set(_RANK), "give a new module its place in LAYERS"


def test_imports_point_downwards():
    wrong = [
        f"{path.relative_to(_PACKAGE)} imports {name}"
        for path in _files()
        for name in _own_imports(path)
        if _room(path) in ("", *_PACKAGES) or _RANK[name] >= _RANK[_room(path)]
    ]
    assert not wrong


@pytest.mark.parametrize("room", CLOSED)
def test_closed_rooms_know_nothing_of_training(room):
    for path in _files():
        if _room(path) == room:
            assert _own_imports(path) <= CLOSED[room] | {"errors", "files"}, path.name


@pytest.mark.parametrize("library", OWNERS)
def test_libraries_stay_in_their_rooms(library):
    users = {_room(p) for p in _files() for name in _imports(p) if name.split(".")[0] == library}
    assert users <= OWNERS[library]


def test_only_parallel_knows_devices():
    for path in _files():
        if _room(path) in ("parallel", "members.parallel"):
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
                "names",
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
    rooms = {n.split(".")[1] for n in _among(loaded, "gan_jax") if "." in n}
    assert rooms == {"content", "errors", "metrics", "names"}
    assert not _among(loaded, "flax", "optax", "orbax", "tensorflow_datasets", "ml_collections")


def test_importing_data_logs_and_reports_loads_no_training():
    loaded = _loaded_by("import gan_jax.data, gan_jax.logs, gan_jax.reports.gan")
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
