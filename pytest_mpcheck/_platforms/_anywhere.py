"""What works on every platform, if not best on each."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from .._clock import seconds_since
from .._records import ProcessId
from ._kinship import Kin
from ._lineage import start_method_of

if TYPE_CHECKING:
    from .._process_facts import ProcessFacts, Straggler, ThreadWait

__all__ = [
    "end",
    "family",
    "find",
    "is_alive",
    "kin",
    "memory_kills",
    "named_memory_exists",
    "new_brand",
    "set_brand",
    "stacks_file",
    "start_clock",
    "start_token",
    "tree_of",
    "waits_of",
]


def start_clock() -> int | None:
    """Return nothing: processes alone tell when they started."""
    return None


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


def is_alive(process: ProcessId) -> bool:
    """Return whether a process has not ended; a zombie has."""
    import psutil

    try:
        found = psutil.Process(process.pid)
        return repr(found.create_time()) == process.start_token and found.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end(process: ProcessId, *, kill: bool) -> None:
    """Ask a process to end, or kill it; nothing happens when it is gone, whoever has its pid now.

    Args:
        process: The process.
        kill: Whether to leave it no choice.
    """
    import psutil

    with contextlib.suppress(psutil.Error):
        found = psutil.Process(process.pid)
        if repr(found.create_time()) == process.start_token:
            (found.kill if kill else found.terminate)()


def find(
    scope: str, mark: str, since: ProcessId, noted: Collection[ProcessId] = (), brand: int | None = None
) -> tuple[Straggler, ...]:
    """Find the living processes that belong to a scope.

    Args:
        scope: A folder. Who has a file in it open, or got it in its environment, belongs to the scope.
        mark: The name in the environment that says so.
        since: A process older than every one that could belong to it.
        noted: Processes that are known to belong to it.
        brand: Nothing here.

    Returns:
        They and their descendants, the oldest first; this process and its ancestors do not count.
    """
    import psutil

    from .._process_facts import Straggler

    everything: list[Any] = list(psutil.process_iter(["create_time"]))
    everything.sort(key=lambda process: process.info["create_time"] or 0.0)  # parents before their children
    oldest = float(since.start_token or 0)
    known = {(process.pid, process.start_token) for process in noted}
    me = psutil.Process()
    aside = {me.pid, *(ancestor.pid for ancestor in me.parents())}
    members: dict[int, Straggler] = {}
    for process in everything:
        pid = process.pid
        with contextlib.suppress(psutil.Error, OSError):
            if pid in aside or process.create_time() < oldest or process.status() == psutil.STATUS_ZOMBIE:
                continue
            token = repr(process.create_time())
            ancestors = {ancestor.pid for ancestor in process.parents()}
            if (
                (pid, token) in known
                or any(_lies_in(path, scope) for path in _marks(process, mark))
                or not ancestors.isdisjoint(members)
            ):
                session = os.getsid(pid) if hasattr(os, "getsid") else 0
                command = " ".join(process.cmdline()) or process.name()
                members[pid] = Straggler(ProcessId(pid, token), process.ppid(), session, process.name(), command)
    return tuple(members.values())


def family(
    scope: str, mark: str, since: ProcessId, brand: int | None, outsiders: set[int]
) -> tuple[tuple[Straggler, ...], tuple[Straggler, ...]]:
    """Find who of a scope lives, and which children of this process are zombies.

    Args:
        scope: A folder; empty for none.
        mark: The name in the environment that says so.
        since: A process older than every one that could belong to it.
        brand: Nothing here.
        outsiders: Nothing here: psutil has a memory of its own.

    Returns:
        Those who have a mark of the scope, or descend from such a one or from this process, and its zombies. This
        process does not count, nor do its ancestors.
    """
    import psutil

    from .._process_facts import Straggler

    me = psutil.Process()
    children: list[ProcessId] = []
    zombies: list[Straggler] = []
    for child in me.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process = ProcessId(child.pid, repr(child.create_time()))
            if child.status() != psutil.STATUS_ZOMBIE:
                children.append(process)
            elif child.ppid() == me.pid:
                zombies.append(Straggler(process, me.pid, 0, child.name(), ""))
    return find(scope or f"{os.sep}nowhere", mark, since, children), tuple(zombies)


def named_memory_exists(kind: str, name: str) -> bool:
    """Return that it does not: nothing lists what has a name, and to open it would change what its maker sees."""
    return False


def _marks(process: Any, mark: str) -> Iterator[str]:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        yield process.environ().get(mark, "")
    with contextlib.suppress(psutil.Error, OSError):
        yield from (file.path for file in process.open_files())


def _lies_in(path: str, scope: str) -> bool:
    return path == scope or path.startswith(scope + os.sep)


def new_brand() -> int | None:
    """Return ``None``: nothing would pass it on."""
    return None


def set_brand(brand: int | None) -> int | None:
    """Do nothing."""
    return None


def kin() -> Kin | None:
    """Return ``None``: who could give what is not known."""
    return None
