"""How a process was started, told from its command line and its parent's: what every platform's tree has in common."""

from __future__ import annotations

__all__ = ["start_method_of"]

_PROGRAMS = {
    "multiprocessing.resource_tracker": "resource tracker",
    "multiprocessing.forkserver": "fork server",
    "multiprocessing.spawn": "spawn",
    "--multiprocessing-fork": "spawn",  # a frozen program
}


def start_method_of(command: str, *, is_forked: bool, parent: str) -> str:
    """Tell how a process was started.

    Args:
        command: Its command line.
        is_forked: Whether it runs the very program of its parent, without an `exec` between.
        parent: What this function said of its parent; empty when nobody asked.

    Returns:
        A start method, ``fork server``, ``resource tracker``, or an empty text for a program of its own.
    """
    if is_forked:
        return "forkserver" if parent == "fork server" else "fork"
    return next((what for mark, what in _PROGRAMS.items() if mark in command), "")
