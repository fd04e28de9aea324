"""The lines that README gives, run as printed."""

import pathlib
import re

import jax
import numpy as np

_README = pathlib.Path(__file__).resolve().parent.parent / "README.md"


def _lines(title):
    """The first python block under a heading."""
    text = _README.read_text()
    heading = re.search(rf"^#+ {title}$", text, re.MULTILINE)
    assert heading, f"README has no section '{title}'"
    block = re.search(r"```python\n(.*?)```", text[heading.end() :], re.DOTALL)
    assert block, "README's section has no python block"
    return block.group(1)


def test_the_lines_train_a_gan(capsys):
    lines = _lines("In a notebook")
    assert "from gan_jax.steps import gan_step" in lines
    notebook = {"__name__": "__main__"}
    exec(compile(lines, "README.md", "exec"), notebook)
    losses = {name: float(value) for name, value in notebook["metrics"].items()}
    assert set(losses) >= {"loss/discriminator", "loss/generator"}
    assert np.isfinite(list(losses.values())).all()
    assert int(notebook["state"].step) > 10
    assert "loss/generator" in capsys.readouterr().out


def test_the_pieces_of_a_recipe_make_a_step_of_ones_own(quickly_compiled):
    lines = _lines("Recipes")
    notebook = {"__name__": "__main__"}
    exec(compile(lines, "README.md", "exec"), notebook)
    key = jax.random.key(0)
    real, fake = jax.random.uniform(key, (2, 4, 28, 28, 1), minval=-1, maxval=1)
    params = notebook["network"].init(key, real, train=False)["params"]
    opt_state = notebook["adam"].init(params)
    update = jax.jit(notebook["update"])
    losses = []
    for _ in range(3):
        params, opt_state, loss = update(params, opt_state, real, fake, key)
        losses.append(float(loss))
    assert losses[2] < losses[0]  # of the same images
