"""A thread that looks after the pending tasks of a pool or executor, so that no wait for one lasts for ever."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection, Hashable
from multiprocessing.pool import TERMINATE, IMapIterator, MapResult, Pool
from typing import Any, Protocol

from .._clock import Deadline
from .._deadlocks import Vigil, names_of_children
from .._errors import MpcheckError
from .._excerpts import reason_of
from .._records import Deadlock
from ._background import in_background

__all__ = ["PATIENCE", "PoolWatch", "close_and_join", "fail_pending", "pending_of"]

_INTERVAL = 0.05
"""How often it looks, in seconds."""

PATIENCE = 2.0
"""How long the threads of a pool have to notice its end, in seconds."""


class PoolWatch:
    """Looks after the pending tasks of one pool or executor.

    Args:
        timeout: How long a task may be pending, in seconds.
        pending: Tells which tasks are pending: something hashable for each; ``None`` when there is nothing more to see.
        fallen: Is asked at each look, with whether tasks are pending, for the error of a worker that fell.
        stuck: Makes the error of a task past its deadline.
        give_up: Is called with the error, once, when there is no hope.
        deadlocked: Makes the error of a deadlock among workers; ``None`` when they are no processes.
        owner: The identity of the pool or executor, for `waiting_for`.
    """

    def __init__(
        self,
        timeout: float,
        *,
        pending: Callable[[], Collection[Hashable] | None],
        fallen: Callable[[bool], MpcheckError | None],
        stuck: Callable[[], MpcheckError],
        give_up: Callable[[MpcheckError], None],
        deadlocked: Callable[[Deadlock], MpcheckError] | None = None,
        owner: int = 0,
    ) -> None:
        self._owner = owner
        self._timeout = timeout
        self._deadlines: dict[Hashable, Deadline] = {}
        self._over = threading.Event()
        # The thread alone refers to the pool, and no longer than it runs: the pool goes with its last user.
        calls = (pending, fallen, stuck, give_up, deadlocked)
        self._thread = threading.Thread(target=self._watch, args=calls, name="mpcheck-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop looking, and wait until that is so."""
        self._over.set()
        self._thread.join()

    def _watch(
        self,
        pending: Callable[[], Collection[Hashable] | None],
        fallen: Callable[[bool], MpcheckError | None],
        stuck: Callable[[], MpcheckError],
        give_up: Callable[[MpcheckError], None],
        deadlocked: Callable[[Deadlock], MpcheckError] | None,
    ) -> None:
        try:
            error = self._look_until_it_is_over(pending, fallen, stuck, deadlocked)
        except Exception as reason:  # whoever waits for the pool must not wait for ever because of that
            error = MpcheckError(
                f"a pool was ended, since nobody could look after it any more ({reason_of(reason)}); "
                f"what to do: tell the makers of pytest-mpcheck"
            )
            error.__cause__ = reason
        if error is not None:
            give_up(error)

    def _look_until_it_is_over(
        self,
        pending: Callable[[], Collection[Hashable] | None],
        fallen: Callable[[bool], MpcheckError | None],
        stuck: Callable[[], MpcheckError],
        deadlocked: Callable[[Deadlock], MpcheckError] | None,
    ) -> MpcheckError | None:
        vigil: Vigil | None = None
        while not self._over.wait(_INTERVAL):
            tasks = pending()
            if tasks is None:
                return None
            self._deadlines = {task: self._deadlines.get(task) or Deadline(self._timeout) for task in tasks}
            error = fallen(bool(tasks))
            if error is None and any(deadline.passed() for deadline in self._deadlines.values()):
                error = stuck()
            vigil = (vigil or Vigil(None, self._owner, names_of_children)) if tasks and deadlocked else None
            if error is None and deadlocked is not None and vigil is not None and (deadlock := vigil.look()):
                error = deadlocked(deadlock)
            if error is not None:
                return error
        return None


class _Endable(Protocol):
    def close(self) -> None: ...
    def end(self) -> None: ...


def close_and_join(pool: _Endable, timeout: float, stuck: Callable[[], MpcheckError]) -> MpcheckError | None:
    """Close a pool, join it, and end it.

    Args:
        pool: The pool.
        timeout: How long its tasks may go on, in seconds.
        stuck: Makes the error of a pool that has not come to its end in time.

    Returns:
        That error, or ``None``.
    """
    pool.close()
    joining = in_background(functools.partial(Pool.join, pool))  # type: ignore[arg-type]  # its own would listen there
    joining.join(timeout)
    error = stuck() if joining.is_alive() else None
    pool.end()
    joining.join(PATIENCE)
    return error


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
