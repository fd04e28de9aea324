"""eval.py in this process, and a quick judge of textures."""

import numpy as np
import pytest
from absl import flags

import gan_jax.training.image_results
from gan_jax.judging.textures import evaluation as texture_evaluation
from gan_jax.judging.textures import run as texture_run
from gan_jax.judging.textures import suite as texture_suite
from gan_jax.judging.textures.suite import TextureJudgement
from gan_jax.metrics.texture.cooccurrence import cooccurrence_statistics
from tests.results import headline


@pytest.fixture
def eval_py(eval_script, capsys):
    """What eval.py prints for some flags; its errors are raised."""

    def run(*arguments):
        for name in flags.FLAGS:
            flags.FLAGS[name].unparse()
        left = flags.FLAGS(["eval.py", *map(str, arguments)])
        eval_script.main(left)
        return capsys.readouterr().out

    return run


@pytest.fixture
def quick_judge(monkeypatch):
    """The suite with one family, whose numbers are made up; keeps what it was called with.

    The page is not written, which takes longer than all else.
    """
    calls = []

    def judge(reference, images, **options):
        calls.append({"reference": reference, "images": images, **options})
        entry = {"value": 4.0, "floor": 2.0, "ci": [3.0, 5.0], "n": len(reference) // 2}
        real, fake = cooccurrence_statistics(reference), cooccurrence_statistics(images)
        distances = np.abs(fake.values - real.values.mean(0)).mean(1)
        metrics = {"texture_fd": entry, "cooccurrence_fd": entry}
        return TextureJudgement(
            metrics=metrics,
            protocol={"images": len(images), "reference_images": len(reference)},
            reference_statistics={"cooccurrence": real},
            statistics={"cooccurrence": fake},
            distances=distances,
            headline=headline(0.7),
            flags=({"name": "few", "text": "They are few.", "apart": False},),
        )

    for module in (texture_suite, texture_run):
        monkeypatch.setattr(module, "judge_textures", judge)
    for module in (texture_evaluation, gan_jax.training.image_results):
        monkeypatch.setattr(
            module, "write_texture_report", lambda path, report: path.write_text(report.title)
        )
    return calls
