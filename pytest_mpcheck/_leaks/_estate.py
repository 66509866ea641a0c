"""Which things with a name outlive their maker: segments of shared memory, semaphores, folders with sockets.

Guarantees: nothing is unlinked. Told is what this process or a child of its has made, by name, and what is still there.
A semaphore that an object of this process stands for is unlinked with it, and told only where a test or a library
under it keeps it for longer than the test. What the platform does not list is not told.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import Any

from .. import _platforms
from .._autopsy._origin import is_installed
from .._finding import Finding
from .._guard._watcher import Made, Span
from ._parts import Parts, made_by_pid
from ._reach import Reach

__all__ = ["Estate"]


class Estate:
    """Watches what has a name in the system.

    Args:
        reach: How word comes from children.
    """

    kinds: tuple[str, ...] = ("semaphore-leak", "shared-memory-leak", "socket-folder-leak")
    may_pass = True

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._left: dict[tuple[str, str], int] = {}

    def open(self) -> None:
        """Do nothing: `_output` has opened the reach."""

    def close(self) -> None:
        """Do nothing."""

    def begin(self) -> Collection[Hashable]:
        """Return what children have left that is known of already."""
        self._listen()
        return set(self._left)

    def end(self, span: Span, before: Collection[Hashable]) -> Iterable[Finding]:
        """Tell of what is there and has no owner."""
        self._listen()
        here = list(self._made_here(span))
        names = {name for _, name, _ in here}
        left = [(key, pid) for key, pid in self._left.items() if key not in before and key[1] not in names]
        by_pid = made_by_pid(span) if left else {}
        for (sort, name), pid in left:
            made, is_ours = by_pid.get(pid, (None, True))
            if is_ours:
                yield _leak(sort, name, made, pid)
        groups: dict[tuple[str, str], list[str]] = {}
        for sort, name, making in here:  # an event is made of five semaphores
            groups.setdefault((sort, making.where if sort == "semaphore" else name), []).append(name)
        makers = {name: made for _, name, made in here}
        for (sort, _), several in groups.items():
            yield _leak(sort, ", ".join(several), makers[several[0]], 0)

    def _listen(self) -> None:
        """Hear what children that have ended have made; what has gone since is forgotten."""
        for pid, data in self._reach.words("made"):
            for line in data.decode(errors="replace").splitlines():
                sort, _, name = line.partition(" ")
                self._left[sort, name] = pid
        self._left = {key: pid for key, pid in self._left.items() if _is_there(*key)}

    def _made_here(self, span: Span) -> Iterator[tuple[str, str, Made]]:
        """Yield what the span has made in this process and that is there: its sort, its name, and its making."""
        parts: Parts | None = None
        for made in span.made:
            if made.kind == "shared memory" and made.name and not made.failed:
                if _is_there("shared_memory", made.name):
                    yield "shared_memory", made.name, made
            elif made.kind == "semaphore" and made.inside is None and not span.has_failed and span.scope == "function":
                thing: Any = made.object() if made.object is not None else None
                name = getattr(getattr(thing, "_semlock", None), "name", None)
                if not name or is_installed(made.where):  # a library keeps some: a lock around a progress bar
                    continue
                parts = parts or Parts(span)
                if made.where not in parts.places and _is_there("semaphore", name):
                    yield "semaphore", name, made


def _is_there(sort: str, name: str) -> bool:
    return os.path.isdir(name) if sort == "folder" else _platforms.named_memory_exists(sort, name)


def _leak(sort: str, name: str, made: Made | None, pid: int) -> Finding:
    where = made.where if made is not None else ""
    maker = f"process {pid}, which has ended, has made it" if pid else ""
    if sort == "folder":
        return Finding(
            "socket-folder-leak",
            f"folder {name} of sockets is left",
            where,
            maker,
            "let the process end by itself, and shutdown() managers: one that is killed leaves its folder",
        )
    if sort == "semaphore":
        return Finding(
            "semaphore-leak",
            f"semaphore {name} is still there",
            where,
            maker or "an object of this process stands for it",
            "let the process that has made it end by itself" if pid else "drop the lock, queue or event with the test",
        )
    return Finding(
        "shared-memory-leak",
        f"shared memory {name} was never unlinked",
        where,
        maker or "no process needs to have it open for that: it takes memory until somebody unlinks it",
        "unlink() it once, in the process that has made it, beside close() in each that uses it",
    )
