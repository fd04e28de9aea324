"""A whole study with tiny networks: results, resuming, and what each part may see."""

import json

import numpy as np
import pytest

from configs import augmentation_study_smoke
from gan_jax import run as training
from gan_jax.data import load
from gan_jax.errors import InputError, Interrupted
from gan_jax.reports.seeds.study import accuracies
from gan_jax.run import start
from gan_jax.sampling.trained import read_gan
from gan_jax.studies.augmentation import study
from gan_jax.studies.augmentation.cells import SUBSET


def tiny_study(**changes):
    """One size, less than a batch, and one seed; the controls of a fixed length."""
    config = augmentation_study_smoke.get_config()
    config.update_from_flattened_dict(
        {
            "num_devices": 1,
            "compilation_cache": "",
            "sizes": (20,),
            "num_seeds": 1,
            "ratios": (1.0,),
            "filters.recognisers": 1,
            "recogniser.num_steps": 4,
            "recogniser.batch_size": 24,
            "gan.batch_size": 24,
            "control.extra_steps": 2,
            "gan.num_steps": 10,
            **changes,
        }
    )
    return config


def study_json(folder):
    return (folder / study.STUDY).read_bytes()


def cell_times(folder):
    return {p.name: p.stat().st_mtime_ns for p in (folder / study.CELLS).glob("*.json")}


@pytest.fixture(scope="module")
def studies(tmp_path_factory, quickly_compiled):
    """The folders of one study that ran through, and one that was stopped after four cells."""
    root = tmp_path_factory.mktemp("study")
    whole, cut = root / "whole", root / "cut"
    training.run(tiny_study(), whole)
    write = study.write_json

    def write_then_stop(path, content):
        write(path, content)
        if path.parent.name == study.CELLS and len(list(path.parent.glob("*.json"))) == 4:
            stops[-1].number = 15

    stops = []
    run = study.run_study

    def watched(config, workdir, stop, **rest):
        stops.append(stop)
        run(config, workdir, stop, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "write_json", write_then_stop)
        patch.setattr(start, "run_study", watched)
        with pytest.raises(Interrupted, match="SIGTERM: stopped with 4 of 10 cells done"):
            training.run(tiny_study(), cut)
    assert len(cell_times(cut)) == 4
    return whole, cut


def test_a_study_that_was_stopped_ends_like_one_that_was_not(studies, capsys):
    whole, cut = studies
    before = cell_times(cut)
    training.run(tiny_study(), cut)
    assert "10 cells, 6 to do" in capsys.readouterr().out
    assert before.items() <= cell_times(cut).items()
    assert study_json(cut) == study_json(whole)


def test_the_result_holds_every_cell_and_the_page_is_there(studies):
    whole, _ = studies
    content = json.loads(study_json(whole))
    assert content["protocol"]["cells_done"] == content["protocol"]["cells"] == 10
    assert content["protocol"]["images"] == 1000
    assert content["protocol"]["control_steps_real"] == 6
    arms = {arm["arm"]: arm for arm in accuracies(content)}
    assert arms["gan_1"]["generated_images"] == [20]
    assert arms["classical"]["steps"] == arms["gan_1"]["steps"] == 4
    assert arms["classical_longer"]["steps"] == 6
    for row in content["cells"]:
        assert row["accuracy"] == pytest.approx(np.mean(row["recall"]))  # 100 a class
        assert row["generated_images"] <= row["wanted_images"]
    assert "Not finished" not in " ".join(content["verdict"])
    assert (whole / "report.html").read_text().count("data:image/png") >= 1


def test_a_finished_study_is_left_as_it_is(studies, capsys):
    whole, _ = studies
    before = cell_times(whole), study_json(whole)
    training.run(tiny_study(), whole)
    assert "is finished: nothing to do" in capsys.readouterr().out
    assert before == (cell_times(whole), study_json(whole))


def test_nothing_that_is_trained_sees_a_test_image(studies):
    """The GAN's set, which the filters and arms share, against the test images, pixel by pixel."""
    whole, _ = studies
    config = tiny_study()
    tested = {image.tobytes() for image in load(config.dataset, "test").images}
    trained = {image.tobytes() for image in load(config.dataset, "train").images}
    (run,) = (whole / "gans").iterdir()
    with np.load(run / SUBSET, allow_pickle=False) as stored:
        for part in ("x_train", "x_test"):
            seen = {image.tobytes() for image in stored[part]}
            assert len(stored[part]) == 20 and seen <= trained and not seen & tested
        assert set(np.bincount(stored["y_train"])) == {2}
    assert len(read_gan(run).train) == 20


def test_a_ratio_may_be_added_later(studies, capsys):
    whole, _ = studies
    before = cell_times(whole)
    training.run(tiny_study(ratios=(0.5, 1.0)), whole)
    assert "11 cells, 1 to do" in capsys.readouterr().out
    assert before.items() <= cell_times(whole).items()


def test_another_study_in_the_same_folder_is_refused(studies):
    with pytest.raises(InputError, match="config.recogniser.num_steps was 4 and is now 5"):
        training.run(tiny_study(**{"recogniser.num_steps": 5}), studies[0])
    with pytest.raises(InputError, match="is a study: its GANs' runs lie in"):
        read_gan(studies[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": (20, 5000)}, "goes up to 5,000, and mnist5k has 4,000"),
        ({"recogniser.augment.rotation": 0.0, "recogniser.augment.shift": 0.0,
          "recogniser.augment.scale": 0.0, "recogniser.augment.shear": 0.0},
         "recogniser.augment changes nothing"),
        ({"gan.model.name": "article"}, "cannot be told of classes"),
        ({"gan.loss": "hinges"}, "hinge"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_before_anything_is_made(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        training.run(tiny_study(**changes), tmp_path / "none")
    assert not (tmp_path / "none").exists()
