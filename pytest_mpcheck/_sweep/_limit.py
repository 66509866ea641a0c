"""`Limit`: how long a test may take when it is run again.

It is kept by a timer of the process whose signal comes to the main thread, and no thread is started for it: forks would
warn of one.

Guarantees: past the limit the processes are looked at, and then the test's own code is left by an exception, again
every few seconds for as long as it does not end; the second time all that it has started is killed. The exception is
raised within a phase of the test only, never in pytest. While somebody debugs, time does not count. Handler and timer
are afterwards what they were before.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .._clock import Deadline

__all__ = ["Limit", "can_be_kept"]

AGAIN = 5.0
"""How long a test has for its teardown once it was told to end, before it is told again, in seconds."""

_signals: Any = signal  # not every platform has timers, and its types tell so


def can_be_kept() -> bool:
    """Return whether a test that hangs in this thread can be made to end."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


class Limit:
    """The time limit of one run of a test.

    Args:
        seconds: How long it may take, from set-up to teardown.
        examine: Looks at the processes, and returns a text.
        end: Kills what the test has started.
        is_debugging: Says whether somebody debugs the test.
        error: Makes the exception by which the test is left, of the text.
    """

    def __init__(
        self,
        seconds: float,
        examine: Callable[[], str],
        end: Callable[[], None],
        is_debugging: Callable[[], bool],
        error: Callable[[str], BaseException],
    ) -> None:
        self.seconds = seconds
        self.times = 0
        self._text = ""
        self._actions = examine, end, is_debugging, error
        self._is_in_phase = False
        self._is_overdue = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let the time run while the context is open."""
        handler = signal.signal(_signals.SIGALRM, self._ring)
        left, interval = _signals.setitimer(_signals.ITIMER_REAL, self.seconds)
        of_others = Deadline(left)
        try:
            yield
        finally:
            _signals.setitimer(_signals.ITIMER_REAL, 0)
            signal.signal(_signals.SIGALRM, handler)
            if left:
                _signals.setitimer(_signals.ITIMER_REAL, max(of_others.remaining(), 0.001), interval)

    @contextmanager
    def phase(self) -> Iterator[None]:
        """Let the exception be raised here, where pytest takes it for one of the test's own."""
        self._is_in_phase = True
        try:
            if self._is_overdue:
                self._leave()
            yield
        finally:
            self._is_in_phase = False

    def _ring(self, number: int, frame: object) -> None:
        __tracebackhide__ = True
        examine, end, is_debugging, _ = self._actions
        try:
            if is_debugging():
                return
            self.times += 1
            with contextlib.suppress(Exception):  # whatever it is, the time is up
                if self.times == 1:
                    self._text = examine()
                else:
                    end()
        finally:
            _signals.setitimer(_signals.ITIMER_REAL, AGAIN)
        if self._is_in_phase:
            self._leave()
        self._is_overdue = True

    def _leave(self) -> None:
        __tracebackhide__ = True
        self._is_overdue = False
        raise self._actions[3](f"still running after {self.seconds:g} s\n{self._text}".rstrip())
