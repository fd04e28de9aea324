"""How a process starts: it joins the others of its run, and keeps what it compiles."""

from __future__ import annotations

import faulthandler
import functools
import os
import socket
import sys
import time

import jax

from gan_jax.data.disk import path_of
from gan_jax.errors import InputError

_MEETING_SECONDS = 300  # that processes may start apart
_HEARTBEAT_SECONDS = 30  # after which a silent process counts as lost


def initialise_processes(coordinator: str, num_processes: int, process_id: int) -> None:
    """Joins the processes of a run, before any other use of JAX; 'auto' asks the cluster.

    Args:
        coordinator: '' for a single process, 'auto' on a cluster or TPU pod that JAX knows, else
            'host:port' of process 0.
        num_processes: of the run; ignored for 'auto'.
        process_id: this one's, from 0; ignored for 'auto'.

    Raises:
        InputError: an address or numbers that cannot be, or process 0 does not answer.
    """
    if not coordinator:
        if num_processes != 1:
            raise InputError(
                f"--num_processes={num_processes} without --coordinator: give the host:port of "
                "process 0, the same to all processes, or leave both out for a single process."
            )
        return
    if coordinator == "auto":
        jax.distributed.initialize()
        return
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(
            f"--coordinator={coordinator}: expected host:port of process 0, such as "
            "192.168.0.1:1234, or 'auto' on a cluster that JAX knows."
        )
    if num_processes < 1 or not 0 <= process_id < num_processes:
        raise InputError(
            f"--num_processes={num_processes} --process_id={process_id}: expected at least one "
            "process, and an id from 0 to num_processes - 1."
        )
    faulthandler.disable()  # a lost process ends the others by an abort, whose reason is one line
    if process_id:
        _wait_for_coordinator(host.strip("[]"), int(port))
    jax.distributed.initialize(
        coordinator,
        num_processes,
        process_id,
        initialization_timeout=_MEETING_SECONDS,
        heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
    )


def _wait_for_coordinator(host: str, port: int) -> None:
    """Returns when process 0 answers; JAX itself would end by an abort where it never does."""
    begin = told = time.monotonic()
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            return
        except OSError as error:
            now = time.monotonic()
            if now - begin > _MEETING_SECONDS:
                raise InputError(
                    f"--coordinator={host}:{port}: process 0 does not answer there "
                    f"({error.strerror or error}) after {_MEETING_SECONDS} s: start it, and see to "
                    "it that this machine can reach it."
                ) from error
            if now - told > 10:
                told = now
                print(f"Waiting for process 0 at {host}:{port} ...", file=sys.stderr, flush=True)
            time.sleep(1)


@functools.cache
def enable_compilation_cache(folder: str) -> None:
    """Keeps compiled programs in `folder` for the next start; '' does nothing.

    '~' is the home folder; nothing is kept if there is none. Raises InputError for a folder that
    cannot be made.
    """
    if not folder:
        return
    try:
        path = os.path.abspath(path_of(folder))
    except InputError:
        return
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"compilation_cache is {folder!r}, a folder that cannot be made ({error}); "
            "give one that can be written, or '' for none."
        ) from error
    jax.config.update("jax_compilation_cache_dir", path)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
