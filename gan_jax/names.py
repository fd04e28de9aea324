"""Names of files, and what errors say of them, as text that can be printed, written and shown."""

from __future__ import annotations

import os
import unicodedata

_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # control, surrogate, line and paragraph separator
_MOST_TOLD = 200  # characters of an error: some repeat what they found in the file
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF  # how Python keeps a byte that is not UTF-8


def printable(name: str | os.PathLike[str]) -> str:
    r"""A name as one line of valid UTF-8.

    What is not UTF-8 in it becomes `\xe9` and the like, a line break `\n`. The file itself has to
    be opened by its own name.
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


def first_line(error: Exception) -> str:
    """What an error says, with its kind, in one short line."""
    text = (str(error).splitlines() or [""])[0]
    told = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return printable(told if len(told) <= _MOST_TOLD else f"{told[:_MOST_TOLD]}...")
