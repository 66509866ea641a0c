"""Sees who uses an object: a file, a socket, a connection, an event loop.

Such objects are made in C, and their classes cannot be changed. So for a limited number of calls a profile function
looks at each call of this thread: what is its first argument?

Guarantees: an object is told when one of its methods is called that uses what it stands for; closing it is no use. At
most `CALLS` events are looked at, then nothing is left of it. Where somebody profiles already, nothing is seen.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from types import FrameType
from typing import Any, NamedTuple

from ._reach import Part
from ._sorts import Sort

__all__ = ["Belonging", "Lookout", "is_shared"]

CALLS = 20_000
"""How many events are looked at: calls and returns; a few milliseconds of them."""

_METHODS: dict[Sort, str] = {
    "file": "read read1 readall readinto readinto1 readline readlines seek truncate write writelines",
    "socket": "recv recv_into recvfrom recvfrom_into recvmsg recvmsg_into send sendall sendfile sendmsg sendto",
    "database": "backup begin callproc commit cursor execute executemany executescript iterdump query rollback sql",
    "loop": "add_reader add_writer call_at call_later call_soon call_soon_threadsafe create_task run_forever "
    "run_until_complete",
}
"""By sort, the methods that use an object."""

_USES = {sort: frozenset(names.split()) for sort, names in _METHODS.items()}

_ALL_USES = frozenset[str]().union(*_USES.values())


class Lookout:
    """A profile function that looks for uses.

    Args:
        objects: What to look for, by token.
        tell: Is called with the token and the name of the method, once for each object.
    """

    def __init__(self, objects: Iterable[Belonging], tell: Callable[[str, str], None]) -> None:
        self._wanted = {one.identity: one for one in objects}
        self._tell = tell
        self._left = CALLS

    def begin(self) -> None:
        """Look at what this thread calls from now on."""
        if self._wanted and sys.getprofile() is None:
            sys.setprofile(self._profile)

    def end(self) -> None:
        """Look no more. Idempotent."""
        if sys.getprofile() == self._profile:
            sys.setprofile(None)
        self._left = 0

    def _profile(self, frame: FrameType, event: str, what: Any) -> None:
        self._left -= 1
        if event == "c_call":
            name = getattr(what, "__name__", "")
            if name in _ALL_USES:
                self._see(getattr(what, "__self__", None), name)
        elif event == "call":
            code = frame.f_code
            if code.co_name in _ALL_USES and code.co_argcount:
                self._see(frame.f_locals.get(code.co_varnames[0]), code.co_name)
        if self._left <= 0:
            self.end()

    def _see(self, this: object, name: str) -> None:
        found = self._wanted.get(id(this))
        if found is None or name not in _USES[found.sort] or found.reference() is not this:
            return
        del self._wanted[id(this)]
        if not self._wanted:
            self._left = 0
        if found.sort != "database" or _leads_out(this):
            self._tell(found.token, name)


class Belonging(NamedTuple):
    """Something that is one and the same thing on both sides of a fork.

    Attributes:
        token: What it is called in notes.
        sort: Its sort.
        path: How the child reaches it, in words.
        identity: Its `id`.
        reference: Gives it, as long as it is there.
    """

    token: str
    sort: Sort
    path: str
    identity: int
    reference: Callable[[], object]


def is_shared(part: Part, sort: Sort) -> bool:
    """Return whether an object would be one and the same thing on both sides of a fork, as far as it tells by itself.

    Args:
        part: The object.
        sort: Its sort.
    """
    value = part.value
    try:
        if sort == "loop":
            return not value.is_closed()
        if sort == "socket":
            return not part.is_given and value.getpeername() is not None
        if sort == "file":
            return not part.is_given and not value.closed and _has_position(value.fileno())
    except (AttributeError, OSError, ValueError):  # it has no descriptor, or is being closed
        return False
    return sort == "database"


def _has_position(descriptor: int) -> bool:
    """Return whether a descriptor is of a file with a position that readers and writers have in common."""
    if descriptor <= 2 or not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False
    fcntl: Any = import_module("fcntl")  # where processes fork there is one
    return not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND


def _leads_out(this: Any) -> bool:
    """Return whether a connection leads out of this process; one of sqlite3 may lead to memory, which each has its own.

    Args:
        this: A connection to any database.
    """
    sqlite3: Any = sys.modules.get("sqlite3")
    if sqlite3 is None or not isinstance(this, sqlite3.Connection):
        return True
    try:
        cursor = sqlite3.Connection.cursor(this)
        cursor.row_factory = None
        return any(path for _, _, path in cursor.execute("PRAGMA database_list").fetchall())
    except sqlite3.Error:  # it is closed
        return False
