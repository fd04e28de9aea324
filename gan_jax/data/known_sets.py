"""The names of the classes of well-known sets, which come as numbers in their files."""

from __future__ import annotations

import re
import string

_DIGITS_AND_LETTERS = tuple(string.digits + string.ascii_uppercase)
_MERGED = (*_DIGITS_AND_LETTERS, *"abdefghnqrt")  # EMNIST, where both cases look alike they are one
_FASHION: tuple[str, ...] = ("t-shirt", "trouser", "pullover", "dress", "coat")
_FASHION += ("sandal", "shirt", "sneaker", "bag", "ankle boot")
_CIFAR10: tuple[str, ...] = ("airplane", "automobile", "bird", "cat", "deer")
_CIFAR10 += ("dog", "frog", "horse", "ship", "truck")
_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

# By the letters and digits of a folder's or file's name.
_KNOWN = {
    "fashionmnist": _FASHION,
    "kmnist": _KUZUSHIJI,
    "kuzushijimnist": _KUZUSHIJI,
    "cifar10": _CIFAR10,
    "emnistletters": tuple(string.ascii_uppercase),
    "emnistbalanced": _MERGED,
    "emnistbymerge": _MERGED,
    "emnistbyclass": (*_DIGITS_AND_LETTERS, *string.ascii_lowercase),
}


def known_class_names(title: str, numbers: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The names of a set's classes, if the name of its folder or file tells which set it is.

    `numbers` are the names as they come; they are kept if the set is not known, has another number
    of classes, or has names other than numbers from 0 or 1.
    """
    if not numbers or not all(name.isdecimal() for name in numbers):
        return numbers
    word = re.sub(r"[^a-z0-9]", "", title.lower())
    for known, names in _KNOWN.items():
        if word == known or (word.startswith(known) and not word[len(known)].isdigit()):
            return names if len(names) == len(numbers) else numbers
    return numbers
