"""Which descriptors and sockets a span has left open in this process.

Guarantees: nothing is closed. Told is what Python code has made: what a C library keeps open for its own purposes is
not, nor what belongs to a helper, to a log file, or to a pool, executor, manager or process that is told or still
wanted. After a test that has failed nothing is told: the failure itself keeps alive what the test had.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import Any

from .. import _platforms
from .._finding import Finding
from .._guard._passage import place
from .._guard._replacements import Place, Replacements
from .._guard._watcher import Span
from ._holders import find_holders
from ._parts import Parts
from ._stay import helper_descriptors

__all__ = ["Descriptors"]

_STANDARD_STREAMS = 0, 1, 2
"""Pytest's capture puts other files there, again and again."""

_NOT_TOLD = "/dev/", "/proc/", "/sys/", "anon_inode:", "/memfd:"
"""How the targets of descriptors begin that programs keep open: devices, and what only libraries in C ask for."""

_OURS = "/mpcheck-"
"""What the path of a file holds that lies in the folder of a run."""

_PACKAGE = __name__.partition(".")[0]


class Descriptors:
    """Watches what is open."""

    kinds: tuple[str, ...] = ("descriptor-leak", "socket-leak")
    may_pass = True

    def __init__(self) -> None:
        self._places: dict[int, tuple[str, str]] = {}
        self._replacements = Replacements(
            [Place("os", "", "pipe", self._pipe), Place("socket", "socket", "__init__", self._socket)]
        )

    def open(self) -> None:
        """Note from now on which line makes a pipe or a socket."""
        self._replacements.open()

    def close(self) -> None:
        """Note it no more."""
        self._replacements.close()

    def begin(self) -> Collection[Hashable]:
        """Return what is open."""
        return set(_platforms.open_descriptors().items())

    def end(self, span: Span, before: Collection[Hashable]) -> Iterable[Finding]:
        """Tell of what is open and was not."""
        if span.has_failed:
            return ()
        opened = _platforms.open_descriptors()
        left = self._left(opened, span, before)
        self._places = {number: known for number, known in self._places.items() if number in opened}
        return list(self._findings(span, left)) if left else ()

    def _pipe(self, pipe: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(pipe)
        def noting(*args: Any) -> Any:
            ends = pipe(*args)
            if not str(sys._getframe(1).f_globals.get("__name__", "")).startswith(_PACKAGE):
                self._places |= dict.fromkeys(ends, (place(1), "pipe"))
            return ends

        return noting

    def _socket(self, make: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(make)
        def noting(this: Any, *args: Any, **kwargs: Any) -> None:
            make(this, *args, **kwargs)
            self._places[this.fileno()] = place(1), "socket"

        return noting

    def _left(self, opened: dict[int, str], span: Span, before: Collection[Hashable]) -> dict[int, str]:
        left = {
            number: target
            for number, target in opened.items()
            if number not in _STANDARD_STREAMS
            and (number, target) not in before
            and not target.startswith(_NOT_TOLD)
            and _OURS not in target
        }
        if not left:
            return left
        parts = Parts(span)
        stay = set(helper_descriptors())
        return {
            number: target
            for number, target in left.items()
            if number not in stay and self._where(number, target) not in parts.places
        }

    def _where(self, number: int, target: str) -> str:
        """Return the line that made a descriptor, if it is still what it was then."""
        where, kind = self._places.get(number, ("", ""))
        return where if target.startswith(kind) else ""

    def _findings(self, span: Span, left: dict[int, str]) -> Iterator[Finding]:
        unknown = [number for number, target in left.items() if not self._where(number, target)]
        holders = find_holders(unknown) if unknown and span.scope == "function" else {}
        groups: dict[tuple[str, str], list[int]] = {}
        for number, target in sorted(left.items()):
            where = self._where(number, target)
            if where or number in holders:  # else only a library in C knows of it
                kind = "socket-leak" if target.startswith("socket") else "descriptor-leak"
                groups.setdefault((kind, where or str(number)), []).append(number)
        for (kind, where), numbers in groups.items():
            yield _leak(kind, "" if where.isdigit() else where, numbers, left, holders)


def _leak(kind: str, where: str, numbers: list[int], left: dict[int, str], holders: dict[int, str]) -> Finding:
    names = ", ".join(f"{number} ({left[number]})" for number in numbers)
    word = "socket" if kind == "socket-leak" else "descriptor"
    what = f"{word} {names} is still open" if len(numbers) == 1 else f"{len(numbers)} {word}s are still open: {names}"
    held = "\n".join(f"it is held by {holders[number]}" for number in numbers if number in holders)
    return Finding(kind, what, where, held, "close it, best by `with`; a queue, a process or a pipe by its close()")
