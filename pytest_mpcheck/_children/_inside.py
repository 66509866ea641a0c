"""The child's end: what runs in the child before, around and after the target.

Guarantees: nothing here imports pytest. What the target does is not changed by any of it, except that descriptors 1
and 2 are files (with line buffering for Python's own streams), that a signal asks for stacks, and that the process
ends when the process of the test does.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

from .. import _platforms
from .._keeper._doors import Doors
from .._records import Outcome
from ._arming import arm
from ._attempt import attempt, without_payload
from ._station import Station
from ._surroundings import Surroundings
from ._voice import find_voice

__all__ = ["run", "settle_in"]


def run(station: Station, call: Callable[[], object], surroundings: Surroundings) -> None:
    """Be a child: settle in, do what is asked, and leave the outcome.

    Args:
        station: Where to leave it.
        call: The target, with its arguments.
        surroundings: What it takes over from the test.

    Raises:
        BaseException: What the target raised, once it is told; `multiprocessing` makes an exit code of it.
    """
    settle_in(station, surroundings)
    this = os.getpid()
    outcome, error = attempt(call)
    if os.getpid() == this:  # else it is a copy of the child, forked by the target, and has come out of it too
        error = _leave(station, outcome) or error
    if error is not None:
        raise error


def _leave(station: Station, outcome: Outcome) -> BaseException | None:
    """Leave the outcome, or in its place that this was not possible; return the error then."""
    try:
        station.write_outcome(outcome)
    except (OSError, MemoryError) as obstacle:
        shorter, error = without_payload(outcome, obstacle)
        with contextlib.suppress(OSError, MemoryError):  # then the child's stderr tells it
            station.write_outcome(shorter)
        return error
    return None


def settle_in(station: Station, surroundings: Surroundings) -> None:
    """Make this process one whose output, warnings, logs, stacks and end are in the hands of the test."""
    os.environ[_platforms.MARK] = station.folder  # whatever program it starts belongs to the test
    (surroundings.doors or Doors(station.folder)).open()
    _redirect(station)
    find_voice(station, surroundings)
    _tell_crashes()
    if surroundings.has_alarm and sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the child has the handler, but not the timer for it
    arm(station.path("partial"), station.path("stacks"))  # who sees the second file may send the signal
    parent = multiprocessing.parent_process()
    assert parent is not None
    _platforms.follow_parent(parent.sentinel)


def _tell_crashes() -> None:
    """Let a crash write the Python stack to the child's own stderr; a forked child would write to pytest's."""
    if sys.version_info >= (3, 14):
        faulthandler.enable(sys.stderr, c_stack=False)  # it would push what helps out of sight
    else:  # pragma: needs Python < 3.14
        faulthandler.enable(sys.stderr)


def _redirect(station: Station) -> None:
    """Send descriptors 1 and 2, and Python's streams on top of them, to the child's files."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND  # append: grandchildren write there too
        file = os.open(station.path(name), flags, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
        # a forked child has pytest's capture in the place of these; they belong to the parent
        stream = open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
