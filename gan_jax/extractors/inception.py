"""Inception as an extractor, for the FID and KID that others publish; weights from the user's file.

They are the public PyTorch file `pt_inception-2015-12-05-6726825d.pth`, which pytorch-fid and
torch-fidelity both use and offer for download; it is read as tensors only. Without PyTorch, a
safetensors file of the same tensors does, with the same digest, made on any other machine by

    python -m gan_jax.extractors.inception pt_inception-2015-12-05-6726825d.pth inc.safetensors
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import pathlib
import sys
from typing import Any

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from gan_jax.data.disk import in_words, path_of, write_bytes
from gan_jax.errors import InputError, nearest
from gan_jax.extractors.common import Features, Identified, digest_of, shape_text
from gan_jax.extractors.extractor import as_features
from gan_jax.extractors.resize import resize_bilinear
from gan_jax.models.inception import IMAGE_SIZE, NUM_OUTPUTS, FIDInception
from gan_jax.runtime.parallel import map_batches

PUBLIC_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

PREPROCESSING = {
    "tf1": "TensorFlow 1 bilinear to 299x299 (align_corners=False, no half pixel), (x - 128) / 128",
    "pytorch-fid": "PyTorch bilinear to 299x299 (half pixel, no antialias), x / 127.5 - 1",
}

_FORMAT = 1
_PUBLIC_FILE = "pt_inception-2015-12-05-6726825d.pth"
_SOURCE = "source_sha256"
_LARGEST_FILE = 1 << 30  # bytes
# The widest layers take about 12 MB an image, so a batch of thousands would fill a device.
_LARGEST_BATCH = 128


@dataclasses.dataclass(frozen=True, eq=False)
class InceptionExtractor(Identified):
    """The network of the FID as a judge of images of any size, grey or RGB.

    Attributes:
        variables: its parameters and batch statistics, float32.
        record: 'preprocessing', 'layers', 'file' and 'file_sha256' among others; 'public_weights'
            says whether the file is the public one, or was converted from it.
        digest: SHA-256 of weights, architecture, layers and preprocessing; the file does not count.
    """

    variables: dict[str, Any]
    record: dict[str, Any]
    digest: str

    image_shape = None  # any size is taken, and resized to 299x299

    @property
    def class_names(self) -> tuple[str, ...]:
        """The numbers of the 1008 outputs."""
        return tuple(str(number) for number in range(NUM_OUTPUTS))

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises InputError unless images of this (h, w, c) have one channel or three."""
        if len(shape) != 3 or shape[-1] not in (1, 3):
            raise InputError(
                f"the images are {shape_text(shape)} and the extractor {self.stamp} takes height x "
                "width x channels with 1 channel (repeated) or 3 (RGB): convert them first, for "
                "instance with channels=3."
            )

    def features(self, images: np.ndarray, *, batch_size: int = 64, progress=None) -> Features:
        """The features of uint8 images [n, h, w, c], c 1 or 3; grey is repeated to three channels.

        'semantic' is pool3 [n, 2048], the layer of FID and KID; 'texture' mean and standard
        deviation of Mixed_6e over its positions [n, 1536]; 'probabilities' [n, 1008] those of the
        Inception score. At most 128 images go through the network at once. Raises InputError for
        other images.
        """
        images = self.checked(images)
        # Few images must not be padded to a full batch, at a fifth of a second each on a CPU.
        enough = 1 << (len(images) - 1).bit_length()
        apply = _apply(self.record["resizing"])
        options = {"batch_size": min(batch_size, _LARGEST_BATCH, enough), "progress": progress}
        return Features(*map_batches(apply, self.variables, images, **options))


def load_inception(path: str | pathlib.Path, *, preprocessing: str = "tf1") -> InceptionExtractor:
    """The extractor of a weights file.

    Args:
        path: the public PyTorch file, or a safetensors file of the same tensors.
        preprocessing: 'tf1', as the FID was published and torch-fidelity computes it, or
            'pytorch-fid', to compare with statistics that pytorch-fid made. Their numbers differ
            unless images are 299x299, and are never compared with one another.

    Raises:
        InputError: no such file, one that is damaged or holds another network, or no PyTorch for a
            PyTorch file.
    """
    if preprocessing not in PREPROCESSING:
        raise InputError(
            f"preprocessing {preprocessing!r} is not known: {nearest(preprocessing, PREPROCESSING)}"
        )
    path = path_of(path)
    tensors, metadata = _read(path)
    variables = _variables(tensors, path)
    sha256 = _file_sha256(path)
    defining = {
        "format": _FORMAT,
        "name": f"inception-{preprocessing}",
        "architecture": "InceptionV3 of December 2015, 1008 outputs",
        "resizing": preprocessing,
        "preprocessing": PREPROCESSING[preprocessing],
        "layers": {"semantic": "pool3", "texture": "Mixed_6e mean and std"},
    }
    flat: dict[str, Any] = flax.traverse_util.flatten_dict(variables, sep="/")
    digest = digest_of(defining, flat)
    record = defining | {
        "file": path.name,
        "file_sha256": sha256,
        "public_weights": PUBLIC_SHA256 in (sha256, metadata.get(_SOURCE)),
        "accuracy": None,
        "splits": {},
    }
    return InceptionExtractor(variables, record, digest)


def convert_inception(source: str | pathlib.Path, target: str | pathlib.Path) -> None:
    """Writes the weights of `source` as safetensors, which reads without PyTorch.

    Tensors keep PyTorch's names and layout, float32; `source`'s SHA-256 goes into the metadata.
    Raises InputError as `load_inception`, or for a target that is not named '.safetensors'.
    """
    source, target = path_of(source), path_of(target)
    if target.suffix != ".safetensors":
        raise InputError(f"the target '{target}' must end in .safetensors.")
    tensors, metadata = _read(source)
    _variables(tensors, source)
    kept = {name: np.ascontiguousarray(tensors[name]) for name in expected_tensors()}
    metadata = {"source": source.name, _SOURCE: _file_sha256(source)} | metadata
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(target, save(kept, metadata=metadata))


@functools.lru_cache(maxsize=4)
def _apply(preprocessing: str):
    # Two programs: the network, which takes long to compile, is the same for all image sizes.
    return lambda variables, images: _network(variables, prepare(images, preprocessing))


@functools.partial(jax.jit, static_argnums=1)
def prepare(images: jax.Array, preprocessing: str) -> jax.Array:
    """The network's input float32 [n, 299, 299, 3], from images uint8 [n, h, w, 1 or 3]."""
    half_pixel = preprocessing == "pytorch-fid"
    x = resize_bilinear(images, (IMAGE_SIZE, IMAGE_SIZE), half_pixel=half_pixel)
    x = x / 127.5 - 1.0 if half_pixel else (x - 128.0) / 128.0
    return jnp.broadcast_to(x, (*x.shape[:3], 3))


@jax.jit
def _network(variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    # Full float32 products also where a GPU or TPU would round them: numbers must not depend on the
    # machine.
    with jax.default_matmul_precision("highest"):
        outputs: Any = FIDInception().apply(variables, images)
    return as_features(outputs["pool3"], outputs["Mixed_6e"], outputs["logits_without_bias"])


def _read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors by name, and the metadata of a safetensors file."""
    try:
        if not path.is_file():
            raise InputError(
                f"there is no weights file '{path}': download {_PUBLIC_FILE} from the releases of "
                "github.com/mseitzer/pytorch-fid (tag fid_weights) and give its path."
            )
        with path.open("rb") as file:
            head, size = file.read(9), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise InputError(f"the weights file '{path}' cannot be read: {in_words(error)}.") from error
    if size > _LARGEST_FILE:
        raise InputError(
            f"the weights file '{path}' has {size:,} bytes; {_PUBLIC_FILE} has 95,628,359: give "
            "that one."
        )
    try:
        if head[8:] == b"{" or path.suffix == ".safetensors":
            with safe_open(path, framework="numpy") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}
        return _read_torch(path), {}
    except InputError:
        raise
    except Exception as error:  # every way in which a file can be cut or overwritten
        raise InputError(
            f"the weights file '{path}' ({size} bytes) cannot be read as tensors: it is cut short, "
            f"damaged, or another kind of file ({type(error).__name__}). Download or convert it "
            f"again; {_PUBLIC_FILE} has 95628359 bytes."
        ) from error


def _read_torch(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"'{path}' is a PyTorch file, and PyTorch is not installed. Either install it "
            '(pip install "gan_jax[inception]"), or convert the file where PyTorch is, with '
            "python -m gan_jax.extractors.inception FILE.pth FILE.safetensors, and give the "
            "safetensors file."
        ) from error
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6):
        # CVE-2025-32434: before 2.6 a file could run code in spite of `weights_only`.
        raise InputError(
            f"PyTorch {torch.__version__} is too old to read '{path}' safely: install 2.6 or later."
        )
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(
            f"'{path}' holds no plain dictionary of tensors; expected the state dict "
            f"{_PUBLIC_FILE}."
        )
    return {str(name): value.numpy() for name, value in state.items()}


@functools.cache
def expected_tensors() -> dict[str, tuple[tuple[str, ...], tuple[int, ...]]]:
    """Each variable's path and shape in Flax, by PyTorch's name, such as 'fc.weight'."""
    images = jax.ShapeDtypeStruct((1, IMAGE_SIZE, IMAGE_SIZE, 3), jnp.float32)
    tree = jax.eval_shape(FIDInception().init, jax.random.key(0), images)
    words = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    flat: dict[tuple[str, ...], Any] = flax.traverse_util.flatten_dict(tree)
    return {
        ".".join((*path[1:-1], words.get(path[-1], path[-1]))): (path, leaf.shape)
        for path, leaf in flat.items()
    }


def _variables(tensors: dict[str, np.ndarray], path: pathlib.Path) -> dict[str, Any]:
    """Flax variables of PyTorch tensors, each checked for its name, shape and type."""
    expected = expected_tensors()
    # Counters of training steps, which some copies of the file have.
    names = {name for name in tensors if not name.endswith("num_batches_tracked")}
    if names != set(expected):
        missing, extra = sorted(set(expected) - names), sorted(names - set(expected))
        told = [f"no '{missing[0]}' ({len(missing)} tensors missing)"] if missing else []
        told += [f"an unknown '{extra[0]}' ({len(extra)} such)"] if extra else []
        raise _other_network(path, " and ".join(told))
    flat = {}
    for name, (path_in_flax, shape) in expected.items():
        value = np.asarray(tensors[name])
        if value.ndim in (2, 4):  # output channels first in PyTorch, last in Flax
            value = np.moveaxis(value, (0, 1), (-1, -2))
        if value.shape != shape:
            found = f"'{name}' of shape {list(tensors[name].shape)}, which does not fit"
            raise _other_network(path, found)
        if value.dtype != np.float32 or not np.isfinite(value).all():
            raise InputError(
                f"the weights file '{path}': '{name}' is {value.dtype}"
                f"{'' if value.dtype != np.float32 else ' and not finite'}; expected finite "
                "float32. Download or convert the file again."
            )
        flat[path_in_flax] = np.ascontiguousarray(value)
    return flax.traverse_util.unflatten_dict(flat)


def _other_network(path: pathlib.Path, found: str) -> InputError:
    return InputError(
        f"the weights file '{path}' is of another network: it has {found}. Expected the FID's "
        f"Inception with 1008 outputs ({_PUBLIC_FILE}); the InceptionV3 of torchvision or Keras "
        "gives other numbers."
    )


def _file_sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: list[str]) -> int:
    """Converts a weights file from the command line: [source, target]; returns the exit status."""
    if len(arguments) != 2:
        print(
            "usage: python -m gan_jax.extractors.inception SOURCE.pth TARGET.safetensors",
            file=sys.stderr,
        )
        return 2
    try:
        convert_inception(*arguments)
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    extractor = load_inception(arguments[1])
    public = "the public weights" if extractor.record["public_weights"] else "not the public file"
    print(f"{arguments[1]}: {extractor.stamp}, {public}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
