"""One writer a folder: a lock that the operating system lets go of when its holder ends."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import logging
import os
import pathlib
import socket
import sys
import time
from collections.abc import Callable, Iterator

from gan_jax.data.disk import read_json
from gan_jax.errors import InputError

_NAME = ".lock"
_POLL_SECONDS = 1.0
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def held(folder: pathlib.Path, *, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Holds a folder, which is made if it is not there, for one writer.

    The operating system frees the lock of a process that was killed, on a shared disk too. On a
    disk without locks a warning is given and nothing is held.

    Args:
        folder: of a run.
        waiting: called with the holder's name about once a second while another has the folder, and
            may raise to give up; None to refuse at once.

    Raises:
        InputError: another process holds it, or it cannot be written to.
    """
    descriptor = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while (descriptor := _locked(folder)) is None:
            if waiting is not None and _is_own(folder):
                raise InputError(f"'{folder}' is this run's own folder: give another one.")
            if waiting is None:
                raise InputError(
                    f"'{folder}' is in use by {_holder(folder)}. Wait for it or stop it, or give "
                    "another --workdir."
                )
            waiting(_holder(folder))
            time.sleep(_POLL_SECONDS)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            _log.warning(
                "The disk of %s has no locks: see to it that no other run uses that folder.", folder
            )
        else:
            raise InputError(
                f"--workdir '{folder}' cannot be written ({error.strerror}): give another one, or "
                "free some space."
            ) from error
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                (folder / _NAME).unlink()
            os.close(descriptor)
        with contextlib.suppress(OSError):
            folder.rmdir()  # a run that was refused leaves no empty folder


def _locked(folder: pathlib.Path) -> int | None:
    """The lock's open file; None if another process has it."""
    path = folder / _NAME
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still_there(path, descriptor):
                break
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it between the two calls: try the new one
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps(_self()).encode())
    return descriptor


def _is_still_there(path: pathlib.Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _self() -> dict[str, object]:
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv)[:300],
    }


def _is_own(folder: pathlib.Path) -> bool:
    own, holder = _self(), _content(folder)
    return all(own[name] == holder.get(name) for name in ("process", "host"))


def _content(folder: pathlib.Path) -> dict[str, object]:
    with contextlib.suppress(InputError):
        return read_json(folder / _NAME)
    return {}


def _holder(folder: pathlib.Path) -> str:
    try:
        return "process {process} on {host} since {since} ({command})".format(**_content(folder))
    except KeyError:
        return "another process"
