"""`Hazards`: what forking risks, as a watcher of the guard.

Guarantees: a hazard belongs to the test, or to the fixture of wider scope, whose code has forked. What came by no door
of the guard's belongs to the test that ends next.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Hashable, Iterable, Iterator

from .. import _platforms
from .._finding import Finding
from .._guard._watcher import Span
from . import _locks, _preflight, _streams, _threads
from ._fork import Fork, Forks
from ._shared import findings as shared_findings

__all__ = ["Hazards"]


class Hazards:
    """Watches forks."""

    kinds: tuple[str, ...] = (
        "equal-random",
        "fork-with-lock",
        "fork-with-threads",
        "shared-connection",
        "shared-descriptor",
        "shared-event-loop",
        "unpicklable",
    )
    may_pass = False
    """Whether a finding may go away by itself: what has happened has happened."""

    def __init__(self) -> None:
        self._forks: Forks | None = None
        self._folder = ""

    def open(self) -> None:
        """Begin."""
        scope = os.environ.get(_platforms.MARK, "")
        self._folder = tempfile.mkdtemp(prefix="hazards-", dir=scope if os.path.isdir(scope) else None)
        self._forks = Forks(self._folder)
        _watch(self._forks)

    def close(self) -> None:
        """End."""
        if self._forks is not None:
            _watching.remove(self._forks)
            self._forks.forget()
            self._forks = None
            shutil.rmtree(self._folder, ignore_errors=True)

    def begin(self) -> Collection[Hashable]:
        """Return nothing: hazards do not stay."""
        return ()

    def end(self, span: Span, before: Collection[Hashable]) -> Iterable[Finding]:
        """Tell what the forks of a span have risked.

        Args:
            span: The span.
            before: Nothing.

        Raises:
            BaseException: What went wrong when somebody forked.
        """
        if self._forks is None:
            return []
        self._forks.forget()
        trouble, self._forks.trouble = self._forks.trouble, None
        if trouble is not None:
            raise trouble
        own = {id(made) for made in span.made}
        is_test = span.scope == "function"
        forks = self._forks.take(lambda fork: is_test if fork.made is None else id(fork.made) in own)
        return list(_judge(forks))


_watching: list[Forks] = []

_forks_are_heard = False


def _watch(forks: Forks) -> None:
    global _forks_are_heard  # noqa: PLW0603 (it cannot be taken back, so it is done once)
    _watching.append(forks)
    if not _forks_are_heard and hasattr(os, "register_at_fork"):
        _forks_are_heard = True
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def _before() -> None:
    for forks in _watching:
        forks.before()


def _in_parent() -> None:
    for forks in _watching:
        forks.in_parent()


def _in_child() -> None:
    for forks in list(_watching):
        forks.in_child()
    _watching.clear()


def _judge(forks: list[Fork]) -> Iterator[Finding]:
    told = [(fork, fork.notes.read()) for fork in forks]
    drawn: dict[tuple[str, str], list[str]] = {}
    for fork, notes in told:
        where = _where(fork)
        if fork.threads and ["exec"] not in notes:
            yield _threads.finding(fork.threads, where)
        if fork.obstacle:
            yield _preflight.finding(fork.obstacle, where)
        for index, lock in enumerate(fork.locks):
            if ["held", str(index)] in notes:
                yield _locks.finding(*lock, where)
        for words in notes:
            if words[0] == "drew" and len(words) == 3:
                drawn.setdefault((words[1], words[2]), []).append(where)
    yield from shared_findings(told, _where)
    for (name, _), places in drawn.items():
        if len(places) > 1:
            yield _streams.finding(bytes.fromhex(name).decode(), places)


def _where(fork: Fork) -> str:
    pid = fork.made.pid if fork.made is not None else 0
    who = f"process {fork.name!r}" if fork.name else "a process"
    return f"{who}{f' (pid {pid})' if pid else ''}, forked at {fork.where}"
