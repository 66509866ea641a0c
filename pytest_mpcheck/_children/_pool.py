"""A `multiprocessing.pool.Pool` that cannot hang the test that waits for it.

The standard library's pool replaces a worker that died and waits for ever for the task that died with it
(cpython#66587, #96062). Here a thread looks at the roster: when a worker has fallen while tasks are pending, or a task
is past its deadline, the pool is taken apart and whoever waits for a result gets the error.

It has to reach into the pool for that, which has no public way to be told: `_cache` (the pending results), the three
handler threads, the two queues. The order in which `_take_apart` goes is what keeps it from hanging itself: a worker
killed in the middle may hold a lock of a queue for ever, or leave half a message in a pipe.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from multiprocessing.pool import CLOSE, TERMINATE, Pool
from typing import Any

from .._errors import ChildDied, MpcheckError
from ._answers import read_with_care
from ._pool_watch import PATIENCE, PoolWatch, close_and_join, fail_pending, pending_of
from ._roster import Roster

__all__ = ["WatchedPool"]

_MOMENT = 0.1
"""How long a lock that is not dead may be held, in seconds."""


class WatchedPool(Pool):
    """A pool of processes whose waits end.

    Args:
        roster: Where its workers are written down.
        timeout: How long a task may be pending, in seconds.
        processes: As for `multiprocessing.pool.Pool`; so are the others.
    """

    def __init__(
        self,
        roster: Roster,
        timeout: float,
        processes: int | None,
        initializer: Callable[..., object] | None,
        initargs: Iterable[Any],
        maxtasksperchild: int | None,
    ) -> None:
        self._roster = roster
        self._timeout = timeout
        super().__init__(processes, initializer, tuple(initargs), maxtasksperchild, roster.context())
        self._trouble: MpcheckError | None = None
        self._watch = PoolWatch(
            timeout,
            pending=lambda: pending_of(self),
            fallen=self._fallen,
            stuck=self._stuck,
            give_up=self._give_up,
            deadlocked=self._roster.deadlocked,
            owner=id(self),
        )

    def _map_async(
        self, func: Any, iterable: Any, mapper: Any, chunksize: int | None = None, *callbacks: Any, **more: Any
    ) -> Any:
        if (
            chunksize is None
        ):  # the pool would divide by the number of workers that are there: none, while one is replaced
            iterable = list(iterable)
            chunksize = -(-len(iterable) // (self._processes * 4))  # type: ignore[attr-defined]
        return self._heard(super()._map_async(func, iterable, mapper, chunksize, *callbacks, **more))  # type: ignore[misc]

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        return self._heard(super().apply_async(*args, **kwargs))

    def join(self) -> None:
        super().join()
        self._roster.listen()

    def _heard(self, result: Any) -> Any:
        """Let whoever gets a result hear what the workers told meanwhile."""
        get = result.get

        def get_and_listen(timeout: float | None = None) -> Any:
            __tracebackhide__ = True
            try:
                return get(timeout)
            finally:
                self._roster.listen()

        result.get = get_and_listen
        return result

    def _setup_queues(self) -> None:
        super()._setup_queues()  # type: ignore[misc]
        self._quick_get = read_with_care(self._outqueue._reader)  # type: ignore[attr-defined]

    def settle(self) -> None:
        """Close the pool and join it at the end of a test.

        Raises:
            ChildStuck: It did not end in time. It has been taken apart.
            ChildDied: A worker died, and nobody has asked for the result that was lost with it.
        """
        __tracebackhide__ = True
        error = close_and_join(self, self._timeout, self._stuck)
        if error is None and self._trouble is not None and self._trouble.__traceback__ is None:  # it was never raised
            error = self._trouble
        if error is not None:
            raise error

    def end(self) -> None:
        """End the pool and its workers, whatever they are doing. Idempotent."""
        self._watch.end()
        self._take_apart(MpcheckError("the test that made this pool has ended"))

    def _give_up(self, error: MpcheckError) -> None:
        if pending_of(self):  # else nothing is lost
            self._trouble = error
        self._take_apart(error)

    def _take_apart(self, error: MpcheckError) -> None:
        """Kill the workers, stop the threads, and let every pending result raise."""
        pool: Any = self
        pool._state = TERMINATE
        pool._terminate.cancel()  # it would wait for the locks and threads that are being given up here
        for handler in (pool._worker_handler, pool._task_handler, pool._result_handler):
            handler._state = TERMINATE
        with contextlib.suppress(OSError):
            pool._change_notifier.put(None)
        pool._worker_handler.join(PATIENCE)  # from here on nobody else starts workers or collects them
        self._roster.end(self._timeout)
        _free(getattr(pool._outqueue, "_wlock", None))  # the task thread puts a last word into this queue
        fail_pending(self, error)
        pool._taskqueue.put(None)
        with contextlib.suppress(OSError):
            pool._outqueue._writer.send(None)  # not put(): the lock may have died with a worker
        for end in (pool._outqueue._writer, pool._inqueue._reader):
            end.close()  # no worker is left at the other end: whoever reads or writes here comes back
        pool._task_handler.join(PATIENCE)
        pool._result_handler.join(PATIENCE)

    def _stuck(self) -> MpcheckError:
        return self._roster.stuck(self, self._timeout)

    def _fallen(self, pending: bool) -> ChildDied | None:
        # also one that fell idle: the lock of the task queue may have died with it, and the others wait for that, be it
        # for a task or for the word that the pool is closed
        pool: Any = self
        closed = pool._state == CLOSE
        if closed and not pool._worker_handler.is_alive():
            self._roster.collect()  # nobody else does so any more
        fallen = next(self._roster.fallen(), None) if pending or closed else None
        if fallen is None:
            return None
        aside = "; without this plugin a multiprocessing.Pool waits for ever (cpython#66587)"
        return self._roster.died(fallen, "the pool was waiting", aside=aside)


def _free(lock: Any) -> None:
    """Free a lock that may have died with a worker; nobody who lives holds it for long."""
    if lock is not None:  # pragma: always on Linux
        lock.acquire(timeout=_MOMENT)
        lock.release()
