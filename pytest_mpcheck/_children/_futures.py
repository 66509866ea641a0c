"""Futures that keep the deadline of their test."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from .._deadlocks import waiting_for

__all__ = ["WatchedFuture", "watch"]


class Watching(Protocol):
    """What a future wants of the executor that it comes from."""

    timeout: float

    def translate(self, error: BaseException) -> BaseException:
        """Return the error that says more than one that the executor put into a future; or that error itself."""
        ...

    def late(self) -> BaseException:
        """Do what can be done about a future that is past its deadline, and return the error to raise."""
        ...

    def listen(self) -> None:
        """Pass on what the workers have written and told."""
        ...


class WatchedFuture(Future[Any]):
    """A future of `concurrent.futures` that nobody waits for longer than the test may wait."""

    executor: Watching

    def result(self, timeout: float | None = None) -> Any:
        """As `concurrent.futures.Future.result`; without a timeout of its own the wait ends at the test's deadline.

        Raises:
            ChildStuck: The deadline has passed.
            ChildDied: The worker died.
        """
        __tracebackhide__ = True
        try:
            return self._keep_deadline(super().result, timeout)
        except Exception as error:
            better = self.executor.translate(error)
            if better is error:
                raise
            raise better from None

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `concurrent.futures.Future.exception`, with the deadline of `result`."""
        error: BaseException | None = self._keep_deadline(super().exception, timeout)
        return None if error is None else self.executor.translate(error)

    def _keep_deadline(self, wait: Callable[[float | None], Any], timeout: float | None) -> Any:
        __tracebackhide__ = True
        try:
            if timeout is not None:
                return wait(timeout)
            with waiting_for(id(self.executor)):
                return wait(self.executor.timeout)
        except concurrent.futures.TimeoutError:
            if timeout is not None or self.done():  # the caller's own limit, or what the task itself raised
                raise
        finally:
            self.executor.listen()
        raise self.executor.late()


def watch(future: Future[Any], executor: Watching) -> WatchedFuture:
    """Make a future keep the deadline of the executor that it comes from."""
    future.__class__ = WatchedFuture
    assert isinstance(future, WatchedFuture)
    future.executor = executor
    return future
