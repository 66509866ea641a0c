"""What Linux and macOS have in common: process groups."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

__all__ = ["end_group", "group_members"]


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
