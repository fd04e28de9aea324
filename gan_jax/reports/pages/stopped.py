"""The page that a GAN's run leaves behind when it is stopped for a collapse or a divergence.

It is made of what lies in the run's folder: the numbers logged so far and the pictures drawn on the
way. A run that goes on from there, or is judged by eval.py, puts its own page in its place.
"""

from __future__ import annotations

import math
import pathlib
import re
from typing import Any

from gan_jax.data.decode import decode_image
from gan_jax.reports import page
from gan_jax.reports.pages.curves import training_section, variety_section
from gan_jax.reports.pages.pictures import single
from gan_jax.reports.text import number
from gan_jax.reports.words import Words
from gan_jax.runtime import workdir as folder
from gan_jax.runtime.logs import read_history

_SCORE = "eval/fd_semantic"
_PICTURE = re.compile(r"step_(\d+)\.png")


def write_stopped_report(
    workdir: pathlib.Path,
    reason: str,
    *,
    title: str,
    num_steps: int,
    config: dict[str, Any],
    environment: dict[str, Any],
) -> pathlib.Path:
    """Writes report.html into the folder of a run that was stopped, and returns its path.

    Args:
        workdir: the run's folder; its logs are closed.
        reason: why it was stopped, and what to try; the first thing on the page.
        title: of the page.
        num_steps: how many steps were asked for.
        config: of the run, plain.
        environment: versions and device, name to value.

    Raises:
        OSError: the page cannot be written.
    """
    history = read_history(workdir)
    reached = max((row["step"] for row in history), default=0)
    pictures = _pictures(workdir / folder.SAMPLES, reached)
    numbers = [(f"{reached:,} of {num_steps:,}", "steps were trained and logged")]
    best = _best_step(history)
    if best is not None:
        numbers.append((f"step {best:,}", f"had the lowest {_SCORE.removeprefix('eval/')}"))
    sections = [
        _samples(pictures, best),
        _last_numbers(history),
        variety_section(history),
        training_section(history),
    ]
    path = workdir / folder.REPORT
    about = page.About(title, config=config, environment=environment)
    page.compose(path, about, Words(f"Stopped: {reason}", numbers=numbers), sections)
    return path


def _pictures(samples: pathlib.Path, reached: int) -> dict[int, pathlib.Path]:
    """The pictures of samples by step; later ones are of a way that the run went back from."""
    found = {path: _PICTURE.fullmatch(path.name) for path in sorted(samples.glob("*.png"))}
    return {int(m[1]): path for path, m in found.items() if m and int(m[1]) <= reached}


def _best_step(history: list[dict]) -> int | None:
    """The step with the lowest Fréchet distance; None where it was never measured."""
    measured = [row for row in history if math.isfinite(row.get(_SCORE, math.nan))]
    return min(measured, key=lambda row: row[_SCORE])["step"] if measured else None


def _samples(pictures: dict[int, pathlib.Path], best: int | None) -> str:
    shown = []
    if pictures:
        last = max(pictures)
        if best in pictures and best != last:
            shown.append((best, f"Step {best:,}, the best"))
        shown.append((last, f"Step {last:,}, the last"))
    return page.section(
        "Samples",
        "What the generator drew from the same latents, by its averaged weights.",
        page.columns(*(single(decode_image(pictures[step]), caption) for step, caption in shown)),
    )


def _last_numbers(history: list[dict]) -> str:
    """The numbers of the last evaluation, each beside that of real images where there is one."""
    evaluated = [row for row in history if _SCORE in row]
    if not evaluated:
        return ""
    last = {k.removeprefix("eval/"): v for k, v in evaluated[-1].items() if k.startswith("eval/")}
    rows = []
    for name, value in last.items():
        if name == "collapsed" or name.endswith(("_floor", "_real")):
            continue
        real = last.get(f"{name}_floor", last.get(f"{name}_real"))
        rows.append([name, number(value), number(real)])
    return page.section(
        "Where it stood",
        f"The last evaluation, at step {evaluated[-1]['step']:,}, and what real images score. "
        "There are no intervals and no further metrics: python eval.py --workdir on this folder "
        "measures all of them, of the last checkpoint or of another.",
        page.table(["", "value", "real images"], rows),
    )
