"""Linux, and what is enough like it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._records import ProcessId
from ._kinship import Kin
from ._posix import doors, end_group, end_self, event_clock, first_end, group_members, start_apart, uncollected
from ._start_clock import start_clock
from ._stat import stat_of

if TYPE_CHECKING:
    from .._process_facts import ProcessFacts, Straggler, ThreadWait

__all__ = [
    "STACK_SIGNAL",
    "clock_is_shared",
    "descriptors",
    "doors",
    "end",
    "end_group",
    "end_self",
    "event_clock",
    "exit_handle",
    "family",
    "find",
    "first_end",
    "follow_parent",
    "group_members",
    "ignored_signals",
    "is_alive",
    "kin",
    "memory_kills",
    "named_memory_exists",
    "new_brand",
    "open_descriptors",
    "reserve",
    "set_brand",
    "stacks_file",
    "start_apart",
    "start_clock",
    "start_token",
    "thread_count",
    "tree_of",
    "umask",
    "uncollected",
    "waits_of",
]

_signals: Any = signal

STACK_SIGNAL: int | None = _signals.SIGRTMAX - 3
"""A real-time signal: nothing gives these a meaning of its own, and the highest ones are used by debuggers."""


def exit_handle(pid: int) -> int | None:
    """Open a descriptor that is readable once the process has ended (`pidfd_open(2)`); ``None`` on old kernels.

    The sentinel of `multiprocessing` is a pipe that forked grandchildren keep open; this is the process itself.
    """
    this: Any = os
    try:
        handle: int = this.pidfd_open(pid)
    except (AttributeError, OSError):  # PyPy has no such function; old kernels no such call
        return None
    return handle


def follow_parent(fd: int) -> None:
    """Send this process SIGTERM as soon as the last writer of the pipe ``fd`` is gone.

    The kernel does it by itself, also when the parent was killed outright and while this process hangs in C code; one
    that does not end by it gets SIGKILL from the keeper.
    `fcntl(2)`, F_SETSIG, lets a pipe that is closed at its far end send any signal. It takes no thread, and unlike
    PR_SET_PDEATHSIG it works where the parent is not the one that forked us (forkserver).
    """
    if sys.platform == "linux":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGTERM)
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        poll = select.poll()
        poll.register(fd, 0)
        if poll.poll(0):  # the parent was gone before we asked to be told
            os.kill(os.getpid(), signal.SIGTERM)  # pragma: ends by a signal


def start_token(pid: int) -> str:
    """Return the start time in clock ticks since boot, from `/proc/PID/stat`, field 22; empty once it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read(4096)
    except OSError:
        return ""
    return text[text.rindex(b")") :].split()[20].decode()


def is_alive(process: ProcessId) -> bool:
    """Return whether a process has not ended; a zombie has."""
    stat = stat_of(process.pid)
    return stat is not None and stat.start_token == process.start_token and stat.state not in "ZX"


def end(process: ProcessId, *, kill: bool) -> None:
    """Ask a process to end, or kill it; nothing happens when it is gone, whoever has its pid now.

    With `pidfd_send_signal(2)` nothing can come between the look at who it is and the signal.

    Args:
        process: The process.
        kill: Whether to leave it no choice.
    """
    number = _signals.SIGKILL if kill else signal.SIGTERM
    handle = exit_handle(process.pid)
    try:
        if start_token(process.pid) == process.start_token:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if handle is None or not hasattr(signal, "pidfd_send_signal"):
                    os.kill(process.pid, number)
                else:
                    _signals.pidfd_send_signal(handle, number)
    finally:
        if handle is not None:
            os.close(handle)


def find(
    scope: str, mark: str, since: ProcessId, noted: Collection[ProcessId] = (), brand: int | None = None
) -> tuple[Straggler, ...]:
    """Find the living processes that belong to a scope; see `_membership`."""
    from . import _membership  # children load this module, and have no use for that one

    return _membership.find(scope, mark, since, noted, brand)


def family(
    scope: str, mark: str, since: ProcessId, brand: int | None, outsiders: set[int]
) -> tuple[tuple[Straggler, ...], tuple[Straggler, ...]]:
    """Find who of a scope lives, and which children of this process are zombies; see `_membership`."""
    from . import _membership

    return _membership.family(scope, mark, since, brand, outsiders)


def command_of(pid: int) -> str:
    """Return the command line of a process; empty for a zombie, and once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def new_brand() -> int | None:
    """Return a number that nobody has been branded with."""
    from . import _brand

    return _brand.new_brand()


def set_brand(brand: int | None) -> int | None:
    """Brand this process, so that its descendants are known by it, or take the brand away; return the one it had."""
    from . import _brand

    return _brand.set_brand(brand)


def tree_of(pid: int) -> tuple[ProcessFacts, ...]:
    """Return a process and all that descends from it, parents before their children; nothing once it is gone."""
    from . import _procfs  # children load this module, and have no use for that one

    return _procfs.tree_of(pid)


def descriptors() -> dict[int, str]:
    """Return what is open in this process, by descriptor."""
    from . import _proc_self

    return _proc_self.descriptors()


def open_descriptors() -> dict[int, str]:
    """Return what is open in this process, by descriptor: a path, or the number of a pipe or socket."""
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one by which the list was read
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def named_memory_exists(kind: str, name: str) -> bool:
    """Return whether a semaphore or a segment of shared memory is still to be found by its name.

    Args:
        kind: ``semaphore`` or ``shared_memory``, as the resource tracker has it.
        name: Its name, as `sem_open(3)` and `shm_open(3)` take it.
    """
    return os.path.exists(f"/dev/shm/{'sem.' if kind == 'semaphore' else ''}{name.lstrip('/')}")


def ignored_signals() -> frozenset[int]:
    """Return the numbers of the signals that this process ignores."""
    from . import _proc_self

    return _proc_self.ignored_signals()


def thread_count() -> int:
    """Return how many threads this process has, those that Python knows nothing of included."""
    from . import _proc_self

    return _proc_self.thread_count()


def umask() -> int:
    """Return the file mode creation mask of this process."""
    from . import _proc_self

    return _proc_self.umask()


def stacks_file(pid: int, signal_number: int) -> str | None:
    """Return the path of the file into which a process would write its stacks if it got a signal, if it would."""
    from . import _procfs

    return _procfs.stacks_file(pid, signal_number)


def memory_kills() -> int | None:
    """Return how many processes the kernel has killed for want of memory, as near to us as it counts them."""
    from . import _procfs

    return _procfs.memory_kills()


def waits_of(pid: int) -> tuple[ThreadWait, ...]:
    """Return what each living thread of a process waits for; nothing for a process that may not be looked at."""
    from . import _proc  # children load this module, and have no use for that one

    return _proc.waits_of(pid)


def kin() -> Kin | None:
    """Return what knows who of the processes could give what others wait for."""
    from . import _kin

    return _kin.KinOfProc()


def clock_is_shared() -> bool:
    """Return whether it is one for all processes: Python promises that for Linux, and for no other kin of it."""
    return sys.platform == "linux"


def reserve(file: int, start: int, length: int) -> None:
    """Reserve room on the disk for a part of a file, which is zeros then if it was a hole.

    Args:
        file: The file.
        start: Where the part begins.
        length: How long it is, in bytes.

    Raises:
        OSError: There is no room.
    """
    this: Any = os
    if number := this.posix_fallocate(file, start, length):  # PyPy returns it
        raise OSError(number, os.strerror(number))
