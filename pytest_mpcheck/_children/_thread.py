"""A thread in the place of a process: the control group, which shares all memory with the test."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from multiprocessing.dummy import DummyProcess

from .._autopsy._examination import Known
from .._errors import MpcheckError
from .._process_facts import ProcessFacts
from .._records import ChildReport, Outcome, ProcessId, Raised, Returned, Stuck
from ._station import Station

__all__ = ["ThreadWorker"]


class ThreadWorker:
    """A thread that runs one target, with the surface of a process.

    Its thread is always a daemon: a thread cannot be ended, and one that is stuck must not keep pytest from its end.

    Args:
        target: Any callable.
        args: Its arguments, handed over as they are.
        name: Its name; ``None`` for the one that `multiprocessing.dummy` gives.
    """

    kind: str = "thread"
    station: Station | None = None
    ends_with_test = False

    def __init__(self, target: Callable[..., object], args: tuple[object, ...], *, name: str | None) -> None:
        self._call = target, args
        self._value: object = None
        self._error: BaseException | None = None
        self.process = DummyProcess(target=self._run, name=name)
        self.process.daemon = True

    def start(self) -> None:
        """Start the thread."""
        self.process.start()
        self.identity = ProcessId(os.getpid(), f"thread {self.process.ident}")

    def _run(self) -> None:
        target, args = self._call
        try:
            self._value = target(*args)
        except BaseException as error:
            self._error = error

    def wait(self, timeout: float) -> bool:
        """Wait for the end of the thread; return whether it ended in time."""
        self.process.join(timeout)
        return not self.process.is_alive()

    def is_alive(self) -> bool:
        """Return whether the thread has not ended."""
        return self.process.is_alive()

    @property
    def exitcode(self) -> int | None:
        """What the exit code of a process would be: 0 after a return, 1 after an exception."""
        return None if self.is_alive() else int(self._error is not None)

    def outcome(self) -> Outcome:
        """Return how the thread ended, or that it has not."""
        if self.is_alive():
            return Stuck(0)
        if self._error is None:
            return Returned(b"")
        text = "".join(traceback.format_exception(self._error))
        return Raised(type(self._error).__qualname__, str(self._error), text, None)

    def take(self, report: ChildReport) -> object:
        """Return what the target returned, or raise what it raised: the very objects."""
        __tracebackhide__ = True
        if self._error is not None:
            raise self._error
        return self._value

    def stacks(self) -> str:
        """Return the stack of the thread."""
        frame = sys._current_frames().get(self.process.ident or 0)
        return "".join(traceback.format_stack(frame)) if frame else "(none: the thread has just ended)"

    def known(self) -> dict[int, Known]:
        """Return nothing, as `examine` does."""
        return {}

    def examine(self) -> tuple[ProcessFacts, ...]:
        """Return nothing: a thread is no process, and shares all that could be seen with the test."""
        return ()

    def facts(self) -> tuple[str, ...]:
        """Return nothing: a thread ends by returning or raising."""
        return ()

    def terminate(self) -> None:
        """Refuse: nothing can end a thread from outside."""
        self._refuse("end")

    kill = terminate

    def suspend(self) -> None:
        """Refuse: nothing can stop a thread from outside."""
        self._refuse("stop")

    resume = suspend

    def close(self) -> None:
        """Nothing was taken."""

    def _refuse(self, what: str) -> None:
        raise MpcheckError(
            f"child {self.process.name!r} is a thread of pid {os.getpid()}, and nothing can {what} a thread from "
            f"outside; what to do: let its target watch a threading.Event, or leave {self.kind!r} out of the backends"
        )
