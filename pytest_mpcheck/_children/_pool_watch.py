"""A thread that looks after the pending results of a pool, so that no wait for one lasts for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from multiprocessing.pool import TERMINATE, IMapIterator, MapResult, Pool
from typing import Any

from .._clock import Deadline
from .._errors import MpcheckError

__all__ = ["PoolWatch", "fail_pending"]

_INTERVAL = 0.05
"""How often it looks, in seconds."""


class PoolWatch:
    """Looks after one pool.

    Args:
        pool: The pool; its pending results stand in its `_cache`, there is no public way to see them.
        timeout: How long a task may be pending, in seconds.
        fallen: Is asked at each look, with whether results are pending, for the error of a worker that fell.
        stuck: Makes the error of a pool past its deadline.
        give_up: Is called with the error, once, when there is no hope.
    """

    def __init__(
        self,
        pool: Pool,
        timeout: float,
        *,
        fallen: Callable[[bool], MpcheckError | None],
        stuck: Callable[[], MpcheckError],
        give_up: Callable[[MpcheckError], None],
    ) -> None:
        self._pool: Any = pool
        self._timeout = timeout
        self._fallen = fallen
        self._stuck = stuck
        self._give_up = give_up
        self._deadlines: dict[int, Deadline] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mpcheck-pool", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop looking, and wait until that is so."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_INTERVAL) and self._pool._state != TERMINATE:
            pending = tuple(self._pool._cache)
            self._deadlines = {job: self._deadlines.get(job) or Deadline(self._timeout) for job in pending}
            error = self._fallen(bool(pending))
            if error is None and any(deadline.passed() for deadline in self._deadlines.values()):
                error = self._stuck()
            if error is not None:
                self._give_up(error)
                return


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
