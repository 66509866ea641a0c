"""Which threads of this process could give nothing to those who wait, and may be left out of a proof."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

from .._platforms import Kin
from .._process_facts import ThreadWait

__all__ = ["counting", "hears_signals", "waiting_for"]

_SURROUNDINGS = frozenset(("execnet", "xdist", "pytest_timeout", "pytest_mpcheck"))
"""Packages whose threads serve the run of the tests and not what is tested."""

_THEIR_MEANS = _SURROUNDINGS | {"threading", "multiprocessing", "concurrent", "selectors", "queue", "subprocess"}
"""What such a thread calls; one that calls anything else may be running code of the test."""

_NAMES = "pytest_timeout ", "mpcheck-"
"""How the names of threads begin that wait in nothing but the standard library and belong there all the same."""

_waiting: dict[int, int] = {}


@contextmanager
def waiting_for(owner: int) -> Iterator[None]:
    """Tell that this thread waits, in code of ours, until something is done or fails: it gives nothing before.

    Args:
        owner: The identity, by `id`, of the pool or executor that it waits for.
    """
    thread = threading.get_ident()
    _waiting[thread] = owner
    try:
        yield
    finally:
        del _waiting[thread]


def counting(kin: Kin, waits: tuple[ThreadWait, ...], owner: int) -> tuple[ThreadWait, ...]:
    """Return those threads of this process that might still give something to somebody.

    Args:
        kin: Looks at threads.
        waits: All threads of this process.
        owner: On whose behalf the thread that asks does so; 0 when it is the one that waits.

    Returns:
        The waits that a proof must count.
    """
    frames = sys._current_frames()
    known = {thread.ident: thread for thread in threading.enumerate()}
    left_out = {
        thread.native_id for ident, thread in known.items() if _is_bystander(thread, frames.get(ident or 0), owner)
    }
    natives = {thread.native_id for thread in known.values()}
    nameless = [frame for ident, frame in frames.items() if ident not in known]  # started without `threading`
    spare = len(nameless) if all(_serves_the_run(frame) for frame in nameless) else 0
    counted: list[ThreadWait] = []
    for wait in waits:
        if wait.thread in left_out or (wait.thread not in natives and kin.is_watchdog(wait.thread)):
            continue
        if spare and wait.thread not in natives and not _waits_for_lock(wait):
            spare -= 1
            continue
        counted.append(wait)
    return tuple(counted)


def hears_signals(kin: Kin, pid: int) -> bool:
    """Return whether this process has handlers of the test's for signals; that of pytest-timeout just ends the test."""
    handlers: Collection[object] = [signal.getsignal(number) for number in kin.caught(pid)]
    return any((getattr(handler, "__module__", None) or "").split(".")[0] not in _SURROUNDINGS for handler in handlers)


def _is_bystander(thread: threading.Thread, frame: FrameType | None, owner: int) -> bool:
    if thread is threading.current_thread():
        return True
    if owner and _waiting.get(thread.ident or 0) == owner:
        return True
    return frame is not None and (thread.name.startswith(_NAMES) or _serves_the_run(frame)) and _is_harmless(frame)


def _serves_the_run(frame: FrameType) -> bool:
    """Return whether the code that a thread was started for is part of the surroundings."""
    packages = [package for package in _packages(frame) if package != "threading"]
    return bool(packages) and packages[-1] in _SURROUNDINGS and _is_harmless(frame)


def _is_harmless(frame: FrameType) -> bool:
    return _THEIR_MEANS.issuperset(_packages(frame))


def _packages(frame: FrameType | None) -> Iterator[str]:
    """Yield the packages whose code a thread is in, innermost first."""
    while frame is not None:
        yield str(frame.f_globals.get("__name__", "")).split(".")[0]
        frame = frame.f_back


def _waits_for_lock(wait: ThreadWait) -> bool:
    return not wait.timed and bool(wait.awaited) and all(one.kind == "lock" for one in wait.awaited)
