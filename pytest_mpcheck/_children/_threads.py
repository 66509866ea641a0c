"""Pools and executors of threads and of interpreters: the control group, with the surface of those of processes.

Nothing can end a thread. What is past its deadline here is told, and left behind.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from multiprocessing.pool import ThreadPool
from typing import Any

from .._clock import Deadline
from .._errors import ChildStuck
from .._records import ChildReport, ProcessId, Stuck
from .._words import RAISE_THE_LIMIT, message
from ._background import in_background
from ._child import GRACE
from ._futures import watch
from ._modules import Modules, install_finder
from ._outcomes import Carrying
from ._pool_watch import PoolWatch, close_and_join, fail_pending, pending_of

__all__ = ["WatchedThreadPool", "WatchedThreads", "prepare_interpreter", "thread_executor"]


class WatchedThreadPool(ThreadPool):
    """A pool of threads whose waits end.

    Args:
        timeout: How long a task may be pending, in seconds.
        processes: As for `multiprocessing.pool.ThreadPool`; so are the others.
    """

    def __init__(
        self, timeout: float, processes: int | None, initializer: Callable[..., object] | None, initargs: Iterable[Any]
    ) -> None:
        self._timeout = timeout
        super().__init__(processes, initializer, tuple(initargs))
        self._watch = PoolWatch(
            timeout,
            pending=lambda: pending_of(self),
            fallen=lambda pending: None,
            stuck=self._stuck,
            give_up=lambda error: fail_pending(self, error),
        )

    def settle(self) -> None:
        """Close the pool and join it at the end of a test.

        Raises:
            ChildStuck: It did not end in time.
        """
        error = close_and_join(self, self._timeout, self._stuck)
        if error is not None:
            raise error

    def end(self) -> None:
        """Let the pool go. Idempotent."""
        self._watch.end()
        self.terminate()

    def _stuck(self) -> ChildStuck:
        return _stuck_among(self._pool, "thread", self._timeout)  # type: ignore[attr-defined]


class WatchedThreads(ThreadPoolExecutor):
    """What executors of threads and of interpreters have in common here."""

    kind: str
    timeout: float

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        task = fn if self.kind == "thread" else Carrying(fn)
        return watch(super().submit(task, *args, **kwargs), self)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        __tracebackhide__ = True
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        if wait:
            closing = in_background(super().shutdown)
            closing.join(self.timeout)
            if closing.is_alive():
                raise self.late()

    def settle(self) -> None:
        __tracebackhide__ = True
        self.shutdown()

    def end(self) -> None:
        self.shutdown(wait=False, cancel_futures=True)
        grace = Deadline(GRACE)  # children that are forked beside an interpreter crash
        for thread in tuple(self._threads):
            thread.join(grace.remaining())

    def translate(self, error: BaseException) -> BaseException:
        return error

    def late(self) -> ChildStuck:
        return _stuck_among(self._threads, self.kind, self.timeout)

    def listen(self) -> None:
        """Nothing is told: what comes up in a thread comes up in the process of the test."""


def thread_executor(
    kind: str,
    timeout: float,
    max_workers: int | None,
    initializer: Any,
    initargs: Iterable[Any],
    modules: Modules,
) -> WatchedThreads:
    """Make an executor of threads or of interpreters.

    Args:
        kind: ``thread`` or ``interpreter``.
        timeout: How long a future may be waited for, in seconds.
        max_workers: As for `concurrent.futures.ThreadPoolExecutor`.
        initializer: As there.
        initargs: As there.
        modules: Those that an interpreter must be able to import whatever the import mode.

    Returns:
        The executor.
    """
    executor: WatchedThreads
    if kind == "thread":
        executor = WatchedThreads(max_workers, "", initializer, tuple(initargs))
    else:
        interpreters: Any = import_module("concurrent.futures.interpreter")
        watched: Any = type("WatchedInterpreters", (WatchedThreads, interpreters.InterpreterPoolExecutor), {})
        start = pickle.dumps((initializer, tuple(initargs)))
        executor = watched(max_workers, "", _boot_interpreter, (tuple(sys.path), pickle.dumps(modules.locate()), start))
    executor.kind = kind
    executor.timeout = timeout
    return executor


def _boot_interpreter(path: tuple[str, ...], files: bytes, start: bytes) -> None:
    # goes into the interpreter as bare code, before anything of this package can be imported there
    import sys

    sys.path[:] = path
    from pytest_mpcheck._children._threads import prepare_interpreter

    prepare_interpreter(files, start)


def prepare_interpreter(files: bytes, start: bytes) -> None:
    """Make this interpreter a worker: let it find the test's modules, and run the user's initializer."""
    install_finder(pickle.loads(files))
    initializer, initargs = pickle.loads(start)  # may need the finder
    if initializer is not None:
        initializer(*initargs)


def _stuck_among(threads: Iterable[threading.Thread], kind: str, timeout: float) -> ChildStuck:
    alive = [thread for thread in threads if thread.is_alive()]
    frames = sys._current_frames()
    stacks = "\n".join(
        f"{thread.name}:\n{''.join(traceback.format_stack(frames[thread.ident]))}"
        for thread in alive
        if thread.ident in frames
    )
    report = ChildReport(
        process=ProcessId(os.getpid(), ""),
        name=", ".join(thread.name for thread in alive),
        start_method=kind,
        outcome=Stuck(timeout),
        exitcode=None,
        stdout="",
        stderr="",
        stacks=stacks,
    )
    what = f"had a task that was not done after {timeout:g} s; nothing can end a thread, so it is left behind"
    remedy = f"let its tasks end in time, or {RAISE_THE_LIMIT}"
    return ChildStuck(message(what, report, remedy), report)
