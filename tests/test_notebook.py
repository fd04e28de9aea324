"""The lines that README gives for a notebook, run as printed."""

import pathlib
import re

import numpy as np

_README = pathlib.Path(__file__).resolve().parent.parent / "README.md"


def _notebook_lines():
    """The first python block under the heading that says 'in a notebook'."""
    text = _README.read_text()
    heading = re.search(r"^#+ .*\bin a notebook\b.*$", text, re.IGNORECASE | re.MULTILINE)
    assert heading, "README has no section 'In a notebook'"
    block = re.search(r"```python\n(.*?)```", text[heading.end() :], re.DOTALL)
    assert block, "README's section has no python block"
    return block.group(1)


def test_the_lines_train_a_gan(capsys):
    lines = _notebook_lines()
    assert "from gan_jax.steps import gan_step" in lines
    notebook = {"__name__": "__main__"}
    exec(compile(lines, "README.md", "exec"), notebook)
    losses = {name: float(value) for name, value in notebook["metrics"].items()}
    assert set(losses) >= {"loss/discriminator", "loss/generator"}
    assert np.isfinite(list(losses.values())).all()
    assert int(notebook["state"].step) > 10
    assert "loss/generator" in capsys.readouterr().out
