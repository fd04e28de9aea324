"""Numbers first: what was found is written and told before any picture or page is made of it."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from gan_jax.data.disk import in_words, write_json
from gan_jax.errors import InputError
from gan_jax.reports.influences import INFLUENCES, save_influences
from gan_jax.reports.result import Result
from gan_jax.runtime.images import save_png
from gan_jax.runtime.workdir import EVALUATION, SAMPLES

Tell = Callable[[dict[str, Any]], None]
"""Takes the content of eval.json or the like as soon as it is known, to print its table."""

SAME_COMMAND = "the same command"
_log = logging.getLogger(__name__)


def quietly(content: dict[str, Any]) -> None:
    """A `Tell` that tells nothing."""


def command_to_judge(run: pathlib.Path) -> str:
    """The command that judges a run again and makes its pages."""
    return f"python eval.py --workdir {shlex.quote(str(run))}"


def publish(
    path: pathlib.Path, content: dict[str, Any], *pages: pathlib.Path, tell: Tell = quietly
) -> None:
    """Writes what was found as JSON and tells it, also where the disk does not take it.

    Args:
        pages: files that are to be made of it; those there are of other numbers, and go.

    Raises:
        InputError: it cannot be written; it has been told.
    """
    try:
        for page in pages:
            page.unlink(missing_ok=True)
        write_json(path, content)
    except OSError as error:
        raise InputError(
            f"'{path}' cannot be written: {in_words(error)}. Its numbers have been told; free some "
            "space for the file."
        ) from error
    finally:
        tell(content)


def publish_result(
    out: pathlib.Path,
    result: Result,
    *,
    file: str = EVALUATION,
    pictures: Callable[[], Mapping[str, np.ndarray]] = dict,
    pages: Mapping[str, Callable[[pathlib.Path], None] | None] | None = None,
    tell: Tell = quietly,
    again: str = SAME_COMMAND,
) -> dict[str, Any]:
    """Writes the numbers, then what lies beside them, the pictures and the pages; these may fail.

    Args:
        file: the name of the JSON file, if it is not eval.json.
        pictures: gives uint8 [h, w, c] by name; they go to the folder of samples as PNG.
        pages: by the name of the file, what writes it; None for a page that goes if it is there.
        tell: takes the content of the JSON file before the rest is made.
        again: the command that makes the rest again.

    Returns:
        The content of the JSON file.

    Raises:
        InputError: the JSON file cannot be written; its content has been told.
    """
    content, pages = result.content(), pages or {}
    publish(out / file, content, *(out / name for name in (INFLUENCES, *pages)), tell=tell)
    with expendable(INFLUENCES, again):
        parts = (result, *result.judges)
        save_influences(
            out, {one.protocol.get("extractor_sha256", ""): one.influences for one in parts}
        )
    with expendable(f"The pictures in {SAMPLES}", again):
        for name, picture in pictures().items():
            save_png(out / SAMPLES / f"{name}.png", picture)
    for name, write in pages.items():
        if write is not None:
            with expendable(name, again):
                write(out / name)
    return content


@contextlib.contextmanager
def no_empty_folder(folder: pathlib.Path) -> Iterator[None]:
    """A block that judges for a folder that was opened: if it fails, no empty folder is left."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise


@contextlib.contextmanager
def expendable(what: str, again: str = SAME_COMMAND) -> Iterator[None]:
    """A block that makes pictures or a page: if it fails, a warning says so and all goes on.

    Args:
        again: the command that makes it again.
    """
    try:
        yield
    except Exception as error:  # whatever it is, the numbers are there already
        _log.debug("%s", what, exc_info=True)
        _log.warning(
            "%s: this could not be made (%s). The numbers are safe; %s makes it again.",
            what,
            _reason(error),
            again,
        )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return in_words(error)
    first = " ".join((str(error).splitlines() or [""])[0].split())
    kind = "" if isinstance(error, InputError) else type(error).__name__
    return ": ".join(part for part in (kind, first) if part)
