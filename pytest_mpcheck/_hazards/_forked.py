"""`Forked`: what a forked child sees of itself, until its target is through.

Guarantees: the target does what it would do without it. Told is what was seen while it ran; nothing happens after it,
and in its own children nothing.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .._copies import COPIES
from ._locks import held_locks
from ._lookout import Belonging, Lookout
from ._notes import Notes
from ._reach import Part
from ._sorts import Sort
from ._streams import Stream, streams

__all__ = ["Forked"]

_RESULTS = 100
"""After how many results a worker of a pool looks no more at its streams of random numbers."""

_PROGRAMS = ("execv", "execve")
"""The functions of `os` by which a process becomes another program."""


class Forked:
    """What a child is to look at; made in the parent, just before the fork.

    Args:
        notes: Where to tell.
        locks: Those that were held.
        belongings: What is shared.
        numbers: What random numbers may come from, with its sort.
        may_exec: Whether to tell that the child becomes another program, which takes no hazard along.
    """

    def __init__(
        self,
        notes: Notes,
        locks: list[Part],
        belongings: list[Belonging],
        numbers: Sequence[tuple[Part, Sort]],
        *,
        may_exec: bool,
    ) -> None:
        self._notes = notes
        self._locks = locks
        self._numbers = numbers
        self._may_exec = may_exec
        self._lookout = Lookout(belongings, lambda token, method: notes.write("used", token, method))
        self._streams: list[Stream] = []
        self._results = 0

    def begin(self, process: Any) -> None:
        """Be the child.

        Args:
            process: The process that runs here; ``None`` when the code that has forked goes on.
        """
        self._streams = streams(self._numbers)
        if process is not None:
            process.run = functools.partial(self._run, process.run)
            return
        if self._may_exec:
            for name in _PROGRAMS:
                setattr(os, name, self._telling("exec", getattr(os, name)))
        if self._streams:
            os._exit = self._looking(os._exit)
        self._lookout.begin()

    def _run(self, run: Callable[[], object]) -> object:
        for index, part in enumerate(self._locks):
            if held_locks([part]):
                self._notes.write("held", str(index))
        if self._streams:
            for package in COPIES:
                if module := sys.modules.get(f"{package}.queues"):
                    module.SimpleQueue.put = self._looking(module.SimpleQueue.put)  # workers of pools send results
        self._lookout.begin()
        try:
            return run()
        finally:
            self._lookout.end()
            self._look()

    def _look(self) -> None:
        """Tell from which streams somebody has drawn by now."""
        self._results += 1
        for stream in list(self._streams) if self._results <= _RESULTS else ():
            drawn = stream.was_drawn_from()
            if drawn is not None:  # what was seeded is of no interest any more
                self._streams.remove(stream)
            if drawn:
                self._notes.write("drew", stream.name.encode().hex(), stream.key())

    def _looking(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def looking(*args: Any, **kwargs: Any) -> Any:
            if self._streams:
                self._look()
            return function(*args, **kwargs)

        return looking

    def _telling(self, word: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def telling(*args: Any, **kwargs: Any) -> Any:
            self._notes.write(word)
            return function(*args, **kwargs)

        return telling
