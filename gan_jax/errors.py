"""The exceptions that end a run in one line, and the hint that a mistyped name gets."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Iterable

_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # control, surrogate, line and paragraph separator
_MOST_TOLD = 200  # characters of an error: some repeat what they found in the file
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF  # how Python keeps a byte that is not UTF-8


def printable(name: str | os.PathLike[str]) -> str:
    r"""A name as one line of valid UTF-8, for messages; a file is opened by its own name.

    A byte that is not UTF-8 becomes `\xe9` and the like, a line break `\n`.
    """
    text = os.fspath(name)
    if text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _UNPRINTABLE:
        return character
    if _FIRST_BYTE <= ord(character) <= _LAST_BYTE:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def first_line(error: BaseException, *, kind: bool = True) -> str:
    """An error's message in one short line, its kind in front or, if it says nothing, alone."""
    name = type(error).__name__
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    told = f"{name}: {text}" if kind and text else text or name
    return printable(told if len(told) <= _MOST_TOLD else f"{told[:_MOST_TOLD]}...")


class InputError(ValueError):
    """A value given by the user cannot work.

    The message names the value, what was expected, and how to mend it. The command line prints it
    as one line, without a traceback, and exits with status 2. So the message is made `printable`.
    """

    def __init__(self, message: object) -> None:
        super().__init__(printable(str(message)))


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; the message says when, and what to try. Exit status 3.

    An ordinary exception: a caller who tries many settings catches it, and goes on with the next.
    """


class ModeCollapse(TrainingDiverged):
    """The generator draws the same few things, and the config asks to stop then.

    The state was saved; the message says when, what was seen, and what to try. Exit status 3.
    """


class Interrupted(KeyboardInterrupt):
    """A signal ended the run after its state was saved. Exit status 128 + `signal_number`.

    Like Ctrl-C it is no `Exception`: code that goes on after errors must not go on after it.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


def nearest(word: str, choices: Iterable[str]) -> str:
    """A hint for an unknown word: the nearest choice if there is one, then all of them."""
    choices = list(choices)
    close = difflib.get_close_matches(str(word), choices, n=1)
    guess = f"did you mean {close[0]!r}? Choices" if close else "choices"
    return f"{guess}: {', '.join(choices)}."
