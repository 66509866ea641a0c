"""What is seen of a fork, in the parent just before and after it.

Guarantees: all of it hangs on `os.register_at_fork`, so no function of anybody's is replaced in the process of the
test, and whoever forks is heard. Nothing happens in other processes, nor while nobody watches. In the parent nothing is
kept alive.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from .. import _platforms
from .._excerpts import type_name
from .._guard._callers_name import is_disguised
from .._guard._watcher import Made
from .._records import ProcessId
from ._forked import Forked
from ._locks import held_locks
from ._lookout import Belonging, Lookout, is_shared
from ._notes import Notes
from ._preflight import Preflight
from ._reach import Part, is_library, reach_of_frame, reach_of_process
from ._sorts import Sort, sorter
from ._threads import Neighbours

__all__ = ["Fork", "Forks"]

_MOST = 1000
"""How many forks are remembered that nobody has asked for."""

_ALIKE = 8
"""How many forks of a span are looked at that come from the same function and have the same target."""

_SHARED: tuple[Sort, ...] = ("file", "socket", "database", "loop")


@dataclass(eq=False, slots=True)
class Fork:
    """What was seen of a fork, as text.

    Attributes:
        made: What the guard knows of it.
        name: The name of the process; empty for one that the test's own code has forked.
        where: The line that it comes from.
        notes: What the child tells.
        threads: A line for each thread that ran beside.
        locks: Path and type of the locks that were held.
        belongings: Sort, path and type of what is shared with the child, by token.
        used_here: What the parent has used while the child lived, by token: the name of the method.
        obstacle: What would not pickle.
    """

    made: Made
    name: str
    where: str
    notes: Notes
    threads: tuple[str, ...]
    locks: list[tuple[str, str]]
    belongings: dict[str, tuple[Sort, str, str]]
    used_here: dict[str, str]
    obstacle: str

    def is_alive(self) -> bool:
        """Return whether the child has not ended."""
        pid = self.made.pid
        return pid > 0 and _platforms.is_alive(ProcessId(pid, _platforms.start_token(pid)))


_Pending = tuple[Fork, Any, Forked, list[Belonging]]


class Forks:
    """The forks of this process.

    Args:
        folder: The folder of the notes.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen: list[Fork] = []
        self._number = 0
        self._tokens: dict[int, tuple[Callable[[], object], str]] = {}
        self._neighbours = Neighbours()
        self._preflight = Preflight()
        self._local = threading.local()
        self._lookout: Lookout | None = None
        self._wanted: dict[str, Belonging] = {}
        self._alike: dict[object, int] = {}
        self._modules = 0
        self._sort_of = sorter()

    def take(self, is_wanted: Callable[[Fork], bool]) -> list[Fork]:
        """Return what was seen of some forks, and forget it."""
        taken = [fork for fork in self._seen if is_wanted(fork)]
        self._seen = [fork for fork in self._seen if fork not in taken][-_MOST:]
        return taken

    def forget(self) -> None:
        """Look no more at what this process uses."""
        self.rest()
        self._wanted.clear()
        self._alike.clear()
        self._tokens = {key: known for key, known in self._tokens.items() if known[0]() is not None}

    def rest(self) -> None:
        """Look away, for now."""
        if self._lookout is not None:
            self._lookout.end()
            self._lookout = None

    def before(self, made: Made, frame: FrameType) -> None:
        """Look at what is about to be forked.

        Args:
            made: What the guard knows of it.
            frame: That which forks.
        """
        self._local.pending = None
        self._local.pending = self._look(made, frame)

    def in_parent(self) -> None:
        """Look at what was forked."""
        pending: _Pending | None = getattr(self._local, "pending", None)
        self._local.pending = None
        if pending is None:
            return
        fork, _, _, belongings = pending
        self._seen.append(fork)
        if wanted := [one for one in belongings if one.sort != "database"]:
            self.rest()
            self._wanted |= {one.token: one for one in wanted}
            self._lookout = Lookout(self._wanted.values(), self._is_used)
            self._lookout.begin()

    def in_child(self) -> None:
        """Let the child see what its target does."""
        pending: _Pending | None = getattr(self._local, "pending", None)
        self._local.pending = None
        if pending is not None:
            _, process, forked, _ = pending
            self.rest()
            forked.begin(process)

    def _look(self, made: Made, frame: FrameType) -> _Pending:
        process, frame = _forking(frame)
        self._number += 1
        notes = Notes(self._folder, self._number)
        threads = self._neighbours.look(frame)
        is_new = self._is_new(process, frame)
        parts = self._parts(process, frame) if is_new else []
        locks = held_locks(part for part, sort in parts if sort == "lock") if process is not None else []
        belongings = [self._belonging(part, sort) for part, sort in parts if sort in _SHARED and is_shared(part, sort)]
        numbers = [(part, sort) for part, sort in parts if sort in ("random", "numpy")]
        fork = Fork(
            made,
            getattr(process, "name", ""),
            made.where,
            notes,
            threads,
            [(part.path, type_name(part.value)) for part in locks],
            {one.token: (one.sort, one.path, type_name(one.reference())) for one in belongings},
            {one.token: "run_forever" for one in belongings if one.sort == "loop" and _is_running(one.reference())},
            self._preflight.look(process, frame) if is_new and process is not None else "",
        )
        return fork, process, Forked(notes, locks, belongings, numbers, may_exec=bool(threads)), belongings

    def _is_new(self, process: Any, frame: FrameType) -> bool:
        """Return whether few forks of the span were like this one."""
        like = frame.f_code, getattr(getattr(process, "_target", None), "__code__", None)
        self._alike[like] = self._alike.get(like, 0) + 1
        return self._alike[like] <= _ALIKE

    def _parts(self, process: Any, frame: FrameType) -> list[tuple[Part, Sort]]:
        if self._modules != len(sys.modules):
            self._modules, self._sort_of = len(sys.modules), sorter()
        sort_of = self._sort_of
        return [(part, sort) for part in _reach(process, frame) if (sort := sort_of(part.value)) is not None]

    def _belonging(self, part: Part, sort: Sort) -> Belonging:
        value = part.value
        known = self._tokens.get(id(value))
        if known is None or known[0]() is not value:
            try:
                known = weakref.ref(value), f"{self._number}-{id(value):x}"
                self._tokens[id(value)] = known
            except TypeError:  # a connection of sqlite3; the child alone looks for it, and may keep it
                known = (lambda: value), f"{id(value):x}"
        return Belonging(known[1], sort, part.path, id(value), known[0])

    def _is_used(self, token: str, method: str) -> None:
        for fork in self._seen:
            if token in fork.belongings and (fork.belongings[token][0] == "loop" or fork.is_alive()):
                fork.used_here[token] = method


def _forking(frame: FrameType) -> tuple[Any, FrameType]:
    """Return the process that a fork is for, ``None`` where there is none, and the innermost frame of the user's.

    Args:
        frame: That which calls `os.fork`, or what stands in its place.
    """
    process: Any = None
    while (is_library(frame.f_code.co_filename) or is_disguised(frame)) and frame.f_back is not None:
        if frame.f_code.co_name == "_launch" and process is None:
            process = frame.f_locals.get("process_obj")
        frame = frame.f_back
    return process, frame


def _is_running(loop: Any) -> bool:
    return bool(loop.is_running())


def _reach(process: Any, frame: FrameType) -> Iterator[Part]:
    met: set[int] = set()
    near = reach_of_process(process) if process is not None else ()
    for part in (*near, *reach_of_frame(frame, forks=process is None)):
        if id(part.value) not in met:
            met.add(id(part.value))
            yield part
