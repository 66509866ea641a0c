"""`Hazards`: what forking risks, as a watcher of the guard.

Guarantees: a hazard belongs to the test, or to the fixture of wider scope, whose code has forked. What came by no door
of the guard's is not told. Before the first fork nothing is loaded but this module.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Hashable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from .. import _platforms
from .._excerpts import RAISED
from .._finding import Finding
from .._guard._doors import making
from .._guard._watcher import Span

if TYPE_CHECKING:
    from ._fork import Forks

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
        self._pid = 0
        self._trouble: BaseException | None = None

    def open(self) -> None:
        """Begin."""
        self._pid = os.getpid()
        _watch(self)

    def close(self) -> None:
        """End."""
        if self in _watching:
            _watching.remove(self)
        if self._forks is not None:
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
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble
        if self._forks is None:
            return []
        from ._judgement import judge

        self._forks.forget()
        own = {id(made) for made in span.made}
        return list(judge(self._forks.take(lambda fork: id(fork.made) in own)))

    def before_fork(self, frame: FrameType) -> None:
        """Look at what is about to be forked.

        Args:
            frame: That which forks.
        """
        made = making()
        if made is None or os.getpid() != self._pid:
            return
        with self._watched():
            if self._forks is None:
                from ._fork import Forks

                scope = os.environ.get(_platforms.MARK, "")
                self._folder = tempfile.mkdtemp(prefix="hazards-", dir=scope if os.path.isdir(scope) else None)
                self._forks = Forks(self._folder)
            self._forks.before(made, frame)

    def in_parent(self) -> None:
        """Look at what was forked."""
        if self._forks is not None:
            with self._watched():
                self._forks.in_parent()

    def in_child(self) -> None:
        """Let the child look at itself."""
        if self._forks is not None:
            with self._watched():
                self._forks.in_child()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Let nobody who forks notice what goes wrong."""
        try:
            yield
        except RAISED as error:
            self._trouble = error


_watching: list[Hazards] = []

_forks_are_heard = False


def _watch(hazards: Hazards) -> None:
    global _forks_are_heard  # noqa: PLW0603 (it cannot be taken back, so it is done once)
    _watching.append(hazards)
    if not _forks_are_heard and hasattr(os, "register_at_fork"):
        _forks_are_heard = True
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def _before() -> None:
    for hazards in _watching:
        hazards.before_fork(sys._getframe(1))


def _in_parent() -> None:
    for hazards in _watching:
        hazards.in_parent()


def _in_child() -> None:
    for hazards in list(_watching):
        hazards.in_child()
    _watching.clear()
