"""Packs: an extractor saved as a hashed folder, and read back.

A pack holds `weights.safetensors` and `pack.json`, see `gan_jax.extractors.record`. Its identity is
a SHA-256 over both, so a number stamped `cnn-mnist5k@1a2b3c4d` says exactly which network gave it.
What is found out later, such as the degradation gate's verdict, lies beside them and is not hashed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Callable, Hashable, Mapping
from typing import Any, cast

import flax.traverse_util
import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gan_jax.data.array_files import ArrayFile
from gan_jax.data.disk import (
    in_words,
    new_file,
    new_folder,
    path_of,
    write_bytes,
    write_json,
    write_text,
)
from gan_jax.data.machine import memory
from gan_jax.data.schema import Unfit, read_checked
from gan_jax.errors import InputError
from gan_jax.extractors.common import digest_of
from gan_jax.extractors.extractor import Extractor, assemble
from gan_jax.extractors.record import (
    FORMAT,
    GOLDEN_IMAGES,
    check_gate,
    check_record,
    check_tensors,
    network_of,
    tensor_shapes,
)
from gan_jax.extractors.released import RECORD, pack_place, released_names
from gan_jax.runtime.environment import library_versions
from gan_jax.runtime.parallel import is_main_process

_WEIGHTS = "weights.safetensors"
_TRAINING_KEYS = "training_keys.npy"
GATE_RECORD = "gate.json"
_GOLDEN_TOLERANCE = 1e-4
_LARGEST_HEADER = 1 << 20  # bytes; of the deepest network it has a few thousand
_ADVICE = "copy the pack again, or train it again"


def save_pack(
    folder: str | pathlib.Path,
    variables: Any,
    record: dict[str, Any],
    *,
    training_keys: np.ndarray | None = None,
    gate: Callable[[Extractor], dict[str, Any] | None] = lambda extractor: None,
) -> Extractor:
    """Writes a pack, with a golden vector of its own features, and returns it.

    The folder appears whole or not at all, and replaces a pack that is there. All processes of a
    run call it together, as they share the work of the gate; the first one writes.

    Args:
        folder: of the pack alone; its parents are made.
        variables: {'params': ..., 'batch_stats': ...}, on one device or the host.
        record: from `make_record`, with or without 'layer_statistics'.
        training_keys: `content_keys` of the training images, uint64 [n], by which a judge sees that
            a reference holds them; None if they are too many for memory.
        gate: tests the extractor before it is written, as `gan_jax.judging.gate.brief_gate` does;
            returns the content of `gate.json`, or None for no such file.

    Raises:
        InputError: a record or weights that could not be read again, or a folder with other files.
    """
    folder = path_of(folder)
    _check_own_folder(folder)
    try:
        check_record(record)
    except Unfit as error:
        raise InputError(f"a pack cannot be made: {error}.") from error
    variables = jax.tree.map(np.asarray, variables)
    extractor = assemble(variables, record)
    record = record | {"golden": _golden(extractor)}
    flat: dict[str, Any] = flax.traverse_util.flatten_dict(variables, sep="/")
    digest = digest_of(record, flat)
    extractor = dataclasses.replace(
        extractor, record=record, digest=digest, training_keys=training_keys
    )
    verdict = gate(extractor)
    if not is_main_process():
        return extractor
    with new_folder(folder) as made:
        weights = {name: np.ascontiguousarray(value) for name, value in flat.items()}
        write_bytes(made / _WEIGHTS, save(weights), sync=False)
        if training_keys is not None:
            with new_file(made / _TRAINING_KEYS, sync=False) as file:
                np.save(file, np.unique(training_keys), allow_pickle=False)
        if verdict is not None:
            write_json(made / GATE_RECORD, verdict)
        text = json.dumps(record | {"sha256": digest}, indent=1, sort_keys=True)
        write_text(made / RECORD, text + "\n", sync=False)
    return dataclasses.replace(extractor, gate=_gate(folder / GATE_RECORD, digest))


def _check_own_folder(folder: pathlib.Path) -> None:
    own = {_WEIGHTS, RECORD, _TRAINING_KEYS, GATE_RECORD}
    if not folder.exists():
        return
    others = [] if not folder.is_dir() else sorted(path.name for path in folder.iterdir())
    others = [name for name in others if name not in own and not name.endswith(".new")]
    if others or not folder.is_dir():
        found = f"holds other files ({others[0]})" if others else "is a file"
        raise InputError(f"a pack is a folder of its own, and '{folder}' {found}: give another.")


def load_pack(folder: str | pathlib.Path) -> Extractor:
    """Reads a pack and checks it: its record and tensors, its hash, and its golden features.

    Nothing of a size that the pack declares is allocated before its files are found to have it.
    `folder` may be the name of a pack that comes with gan_jax, see `gan_jax.extractors.released`.

    Raises:
        InputError: no pack there, one that may not be read, one of a newer format, one that is
            damaged or was changed, or a machine on which the network computes something else.
    """
    folder = pack_place(folder)
    try:
        there = all((folder / name).is_file() for name in (RECORD, _WEIGHTS))
    except OSError as error:
        reason = in_words(error)
        raise InputError(f"the extractor pack in '{folder}' cannot be read: {reason}.") from error
    if not there:
        raise InputError(
            f"there is no extractor pack in '{folder}' ({RECORD} and {_WEIGHTS} are expected): "
            "train one with python train.py --config configs/cnn_mnist5k.py, give the folder of "
            f"another, or a released one: {', '.join(released_names())}."
        )
    record = read_checked(folder / RECORD, _check_saved, _ADVICE)
    digest = record.pop("sha256")
    network, shape = network_of(record), tuple(record["image_shape"])
    flat = _weights(folder / _WEIGHTS, tensor_shapes(cast(Hashable, network), shape))
    if digest_of(record, flat) != digest:
        raise InputError(
            f"the extractor pack in '{folder}' was changed after it was made: its contents do not "
            f"give its sha256 {digest[:8]}... Numbers from it would be nobody's; copy it again, or "
            "train it again."
        )
    variables = flax.traverse_util.unflatten_dict(flat, sep="/")
    extractor = Extractor(network, variables, record, digest)
    _check_golden(extractor)
    return dataclasses.replace(
        extractor,
        gate=_gate(folder / GATE_RECORD, digest),
        training_keys=_training_keys(folder / _TRAINING_KEYS),
    )


def _check_saved(record: Any, name: str) -> None:
    found = record.get("format") if isinstance(record, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise Unfit(f"format is {found}, and this version of gan_jax reads {FORMAT}: update it")
    check_record(record, name)
    for field in ("golden", "sha256"):
        if field not in record:
            raise Unfit(f"it has no {field}")


def _weights(path: pathlib.Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The tensors of a file by name; read only if they have these shapes."""
    try:
        with open(path, "rb") as file:
            header = int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {in_words(error)}.") from error
    try:
        if header > _LARGEST_HEADER:
            raise Unfit(f"its header has {header:,} bytes; expected {_LARGEST_HEADER:,} at most")
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}
            found = {name: (one.get_dtype(), one.get_shape()) for name, one in slices.items()}
            check_tensors(found, shapes)
            _check_fits(path, shapes)
            flat = {name: file.get_tensor(name) for name in found}
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, InputError) and not isinstance(error, Unfit):
            raise
        raise InputError(f"'{path}' is damaged ({error}): {_ADVICE}.") from error
    for name, value in flat.items():
        if not np.isfinite(value).all():
            raise InputError(
                f"'{path}' is damaged (tensor '{name}' holds numbers that are not finite): "
                f"{_ADVICE}."
            )
    return flat


def _check_golden(extractor: Extractor) -> None:
    for name, value in _golden(extractor).items():
        wanted = extractor.record["golden"][name]
        error = float(np.max(np.abs(np.array(value) - np.array(wanted))))
        tolerance = _GOLDEN_TOLERANCE * max(1.0, float(np.max(np.abs(wanted))))
        if not error <= tolerance:
            raise InputError(
                f"the extractor {extractor.stamp} gives other {name} features on this machine than "
                f"where it was made (by {error:.2g}; expected at most {tolerance:.2g}): its "
                f"numbers could not be compared. {_other_versions(extractor.record['versions'])}"
            )


def _other_versions(made: Mapping[str, str]) -> str:
    """Which libraries differ from those that a pack was made with, in words."""
    here = library_versions()
    changed = [
        f"{name} {version} (here {here[name]})"
        for name, version in made.items()
        if name in here and here[name] != version
    ]
    if not changed:
        return "The library versions are the same: another processor, or a fault of this one."
    return f"It was made with {', '.join(changed)}: install these."


def _check_fits(path: pathlib.Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    needed = 2 * 4 * sum(math.prod(shape) for shape in shapes.values())  # a copy is hashed
    if needed > memory():
        raise InputError(
            f"'{path}' takes {needed / 2**30:.1f} GiB to read, and this machine has "
            f"{memory() / 2**30:.1f} GiB: take a pack of a smaller network."
        )


def _training_keys(path: pathlib.Path) -> np.ndarray | None:
    if not path.exists():
        return None
    keys = np.array(ArrayFile(path).read("images"))
    if keys.dtype != np.uint64 or keys.ndim != 1:
        raise InputError(
            f"'{path}' is damaged ({keys.dtype} {list(keys.shape)}; expected uint64 [n]): "
            f"{_ADVICE}."
        )
    return keys


def _gate(path: pathlib.Path, digest: str) -> str:
    """The verdict in a pack, if it is of this network."""
    try:
        if not path.exists():
            return "not run"
        found = read_checked(path, check_gate, "run the gate again")
    except (InputError, OSError):
        return f"not known: {path.name} is damaged, run the gate again"
    return found["verdict"] if found["protocol"]["extractor_sha256"] == digest else "not run"


def _golden(extractor: Extractor) -> dict[str, list[list[float]]]:
    """Features of fixed images, which any machine can make again."""
    shape = (GOLDEN_IMAGES, *extractor.image_shape)
    index = np.arange(math.prod(shape), dtype=np.uint32)
    images = (index * np.uint32(2654435761) >> np.uint32(24)).astype(np.uint8).reshape(shape)
    features = extractor.features(images)
    names = ("semantic", "texture", "probabilities")
    return {
        name: np.asarray(getattr(features, name), np.float64).round(7).tolist() for name in names
    }
