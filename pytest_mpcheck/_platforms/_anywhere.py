"""What works on every platform, if not best on each."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .._clock import seconds_since
from .._records import ProcessId, ThreadWait
from ._kinship import Kin
from ._lineage import start_method_of

if TYPE_CHECKING:
    from .._process_facts import ProcessFacts

__all__ = ["kin", "memory_kills", "stacks_file", "start_token", "tree_of", "waits_of"]


def start_token(pid: int) -> str:
    """Return the creation time that psutil tells; empty once the process is gone."""
    import psutil

    try:
        return repr(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""


def tree_of(pid: int) -> tuple[ProcessFacts, ...]:
    """Return a process and all that descends from it, parents before their children; nothing once it is gone."""
    import psutil

    from .._process_facts import ProcessFacts

    found: list[ProcessFacts] = []
    commands: dict[int, str] = {}
    lineage: dict[int, str] = {}
    try:
        root = psutil.Process(pid)
        around = [*reversed(root.parents()), root, *root.children(recursive=True)]
    except psutil.Error:
        return ()
    for process in around:
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile, or is not ours to look at
            parent, state, times, created = (
                process.ppid(),
                process.status(),
                process.cpu_times(),
                process.create_time(),
            )
            command = "" if state == psutil.STATUS_ZOMBIE else " ".join(process.cmdline())
            commands[process.pid] = command
            lineage[process.pid] = start_method_of(
                command, is_forked=command == commands.get(parent) != "", parent=lineage.get(parent, "")
            )
            if process.pid == pid or found:
                found.append(
                    ProcessFacts(
                        process=ProcessId(process.pid, repr(created)),
                        parent=parent,
                        command=command,
                        state="waiting for a device" if state == psutil.STATUS_DISK_SLEEP else str(state),
                        age=seconds_since(created),
                        cpu=times.user + times.system,
                        start_method=lineage[process.pid],
                    )
                )
    return tuple(found)


def stacks_file(pid: int, signal_number: int) -> str | None:
    """Return ``None``: nobody tells which files a process has open, and which signals it catches."""
    return None


def memory_kills() -> int | None:
    """Return ``None``: nobody counts."""
    return None


def waits_of(pid: int) -> tuple[ThreadWait, ...]:
    """Return nothing: what a thread waits for is not known."""
    return ()


def kin() -> Kin | None:
    """Return ``None``: who could give what is not known."""
    return None
