"""The FID's Inception against torch-fidelity, and its weights files.

The expected features in `inception_features.npz` were computed by torch-fidelity 0.4.0 in float64
from weights and images that `random_weights` and `random_images` make again, bit by bit. With torch
and torch-fidelity installed,

    python -m tests.extractors.test_inception

computes them anew, and `pytest -m slow` compares on more image sizes.
"""

from __future__ import annotations

import functools
import math
import pathlib
import sys
import types

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gan_jax.errors import InputError
from gan_jax.extractors import inception
from gan_jax.extractors.resize import resize_bilinear

_FIXTURE = pathlib.Path(__file__).with_name("inception_features.npz")
_EVERY = 4  # every fourth feature is kept: enough to see any difference, a quarter of the size


def uniform(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """float32 in [0, 1) from the generator's bits, which numpy promises never to change."""
    bits = np.random.PCG64(seed).random_raw(math.prod(shape))
    return ((bits >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)).reshape(shape)


@functools.cache
def random_weights() -> dict[str, np.ndarray]:
    """Weights by PyTorch's names and layout, scaled so that signals neither die nor explode."""
    weights = {}
    expected = inception.expected_tensors()
    for seed, name in enumerate(sorted(expected)):
        shape = expected[name][1]
        if len(shape) > 1:
            shape = (shape[-1], shape[-2], *shape[:-2])
            bound = math.sqrt(6 / math.prod(shape[1:]))
            weights[name] = (2 * uniform(seed, shape) - 1) * np.float32(bound)
        elif name.endswith(("bn.weight", "running_var")):
            weights[name] = np.float32(0.7) + np.float32(0.6) * uniform(seed, shape)
        else:
            weights[name] = np.float32(0.4) * (uniform(seed, shape) - np.float32(0.5))
    return weights


def random_images(*shape: int) -> np.ndarray:
    """uint8, smooth enough that resizing matters and rough enough that every pixel does."""
    return (256 * uniform(len(shape) + math.prod(shape), shape)).astype(np.uint8)


_IMAGES = random_images(2, 40, 53, 3)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "weights.safetensors"
    save_file(random_weights(), path)
    return path


@pytest.fixture(scope="module")
def extractor(weights_file):
    return inception.load_inception(weights_file)


def _relative_error(value: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(value - expected)) / np.max(np.abs(expected)))


@pytest.fixture(scope="module")
def expected():
    with np.load(_FIXTURE) as file:
        return dict(file)


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Up to a constant an image, which the probabilities do not tell."""
    logits = np.log(probabilities.astype(np.float64))
    return logits - logits.mean(-1, keepdims=True)


def test_features_are_those_of_torch_fidelity(extractor, expected):
    told = []
    features = extractor.features(_IMAGES, batch_size=8, progress=told.append)
    assert told == [2]
    assert features.semantic.shape == (2, 2048) and features.semantic.dtype == np.float32
    assert features.texture.shape == (2, 2 * 768)
    assert features.probabilities.shape == (2, 1008)
    assert _relative_error(features.semantic[:, ::_EVERY], expected["pool3"]) < 1e-5
    assert _relative_error(features.texture[:, ::_EVERY], expected["texture"]) < 1e-5
    found, wanted = _logits(features.probabilities[:, ::_EVERY]), expected["logits_without_bias"]
    assert _relative_error(found, wanted - wanted.mean(-1, keepdims=True)) < 1e-5


def test_an_image_has_the_same_features_in_any_batch(extractor, expected):
    others = np.concatenate([random_images(6, *_IMAGES.shape[1:]), _IMAGES[1:], _IMAGES[:1]])
    features = extractor.features(others, batch_size=3)
    assert _relative_error(features.semantic[-2:-1, ::_EVERY], expected["pool3"][1:]) < 1e-5
    assert _relative_error(features.semantic[-1:, ::_EVERY], expected["pool3"][:1]) < 1e-5
    assert _relative_error(features.texture[-1:, ::_EVERY], expected["texture"][:1]) < 1e-5


def test_preprocessing():
    """Grey is repeated; the two ways differ in where they look and in the range."""
    grey = random_images(2, 299, 299, 1)
    published = np.asarray(inception.prepare(grey, "tf1"))
    np.testing.assert_array_equal(published, np.repeat((grey - 128.0) / 128.0, 3, -1))
    other = np.asarray(inception.prepare(grey, "pytorch-fid"))
    np.testing.assert_allclose(other, np.repeat(grey / 127.5 - 1.0, 3, -1), atol=1e-6)
    small = random_images(1, 20, 20, 3)
    for name, half_pixel in (("tf1", False), ("pytorch-fid", True)):
        resized = np.asarray(resize_bilinear(small, (299, 299), half_pixel=half_pixel))
        wanted = resized / 127.5 - 1 if half_pixel else resized / 128 - 1
        np.testing.assert_allclose(np.asarray(inception.prepare(small, name)), wanted, atol=1e-5)


def test_preprocessing_is_part_of_the_identity(weights_file, extractor):
    other = inception.load_inception(weights_file, preprocessing="pytorch-fid")
    assert other.digest != extractor.digest
    assert other.stamp == f"inception-pytorch-fid@{other.digest[:8]}"
    assert extractor.stamp == f"inception-tf1@{extractor.digest[:8]}"
    assert extractor.image_shape is None and len(extractor.class_names) == 1008


def test_weights_are_part_of_the_identity_and_the_file_is_not(weights_file, extractor, tmp_path):
    copy = tmp_path / "converted.safetensors"
    inception.convert_inception(weights_file, copy)
    again = inception.load_inception(copy)
    assert again.digest == extractor.digest and again.stamp == extractor.stamp
    assert again.record["file_sha256"] != extractor.record["file_sha256"]
    assert len(extractor.record["file_sha256"]) == 64
    assert not again.record["public_weights"]

    changed = dict(random_weights())
    changed["fc.bias"] = changed["fc.bias"] + np.float32(1e-6)
    save_file(changed, copy, metadata={"source_sha256": inception.PUBLIC_SHA256})
    other = inception.load_inception(copy)
    assert other.digest != extractor.digest
    assert other.record["public_weights"]


def test_counters_of_training_steps_are_passed_over(extractor, tmp_path):
    path = tmp_path / "newer.safetensors"
    counter = {"Mixed_5b.branch1x1.bn.num_batches_tracked": np.zeros((), np.int64)}
    save_file(random_weights() | counter, path)
    assert inception.load_inception(path).digest == extractor.digest


# Bad input


def test_a_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(InputError, match="there is no weights file.*fid_weights"):
        inception.load_inception(tmp_path / "none.pth")


def test_a_file_that_may_not_be_read_or_is_far_too_large(tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a hole: nothing on the disk
    with pytest.raises(InputError, match="has 1,099,511,627,776 bytes"):
        inception.load_inception(path)
    path.unlink()
    path.symlink_to(path)  # the disk's own words, such as "Permission denied", and no traceback
    with pytest.raises(InputError, match="weights file"):
        inception.load_inception(path)

    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(path))

    path.unlink()
    path.write_bytes(b"x")
    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        inception.load_inception(path)


@pytest.mark.parametrize("kept", [0.5, 1e-6, 0.0])
def test_a_truncated_file(weights_file, tmp_path, kept):
    path = tmp_path / "cut.safetensors"
    content = weights_file.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match="cut.safetensors.*cut short, damaged"):
        inception.load_inception(path)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda w: w.pop("Mixed_7c.branch_pool.conv.weight"), "no 'Mixed_7c.branch_pool.conv.wei"),
        (lambda w: w.update({"AuxLogits.fc.bias": w["fc.bias"]}), "an unknown 'AuxLogits.fc.bias'"),
        (
            lambda w: w.update({"fc.weight": w["fc.weight"][:1000]}),
            r"'fc.weight' of shape \[1000, 2048\].*1008 outputs",
        ),
        (lambda w: w.update({"fc.bias": w["fc.bias"].astype(np.float16)}), "'fc.bias' is float16"),
        (lambda w: w.update({"fc.bias": w["fc.bias"] * np.nan}), "'fc.bias' is float32 and not f"),
    ],
)
def test_weights_of_another_network(tmp_path, change, message):
    weights = dict(random_weights())
    change(weights)
    path = tmp_path / "other.safetensors"
    save_file(weights, path)
    with pytest.raises(InputError, match=message):
        inception.load_inception(path)


def test_a_pytorch_file_without_pytorch(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"PK\x03\x04 and so on")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        InputError, match="PyTorch is not installed.*python -m gan_jax.extractors.inception"
    ):
        inception.load_inception(path)


def test_a_pytorch_that_is_not_safe(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"PK\x03\x04 and so on")
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(__version__="2.5.1+cpu"))
    with pytest.raises(InputError, match="PyTorch 2.5.1.cpu is too old .* 2.6 or later"):
        inception.load_inception(path)


def test_an_unknown_preprocessing(weights_file):
    with pytest.raises(InputError, match="'tf2' is not known: did you mean 'tf1'"):
        inception.load_inception(weights_file, preprocessing="tf2")


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((2, 8, 8, 3), np.float32), "are float32; an extractor takes uint8"),
        (np.zeros((2, 8, 8), np.uint8), r"shape \[2, 8, 8\]; expected \[n, height"),
        (np.zeros((0, 8, 8, 3), np.uint8), r"shape \[0, 8, 8, 3\]"),
        (np.zeros((2, 8, 8, 4), np.uint8), "8x8x4 .*1 channel .repeated. or 3"),
    ],
)
def test_images_that_do_not_fit(extractor, images, message):
    with pytest.raises(InputError, match=message):
        extractor.features(images)


def test_the_converter_as_a_command(weights_file, tmp_path, capsys):
    target = tmp_path / "new" / "inception.safetensors"
    assert inception.main([str(weights_file), str(target)]) == 0
    assert "not the public file" in capsys.readouterr().out
    assert set(load_file(target)) == set(random_weights())
    assert inception.main([str(weights_file), str(tmp_path / "inception.npz")]) == 2
    assert "must end in .safetensors" in capsys.readouterr().err
    assert inception.main([]) == 2


# Against PyTorch itself; not part of the usual run


def _torch_features(weights: pathlib.Path, images: np.ndarray) -> dict[str, np.ndarray]:
    """Of torch-fidelity in float64, by the names of the fixture."""
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3(
        "inception",
        ["2048", "logits_unbiased"],
        feature_extractor_weights_path=str(weights),
        feature_extractor_internal_dtype="float64",
    )
    seen = []
    network.Mixed_6e.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        pool3, logits = network(torch.from_numpy(np.moveaxis(images, -1, 1).copy()))
    middle = seen[0].numpy()
    texture = np.concatenate([middle.mean((2, 3)), middle.std((2, 3))], -1).astype(np.float32)
    return {"pool3": pool3.numpy(), "texture": texture, "logits_without_bias": logits.numpy()}


def _write_torch(path: pathlib.Path, **options) -> pathlib.Path:
    import torch

    state = {name: torch.from_numpy(value) for name, value in random_weights().items()}
    torch.save(state, path, **options)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(299, 299), (32, 32), (64, 48), (1, 1), (400, 301)])
def test_parity_with_torch_fidelity(tmp_path, shape):
    pytest.importorskip("torch_fidelity")
    path = _write_torch(tmp_path / "weights.pth")
    images = random_images(2, *shape, 3)
    features = inception.load_inception(path).features(images, batch_size=2)
    expected = _torch_features(path, images)
    assert _relative_error(features.semantic, expected["pool3"]) < 1e-5
    assert _relative_error(features.texture, expected["texture"]) < 1e-5
    wanted = expected["logits_without_bias"]
    wanted = wanted - wanted.mean(-1, keepdims=True)
    assert _relative_error(_logits(features.probabilities), wanted) < 1e-5


class _Code:
    """Would run a command when unpickled."""

    def __reduce__(self):
        return print, ("code was run",)


@pytest.mark.slow
def test_pytorch_files(weights_file, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    wanted = inception.load_inception(weights_file).digest
    for legacy in (False, True):
        path = _write_torch(tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy)
        assert inception.load_inception(path).digest == wanted
        converted = tmp_path / f"converted{legacy}.safetensors"
        inception.convert_inception(path, converted)
        assert inception.load_inception(converted).digest == wanted
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match="cut short, damaged"):
            inception.load_inception(path)
    torch.save({"fc.weight": _Code()}, tmp_path / "code.pth")
    with pytest.raises(InputError, match="cannot be read as tensors"):
        inception.load_inception(tmp_path / "code.pth")
    assert "code was run" not in capsys.readouterr().out
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="no plain dictionary of tensors"):
        inception.load_inception(tmp_path / "list.pth")


def _remake_fixture() -> None:
    import tempfile

    import torch
    import torch_fidelity

    with tempfile.TemporaryDirectory() as folder:
        path = _write_torch(pathlib.Path(folder) / "weights.pth")
        features = _torch_features(path, _IMAGES)
    features = {name: value[:, ::_EVERY] for name, value in features.items()}
    origin = f"torch-fidelity {torch_fidelity.__version__}, torch {torch.__version__}, float64"
    np.savez_compressed(_FIXTURE, origin=origin, **features)


if __name__ == "__main__":
    _remake_fixture()
