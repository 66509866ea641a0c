"""Processes as Linux shows them in `/proc`.

Guarantees: nothing here touches a process, it only reads. A process that ends meanwhile is left out.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .._process_facts import ProcessFacts
from .._records import ProcessId
from ._lineage import start_method_of
from ._linux import command_of

__all__ = ["memory_kills", "stacks_file", "tree_of"]

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")

_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting for a device",
    "T": "stopped",
    "t": "stopped by a debugger",
    "Z": "zombie",
}

_STACKS_FILE = re.compile(r"/mpcheck-[^/]*/(?:.+/)?\d+\.stacks( \(deleted\))?$")


class _Stat(NamedTuple):
    pid: int
    state: str
    parent: int
    cpu: int
    started: int
    stack: str


def tree_of(pid: int) -> tuple[ProcessFacts, ...]:
    """Return a process and all that descends from it, parents before their children; nothing once it is gone."""
    stats = {stat.pid: stat for stat in _all_stats()}
    if pid not in stats:
        return ()
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
    uptime = float((PROC / "uptime").read_text().split()[0])
    found: list[ProcessFacts] = []

    def how(this: int) -> str:
        stat, parent = stats[this], stats.get(stats[this].parent)
        is_forked = parent is not None and stat.stack == parent.stack != "0"  # `exec` chooses a new place for it
        return start_method_of(command_of(this), is_forked=is_forked, parent=how(stat.parent) if is_forked else "")

    def visit(this: int) -> None:
        stat = stats[this]
        found.append(
            ProcessFacts(
                process=ProcessId(this, str(stat.started)),
                parent=stat.parent,
                command=command_of(this),
                state=_STATES.get(stat.state, f"in state {stat.state}"),
                age=max(0.0, uptime - stat.started / ticks),
                cpu=stat.cpu / ticks,
                start_method=how(this),
            )
        )
        for child in sorted(children.get(this, ()), key=lambda pid: (stats[pid].started, pid)):
            visit(child)

    visit(pid)
    return tuple(found)


def stacks_file(pid: int, signal_number: int) -> str | None:
    """Return the path of the file into which a process would write its stacks if it got a signal.

    Args:
        pid: The process; one that was forked from a child of ours has inherited both, and answers into the same file.
        signal_number: The signal.

    Returns:
        The path; ``None`` for a process that has no handler for the signal, and would die of it, or has no such file.
    """
    try:
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", (PROC / str(pid) / "status").read_text(), re.MULTILINE)
        if caught is None or not int(caught[1], 16) >> (signal_number - 1) & 1:
            return None
        for link in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                target = os.readlink(link)
                if match := _STACKS_FILE.search(target):
                    return str(link) if match[1] else target  # its folder is gone, the file lives in the link
    except OSError:
        return None
    return None


def memory_kills() -> int | None:
    """Return how many processes the kernel has killed for want of memory, as near to us as it counts them.

    Returns:
        The count of our control group, else of the machine; ``None`` where nobody counts.
    """
    for path in _counters():
        with (
            contextlib.suppress(OSError),
            open(path, "rb", buffering=0) as file,
        ):  # for each child: no more than it takes
            if match := re.search(rb"^oom_kill (\d+)$", file.read(), re.MULTILINE):
                return int(match[1])
    return None


@lru_cache(maxsize=1)
def _counters() -> tuple[str, ...]:
    """Return the files that may count: of control groups of version 2 and of version 1, then of the machine."""
    found: list[Path] = []
    with contextlib.suppress(OSError):
        for line in (PROC / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                found.append(CGROUPS / path.lstrip("/") / "memory.events")
            elif "memory" in controllers.split(","):
                found.append(CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control")
    return tuple(str(file) for file in (*found, PROC / "vmstat") if file.exists())


def _all_stats() -> Iterator[_Stat]:
    for name in os.listdir(PROC):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                yield _parse(int(name), (PROC / name / "stat").read_text(errors="replace"))


def _parse(pid: int, text: str) -> _Stat:
    """Read what `proc_pid_stat(5)` calls fields 3, 4, 14 and 15, 22, 28; the name before them may hold anything."""
    fields = text[text.rindex(")") :].split()
    return _Stat(pid, fields[1], int(fields[2]), int(fields[12]) + int(fields[13]), int(fields[20]), fields[26])
