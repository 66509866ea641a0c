"""An executor of processes that says which worker broke it, with which task, and keeps the deadline."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any

from .._clock import Deadline, wait_until
from .._errors import ChildDied, MpcheckError
from ._answers import read_with_care
from ._background import in_background
from ._futures import watch
from ._pool_watch import PoolWatch
from ._roster import Member, Roster

__all__ = ["WatchedExecutor", "WorkerDied"]

_PATIENCE = 1.0
"""How long the executor's own thread has to collect exit statuses, in seconds."""

_LOOK = 0.1
"""How often to look, while an executor is shut down, for a worker that has fallen, in seconds."""


class WorkerDied(ChildDied, BrokenProcessPool):
    """A `ChildDied` for code that expects the `BrokenProcessPool` of its executor."""

    __module__ = "pytest_mpcheck"  # where users find it


class WatchedExecutor(ProcessPoolExecutor):
    """An executor of processes whose waits end.

    Args:
        roster: Where its workers are written down.
        timeout: How long a future may be waited for, in seconds.
        max_workers: As for `concurrent.futures.ProcessPoolExecutor`; so are the others.
    """

    def __init__(
        self,
        roster: Roster,
        timeout: float,
        max_workers: int | None,
        initializer: Callable[..., object] | None,
        initargs: Iterable[Any],
        max_tasks_per_child: int | None,
    ) -> None:
        super().__init__(
            max_workers, roster.context(), initializer, tuple(initargs), max_tasks_per_child=max_tasks_per_child
        )
        self.timeout = timeout
        self._roster = roster
        self._results: Any = self._result_queue  # type: ignore[attr-defined, unused-ignore]
        reader: Any = self._results._reader  # type: ignore[attr-defined, unused-ignore]
        reader.recv = read_with_care(reader)
        self._pending: Any = self._pending_work_items  # type: ignore[attr-defined, unused-ignore]
        self._trouble: MpcheckError | None = None
        self._was_seen = False
        self._closing: threading.Thread | None = None
        self._watch: PoolWatch | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As `concurrent.futures.Executor.submit`; waits for the future that it returns keep the deadline."""
        try:
            future = watch(super().submit(fn, *args, **kwargs), self)
        except BrokenProcessPool as error:  # a worker fell before this task
            raise self.translate(error) from None
        if self._watch is None:  # not before the workers are forked
            pending = self._pending
            self._watch = PoolWatch(
                self.timeout,
                pending=lambda: tuple(pending),
                fallen=self._nudge,
                stuck=self._stuck,
                give_up=self._give_up,
                deadlocked=self._roster.deadlocked,
                owner=id(self),
            )
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As `concurrent.futures.Executor.shutdown`, with a deadline.

        Raises:
            ChildStuck: It did not end in time. Its workers have been killed.
        """
        __tracebackhide__ = True
        self._put_out_of_its_misery()
        if not wait:
            if self._closing is None:
                super().shutdown(wait=False, cancel_futures=cancel_futures)
        elif not self._closed_within(self.timeout, cancel_futures=cancel_futures):
            raise self.late()
        self.listen()

    def settle(self) -> None:
        """Shut the executor down at the end of a test.

        Raises:
            ChildStuck: It did not end in time. Its workers have been killed.
            ChildDied: A worker died, and nobody has asked for the result that was lost with it.
        """
        __tracebackhide__ = True
        self.shutdown()
        self._put_out_of_its_misery()  # it may have broken only while it was closed
        self.end()
        if self._trouble is not None and not self._was_seen:
            raise self._trouble

    def end(self) -> None:
        """End the executor and its workers, whatever they are doing. Idempotent."""
        if self._watch is not None:
            self._watch.end()
        self._kill()

    def translate(self, error: BaseException) -> BaseException:
        """Return, for a `BrokenProcessPool`, the error that tells which worker ended, how, and with which task."""
        if not isinstance(error, BrokenProcessPool) or isinstance(error, WorkerDied):
            return error
        self._put_out_of_its_misery()
        return error if self._trouble is None else self._seen()

    def late(self) -> MpcheckError:
        """End the executor, which keeps somebody waiting for too long, and return the error that names the worker."""
        if self._trouble is None:
            self._give_up(self._stuck())
        return self._seen()

    def listen(self) -> None:
        """Pass on what the workers have written and told."""
        self._roster.listen()

    def _stuck(self) -> MpcheckError:
        return self._roster.stuck(self, self.timeout)

    def _put_out_of_its_misery(self) -> None:
        """Find out what broke a broken executor, and kill what is left of it.

        The executor sends its other workers SIGTERM and joins them all, in any order and with its lock in its hands:
        one that takes no notice of SIGTERM would keep it for ever.
        """
        if not self._broken:  # type: ignore[attr-defined, unused-ignore]
            return
        wait_until(lambda: not any(self._roster.running()), Deadline(_PATIENCE))
        self._find_trouble()
        self._roster.kill()
        wait_until(lambda: not any(self._roster.running()), Deadline(_PATIENCE))
        self._find_trouble()

    def _find_trouble(self) -> None:
        fallen = sorted(self._roster.fallen(), key=_innocence)
        if fallen and self._trouble is None:
            self._trouble = self._roster.died(fallen[0], "broke its executor", WorkerDied)

    def _nudge(self, pending: bool) -> None:
        """Let the executor's thread look again when it has not seen the end of a worker.

        `submit` wakes it before it starts one more worker; when the thread is the faster one, it waits without that
        worker's sentinel, and would not notice its death before the next `submit`.
        """
        this: Any = self
        with contextlib.suppress(OSError, ValueError, AttributeError):  # what is collected in this very moment
            sentinels = [member.process.sentinel for member in self._roster.running()]
            if pending and sentinels and connection.wait(sentinels, 0) and self._shutdown_lock.acquire(timeout=0):
                try:
                    this._executor_manager_thread_wakeup.wakeup()
                finally:
                    self._shutdown_lock.release()

    def _give_up(self, error: MpcheckError) -> None:
        self._trouble = error
        self._kill()

    def _kill(self) -> None:
        self._roster.kill()  # their exit statuses are the executor's to collect
        if not self._closed_within(_PATIENCE):  # it reads half a message of a killed worker: show it the pipe's end
            _close_apart(self._results._writer)
            self._closed_within(_PATIENCE)

    def _closed_within(self, seconds: float, *, cancel_futures: bool = False) -> bool:
        """Shut down, once only and in a thread: it may take for ever; return whether it is done in time."""
        if self._closing is None:
            self._closing = in_background(functools.partial(super().shutdown, cancel_futures=cancel_futures))
        deadline = Deadline(seconds)
        while self._closing.is_alive() and not deadline.passed():
            self._closing.join(min(_LOOK, deadline.remaining()))
            self._free()
        return not self._closing.is_alive()

    def _free(self) -> None:
        """Kill workers that wait, while the executor is closed, for a lock that died with another one.

        The executor has stopped looking at them by then: it joins one after the other.
        """
        if not self._pending:
            self._roster.collect()
            if any(self._roster.fallen()):
                self._roster.kill()

    def _seen(self) -> MpcheckError:
        """Return the trouble for somebody who asked."""
        assert self._trouble is not None
        self._was_seen = True
        return self._trouble


def _close_apart(end: Any) -> None:
    """Close one end of a pipe, also while the thread that wakes up from it closes the same object."""
    handle, end._handle = end._handle, None
    if handle is not None:
        type(end)(handle).close()


def _innocence(member: Member) -> tuple[bool, bool]:
    """Order the fallen: once it is broken the executor itself sends SIGTERM to the rest."""
    return member.exitcode == -signal.SIGTERM, not member.task
