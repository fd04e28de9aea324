"""What both command lines share: exit codes, one-line errors, the table of numbers.

Imports nothing heavy.
"""

from __future__ import annotations

import difflib
import pathlib
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from gan_jax.errors import InputError, Interrupted, TrainingDiverged
from gan_jax.judging.words import in_words, ratio_text, ratios_mean_something

_MOST_CLASSES = 100  # a longer histogram is left to the report


def run_main(app: Any, main: Callable[[list[str]], None]) -> int:
    """Runs `main` under absl's `app`; mistakes become one line and an exit status.

    Returns:
        0; 2 for bad input; 3 for diverged training; 128 + n after signal n.
    """
    try:
        app.run(main, flags_parser=_parse)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1 if leaving.code else 0
    except TrainingDiverged as error:
        return _fail(error, 3)
    except InputError as error:
        return _fail(error, 2)
    except Interrupted as error:
        print(error, file=sys.stderr)
        return 128 + error.signal_number
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


def _parse(arguments: list[str]) -> list[str]:
    """absl's flag parsing; what a config file or an override raises becomes an InputError."""
    from absl import app, flags

    _check_config_file(arguments)
    try:
        return app.parse_flags_with_usage(arguments)
    except (InputError, flags.Error):
        raise
    except Exception as error:
        cause: object = error
        while isinstance(cause, BaseException) and cause.args:  # KeyError quotes its own message
            cause = cause.args[0]
        raise InputError(f"--config cannot be used: {' '.join(str(cause).split())}") from error


def _check_config_file(arguments: list[str]) -> None:
    """Raises InputError, with the nearest name, if the file that --config names is not there."""
    for index, argument in enumerate(arguments):
        name, equals, value = argument.lstrip("-").partition("=")
        if name != "config" or not argument.startswith("-"):
            continue
        value = value if equals else "".join(arguments[index + 1 : index + 2])
        path = pathlib.Path(value.partition(":")[0])
        if path.is_file():
            continue
        there = sorted(str(other) for other in path.parent.glob("*.py"))
        close = difflib.get_close_matches(str(path), there, n=1)
        hint = (
            f"did you mean {close[0]}?" if close else "give a file such as configs/quickstart.py."
        )
        raise InputError(f"--config '{path}' is not a file: {hint}")


def _fail(error: BaseException, status: int) -> int:
    print(f"Error: {error}", file=sys.stderr)
    return status


def metric_table(result: dict[str, Any]) -> str:
    """Flags, headline and numbers of eval.json as text."""
    top = [f"! {flag['text']}" for flag in result.get("flags", ())]
    if result.get("headline"):
        words = in_words(result["headline"])
        top += [line for line in (words.verdict, words.note) if line]
    ratios = ratios_mean_something(result)
    rows: list[Sequence[str]] = [
        ("metric", "value", "floor", "ratio", "real", "95 % interval", "n")
    ]
    for name, entry in result["metrics"].items():
        value, floor, ci = entry["value"], entry.get("floor"), entry.get("ci")
        if isinstance(value, list):
            continue
        rows.append(
            (
                name,
                f"{value:.4g}",
                "" if floor is None else f"{floor:.4g}",
                ratio_text(entry) if ratios else "",
                f"{entry['real']:.4g}" if "real" in entry else "",
                "" if ci is None else f"{ci[0]:.4g} to {ci[1]:.4g}",
                str(entry.get("n", "")),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    histogram = result["metrics"].get("class_histogram")
    if histogram and len(histogram["value"]) <= _MOST_CLASSES:
        lines.append(f"class_histogram  {histogram['value']}")
    for part in (result, *result.get("judges", ())):
        protocol = part["protocol"]
        if "extractor" not in protocol:
            continue
        line = (
            f"judge {protocol['extractor']} (gate {protocol.get('gate', 'not run')}), reference "
            f"{protocol['reference']} ({protocol['reference_split']}, "
            f"{protocol['reference_images']} images)"
        )
        if part is not result and ratios_mean_something(part):
            line += "".join(
                f"; {name} {entry['value']:.4g} = {ratio_text(entry)} x floor"
                for name, entry in part["metrics"].items()
                if entry.get("floor") and name.startswith("fd_")
            )
        lines.append(line)
    for name, reason in result["protocol"].get("skipped", {}).items():
        lines.append(f"not computed: {name}: {reason}")
    return "\n".join([*top, *lines])
