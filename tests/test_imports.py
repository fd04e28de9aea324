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

# From the top down: a room imports from those below it only.
ROOMS = (
    "run",
    "studies",
    "training",
    "judging",
    "sampling",
    "reports",
    "extractors",
    "runtime",
    "config",
    "steps",
    "models",
    "metrics",
    "data",
    "errors",
)

# Libraries that one place alone knows.
OWNERS = {
    "orbax": "runtime/checkpoint.py",
    "matplotlib": "reports/charts/chart.py",
    "tensorboardX": "runtime/logs.py",
    "absl": "runtime/flags.py",
    "safetensors": "extractors",
    "torch": "extractors",
    "grain": "data",
    "tensorflow_datasets": "data",
    "tensorflow": "nowhere",
    "pickle": "nowhere",
}

_DEVICE_NAMES = {
    "pmap", "shard_map", "distributed", "sharding", "device_put", "local_devices", "process_index",
    "multihost_utils",
}  # fmt: skip


def _files():
    return sorted(_PACKAGE.rglob("*.py"))


def _room(path):
    return path.relative_to(_PACKAGE).with_suffix("").parts[0]


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


def test_the_rooms_are_those_of_the_plan():
    assert {_room(path) for path in _files()} == {*ROOMS, "__init__", "__main__"}


def test_imports_point_downwards():
    wrong = [
        f"{path.relative_to(_PACKAGE)} imports {name}"
        for path in _files()
        for name in _imports(path)
        if name.startswith("gan_jax.") and _room(path) in ROOMS
        if ROOMS.index(name.split(".")[1]) < ROOMS.index(_room(path))
    ]
    assert not wrong


@pytest.mark.parametrize("library", OWNERS)
def test_libraries_stay_in_their_rooms(library):
    users = [p for p in _files() for name in _imports(p) if name.split(".")[0] == library]
    places = [str(path.relative_to(_PACKAGE)) for path in users]
    assert [place for place in places if not place.startswith(OWNERS[library])] == []


def test_only_parallel_knows_devices():
    for path in _files():
        if path.name in ("parallel.py", "members_parallel.py", "startup.py", "platform.py"):
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
    loaded = _loaded_by("import gan_jax; import gan_jax.runtime.cli, gan_jax.errors")
    assert not _among(loaded, "jax", "flax", "numpy", "absl", "ml_collections")


def test_importing_the_steps_loads_no_data_checkpoints_or_flags():
    loaded = _loaded_by("from gan_jax.steps import gan_step")
    rooms = {name.split(".")[1] for name in _among(loaded, "gan_jax") if "." in name}
    assert rooms == {"errors", "steps"}
    assert not _among(
        loaded, "orbax", "tensorflow_datasets", "tensorflow", "grain", "ml_collections",
        "tensorboardX", "matplotlib", "tqdm", "PIL", "safetensors", "absl.app",
    )  # fmt: skip


def test_importing_the_metrics_loads_no_training():
    loaded = _loaded_by("import gan_jax.metrics")
    rooms = {n.split(".")[1] for n in _among(loaded, "gan_jax") if "." in n}
    assert rooms == {"data", "errors", "metrics"}
    assert not _among(loaded, "flax", "optax", "orbax", "tensorflow_datasets", "ml_collections")


def test_importing_data_logs_and_reports_loads_no_training():
    loaded = _loaded_by("import gan_jax.data, gan_jax.runtime.logs, gan_jax.reports.pages.gan")
    assert not _among(loaded, "flax", "optax", "orbax", "tensorflow", "tensorflow_datasets")
    rooms = {n.split(".")[1] for n in _among(loaded, "gan_jax") if "." in n}
    assert not rooms & {"steps", "training", "models"}


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
