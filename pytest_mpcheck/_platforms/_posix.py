"""What Linux and macOS have in common: process groups, descriptors that can be waited on, and a shell."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from .. import _platforms
from .._records import ProcessId

__all__ = ["doors", "end_group", "end_self", "event_clock", "first_end", "group_members", "start_apart", "uncollected"]

_LOOK = 100
"""How often to look after a process that nothing can be waited on for, in milliseconds."""


def group_members(pid: int) -> tuple[str, ...]:
    """Return the command lines of the living processes in the group that ``pid`` leads or led; zombies do not count."""
    if sys.platform == "win32":  # pragma: needs windows
        return ()
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):  # nobody there; on macOS: nobody but zombies
        return ()
    import psutil

    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(" ".join(process.cmdline()) or process.name())
    return tuple(members)


def end_group(pid: int) -> None:
    """Kill every process in the group that ``pid`` leads or led."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def end_self() -> None:
    """End this process as a signal that nobody can catch does; nothing of it runs any more."""
    if sys.platform != "win32":  # pragma: ends by SIGKILL
        os.kill(os.getpid(), signal.SIGKILL)


def event_clock() -> Callable[[], int]:
    """Return the clock of events: ``CLOCK_MONOTONIC``, on macOS ``mach_absolute_time``."""
    return time.monotonic_ns


def first_end(pipe: int, processes: Sequence[ProcessId]) -> ProcessId | None:
    """Wait until one of some processes has ended, or something comes through a pipe.

    Args:
        pipe: The reading end; that its writers are gone means nothing.
        processes: The processes.

    Returns:
        The process that has ended; ``None`` when something had come through the pipe before.
    """
    if sys.platform == "win32":  # pragma: needs windows
        return None
    handles = [_platforms.exit_handle(process.pid) for process in processes]
    poll = select.poll()
    for handle in (pipe, *handles):
        if handle is not None:
            poll.register(handle, select.POLLIN)
    try:
        while True:
            # first of all: it may have ended before there was a handle, but not before what it has said
            ended = next((process for process in processes if not _platforms.is_alive(process)), None)
            pause = 0 if ended else _LOOK if None in handles else None
            if any(fd == pipe for fd, _ in poll.poll(pause)):
                if os.read(pipe, 1):
                    return None
                poll.unregister(pipe)
            if ended:
                return ended
    finally:
        for handle in handles:
            if handle is not None:
                os.close(handle)


def start_apart(command: Sequence[str], pipe: int, stderr: int, env: dict[str, str]) -> None:
    """Start a process that is in a session of its own, and no child of this process.

    A child more would be seen by whoever waits for any child (`os.wait`), or counts them. A shell starts it and ends.

    Args:
        command: Its command line; the word ``{pipe}`` in it stands for the number of the pipe.
        pipe: What it reads.
        stderr: Where it tells.
        env: Its environment.
    """
    import subprocess

    subprocess.run(
        ["/bin/sh", "-c", '"$@" &', "sh", *(str(pipe) if word == "{pipe}" else word for word in command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env=env,
        pass_fds=(pipe,),
        start_new_session=True,
        check=False,
    )


def doors() -> tuple[tuple[str, str, Callable[[Any], int]], ...]:
    """Return where the standard library starts processes: module, function, and how its result tells the pid.

    Forks are not among them: `os.register_at_fork` tells of those.
    """
    names = (
        ("_posixsubprocess", "fork_exec"),
        ("subprocess", "_fork_exec"),
        ("os", "posix_spawn"),
        ("os", "posix_spawnp"),
    )
    return tuple((module, name, int) for module, name in names)


def uncollected(pid: int) -> int | None:
    """Return the exit code of a child whose status nobody has collected yet, and leave it uncollected.

    Returns:
        Negative for a signal; ``None`` while it runs, or where nobody tells.
    """
    if sys.platform == "win32" or not hasattr(os, "waitid"):  # pragma: needs windows, or PyPy
        return None
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:  # it is no child of this process any more
        return None
    if found is None:
        return None
    code: int = found.si_status
    return code if found.si_code == os.CLD_EXITED else -code
