"""The judge: a trained CNN, its preprocessing and layer names, saved as a hashed pack.

A pack is a folder: `weights.safetensors` and `pack.json`, see `gan_jax.extractors.record`. Its
identity is a SHA-256 over both, so a number stamped `cnn-mnist5k@1a2b3c4d` says exactly which
network gave it. The hash is over all that `pack.json` says, what was measured once included: the
accuracy, the features of golden images, and the statistics of the layers, which packs made before
there were any do not have. What may be found out later, such as the verdict of the degradation
gate, lies beside them and is not part of it.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gan_jax.config.saved import portable
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
from gan_jax.extractors.common import checked_images, digest_of, shape_text
from gan_jax.extractors.record import (
    FORMAT,
    GOLDEN_IMAGES,
    check_gate,
    check_record,
    check_tensors,
    network_of,
    tensor_shapes,
)
from gan_jax.models.cnn import CNN
from gan_jax.runtime.parallel import is_main_process, map_batches
from gan_jax.runtime.pixels import PREPROCESSING, to_float

_WEIGHTS = "weights.safetensors"
_RECORD = "pack.json"
_TRAINING_KEYS = "training_keys.npy"
GATE_RECORD = "gate.json"
_GOLDEN_TOLERANCE = 1e-4
_LARGEST_HEADER = 1 << 20  # bytes; of the deepest network it has a few thousand
_ADVICE = "copy the pack again, or train it again"


@dataclasses.dataclass(frozen=True)
class Features:
    """What the recogniser sees in n images.

    Attributes:
        semantic: float32 [n, d], the penultimate layer.
        texture: float32 [n, 2c], mean and standard deviation over the positions of a middle layer;
            None of an extractor without layers.
        probabilities: float32 [n, num_classes], p(class | image); None of an extractor that knows
            no classes.
        channels: float32 [n, c, k], p(class | channel) where each channel is read by itself, else
            None.
    """

    semantic: np.ndarray
    texture: np.ndarray | None
    probabilities: np.ndarray | None
    channels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.semantic)

    def take(self, rows: np.ndarray) -> Features:
        """Those of the images `rows`."""
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return Features(**{k: None if v is None else v[rows] for k, v in parts.items()})


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A CNN that judges images.

    Attributes:
        network: the module.
        variables: its parameters and batch statistics.
        record: what the pack says of it; see `make_record`.
        digest: SHA-256 of record and weights, 64 hexadecimal digits.
        gate: what the degradation gate says of it: 'passed', 'failed: ...' or 'not run'.
        training_keys: `content_keys` of the images it was trained on, uint64 [n]; None if not kept.
    """

    network: CNN
    variables: dict[str, Any]
    record: dict[str, Any]
    digest: str
    gate: str = "not run"
    training_keys: np.ndarray | None = None

    @property
    def stamp(self) -> str:
        """'name@' and the first eight digits of the digest."""
        return f"{self.record['name']}@{self.digest[:8]}"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, c) of the images it takes."""
        return tuple(self.record["image_shape"])

    @property
    def layer_statistics(self) -> dict[str, dict[str, Any]]:
        """By layer, as `judging.layer_statistics` measured it; {} if the pack does not say."""
        return self.record.get("layer_statistics", {})

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name a class."""
        return tuple(self.record["class_names"])

    def features(self, images: np.ndarray, *, batch_size: int = 500, progress=None) -> Features:
        """The features of uint8 images [n, h, w, c].

        Raises:
            InputError: images of another dtype, size or number of channels.
        """
        images = checked_images(images)
        self.check_shape(images.shape[1:])
        layers = self.record["layers"]
        apply = _apply(self.network, layers["semantic"], layers["texture"])
        result = map_batches(
            apply, self.variables, images, batch_size=batch_size, progress=progress
        )
        return Features(*result)

    def feature_maps(self, images: np.ndarray, *, batch_size: int = 500) -> np.ndarray:
        """Maps float32 [n, h, w, c] of the texture layer, of uint8 images [n, h, w, c].

        Raises:
            InputError: images of another dtype, size or number of channels.
        """
        images = checked_images(images)
        self.check_shape(images.shape[1:])
        apply = _apply_texture(self.network, self.record["layers"]["texture"])
        return map_batches(apply, self.variables, images, batch_size=batch_size)

    @property
    def feature_map_bytes(self) -> int:
        """Of one image's map."""
        image = jax.ShapeDtypeStruct((1, *self.image_shape), np.uint8)
        apply = _apply_texture(self.network, self.record["layers"]["texture"])
        found = jax.eval_shape(apply, self.variables, image)
        return found.size * found.dtype.itemsize

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises InputError unless images of this (h, w, c) are what the network was trained on."""
        if shape != self.image_shape:
            raise InputError(
                f"the images are {shape_text(shape)} and the extractor {self.stamp} was "
                f"trained on {shape_text(self.image_shape)} (height x width x channels): resize or "
                "convert them, or take a pack trained on such images."
            )


@functools.lru_cache(maxsize=8)
def _apply(network: CNN, semantic: str, texture: str):
    @jax.jit
    def apply(variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        outputs = _outputs(network, variables, images)
        middle = outputs[texture].astype(jnp.float32)
        mean, std = jnp.mean(middle, (1, 2)), jnp.std(middle, (1, 2))
        return (
            outputs[semantic].astype(jnp.float32),
            jnp.concatenate([mean, std], -1),
            jax.nn.softmax(outputs["logits"], -1),
        )

    return apply


@functools.lru_cache(maxsize=8)
def _apply_texture(network: CNN, texture: str):
    return jax.jit(
        lambda variables, images: _outputs(network, variables, images)[texture].astype(jnp.float32)
    )


def _outputs(network: CNN, variables: Any, images: jax.Array) -> dict[str, jax.Array]:
    # Full float32 products also where a GPU or TPU would round them: numbers must not depend on the
    # machine.
    with jax.default_matmul_precision("highest"):
        return network.apply(variables, to_float(images), train=False)


def make_record(
    *,
    name: str,
    network: CNN,
    image_shape: tuple[int, int, int],
    layers: dict[str, str],
    class_names: tuple[str, ...],
    accuracy: float | None,
    num_test: int,
    training: dict[str, Any],
    splits: dict[str, str],
    versions: dict[str, str],
) -> dict[str, Any]:
    """What a pack says of its network, all JSON values.

    Args:
        name: such as 'cnn-mnist5k'.
        network: the module; its fields are kept.
        image_shape: (h, w, c).
        layers: {'semantic': layer name, 'texture': layer name}.
        class_names: one a class.
        accuracy: on `num_test` images that it was not trained on; None if it was not trained.
        training: the plain config it was trained with; what names places of this machine in it is
            left out.
        splits: fingerprints of the training and test images.
        versions: of the libraries.
    """
    return {
        "format": FORMAT,
        "name": name,
        "architecture": {
            "name": "cnn",
            "num_classes": network.num_classes,
            "widths": list(network.widths),
            "dense": network.dense,
            "dropout_rate": network.dropout_rate,
        },
        "image_shape": list(image_shape),
        "preprocessing": PREPROCESSING,
        "layers": dict(layers),
        "class_names": list(class_names),
        "accuracy": accuracy,
        "num_test": num_test,
        "training": portable(training),
        "splits": splits,
        "versions": versions,
    }


def assemble(variables: Any, record: dict[str, Any]) -> Extractor:
    """The extractor that a record and weights describe, before it is saved: without a digest.

    Args:
        variables: as `save_pack` takes them.
        record: from `make_record`.
    """
    return Extractor(network_of(record), variables, record, "")


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
        record: from `make_record`; its 'layer_statistics' may have been added.
        training_keys: `content_keys` of the training images, uint64 [n], by which a judge sees that
            a reference holds them; None where they are too many to be in memory.
        gate: tests the extractor before it is written, such as
            `gan_jax.judging.gate.brief_gate`; gives what `gate.json` holds, or None for no such
            file.

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
    flat = flax.traverse_util.flatten_dict(variables, sep="/")
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
        write_text(made / _RECORD, text + "\n", sync=False)
    return dataclasses.replace(extractor, gate=_gate(folder / GATE_RECORD, digest))


def _check_own_folder(folder: pathlib.Path) -> None:
    """Raises InputError if a pack would replace other files."""
    own = {_WEIGHTS, _RECORD, _TRAINING_KEYS, GATE_RECORD}
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

    Raises:
        InputError: no pack there, one that may not be read, one of a newer format, one that is
            damaged or was changed, or a machine on which the network computes something else.
    """
    folder = path_of(folder)
    try:
        there = all((folder / name).is_file() for name in (_RECORD, _WEIGHTS))
    except OSError as error:
        raise InputError(
            f"the extractor pack in '{folder}' cannot be read: {in_words(error)}."
        ) from error
    if not there:
        raise InputError(
            f"there is no extractor pack in '{folder}' ({_RECORD} and {_WEIGHTS} are expected): "
            "train one with python train.py --config configs/cnn_mnist5k.py, or give the folder of "
            "another."
        )
    record = read_checked(folder / _RECORD, _check_saved, _ADVICE)
    digest = record.pop("sha256")
    network, shape = network_of(record), tuple(record["image_shape"])
    flat = _weights(folder / _WEIGHTS, tensor_shapes(network, shape))
    if digest_of(record, flat) != digest:
        raise InputError(
            f"the extractor pack in '{folder}' was changed after it was made: its contents do not "
            f"give its sha256 {digest[:8]}... Numbers from it would be nobody's; copy it again, or "
            "train it again."
        )
    variables = flax.traverse_util.unflatten_dict(flat, sep="/")
    extractor = Extractor(network, variables, record, digest)
    golden, wanted = _golden(extractor), record["golden"]
    for name, value in golden.items():
        error = float(np.max(np.abs(np.array(value) - np.array(wanted[name]))))
        scale = max(1.0, float(np.max(np.abs(wanted[name]))))
        if not error <= _GOLDEN_TOLERANCE * scale:
            raise InputError(
                f"the extractor {extractor.stamp} gives other {name} features on this machine than "
                f"where it was made (by {error:.2g}): its numbers could not be compared."
            )
    return dataclasses.replace(
        extractor,
        gate=_gate(folder / GATE_RECORD, digest),
        training_keys=_training_keys(folder / _TRAINING_KEYS),
    )


def _check_saved(record: Any, name: str) -> None:
    """Raises `Unfit` unless this is what pack.json holds."""
    found = record.get("format") if isinstance(record, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise Unfit(f"format is {found}, and this version of gan_jax reads {FORMAT}: update it")
    check_record(record, name)
    for field in ("golden", "sha256"):
        if field not in record:
            raise Unfit(f"it has no {field}")


def _weights(path: pathlib.Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The tensors of a file by name, if they have these shapes; read once they are known to."""
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


def _check_fits(path: pathlib.Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    needed = 2 * 4 * sum(math.prod(shape) for shape in shapes.values())  # a copy is hashed
    if needed > memory():
        raise InputError(
            f"'{path}' takes {needed / 2**30:.1f} GiB to read, and this machine has "
            f"{memory() / 2**30:.1f} GiB: take a pack of a smaller network."
        )


def _training_keys(path: pathlib.Path) -> np.ndarray | None:
    """Those of a pack; None of one that keeps none, as older ones do."""
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
    """The verdict that `gan_jax.judging.gate` left in a pack, if it is of this network."""
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
    return {
        "semantic": np.float64(features.semantic).round(7).tolist(),
        "texture": np.float64(features.texture).round(7).tolist(),
        "probabilities": np.float64(features.probabilities).round(7).tolist(),
    }
