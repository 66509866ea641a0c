"""Linux, and what is enough like it."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._records import ThreadWait
from ._kinship import Kin
from ._posix import end_group, group_members

if TYPE_CHECKING:
    from .._process_facts import ProcessFacts

__all__ = [
    "STACK_SIGNAL",
    "end_group",
    "exit_handle",
    "follow_parent",
    "group_members",
    "kin",
    "memory_kills",
    "stacks_file",
    "start_token",
    "tree_of",
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
    """End this process with SIGKILL as soon as the last writer of the pipe ``fd`` is gone.

    The kernel does it by itself, also when the parent was killed outright and while this process hangs in C code:
    `fcntl(2)`, F_SETSIG, lets a pipe that is closed at its far end send any signal. It takes no thread, and unlike
    PR_SET_PDEATHSIG it works where the parent is not the one that forked us (forkserver).
    """
    if sys.platform == "linux":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        poll = select.poll()
        poll.register(fd, 0)
        if poll.poll(0):  # the parent was gone before we asked to be told
            os.kill(os.getpid(), signal.SIGKILL)  # pragma: ends by SIGKILL


def start_token(pid: int) -> str:
    """Return the start time in clock ticks since boot, from `/proc/PID/stat`, field 22; empty once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    return fields[fields.rindex(b")") :].split()[20].decode()


def tree_of(pid: int) -> tuple[ProcessFacts, ...]:
    """Return a process and all that descends from it, parents before their children; nothing once it is gone."""
    from . import _procfs  # children load this module, and have no use for that one

    return _procfs.tree_of(pid)


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
