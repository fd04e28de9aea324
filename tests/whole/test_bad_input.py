"""One clear error before any long work, for each mistake a user can make."""

import dataclasses
import gzip
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from gan_jax import run as training
from gan_jax.__main__ import train
from gan_jax.config import cnn_config, gan_config
from gan_jax.config.build import build_gan
from gan_jax.config.checks import check_config
from gan_jax.data import load
from gan_jax.errors import InputError
from gan_jax.extractors.extractor import Extractor
from gan_jax.extractors.pack import load_pack
from gan_jax.runtime import checkpoint
from tests.command import eval_py
from tests.runs import tiny_config
from tests.whole.test_runs import ROOT, environment


def refused(config, folder, message):
    """Checks that the run is refused with this message, and that nothing is written."""
    with pytest.raises(InputError, match=message):
        training.run(config, folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("script", "flags", "message"),
    [
        ("train.py", ["--config.batchsize=3"], "batch_size"),
        ("train.py", ["--config.model.widht=3"], "width"),
        ("train.py", ["--config.batch_size=abc"], "batch_size"),
        ("train.py", ["--config.loss=hinged"], "'hinged' is not known"),
        ("train.py", ["--config.batch_size=0"], "config.batch_size is 0"),
        ("eval.py", [], "one of --workdir"),
        ("eval.py", ["--samples=x"], "needs --reference"),
    ],
)
def test_the_command_line_answers_in_one_line(script, flags, message, tmp_path, capfd, monkeypatch):
    if script == "train.py":
        monkeypatch.chdir(tmp_path)
        given = [f"--config={ROOT}/configs/smoke.py", "--workdir=run", *flags]
        status, said = train(given, command="python train.py"), capfd.readouterr().err
    else:
        done = eval_py(tmp_path, *flags)
        status, said = done.returncode, done.stderr
    assert status == 2
    assert said.count("\n") == 1
    assert message in said
    assert not (tmp_path / "run").exists()


def test_a_config_file_that_is_not_there(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "--config=configs/quikstart.py"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "quikstart" in done.stderr


def test_help_is_quick_and_loads_no_jax(tmp_path):
    code = (
        f"import sys, runpy; sys.argv = ['train.py', '--help']; sys.path.insert(0, {str(ROOT)!r})\n"
        f"try: runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'jax' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert b"--workdir" in done.stdout


def test_unknown_and_impossible_fields():
    config = gan_config()
    config.evaluation.evry = 3
    with pytest.raises(InputError, match="config.evaluation.evry is not a field.*every"):
        check_config(config)
    for change, message in [
        ({"num_epochs": 0.0}, "num_epochs"),
        ({"evaluation.num_samples": 3}, "num_samples is 3"),
        ({"seed": -1}, "seed is -1"),
    ]:
        config = gan_config()
        config.update_from_flattened_dict(change)
        with pytest.raises(InputError, match=message):
            check_config(config)
    for change, message in [
        ({"model.name": "dcgn"}, "did you mean 'dcgan'"),
        ({"loss": "non_saturated"}, "did you mean 'non_saturating'"),
        ({"r1_weight": 1.0}, "batch normalisation"),
        ({"dragan_weight": 10.0}, "dragan_weight is 10.0.*batch normalisation"),
        ({"r2_weight": -1.0}, "r2_weight is -1.0; expected 0 or more"),
        ({"lecam_weight": -1.0}, "lecam_weight is -1.0"),
        ({"penalty_interval": 0}, "penalty_interval is 0; expected 1 or more"),
        ({"loss": "relativistic"}, "centres apart.*discriminator_norm='none'"),
        ({"model.dtype": "float61"}, "float61"),
        ({"generator_optimizer.schedule": "cosin"}, "cosine"),
        ({"generator_optimizer.learning_rate": 0.0}, "learning_rate is 0"),
    ]:
        config = gan_config()
        config.update_from_flattened_dict(change)
        with pytest.raises(InputError, match=message):
            build_gan(config, (28, 28, 1), 10)


def test_devices_and_sizes_that_do_not_fit(tmp_path):
    pack = tmp_path / "cnn" / "pack"
    config = tiny_config(pack, batch_size=12, num_devices=8)
    refused(config, tmp_path / "run", "batch_size is 12.*multiple of 8")
    config = tiny_config(pack, **{"model.name": "article", "dataset.image_size": (18, 18)})
    refused(config, tmp_path / "run", "18x18.*multiples of 4")
    config = tiny_config(pack, **{"dataset.image_size": (6, 6)})
    refused(config, tmp_path / "run", "6x6.*8 to 256")


def test_data_that_is_missing_damaged_or_wrong(tmp_path):
    pack = tmp_path / "cnn" / "pack"
    run = tmp_path / "run"

    def config(name, path):
        return tiny_config(
            pack,
            **{"dataset.name": name, "dataset.path": str(path), "dataset.image_size": ()},
        )

    refused(config("mnist6k", ""), run, "did you mean 'mnist5k'")
    refused(config("folder", tmp_path / "none"), run, "does not exist")
    (tmp_path / "empty").mkdir()
    refused(config("folder", tmp_path / "empty"), run, "empty")
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for index, size in enumerate([16, 16, 16, 20]):
        Image.new("L", (size, size)).save(mixed / f"{index}.png")
    refused(config("folder", mixed), run, "image_size")
    corrupt = tmp_path / "corrupt"
    corrupt.mkdir()
    for index in range(3):
        Image.new("L", (16, 16)).save(corrupt / f"{index}.png")
    (corrupt / "1.png").write_bytes((corrupt / "1.png").read_bytes()[:40])
    refused(config("folder", corrupt), run, "1.png")
    idx = tmp_path / "idx"
    idx.mkdir()
    (idx / "train-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(b"\0\0\x08\x03" + np.array([9, 16, 16], ">i4").tobytes() + b"\0" * 99)
    )
    refused(config("idx", idx), run, "train-images")
    np.savez(
        tmp_path / "two.npz",
        x_train=np.zeros((20, 16, 16), np.uint8),
        x_test=np.zeros((20, 20, 20), np.uint8),
    )
    refused(config("npz", tmp_path / "two.npz"), run, "training images are.*test images")


def test_a_recogniser_of_one_class(tmp_path):
    np.savez(
        tmp_path / "one.npz",
        images=np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), np.uint8),
        labels=np.zeros(40, np.int32),
    )
    config = cnn_config()
    config.num_devices = 1
    config.dataset.name = "npz"
    config.dataset.path = str(tmp_path / "one.npz")
    refused(config, tmp_path / "run", "1 class")


def test_packs_that_are_missing_changed_or_unfit(tiny_run, tmp_path):
    _, pack = tiny_run
    with pytest.raises(InputError, match="no extractor pack.*cnn_mnist5k"):
        load_pack(tmp_path / "none")
    changed = tmp_path / "changed"
    shutil.copytree(pack, changed)
    weights = load_file(changed / "weights.safetensors")
    name = next(iter(weights))
    weights[name] = weights[name] + np.float32(1e-6)
    save_file(weights, changed / "weights.safetensors")
    with pytest.raises(InputError, match="changed after it was made"):
        load_pack(changed)
    record = tmp_path / "record"
    shutil.copytree(pack, record)
    content = json.loads((record / "pack.json").read_text())
    content["accuracy"] = 1.0
    (record / "pack.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="changed after it was made"):
        load_pack(record)
    cut = tmp_path / "cut"
    shutil.copytree(pack, cut)
    (cut / "weights.safetensors").write_bytes(b"abc")
    with pytest.raises(InputError, match="damaged"):
        load_pack(cut)
    config = tiny_config(pack, **{"dataset.image_size": (32, 32)})
    refused(config, tmp_path / "run", "32x32x1.*16x16x1")
    colours = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    np.savez(tmp_path / "rgb.npz", images=colours)
    config = tiny_config(pack, **{"dataset.name": "npz", "dataset.path": str(tmp_path / "rgb.npz")})
    refused(config, tmp_path / "run", "16x16x3.*16x16x1")


def test_a_pack_of_another_arithmetic_is_refused(tiny_run, monkeypatch):
    original = Extractor.features

    def shifted(pack, images):
        found = original(pack, images)
        return dataclasses.replace(found, semantic=found.semantic + 0.01)

    monkeypatch.setattr(Extractor, "features", shifted)
    with pytest.raises(InputError, match="other semantic features"):
        load_pack(tiny_run[1])


def test_features_do_not_depend_on_the_batch(tiny_run):
    pack = load_pack(tiny_run[1])
    images = load({"name": "mnist5k", "image_size": (16, 16)}, "test").images[:50]
    whole, parts = pack.features(images), pack.features(images, batch_size=16)
    np.testing.assert_allclose(whole.semantic, parts.semantic, atol=1e-5)
    np.testing.assert_allclose(whole.texture, parts.texture, atol=1e-5)


def test_a_folder_of_another_config(tiny_run):
    folder, pack = tiny_run
    before = (folder / "config.json").read_text()
    with pytest.raises(InputError, match="config.model.width was 8 and is now 9"):
        training.run(tiny_config(pack, **{"model.width": 9}), folder)
    assert (folder / "config.json").read_text() == before


def test_a_folder_that_cannot_be_written(tiny_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        training.run(tiny_config(tiny_run[1]), tmp_path / "file" / "run")


def test_a_full_disk(tiny_run, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InputError, match="0 MiB free.*need.*Free some space"):
        training.run(tiny_config(tiny_run[1]), tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"loss": "relativistic", "r1_weight": 1.0}, "diverges without R1 and R2"),
        (
            {"loss": "relativistic", "r1_weight": 1.0, "r2_weight": 1.0, "penalty_interval": 4},
            "every 4 steps are known to fail",
        ),
        ({"loss": "wasserstein"}, "logits run away"),
        ({"loss": "relativistic", "r1_weight": 1.0, "r2_weight": 1.0}, None),
        ({"loss": "wasserstein", "gradient_penalty_weight": 10.0}, None),
        ({"loss": "hinge", "lecam_weight": 0.1, "dragan_weight": 1.0}, None),
    ],
)
def test_pairs_that_are_known_to_fail_are_warned_about(changes, warning, caplog):
    config = gan_config()
    config.model.discriminator_norm = "none"
    config.update_from_flattened_dict(changes)
    gan = build_gan(config, (28, 28, 1), 100)
    assert gan.loss.name == changes["loss"]
    assert len(gan.penalties) == len(set(changes) - {"loss", "penalty_interval", "lecam_weight"})
    assert (warning in caplog.text) if warning else not caplog.records
