"""A pack's record: what `pack.json` holds, and which tensors the network must have.

A hash is no guard: whoever edits a pack can make its hash. So a record is checked field by field,
with limits, and the weights against the network's own shapes, before anything is computed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp

from gan_jax.config.saved import checked, portable
from gan_jax.data.schema import Unfit, fields, list_of, map_of, number, one_of, or_null, text, whole
from gan_jax.models.cnn import CNN
from gan_jax.runtime.pixels import PREPROCESSING

FORMAT = 1
GOLDEN_IMAGES = 3
_LARGEST_LAYER = 256 << 20  # bytes that a layer may have of one image, float32

_ARCHITECTURE = fields(
    {
        "name": one_of("cnn"),
        "num_classes": whole(2, 100_000),
        "widths": list_of(whole(1, 1 << 14), 1, 16),
        "dense": whole(1, 1 << 14),
        "dropout_rate": number(0, 0.999),
    },
    closed=True,
)
_STATISTICS = fields(
    {
        "features": whole(1),
        "effective_rank": number(0),
        "floor": number(0),
        "n": whole(),
        "images": whole(),
    }
)
_LAYERS = fields({"semantic": text(100), "texture": text(100)}, closed=True)
_VECTORS = list_of(list_of(number()), GOLDEN_IMAGES, GOLDEN_IMAGES)
_RECORD = {
    "format": one_of(FORMAT),
    "name": text(200),
    "architecture": _ARCHITECTURE,
    "image_shape": list_of(whole(1, 1 << 14), 3, 4),
    "preprocessing": one_of(PREPROCESSING),
    "layers": _LAYERS,
    "class_names": list_of(text(1000), 2, 100_000),
    "accuracy": or_null(number(0, 1)),
    "num_test": whole(),
    "training": fields({}),
    "splits": map_of(text(200), 100),
    "versions": map_of(text(200), 100),
}
_OTHERS = {
    "layer_statistics": fields({}, {"semantic": _STATISTICS, "texture": _STATISTICS}, closed=True),
    "golden": fields(
        {"semantic": _VECTORS, "texture": _VECTORS, "probabilities": _VECTORS}, closed=True
    ),
}

_GATE = fields({"protocol": fields({"extractor_sha256": text(64)}), "verdict": text()})


def make_record(
    *,
    name: str,
    network: CNN,
    image_shape: tuple[int, ...],
    layers: dict[str, str],
    class_names: tuple[str, ...],
    accuracy: float | None,
    num_test: int,
    training: dict[str, Any],
    splits: dict[str, str],
    versions: dict[str, str],
) -> dict[str, Any]:
    """The record of a network, all JSON values.

    Args:
        name: such as 'cnn-mnist5k'.
        image_shape: (h, w, c), of clips (t, h, w, c).
        layers: {'semantic': layer name, 'texture': layer name}.
        accuracy: on `num_test` images that it was not trained on; None if it was not trained.
        training: the plain config it was trained with; names of places on this machine are left
            out.
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


def check_gate(content: Any, name: str) -> None:
    """Raises `data.schema.Unfit` unless this is what a pack's `gate.json` holds."""
    _GATE(content, name)
    verdict = content["verdict"]
    if not verdict.isprintable() or not verdict.startswith(("passed", "failed: ", "not run")):
        raise Unfit("verdict is none that the gate gives")


def check_record(record: Any, name: str = "") -> None:
    """Raises `gan_jax.data.schema.Unfit` unless this is the record of a network that can be made.

    `record` may lack 'golden' and 'layer_statistics'; `name` is for the message.
    """
    fields(_RECORD, _OTHERS | {"sha256": text(64)})(record, name)
    if not record["name"].isprintable() or not record["name"]:
        raise Unfit("name is empty, or holds what cannot be printed")
    network, shape = network_of(record), tuple(record["image_shape"])
    if len(record["class_names"]) != network.num_classes:
        raise Unfit(
            f"class_names has {len(record['class_names'])} names; expected "
            f"architecture.num_classes, which is {network.num_classes}"
        )
    check_size(network, shape)
    blocks = [f"block{number}" for number in range(1, len(network.widths) + 1)]
    one_of("penultimate", "logits")(record["layers"]["semantic"], "layers.semantic")
    one_of(*blocks)(record["layers"]["texture"], "layers.texture")
    if "golden" in record:
        _check_golden(record, network)
    if record["training"]:
        _check_training(record["training"], record["architecture"])


def check_size(network: CNN, image_shape: tuple[int, ...]) -> None:
    """Raises `data.schema.Unfit` if images or layers have a size no pack can have."""
    *frames, height, width, channels = image_shape
    if min(height, width) < 4:
        raise Unfit(f"image_shape is {height}x{width}; expected at least 4x4 pixels")
    numbers = math.prod(image_shape)
    for block, filters in enumerate(network.widths):
        sides = (max(side >> block, 1) for side in (height, width))
        numbers = max(numbers, math.prod(sides) * filters)
    if 4 * numbers > _LARGEST_LAYER:
        raise Unfit(
            f"image_shape is {'x'.join(map(str, image_shape))}, of which a layer takes "
            f"{4 * numbers / 2**20:,.0f} MiB an image; expected {_LARGEST_LAYER >> 20} MiB at most"
        )


def network_of(record: Mapping[str, Any]) -> CNN:
    """The module that a checked record describes."""
    sizes = {name: value for name, value in record["architecture"].items() if name != "name"}
    return CNN(**{**sizes, "widths": tuple(sizes["widths"])})


@functools.lru_cache(maxsize=16)
def tensor_shapes(network: CNN, image_shape: tuple[int, ...]) -> Mapping[str, tuple[int, ...]]:
    """The shape of each variable by its path, such as 'params/Dense_0/kernel'; all are float32."""
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    create = functools.partial(network.init, train=False)
    tree = jax.eval_shape(create, jax.random.key(0), images)
    flat: dict[str, Any] = flax.traverse_util.flatten_dict(tree, sep="/")
    return {name: leaf.shape for name, leaf in flat.items()}


def check_tensors(
    found: Mapping[str, tuple[str, tuple[int, ...]]], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises `gan_jax.data.schema.Unfit` unless a file holds the network's tensors.

    `found` gives by name the dtype as safetensors writes it ('F32') and the shape; `shapes` are
    from `tensor_shapes`.
    """
    missing, further = sorted(shapes.keys() - found.keys()), sorted(found.keys() - shapes.keys())
    if missing or further:
        told = [f"no tensor '{missing[0]}' ({len(missing)} missing)"] if missing else []
        told += [f"an unknown tensor {further[0][:100]!r} ({len(further)} such)"] if further else []
        raise Unfit(" and ".join(told))
    for name, shape in shapes.items():
        dtype, own = found[name]
        if (dtype, tuple(own)) != ("F32", shape):
            raise Unfit(
                f"tensor '{name}' is {dtype} {list(own)}; by the architecture it is F32 "
                f"{list(shape)}"
            )


def _check_training(training: Any, architecture: Mapping[str, Any]) -> None:
    config = checked(training, "training")
    one_of("cnn")(config["kind"], "training.kind")
    for name in ("widths", "dense"):
        if config["model"][name] != architecture[name]:
            raise Unfit(
                f"training.model.{name} is {config['model'][name]}, and architecture.{name} "
                f"{architecture[name]}"
            )


def _check_golden(record: Mapping[str, Any], network: CNN) -> None:
    semantic = network.dense
    if record["layers"]["semantic"] == "logits":
        semantic = network.num_classes
    block = int(record["layers"]["texture"].removeprefix("block"))
    wanted = {
        "semantic": semantic,
        "texture": 2 * network.widths[block - 1],
        "probabilities": network.num_classes,
    }
    for name, length in wanted.items():
        for row in record["golden"][name]:
            if len(row) != length:
                raise Unfit(f"golden.{name} has {len(row)} numbers; expected {length}")
