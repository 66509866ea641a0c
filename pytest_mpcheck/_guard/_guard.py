"""`Guard`: begins and ends spans, asks the watchers, gives what is about to end its moment.

Guarantees: whatever a watcher raises is told once a run, and neither a test nor another watcher notices. What the guard
itself does passes no door. The time that it waits in vain is bounded, however much a suite leaves.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .._clock import Deadline, wait_until
from .._finding import Finding
from ._doors import aside, listen, stop_listening
from ._ownership import Look, Ownership, Tenure
from ._watcher import Made, Span, Watcher

__all__ = ["Guard"]

_MOMENT = 0.25
"""How long what is about to end has to do so, in seconds."""

_LEAST_MOMENT = 0.02
"""How long it has once all patience is used up."""

_COLLECTIONS = 1 if sys.implementation.name == "cpython" else 3
"""How many collections it takes until finalizers have run, and what they have let go is gone too."""

_PATIENCE = 3.0
"""How long a run waits in vain, in seconds, before it gives no more than that."""


class Guard:
    """The guard of one run.

    Args:
        watchers: Whom to ask.
        new_span: Makes the span of the test that runs, at its first door; ``None`` where none runs.
        trouble: Is called with a sentence for each watcher that failed, once.
        moment: How long what is about to end has to do so, in seconds.
    """

    def __init__(
        self,
        watchers: Iterable[Watcher],
        new_span: Callable[[], Span | None],
        trouble: Callable[[str], None],
        moment: float = _MOMENT,
    ) -> None:
        self._moment = moment
        self._new_span = new_span
        self._watchers = list(watchers)
        self._trouble = trouble
        self._troubled: set[str] = set()
        self._ownership = Ownership(self._look)
        self._patience = _PATIENCE
        self._lock = threading.RLock()

    def open(self) -> None:
        """Put it on."""
        for watcher in list(self._watchers):
            if self._ask(watcher, watcher.open) is _FAILED:
                self._watchers.remove(watcher)
        listen(self)

    def close(self) -> None:
        """Take it off."""
        stop_listening(self)
        for watcher in self._watchers:
            self._ask(watcher, watcher.close)

    def enter(self, span: Span) -> Tenure:
        """Let the setup of a fixture of wider scope begin."""
        tenure = Tenure(span)
        self._ownership.enter(tenure)
        return tenure

    def made(self) -> list[Made]:
        """Return all that was made by those whose spans have not ended."""
        return [made for span in self._ownership.spans() for made in span.made]

    def forget_test(self) -> None:
        """Let a new test begin; one that never came to its teardown is not judged."""
        self._ownership.test = None

    def begin_test(self, span: Span) -> None:
        """Let a test begin, and look at once what is there, not only before its first door."""
        with self._at_work(), self._lock:
            self._ownership.test = Tenure(span)
            self._ownership.begin(self._ownership.test)

    def leave_test(self, further: Callable[[Span], Iterable[Finding]] | None, *, has_failed: bool) -> list[Finding]:
        """Let the teardown of a test be over, and judge it.

        Args:
            further: Judges it too, even where nothing was made.
            has_failed: Whether it has failed.
        """
        tenure = self._ownership.test
        if tenure is None and further is not None:
            span = self._new_span()
            tenure = self._ownership.test = None if span is None else Tenure(span)
        if tenure is None:
            return []
        tenure.span.has_failed = has_failed
        return self.leave(tenure, further)

    def leave(self, tenure: Tenure, further: Callable[[Span], Iterable[Finding]] | None = None) -> list[Finding]:
        """Let the teardown of a test, or of a fixture of wider scope, be over, and judge it."""
        found: list[Finding] = []
        with self._at_work():
            with self._lock:
                self._ownership.leave(tenure)
            if tenure.has_begun:
                found += self._judge(tenure)
            if further is not None:
                found += further(tenure.span)
        return [replace(one, test=one.test or tenure.span.owner) for one in found]

    def settle(self, tenure: Tenure, threads: Collection[threading.Thread]) -> None:
        """Let the setup of a fixture of wider scope be over.

        Args:
            tenure: The fixture's.
            threads: Those that were there before.
        """
        with self._at_work(), self._lock:
            tenure.note_threads(threads)
            self._ownership.settle(tenure)

    def enter_again(self, tenure: Tenure) -> None:
        """Let the teardown of a fixture of wider scope begin."""
        with self._at_work(), self._lock:
            self._ownership.enter_again(tenure)

    def before(self, made: Made, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Let something be made."""
        with self._at_work(), self._lock:
            tenure = self._ownership.owner(made)
            if tenure is None and (span := self._new_span()) is not None:
                tenure = self._ownership.test = Tenure(span)
            if tenure is not None:
                if not tenure.has_begun:
                    self._ownership.begin(tenure)
                tenure.span.made.append(made)
                self._ownership.begin_apart(made, tenure)

    def after(self, made: Made) -> None:
        """Let it be there."""
        with self._at_work(), self._lock:
            self._ownership.end_apart(made)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Pass no door, and let what goes wrong be told."""
        try:
            with aside():
                yield
        except Exception as error:
            self._tell("the guard", error)

    def _judge(self, tenure: Tenure) -> list[Finding]:
        found = [self._end(number, tenure) for number in range(len(self._watchers))]
        if self._may_pass(found):
            for _ in range(_COLLECTIONS):  # what nobody holds any more is as good as gone
                gc.collect()
            deadline = Deadline(max(_LEAST_MOMENT, min(self._moment, self._patience)))

            def is_over() -> bool:
                for number in self._may_pass(found):
                    found[number] = self._end(number, tenure)
                return not self._may_pass(found)

            if not wait_until(is_over, deadline):
                self._patience -= deadline.seconds
        return [one for findings in found for one in findings]

    def _may_pass(self, found: list[list[Finding]]) -> list[int]:
        """Return which watchers have found something that may go away by itself."""
        return [number for number, watcher in enumerate(self._watchers) if found[number] and watcher.may_pass]

    def _end(self, number: int, tenure: Tenure) -> list[Finding]:
        watcher, before = self._watchers[number], tenure.before[number]
        result = self._ask(watcher, lambda: list(watcher.end(tenure.span, before)))
        return [] if result is _FAILED else result

    def _look(self) -> Look:
        return tuple(self._begin(watcher) for watcher in self._watchers)

    def _begin(self, watcher: Watcher) -> frozenset[Hashable]:
        result = self._ask(watcher, lambda: frozenset(watcher.begin()))
        return frozenset() if result is _FAILED else result

    def _ask(self, watcher: Watcher, question: Callable[[], Any]) -> Any:
        """Ask a watcher; what it raises is told once, and `_FAILED` is returned."""
        try:
            return question()
        except Exception as error:
            self._tell(f"{type(watcher).__module__}.{type(watcher).__qualname__} ({', '.join(watcher.kinds)})", error)
            return _FAILED

    def _tell(self, who: str, error: Exception) -> None:
        from .._excerpts import reason_of

        if who not in self._troubled:
            self._troubled.add(who)
            self._trouble(f"{who}: {reason_of(error)}")


_FAILED: Any = object()
