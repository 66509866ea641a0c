"""`Scope`: which processes belong to a run or to a test, and which of those are left alone.

Guarantees: a process belongs to a scope by one of five marks, and by nothing else: a file open in the scope's folder
(forks inherit it), the folder in the environment that it was started with (programs inherit that), a brand (everybody
inherits that, on Linux), a note of its start, or a parent that belongs to it. This process, its ancestors and every
keeper never do.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from fnmatch import fnmatchcase

from .. import _platforms
from .._process_facts import Straggler
from .._record import record
from .._records import ProcessId
from .._regular_file import open_regular_file
from ._doors import NOTES, add_notes

__all__ = ["Scope", "is_tracker"]

_KEEPER = os.path.join("pytest_mpcheck", "_keeper", "_main.py")

_TRACKERS, _SERVER = ("resource_tracker import main", "semaphore_tracker import main"), "forkserver import main"
"""What command lines of the helpers of `multiprocessing` hold, and of those libraries that have their own."""


@record(frozen=True, slots=True)
class Scope:
    """What a run or a test may have started.

    Attributes:
        folder: Its folder, as a real path.
        pytest: The process of pytest.
        session: The session that pytest is in.
        strict: Whether a session of its own does not save a process.
        keep: Patterns of names and command lines of those that are left alone, untold.
        brand: The brand of all that descends from pytest; ``None`` where there is none.
    """

    folder: str
    pytest: ProcessId
    session: int
    strict: bool = False
    keep: tuple[str, ...] = ()
    brand: int | None = None

    @classmethod
    def here(cls, folder: str, *, strict: bool = False, keep: tuple[str, ...] = ()) -> Scope:
        """Make the scope of a run or a test of this process."""
        pid = os.getpid()
        session = os.getsid(0) if hasattr(os, "getsid") else 0
        return cls(folder, ProcessId(pid, _platforms.start_token(pid)), session, strict, keep)

    def members(self) -> tuple[Straggler, ...]:
        """Return the living processes that belong to the scope, but for those that `keep` names."""
        noted = self._noted()
        found = _platforms.find(self.folder, _platforms.MARK, self.pytest, noted, self.brand)
        members = tuple(one for one in found if _KEEPER not in one.command and not self._is_kept(one))
        self._note([one.process for one in members if one.process not in noted])
        return members

    def family(self, outsiders: set[int]) -> tuple[tuple[Straggler, ...], tuple[Straggler, ...]]:
        """Return the living processes of the scope or below this process, and the zombies that are its children.

        It takes a third of a millisecond, and for that leaves out what is known by notes alone, and who was an outsider
        the last time. Those that `keep` names do not count.

        Args:
            outsiders: The pids of those, for the next call; empty at first.
        """
        living, zombies = _platforms.family(self.folder, _platforms.MARK, self.pytest, self.brand, outsiders)
        return tuple(one for one in living if _KEEPER not in one.command and not self._is_kept(one)), zombies

    def has_left(self, straggler: Straggler) -> bool:
        """Return whether a process took leave on purpose: it made itself a session of its own."""
        return straggler.session != self.session and not self.strict

    def is_helper(self, straggler: Straggler, everybody: tuple[Straggler, ...]) -> bool:
        """Return whether a process is a resource tracker or a fork server, which end by themselves.

        A child of a fork server has the server's command line. It is told from the server by who its parent is. Where
        pytest has ended its parent may be anybody, and it passes for a server.

        Args:
            straggler: The process.
            everybody: All that belong to the scope.
        """
        if is_tracker(straggler):
            return True
        servers = {one.process.pid for one in everybody if _SERVER in one.command}
        if straggler.process.pid not in servers or straggler.parent in servers:
            return False
        masters = {self.pytest.pid, *(one.process.pid for one in everybody)}
        return straggler.parent in masters or not _platforms.is_alive(self.pytest)

    def _is_kept(self, straggler: Straggler) -> bool:
        return any(fnmatchcase(text, pattern) for pattern in self.keep for text in (straggler.name, straggler.command))

    def _note(self, processes: Collection[ProcessId]) -> None:
        """Note who was found, before anybody ends it: one that is known by its parent only is known no more after that.

        Other sweeps read the note: that of the keeper goes on where one in pytest was interrupted.
        """
        if processes:
            add_notes(self.folder, processes)

    def _noted(self) -> set[ProcessId]:
        lines: list[str] = []
        for folder, _, files in os.walk(self.folder):  # of the run, and of each test of it
            if NOTES in files:
                path = os.path.join(folder, NOTES)
                with contextlib.suppress(OSError), open_regular_file(path) as file:
                    lines += file.read().decode("ascii", errors="replace").splitlines()
        pairs = (line.split() for line in lines)  # a child may have damaged its own
        return {ProcessId(int(pair[0]), pair[1]) for pair in pairs if len(pair) == 2 and pair[0].isdecimal()}


def is_tracker(straggler: Straggler) -> bool:
    """Return whether a process is a resource tracker, which unlinks what others left behind and then ends."""
    return any(tracker in straggler.command for tracker in _TRACKERS)
