"""`Watcher`: what the guard asks. `Span` and `Made`: what it tells those whom it asks.

Guarantees: a span keeps nothing alive that a test has made; what it remembers is text, numbers and weak references.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any, Protocol
from weakref import ref

from .._finding import Finding

__all__ = ["Made", "Span", "Watcher"]


class Made:
    """Something that was started or made by way of a door.

    Attributes:
        kind: As in the table of doors: ``process``, ``program``, ``spawn``, ``shell``, ``fork``, ``pool``,
            ``thread pool``, ``executor``, ``thread executor``, ``queue``, ``semaphore``, ``shared memory``, ``arena``,
            ``manager``, ``pipe``, ``listener``, ``connection``.
        where: The line of the user's code that it comes from, such as ``test_prices.py:12 in test_it``.
        through: The modules of libraries in between, the innermost first: ``multiprocessing.pool`` for a worker.
        makers: The identities of the objects whose methods were called there: that of the pool.
        inside: What was just being made, as part of which this was made: the pool of a queue. ``None`` for nothing.
        pid: The pid, where it is a process; 0 until it has one.
        name: The name of a process of `multiprocessing` or of shared memory, or the program of another process.
        start_method: The start method of a process of `multiprocessing`; empty for others.
        is_piped: Whether somebody reads, by a pipe, what the program writes.
        failed: Whether making it raised an exception.
        object: Gives the object, as long as somebody else keeps it; ``None`` where it has none, such as a fork.
    """

    def __init__(
        self,
        kind: str,
        where: str,
        through: tuple[str, ...] = (),
        makers: frozenset[int] = frozenset(),
        inside: Made | None = None,
        start_method: str = "",
    ) -> None:
        self.kind = kind
        self.where = where
        self.through = through
        self.makers = makers
        self.inside = inside
        self.pid = 0
        self.name = ""
        self.start_method = start_method
        self.is_piped = False
        self.failed = False
        self.object: ref[Any] | None = None


class Span:
    """A test from its setup to the end of its teardown, or a fixture of wider scope likewise.

    Attributes:
        owner: Who that is, in words: a test's node id, or ``fixture 'server' of tests/conftest.py``.
        scope: ``function`` for a test, else the scope of the fixture: ``class``, ``module``, ``package``, ``session``.
        test: The node id of the test in whose setup, call or teardown it began.
        stderr: Gives what pytest has captured of the standard error of the test and its children, as far as the test
            has not read it itself.
        made: All that was made by way of a door and belongs to the span, in order.
        wider: The spans of the fixtures of wider scope that are alive when this one ends.
        has_failed: Whether the test itself has failed, or the setup of the fixture.
    """

    def __init__(self, owner: str, scope: str, test: str, stderr: Callable[[], str] = str) -> None:
        self.owner = owner
        self.scope = scope
        self.test = test
        self.stderr = stderr
        self.made: list[Made] = []
        self.wider: tuple[Span, ...] = ()
        self.has_failed = False


class Watcher(Protocol):
    """Knows one sort of things that tests leave, lose or risk.

    The guard calls it in the thread of the test, and calls nobody else meanwhile. What a watcher raises is told once a
    run and fails no test. What it starts or makes itself passes no door.

    Attributes:
        kinds: The kinds of its findings, all of them in the catalogue.
        may_pass: Whether what it finds may go away by itself in a moment: a thread that is about to end.
    """

    kinds: tuple[str, ...]
    may_pass: bool

    def open(self) -> None:
        """Prepare for a run; once, before the first test. May replace functions: see `_doors` before you do."""
        ...

    def close(self) -> None:
        """Put back what was replaced; once, after the last test."""
        ...

    def begin(self) -> Collection[Hashable]:
        """Look what is there; quickly, since every test that starts something waits for it.

        A span begins just before its first door is passed. The guard also calls it around the setup of a fixture of
        wider scope, to know what belongs to that one.

        Returns:
            A key for each thing that is there, which tells it from every other one that ever comes: ``(pid, token)``,
            not a pid. Nothing, where a watcher does not tell of things that stay.
        """
        ...

    def end(self, span: Span, before: Collection[Hashable]) -> Iterable[Finding]:
        """Judge what a span has left, now that its teardown is over.

        When there are findings that may pass, the guard calls it again after a moment; it tells what the last call
        gives.

        Args:
            span: The span.
            before: The keys of all that does not belong to the span: it was there before, or others have made it.

        Returns:
            Findings; their `test` stays empty.
        """
        ...
