"""What is seen of a fork, in the parent just before and after it.

Guarantees: all of it hangs on `os.register_at_fork`, so no function of anybody's is replaced in the process of the
test, and whoever forks is heard. Nothing happens in other processes, nor while nobody watches. What goes wrong is kept
as `Forks.trouble`; neither the parent nor the child notices. In the parent nothing is kept alive.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from .. import _platforms
from .._autopsy._origin import origin
from .._excerpts import RAISED, type_name
from .._guard._callers_name import is_disguised
from .._guard._doors import making
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

_SHARED: tuple[Sort, ...] = ("file", "socket", "database", "loop")


@dataclass(eq=False, slots=True)
class Fork:
    """What was seen of a fork, as text.

    Attributes:
        made: What the guard knows of it; ``None`` when it came by no door.
        name: The name of the process; empty for one that the test's own code has forked.
        where: The line that it comes from.
        notes: What the child tells.
        threads: A line for each thread that ran beside.
        locks: Path and type of the locks that were held.
        belongings: Sort, path and type of what is shared with the child, by token.
        used_here: What the parent has used while the child lived, by token: the name of the method.
        obstacle: What would not pickle.
    """

    made: Made | None
    name: str
    where: str
    notes: Notes
    threads: tuple[str, ...]
    locks: list[tuple[str, str]]
    belongings: dict[str, tuple[Sort, str, str]]
    used_here: dict[str, str]
    obstacle: str = ""

    def is_alive(self) -> bool:
        """Return whether the child has not ended."""
        pid = self.made.pid if self.made is not None else 0
        return pid > 0 and _platforms.is_alive(ProcessId(pid, _platforms.start_token(pid)))


_Pending = tuple[Fork, Any, Forked, list[Belonging]]


class Forks:
    """The forks of this process.

    Args:
        folder: The folder of the notes.

    Attributes:
        trouble: What went wrong last; ``None`` when nothing did.
    """

    def __init__(self, folder: str) -> None:
        self.trouble: BaseException | None = None
        self._folder = folder
        self._pid = os.getpid()
        self._seen: list[Fork] = []
        self._number = 0
        self._tokens: dict[int, tuple[Callable[[], object], str]] = {}
        self._neighbours = Neighbours()
        self._preflight = Preflight()
        self._local = threading.local()
        self._lookout: Lookout | None = None
        self._wanted: dict[str, Belonging] = {}

    def take(self, is_wanted: Callable[[Fork], bool]) -> list[Fork]:
        """Return what was seen of some forks, and forget it."""
        taken = [fork for fork in self._seen if is_wanted(fork)]
        self._seen = [fork for fork in self._seen if fork not in taken][-_MOST:]
        return taken

    def forget(self) -> None:
        """Look no more at what this process uses."""
        self.rest()
        self._wanted.clear()
        self._tokens = {key: known for key, known in self._tokens.items() if known[0]() is not None}

    def rest(self) -> None:
        """Look away, for now."""
        if self._lookout is not None:
            self._lookout.end()
            self._lookout = None

    def before(self) -> None:
        """Look at what is about to be forked."""
        self._local.pending = None
        if os.getpid() == self._pid:
            with self._watched():
                self._local.pending = self._look(sys._getframe(2))

    def in_parent(self) -> None:
        """Look at what was forked."""
        pending: _Pending | None = getattr(self._local, "pending", None)
        self._local.pending = None
        if pending is None:
            return
        fork, process, _, belongings = pending
        with self._watched():
            if process is not None:
                fork.obstacle = self._preflight.look(process)
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
            with self._watched():
                self.rest()
                forked.begin(process)

    def _look(self, frame: FrameType) -> _Pending:
        process, frame = _forking(frame)
        self._number += 1
        notes = Notes(self._folder, self._number)
        threads = self._neighbours.look(frame)
        sort_of = sorter()
        parts = [(part, sort) for part in _reach(process, frame) if (sort := sort_of(part.value)) is not None]
        locks = held_locks(part for part, sort in parts if sort == "lock") if process is not None else []
        belongings = [self._belonging(part, sort) for part, sort in parts if sort in _SHARED and is_shared(part, sort)]
        numbers = [(part, sort) for part, sort in parts if sort in ("random", "numpy")]
        fork = Fork(
            making(),
            getattr(process, "name", ""),
            origin(),
            notes,
            threads,
            [(part.path, type_name(part.value)) for part in locks],
            {one.token: (one.sort, one.path, type_name(one.reference())) for one in belongings},
            {one.token: "run_forever" for one in belongings if one.sort == "loop" and _is_running(one.reference())},
        )
        return fork, process, Forked(notes, locks, belongings, numbers, may_exec=bool(threads)), belongings

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

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except RAISED as error:
            self.trouble = error


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
