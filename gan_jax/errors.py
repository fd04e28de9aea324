"""The exceptions that end a run in one line, and the hint that a mistyped name gets."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gan_jax.names import printable


class InputError(ValueError):
    """A value given by the user cannot work.

    The message names the value, what was expected, and how to mend it. The command line prints it
    as one line, without a traceback, and exits with status 2. So names in it, which may be of any
    bytes, are made `printable`.
    """

    def __init__(self, message: object) -> None:
        super().__init__(printable(str(message)))


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; the message says when, and what to try. Exit status 3.

    An ordinary exception: who trains with many settings catches it, and goes on with the next.
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
