"""Windows."""

from __future__ import annotations

from ._anywhere import kin, memory_kills, stacks_file, start_token, tree_of, waits_of
from ._watcher import follow_parent

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

STACK_SIGNAL: int | None = None
"""Windows has no signal that one process could send another to ask for its stacks."""


def exit_handle(pid: int) -> int | None:
    """Return ``None``: the sentinel of `multiprocessing` is the process handle itself there."""
    return None


def group_members(pid: int) -> tuple[str, ...]:
    """Return nothing: a Windows process that has ended leaves no group behind by which to find its children."""
    return ()


def end_group(pid: int) -> None:
    """End the process and its descendants while it is there to be asked for them."""
    import psutil

    try:
        leader = psutil.Process(pid)
        tree = [*leader.children(recursive=True), leader]
    except psutil.Error:
        return
    for process in tree:
        try:
            process.kill()
        except psutil.Error:  # it ended meanwhile
            continue
