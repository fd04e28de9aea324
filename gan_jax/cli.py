"""What both command lines share: exit codes, one-line errors, the table of numbers.

Imports nothing heavy.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from gan_jax.errors import InputError, Interrupted, TrainingDiverged


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

    try:
        return app.parse_flags_with_usage(arguments)
    except (InputError, flags.Error):
        raise
    except Exception as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise InputError(f"--config: {str(text).strip()}") from error


def _fail(error: BaseException, status: int) -> int:
    print(f"Error: {error}", file=sys.stderr)
    return status


def metric_table(result: dict[str, Any]) -> str:
    """The numbers of eval.json as text, one a line."""
    rows: list[Sequence[str]] = [("metric", "value", "floor", "ratio", "95 % interval", "n")]
    for name, entry in result["metrics"].items():
        value, floor, ci = entry["value"], entry.get("floor"), entry.get("ci")
        if isinstance(value, list):
            continue
        rows.append(
            (
                name,
                f"{value:.4g}",
                "" if floor is None else f"{floor:.4g}",
                "" if not floor else f"{value / floor:.1f}",
                "" if ci is None else f"{ci[0]:.4g} to {ci[1]:.4g}",
                str(entry.get("n", "")),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    histogram = result["metrics"].get("class_histogram")
    if histogram:
        lines.append(f"class_histogram  {histogram['value']}")
    protocol = result["protocol"]
    if "extractor" in protocol:
        lines.append(
            f"judge {protocol['extractor']}, reference {protocol['reference']} "
            f"({protocol['reference_split']}, {protocol['reference_images']} images)"
        )
    return "\n".join(lines)
