"""Packs that somebody broke or made up, each with a valid hash: one clear error, little memory."""

import copy
import json
import os
import random
import resource
import stat

import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file

from gan_jax.config import cnn_config
from gan_jax.config.saved import plain
from gan_jax.errors import InputError
from gan_jax.extractors.common import digest_of
from gan_jax.extractors.pack import load_pack, save_pack
from tests.packs import untrained_pack

_WRONG = (None, True, -1, 10**12, 1e300, "x", "x" * 100_000, [], [[[]]], {}, {"a": {}})
_KEPT_MIB = 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A tiny pack: its folder, record and tensors."""
    folder = tmp_path_factory.mktemp("packs") / "pack"
    untrained_pack(folder, shape=(8, 8, 1), widths=(2, 3), classes=3)
    record = json.loads((folder / "pack.json").read_text())
    del record["sha256"]
    return folder, record, load_file(folder / "weights.safetensors")


@pytest.fixture(autouse=True)
def _little_memory(whole):
    load_pack(whole[0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < _KEPT_MIB * 1024


def _write(folder, record, tensors):
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "weights.safetensors")
    signed = record | {"sha256": digest_of(record, tensors)}
    (folder / "pack.json").write_text(json.dumps(signed))


def _refused(folder):
    with pytest.raises(InputError) as refusal:
        load_pack(folder)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 1000
    return str(refusal.value)


def _places(value, path=()):
    """The path of every value inside, of lists the first."""
    entries = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, inner in entries:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from _places(inner, (*path, key))


def _changed(record, path, change):
    changed = copy.deepcopy(record)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return changed


# What may be missing, or be another text or number, without doing harm.
_FREE = ("training", "splits", "versions", "num_test", "accuracy", "class_names", "name")


def test_every_field_of_the_record(whole, tmp_path):
    _, record, tensors = whole
    record = record | {
        "layer_statistics": {
            "semantic": {"features": 8, "effective_rank": 2.0, "floor": 1.0, "n": 5, "images": 10}
        }
    }
    _write(tmp_path, record, tensors)
    load_pack(tmp_path)
    refused = 0
    for path in _places(record):
        changes = [lambda inner, key: inner.pop(key)]
        wrong = (
            _WRONG[::4] if path[0] == "training" else _WRONG
        )  # see tests/config/test_saved_config.py
        changes += [lambda inner, key, v=value: inner.__setitem__(key, v) for value in wrong]
        for change in changes:
            broken = _changed(record, path, change)
            if broken == record:
                continue
            _write(tmp_path, broken, tensors)
            if path[0] in _FREE or path[0] == "layer_statistics":
                try:
                    load_pack(tmp_path)
                except InputError as refusal:
                    refused += 1
                    assert "\n" not in str(refusal) and len(str(refusal)) < 1000
            else:
                _refused(tmp_path)
                refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("image_shape",), [1_200_000_000, 1, 1], "whole number from 1 to"),
        (("image_shape",), [16384, 16384, 1], "image_shape is 16384x16384x1.* MiB"),
        (("image_shape",), [8, 8, 3], "tensor '.*' is F32"),
        (("image_shape",), ["8", "8", "1"], r"image_shape\[0\] is '8'"),
        (("architecture", "dense"), 1 << 14, "golden.semantic has 8 numbers; expected 16384"),
        (("architecture", "axis_name"), "devices", "architecture.axis_name is not known"),
        (("layers", "texture"), "block9", "layers.texture is 'block9'"),
        (("layers", "semantic"), "block1", "layers.semantic is 'block1'"),
        (("accuracy",), "good", "accuracy is 'good'; expected a finite number from 0 to 1"),
        (("preprocessing",), "x / 255", "preprocessing"),
        (("format",), 2, "format is 2.*update it"),
        (("name",), "a\nb", "name is empty, or holds what cannot be printed"),
        (("training", "model"), 5, "training.model is 5; expected an object"),
        (("training", "kind"), "gan", "training"),
        (("training", "model", "widths"), [9999], r"training.model.widths is \[9999\], and arch"),
        (("class_names",), ["a", "b"], "class_names has 2 names"),
    ],
)
def test_what_a_made_up_record_is_told(whole, tmp_path, path, value, message):
    _, record, tensors = whole
    change = _changed(record, path, lambda inner, key: inner.__setitem__(key, value))
    _write(tmp_path, change, tensors)
    with pytest.raises(InputError, match=message):
        load_pack(tmp_path)


@pytest.mark.parametrize("sizes", [{"widths": [16384] * 16}, {"dense": 1 << 14}, {"widths": [1]}])
def test_a_record_that_fits_itself_and_not_the_weights(whole, tmp_path, sizes):
    _, record, tensors = whole
    made = copy.deepcopy(record)
    made["architecture"] |= sizes
    made["training"]["model"] |= sizes
    made["layers"]["texture"] = "block1"
    lengths = {
        "semantic": made["architecture"]["dense"],
        "texture": 2 * made["architecture"]["widths"][0],
        "probabilities": 3,
    }
    made["golden"] = {name: [[0.0] * length] * 3 for name, length in lengths.items()}
    _write(tmp_path, made, tensors)
    assert "tensor" in _refused(tmp_path)


def test_every_tensor(whole, tmp_path):
    _, record, tensors = whole
    for name, value in tensors.items():
        others = {
            "half": value.astype(np.float16),
            "double": value.astype(np.float64),
            "whole": np.ones(value.shape, np.int32),
            "flat": value.reshape(-1, 1),
            "longer": np.concatenate([value, value]),
            "empty": value[:0],
            "nan": np.full_like(value, np.nan),
        }
        for other in others.values():
            _write(tmp_path, record, tensors | {name: other})
            _refused(tmp_path)
        fewer = {key: one for key, one in tensors.items() if key != name}
        _write(tmp_path, record, fewer)
        assert f"no tensor '{name}'" in _refused(tmp_path)
        _write(tmp_path, record, fewer | {f"{name}/more": value})
        _refused(tmp_path)
    _write(tmp_path, record, tensors | {"further": np.zeros(3, np.float32)})
    assert "an unknown tensor 'further'" in _refused(tmp_path)


def test_weights_that_are_cut_or_declare_more(whole, tmp_path):
    _, record, tensors = whole
    _write(tmp_path, record, tensors)
    content, rng = save(tensors), random.Random(0)
    for _ in range(60):
        cut = content[: rng.randrange(len(content))]
        (tmp_path / "weights.safetensors").write_bytes(cut)
        _refused(tmp_path)
        place = rng.randrange(len(content))
        flipped = bytes([content[place] ^ (1 << rng.randrange(8))])
        (tmp_path / "weights.safetensors").write_bytes(
            content[:place] + flipped + content[place + 1 :]
        )
        _refused(tmp_path)
    shape = [1 << 20, 1 << 20]
    header = {"params/Dense_0/kernel": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}
    for size in (None, 2**40, 2**63):
        text = json.dumps(header).encode()
        size = len(text) if size is None else size
        (tmp_path / "weights.safetensors").write_bytes(size.to_bytes(8, "little") + text)
        assert "damaged" in _refused(tmp_path)


def test_a_record_that_is_no_object_or_too_large(whole, tmp_path):
    _, record, tensors = whole
    _write(tmp_path, record, tensors)
    for text in ("", "[]", "5", "null", '"pack"', "{", "[" * 100_000, '{"a":' * 100_000, "\xff"):
        (tmp_path / "pack.json").write_bytes(text.encode("latin-1"))
        _refused(tmp_path)
    with open(tmp_path / "pack.json", "wb") as file:
        file.truncate(200 << 20)  # a hole: nothing on the disk
    assert "200 MiB" in _refused(tmp_path)
    (tmp_path / "pack.json").unlink()
    os.mkfifo(tmp_path / "pack.json")
    assert "no extractor pack" in _refused(tmp_path)


def test_what_lies_beside_the_record(whole, tmp_path):
    _, record, tensors = whole
    _write(tmp_path, record, tensors)
    keys = tmp_path / "training_keys.npy"
    np.save(keys, np.arange(3, dtype=np.uint64))
    assert load_pack(tmp_path).training_keys.tolist() == [0, 1, 2]
    np.savez(tmp_path / "a.npz", np.arange(3))
    for content in (b"", b"x", (tmp_path / "a.npz").read_bytes(), keys.read_bytes()[:-1]):
        keys.write_bytes(content)
        assert "training_keys.npy" in _refused(tmp_path)
    np.save(keys, np.arange(3.0))
    assert "expected uint64" in _refused(tmp_path)
    keys.unlink()
    digest = load_pack(tmp_path).digest
    for verdict in (5, None, ["passed"], "excellent", "passed\nor not", "x" * 10**5):
        gate = {"verdict": verdict, "protocol": {"extractor_sha256": digest}}
        (tmp_path / "gate.json").write_text(json.dumps(gate))
        assert load_pack(tmp_path).gate.startswith("not known")


def test_a_pack_that_another_user_may_not_read(whole, tmp_path):
    """It is not called damaged, nor missing."""
    _, record, tensors = whole
    for name in ("pack.json", "weights.safetensors", "."):
        _write(tmp_path / "pack", record, tensors)
        (tmp_path / "pack" / name).chmod(0)
        was_root = os.geteuid() == 0  # whom no mode stops
        if was_root:
            for folder in (tmp_path, *tmp_path.parents[:3]):
                if folder.stat().st_uid == 0 and folder != folder.parent:
                    folder.chmod(folder.stat().st_mode | 0o011)
            os.seteuid(65534)
        try:
            message = _refused(tmp_path / "pack")
        finally:
            if was_root:
                os.seteuid(0)
            (tmp_path / "pack" / name).chmod(0o755)
        assert "Permission denied" in message and "damaged" not in message


def test_a_pack_is_whole_readable_by_others_and_names_no_place(tmp_path):
    config = cnn_config()
    config.model.widths, config.model.dense = (3, 4), 8
    config.dataset.path = "/home/someone/private/digits"
    config.compilation_cache = "/scratch/someone/cache"
    config.num_devices = 3
    old = os.umask(0o022)
    try:
        extractor = untrained_pack(tmp_path / "runs" / "pack", training=plain(config))
    finally:
        os.umask(old)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "runs/pack").iterdir()}
    assert modes == {"pack.json": 0o644, "weights.safetensors": 0o644}
    text = (tmp_path / "runs/pack/pack.json").read_text()
    assert "someone" not in text and "scratch" not in text and "num_devices" not in text
    assert extractor.record["training"]["dataset"]["path"] == "digits"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["pack"]


def test_a_pack_comes_with_its_gate_or_not_at_all(whole, tmp_path):
    folder, record, _ = whole
    extractor = load_pack(folder)
    record = {name: value for name, value in record.items() if name != "golden"}

    def passed(tested):
        assert tested.digest == extractor.digest and not (tmp_path / "pack").exists()
        return {"verdict": "passed", "protocol": {"extractor_sha256": tested.digest}}

    def stopped(tested):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_pack(tmp_path / "pack", extractor.variables, record, gate=stopped)
    assert not list(tmp_path.iterdir())
    made = save_pack(tmp_path / "pack", extractor.variables, record, gate=passed)
    assert made.gate == load_pack(tmp_path / "pack").gate == "passed"
    with pytest.raises(InputError, match="holds other files"):
        save_pack(tmp_path, extractor.variables, record)
