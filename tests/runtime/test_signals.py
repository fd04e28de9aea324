"""What SIGTERM, SIGHUP and Ctrl-C do: a line at once, what is in hand saved, and a way out."""

import re
import signal
import subprocess
import sys
import time

import pytest

_SCRIPT = """
import hashlib, signal, sys, time
from gan_jax.errors import Interrupted
from gan_jax.runtime.signals import StopSignal
mode = sys.argv[1]
if mode == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
try:
    with StopSignal() as stop:
        if mode == "deferred":
            with stop.deferred():
                print("ready", flush=True)
                while not stop.agreed(True):
                    time.sleep(0.01)
                time.sleep(1.5)
                print("saved", flush=True)
        elif mode == "busy":  # one call into C, as compilation is: Python's handlers have to wait
            print("ready", flush=True)
            hashlib.pbkdf2_hmac("sha256", b"a", b"b", 4_000_000)
        else:
            print("ready", flush=True)
            time.sleep(2)
            print("done", flush=True)
except Interrupted as error:
    print(error, file=sys.stderr)
    sys.exit(128 + error.signal_number)
"""


def _strike(mode, *signals, apart=0.2):
    """(status, standard output, standard error, seconds to the first line after a signal)."""
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, mode],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # These tests may run under nohup, which the child would inherit.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        begin = time.monotonic()
        process.send_signal(signals[0])
        first = process.stderr.readline() + process.stderr.readline() if mode != "nohup" else ""
        seconds = time.monotonic() - begin
        for number in signals[1:]:
            time.sleep(apart)
            process.send_signal(number)
        # Not `communicate`, which would leave out what `readline` has already read ahead.
        out, error = process.stdout.read(), process.stderr.read()
    return process.returncode, out, first + error, seconds


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_is_answered_at_once_and_what_is_in_hand_is_saved(number):
    status, out, error, seconds = _strike("deferred", number)
    assert (status, out) == (128 + number, "saved\n")
    assert f"{number.name}: saving, and then stopping ..." in error and seconds < 1
    assert "the same command goes on from there" in error.splitlines()[-1]


def test_a_second_one_changes_nothing_and_a_third_ends_it():
    status, out, error, _ = _strike("deferred", signal.SIGINT, signal.SIGINT)
    assert (status, out) == (130, "saved\n") and "Traceback" not in error
    assert "(a third signal ends it without saving)" in error
    status, out, error, _ = _strike("deferred", *[signal.SIGINT] * 3)
    assert (status, out) == (130, "") and "ended without saving" in error


def test_outside_the_loop_it_ends_where_it_is():
    status, out, error, _ = _strike("plain", signal.SIGTERM)
    assert (status, out) == (143, "") and re.search("SIGTERM: stopped.", error)


def test_a_long_call_into_c_does_not_hold_the_answer_back():
    status, _, error, seconds = _strike("busy", signal.SIGINT)
    assert status == 130 and "SIGINT: stopping ..." in error and seconds < 1


def test_a_run_under_nohup_outlives_its_terminal():
    assert _strike("nohup", signal.SIGHUP)[:2] == (0, "done\n")
