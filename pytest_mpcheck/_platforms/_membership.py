"""Who belongs to a scope, as Linux shows it in `/proc`: by a mark, or by descent from one who bears it.

Guarantees: nothing here touches a process, it only reads. A process that ends meanwhile is left out.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from .._process_facts import Straggler
from .._records import ProcessId
from ._brand import brand_of
from ._linux import command_of, is_alive
from ._stat import Stat, stat_of

__all__ = ["family", "find"]


def find(
    scope: str, mark: str, since: ProcessId, noted: Collection[ProcessId] = (), brand: int | None = None
) -> tuple[Straggler, ...]:
    """Find the living processes that belong to a scope.

    Args:
        scope: A folder. Who has a file in it open, or got it in its environment, belongs to the scope.
        mark: The name in the environment that says so.
        since: A process older than every one that could belong to it.
        noted: Processes that are known to belong to it.
        brand: A brand that all who have it belong to it by.

    Returns:
        They and their descendants, the oldest first; this process and its ancestors do not count.
    """
    oldest = int(since.start_token or 0)
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    stats = {pid: stat for pid in pids if (stat := stat_of(pid)) and int(stat.start_token) >= oldest}
    aside, pid = set(), os.getpid()
    while pid and pid not in aside:
        aside.add(pid)
        pid = stat.parent if (stat := stat_of(pid)) else 0
    candidates = {pid: stat for pid, stat in stats.items() if pid not in aside and stat.state not in "ZX"}
    known = {(process.pid, process.start_token) for process in noted}
    members = {
        pid
        for pid, stat in candidates.items()
        if (pid, stat.start_token) in known
        or (brand is not None and brand_of(pid) == brand)
        or _has_mark(pid, scope, mark)
    }
    members = _with_descendants(members, candidates)
    found = [
        Straggler(ProcessId(pid, stat.start_token), stat.parent, stat.session, stat.name, command or stat.name)
        for pid, stat, command in ((pid, candidates[pid], command_of(pid)) for pid in members)
        if command or is_alive(ProcessId(pid, stat.start_token))  # it may have ended since we looked
    ]
    return tuple(sorted(found, key=lambda straggler: (int(straggler.process.start_token), straggler.process.pid)))


def family(
    scope: str, mark: str, since: ProcessId, brand: int | None, outsiders: set[int]
) -> tuple[tuple[Straggler, ...], tuple[Straggler, ...]]:
    """Find who of a scope lives, and which children of this process are zombies; quickly, since each test asks.

    Args:
        scope: A folder; empty for none.
        mark: The name in the environment that says so.
        since: A process older than every one that could belong to it.
        brand: A brand that all who belong to it have; ``None`` to go by marks, which takes longer.
        outsiders: The pids that were found not to belong to it, which are not looked at again while they are there;
            those that are found now are added, those that are gone taken out.

    Returns:
        Those who have a mark of the scope, or descend from such a one or from this process, and its zombies. This
        process does not count, nor do its ancestors.
    """
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    outsiders &= pids
    stats = {pid: stat for pid in pids - outsiders if (stat := stat_of(pid))}
    oldest, this = int(since.start_token or 0), os.getpid()
    outsiders |= {pid for pid, stat in stats.items() if int(stat.start_token) < oldest}
    zombies = {pid for pid, stat in stats.items() if stat.state in "ZX" and stat.parent == this}
    candidates = {pid: stat for pid, stat in stats.items() if pid not in outsiders and stat.state not in "ZX"}
    members = _with_descendants({this}, candidates)
    marked = {
        pid
        for pid in candidates.keys() - members  # marks are read of those only that descent does not tell of
        if (brand_of(pid) == brand if brand is not None else scope and _has_mark(pid, scope, mark))
    }
    members = _with_descendants(members | marked, candidates)
    outsiders |= candidates.keys() - members
    living: list[Straggler] = []
    for pid in sorted(members - {this}):
        stat, command = candidates[pid], command_of(pid)
        process = ProcessId(pid, stat.start_token)
        if command or is_alive(process):
            living.append(Straggler(process, stat.parent, stat.session, stat.name, command or stat.name))
        elif stat.parent == this:  # it has ended since we looked
            zombies.add(pid)
    return tuple(living), tuple(
        Straggler(ProcessId(pid, stats[pid].start_token), this, stats[pid].session, stats[pid].name, "")
        for pid in sorted(zombies)
    )


def _with_descendants(members: set[int], candidates: dict[int, Stat]) -> set[int]:
    """Return some processes, and those candidates that descend from one of them."""
    found = set(members)
    while heirs := {pid for pid, stat in candidates.items() if stat.parent in found} - found:
        found |= heirs
    return found


def _has_mark(pid: int, scope: str, mark: str) -> bool:
    """Return whether a process has a file of a scope open, or was started with the scope in its environment."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or another user's
        return False
    inside = scope + "/"
    for name in names:
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/{name}").startswith(inside):
                return True
    start = f"{mark}={scope}".encode()
    return any(entry == start or entry.startswith(start + b"/") for entry in environ.split(b"\0"))
