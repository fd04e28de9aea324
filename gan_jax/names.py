"""Names of files and folders as text that can be printed, written and shown."""

from __future__ import annotations

import os
import unicodedata

_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # control, surrogate, line and paragraph separator
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
