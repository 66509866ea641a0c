"""A thread that looks after the pending tasks of a pool or executor, so that no wait for one lasts for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable
from multiprocessing.pool import TERMINATE, IMapIterator, MapResult, Pool
from typing import Any

from .._clock import Deadline
from .._errors import MpcheckError

__all__ = ["PoolWatch", "fail_pending", "pending_of"]

_INTERVAL = 0.05
"""How often it looks, in seconds."""


class PoolWatch:
    """Looks after the pending tasks of one pool or executor.

    Args:
        timeout: How long a task may be pending, in seconds.
        pending: Tells which tasks are pending: something hashable for each; ``None`` when there is nothing more to see.
        fallen: Is asked at each look, with whether tasks are pending, for the error of a worker that fell.
        stuck: Makes the error of a task past its deadline.
        give_up: Is called with the error, once, when there is no hope.
    """

    def __init__(
        self,
        timeout: float,
        *,
        pending: Callable[[], Collection[Hashable] | None],
        fallen: Callable[[bool], MpcheckError | None],
        stuck: Callable[[], MpcheckError],
        give_up: Callable[[MpcheckError], None],
    ) -> None:
        self._timeout = timeout
        self._pending = pending
        self._fallen = fallen
        self._stuck = stuck
        self._give_up = give_up
        self._deadlines: dict[Hashable, Deadline] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mpcheck-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop looking, and wait until that is so."""
        self._over.set()
        self._thread.join()
        # they refer to the pool: without them it goes with its last user, and its semaphores with it
        self._pending, self._fallen, self._stuck, self._give_up = _nothing, _nothing, _nothing, _nothing

    def _watch(self) -> None:
        while not self._over.wait(_INTERVAL):
            pending = self._pending()
            if pending is None:
                return
            self._deadlines = {task: self._deadlines.get(task) or Deadline(self._timeout) for task in pending}
            error = self._fallen(bool(pending))
            if error is None and any(deadline.passed() for deadline in self._deadlines.values()):
                error = self._stuck()
            if error is not None:
                self._give_up(error)
                return


def _nothing(*_: object) -> Any:
    return None


def pending_of(pool: Pool) -> tuple[int, ...] | None:
    """Return the jobs of a pool that somebody may wait for, ``None`` once it is terminated.

    They stand in the pool's `_cache`; there is no public way to see them.
    """
    this: Any = pool
    return None if this._state == TERMINATE else tuple(this._cache)


def fail_pending(pool: Pool, error: BaseException) -> None:
    """Let every pending result of a pool raise.

    Args:
        pool: A pool whose workers will deliver nothing any more.
        error: What the results raise.
    """
    cache: dict[int, Any] = pool._cache  # type: ignore[attr-defined]
    for job, result in list(cache.items()):
        if isinstance(result, IMapIterator):
            result._set(result._index, (False, error))  # type: ignore[attr-defined]
            if job in cache:
                result._set_length(result._index)  # type: ignore[attr-defined]
            continue
        if isinstance(result, MapResult):
            result._number_left = 1  # type: ignore[attr-defined]
        result._set(0, (False, error))
