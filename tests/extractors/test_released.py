"""The packs that come with gan_jax: the same numbers everywhere, and known by their names."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.extractors.common import digest_of
from gan_jax.extractors.pack import load_pack
from gan_jax.extractors.parts import ChannelExtractor
from gan_jax.extractors.released import PACKS, card_of, pack_for, released_names
from gan_jax.judging.gate import gate_pack
from gan_jax.judging.judge import make_judge
from gan_jax.models.platform import traced_for

# A Fréchet distance with its number, in a sentence or in a table under a head that names it.
_DISTANCE = re.compile(
    r"fd_(?:semantic|texture)`?(?: | \[| \(| \| )(?:floor |real images: )?\d+\.?\d*"
)
_OWN_JUDGE = {"folder.py"}  # images of one's own are judged by a recogniser of one's own
_STORED = pathlib.Path(__file__).parent / "released"
_OWN = sorted(path.stem for path in _STORED.glob("*.npz"))


@pytest.mark.parametrize("name", _OWN)
def test_features_are_those_of_the_machine_that_made_the_pack(name):
    extractor = load_pack(name)
    card = card_of(name)
    assert extractor.gate == "passed"
    assert (extractor.digest, extractor.record["accuracy"]) == (card["sha256"], card["accuracy"])
    accuracies = sorted(seed["accuracy"] for seed in card["seeds"])
    assert len(accuracies) == 3 and accuracies[1] == card["accuracy"]
    with np.load(_STORED / f"{name}.npz") as stored:
        images = stored["images"]
        found = extractor.features(images)
        for layer in ("semantic", "texture", "probabilities"):
            wanted, own = np.float64(stored[layer]), np.float64(getattr(found, layer))
            assert len(wanted) == 64
            assert np.abs(own - wanted).max() <= 1e-4 * np.abs(wanted).max(), layer
    few = extractor.features(images, batch_size=7)  # another batch is another program
    assert np.abs(few.semantic - found.semantic).max() <= 1e-4 * np.abs(found.semantic).max()


@pytest.mark.parametrize("name", _OWN)
def test_other_forms_of_the_program_give_the_same_features(name):
    extractor = load_pack(name)
    with np.load(_STORED / f"{name}.npz") as stored:
        images, wanted = np.float32(stored["images"]) / 127.5 - 1, stored["semantic"]

    def read(variables, images):
        outputs = extractor.network.apply(variables, images, train=False)
        return outputs[extractor.record["layers"]["semantic"]]

    with traced_for("gpu"):
        others = read(extractor.variables, images)
    plain = jax.jit(read)(extractor.variables, images)  # without options of the compiler
    for found in (others, plain):
        assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_distances_of_the_same_images_are_the_same_to_a_thousandth():
    train, test = load({"name": "mnist5k"}, "train"), load({"name": "mnist5k"}, "test")
    images = train.take(train.content_order()[:1000])
    judgement = make_judge(load_pack("mnist-v1"), test).judge(images, families=["frechet"])
    for name, stored in card_of("mnist-v1")["floors"].items():
        entry = judgement.metrics[name]
        assert entry["floor"] == pytest.approx(stored["value"], rel=1e-3)
        assert entry["value"] == pytest.approx(stored["training_images"], rel=1e-3)


def test_all_together_are_small_and_loaded_only_when_asked_for():
    assert sum(path.stat().st_size for path in PACKS.rglob("*") if path.is_file()) < 6e6
    code = "import gan_jax, sys; print([m for m in sys.modules if m.startswith('gan_jax.')])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_set_finds_its_pack_by_name_or_content(tmp_path):
    digits = load({"name": "mnist5k"}, "test")
    assert pack_for(digits) == "mnist-v1"
    np.savez(tmp_path / "renamed.npz", images=digits.images[::-1], labels=digits.labels[::-1])
    npz = {"name": "npz", "path": str(tmp_path / "renamed.npz"), "divide": False}
    assert pack_for(load(npz, "all")) == "mnist-v1"
    assert pack_for(load({"name": "stacked_mnist", "num_test_stacks": 10}, "test")) == "stacked-v1"
    small = {"name": "mnist5k", "image_size": (16, 16)}
    assert pack_for(load(small, "test")) == ""


def test_names_that_are_not_known_and_packs_that_do_not_fit():
    assert {"mnist-v1", "stacked-v1"} <= set(released_names())
    with pytest.raises(InputError, match="'mnits-v1' is neither a folder nor released: did you"):
        load_pack("mnits-v1")
    with pytest.raises(InputError, match="'mnist-v9' is neither a folder nor released"):
        load_pack("mnist-v9")
    with pytest.raises(InputError, match="a released one: .*mnist-v1"):
        load_pack("no/such/folder")


def test_a_gate_on_a_released_pack_does_not_change_it(tmp_path):
    kept = (PACKS / "mnist-v1" / "gate.json").read_bytes()
    told = []
    digits = load({"name": "mnist5k"}, "test")
    np.savez(tmp_path / "few.npz", images=digits.images[::5], labels=digits.labels[::5])
    gate = gate_pack("mnist-v1", str(tmp_path / "few.npz"), announce=told.append)
    assert gate.protocol["reference"] == "npz:few"
    assert any("not stored" in line for line in told)
    assert (PACKS / "mnist-v1" / "gate.json").read_bytes() == kept


def test_another_machine_s_features_are_refused_with_versions(tmp_path):
    """A golden vector that does not match says by how much, and which libraries differ."""
    shutil.copytree(PACKS / "mnist-v1", tmp_path / "pack")
    path = tmp_path / "pack" / "pack.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    record["golden"]["semantic"][0][0] += 0.01
    record["versions"]["jax"] = "0.0.1"
    extractor = load_pack("mnist-v1")
    flat = {}
    for group, layers in extractor.variables.items():
        for layer, leaves in layers.items():
            flat |= {f"{group}/{layer}/{leaf}": value for leaf, value in leaves.items()}
    path.write_text(json.dumps(record | {"sha256": digest_of(record, flat)}))
    message = r"other semantic features .* \(by 0.01; .*made with .*jax 0.0.1 \(here "
    with pytest.raises(InputError, match=message):
        load_pack(tmp_path / "pack")


def test_numbers_in_the_documents_are_by_released_packs():
    """A stamp of another judge would stand beside numbers that it cannot be compared with."""
    root = PACKS.parents[2]
    trained = [(name, seed["sha256"]) for name in _OWN for seed in card_of(name)["seeds"]]
    released = {f"{name}@{digest[:8]}" for name, digest in trained}  # two judge beside each
    released.add("cnn-mnist5k@1a2b3c4d")  # an example of a stamp
    released.add(ChannelExtractor(load_pack("mnist-v1"), 3).stamp)
    texts = [root / "README.md", *root.glob("docs/*.md"), *root.glob("configs/*.py")]
    found = {
        (path.name, stamp)
        for path in texts
        for stamp in re.findall(r"\b[a-z][\w-]*@[0-9a-f]{8}\b", path.read_text())
    }
    assert {one for one in found if one[1] not in released} == set()
    unnamed = {path.name for path in texts if _DISTANCE.search(path.read_text())}
    assert unnamed - {name for name, _ in found} - _OWN_JUDGE == set()
    for path in root.glob("benchmarks/results/leaderboard/*.json"):
        extractor = json.loads(path.read_text())["protocol"]["extractor"]
        assert extractor.replace("-x3@", "@").split("@")[0] in released_names(), path.name
