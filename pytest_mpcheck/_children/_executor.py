"""An executor of processes that says which worker broke it, with which task, and keeps the deadline."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from .._clock import Deadline, wait_until
from .._errors import ChildDied, MpcheckError
from ._background import in_background
from ._futures import watch
from ._roster import Member, Roster

__all__ = ["WatchedExecutor", "WorkerDied"]

_PATIENCE = 1.0
"""How long the executor's own thread has to collect exit statuses, in seconds."""


class WorkerDied(ChildDied, BrokenProcessPool):
    """A `ChildDied` that code which expects `BrokenProcessPool` of its executor may go on expecting."""


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
        self._results: Any = self._result_queue

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As `concurrent.futures.Executor.submit`; the future that it returns keeps the deadline."""
        return watch(super().submit(fn, *args, **kwargs), self)

    def settle(self) -> None:
        """Shut the executor down at the end of a test.

        Raises:
            ChildStuck: It did not end in time. Its workers have been killed.
        """
        closing = in_background(self.shutdown)
        closing.join(self.timeout)
        error = self.stuck() if closing.is_alive() else None
        self.end()
        if error is not None:
            raise error

    def end(self) -> None:
        """End the executor and its workers, whatever they are doing. Idempotent."""
        self._roster.kill()
        closing = in_background(functools.partial(self.shutdown, cancel_futures=True))
        closing.join(_PATIENCE)
        if closing.is_alive():  # the executor reads half a message of a killed worker: let it see the end of the pipe
            self._results._writer.close()
            closing.join(_PATIENCE)

    def translate(self, error: BaseException) -> BaseException:
        """Return, for the `BrokenProcessPool` of a worker's death, the error that names worker, signal and task."""
        if not isinstance(error, BrokenProcessPool) or isinstance(error, WorkerDied):
            return error
        # the executor ends the other workers and collects them all, in any order: whose end came first shows then only
        wait_until(lambda: not any(self._roster.running()), Deadline(_PATIENCE))
        fallen = sorted(self._roster.fallen(), key=_innocence)
        if not fallen:
            return error
        return self._roster.died(fallen[0], "broke its executor", WorkerDied)

    def stuck(self) -> MpcheckError:
        """Make the error that tells which worker keeps the executor waiting."""
        return self._roster.stuck(self, self.timeout)


def _innocence(member: Member) -> tuple[bool, bool]:
    """Order the fallen: once it is broken the executor itself sends SIGTERM to the rest."""
    return member.exitcode == -signal.SIGTERM, not member.task
