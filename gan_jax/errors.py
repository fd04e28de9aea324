"""The one exception that a user's mistake raises."""

from __future__ import annotations


class InputError(ValueError):
    """A value given by the user cannot work.

    The message names the value, what was expected, and how to mend it. The command line prints it
    as one line, without a traceback, and exits with status 2.
    """


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; the message says when, and what to try. Exit status 3."""


class Interrupted(RuntimeError):
    """A signal ended the run after its state was saved. Exit status 128 + `signal_number`."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
