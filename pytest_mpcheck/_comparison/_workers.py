"""Starting workers, and ending every one of them.

Guarantees:

* No wait here is longer than the crew's deadline; past it there is a ``WorkerError`` that says what did not
  happen.
* When the ``with`` block of a crew is left, by whatever way, no process of the crew is left: terminated,
  joined, killed, joined, closed, in that order. A thread cannot be killed: a stuck one is a daemon and is
  left behind. The fork server and the resource tracker, which multiprocessing starts, end with this process:
  each waits for the end of a pipe that only this process holds open.
* Ctrl-C goes to this process alone: workers are born with SIGINT blocked, so that none prints a traceback
  of its own or dies half-way, and no interrupt falls between the start of a process and its entry in the
  crew.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_mpcheck._comparison._facts import THREAD

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import TracebackType

    Pipe = Connection[Any, Any]

__all__ = ["DEADLINE_SECONDS", "Crew", "Worker", "WorkerError", "context_of", "kinds_of_workers"]

DEADLINE_SECONDS = 30.0
_GRACE_SECONDS = 2.0
"""How long a terminated process gets before it is killed."""


class WorkerError(Exception):
    """A worker did not do what it was started for; the text says what it did instead."""


class _Thread(threading.Thread):
    """A thread that shows its end like a process: an exit code, and what it raised is kept, not printed."""

    exitcode: int | None = None
    error: BaseException | None = None

    pipe: Pipe | None = None
    """Closed at the end, as the kernel does for a process, so that nobody waits for a thread that is gone."""

    def run(self) -> None:
        try:
            super().run()
        except BaseException as error:
            self.error, self.exitcode = error, 1
        else:
            self.exitcode = 0
        finally:
            if self.pipe is not None:
                self.pipe.close()


class Worker:
    """One started worker with this side's end of its pipe, if it has one."""

    def __init__(self, kind: str, carrier: Any, pipe: Pipe | None, deadline_seconds: float) -> None:
        self._kind = kind
        # A BaseProcess or a _Thread: they share start, join, is_alive and exitcode, but no base class.
        self._carrier = carrier
        self._pipe = pipe
        self._deadline_seconds = deadline_seconds

    def tell(self, order: object) -> None:
        """Send an order."""
        assert self._pipe is not None, "this worker was started without a pipe"
        try:
            self._pipe.send(order)
        except OSError as error:
            raise WorkerError(f"took no order: {error}") from error

    def answer(self) -> Any:
        """Wait for the worker's next answer.

        Raises:
            WorkerError: The worker ended, or the deadline passed, before there was one.
        """
        assert self._pipe is not None, "this worker was started without a pipe"
        try:
            # The end of a worker is the end of its pipe too: nobody else holds the other side of it.
            if self._pipe.poll(self._deadline_seconds):
                return self._pipe.recv()
        except (EOFError, ConnectionError):
            self._carrier.join(self._deadline_seconds)
            raise WorkerError(f"ended before it answered, with {self._exit_as_text()}") from None
        raise WorkerError(f"gave no answer within {self._deadline_seconds:g} s{self._end()}")

    def join(self) -> None:
        """Wait for the end of the worker.

        Raises:
            WorkerError: It did not end before the deadline (and was ended), or it failed.
        """
        self._carrier.join(self._deadline_seconds)
        if self._carrier.is_alive():
            raise WorkerError(f"did not end within {self._deadline_seconds:g} s{self._end()}")
        if self._carrier.exitcode != 0:
            raise WorkerError(f"ended with {self._exit_as_text()}")

    def close(self) -> None:
        """End the worker if need be, and give back all that it holds."""
        if self._kind != THREAD:
            self._end()
            if not self._carrier.is_alive():
                self._carrier.close()
        if self._pipe is not None:
            self._pipe.close()
        if self._kind == THREAD:
            # It cannot be ended, but one that waits for orders goes when the pipe does.
            self._carrier.join(_GRACE_SECONDS)

    def _end(self) -> str:
        # Returns the tail of a sentence, because only this place knows what it could do.
        if self._kind == THREAD:
            return " (a thread cannot be killed: it was left behind)"
        for ending in (self._carrier.terminate, self._carrier.kill):
            if self._carrier.is_alive():
                ending()
                self._carrier.join(_GRACE_SECONDS)
        return " and was killed"

    def _exit_as_text(self) -> str:
        code = self._carrier.exitcode
        error = getattr(self._carrier, "error", None)
        if error is not None:
            return f"{type(error).__name__}: {error}"
        if code is not None and code < 0:
            try:
                return signal.Signals(-code).name
            except ValueError:
                return f"signal {-code}"
        return f"exit code {code}"


class Crew:
    """Workers of one kind that are all gone when the ``with`` block is left.

    Args:
        kind: A start method of this platform, or ``thread``.
        deadline_seconds: How long to wait for any one answer or end.
    """

    def __init__(self, kind: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._kind = kind
        self._deadline_seconds = deadline_seconds
        self._workers: list[Worker] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _interrupts_held(self._kind):
            while self._workers:
                self._workers.pop().close()

    def start(self, target: Callable[..., object], *args: object) -> Worker:
        """Start a worker that is given these arguments and nothing else."""
        return self._start(target, args, None)

    def hire(self, target: Callable[..., object], *args: object) -> Worker:
        """Start a worker whose first argument is its end of a pipe, for orders and answers."""
        here, there = context_of(self._kind).Pipe()
        try:
            return self._start(target, (there, *args), (here, there))
        except BaseException:
            here.close()
            there.close()
            raise

    def _start(self, target: Callable[..., object], args: tuple[object, ...], pipe: tuple[Pipe, Pipe] | None) -> Worker:
        here, there = pipe or (None, None)
        carrier: Any
        if self._kind == THREAD:
            carrier = _Thread(target=target, args=args, daemon=True)
            carrier.pipe = there
        else:
            carrier = context_of(self._kind).Process(target=target, args=args, daemon=True)
        worker = Worker(self._kind, carrier, here, self._deadline_seconds)
        with _interrupts_held(self._kind):
            carrier.start()
            self._workers.append(worker)
        # A process has a copy of its own; a thread uses this very object.
        if there is not None and self._kind != THREAD:
            there.close()
        return worker


def kinds_of_workers() -> tuple[str, ...]:
    """Return the start methods of this platform, in a fixed order, and last the thread."""
    here = multiprocessing.get_all_start_methods()
    return (*(method for method in ("fork", "spawn", "forkserver") if method in here), THREAD)


def context_of(kind: str) -> Any:
    """Return the context of a start method; for a thread that of the platform's default.

    Returns:
        A ``BaseContext``; Any, because that class does not declare the ``Process`` that all contexts have.
    """
    if kind == THREAD:
        # Not get_context(): that would settle the default start method for the whole process.
        kind = multiprocessing.get_all_start_methods()[0]
    return multiprocessing.get_context(kind)


@contextmanager
def _interrupts_held(kind: str) -> Iterator[None]:
    # A thread is no process that could outlive us. Windows cannot block signals, and no thread but the first
    # of a process gets them.
    if kind == THREAD or sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    # Before Python 3.14 the start of the tracker, which comes with the first spawned worker, lifts the block.
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
