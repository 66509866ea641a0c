"""Windows."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from .._clock import Deadline, wait_until
from .._records import ProcessId
from ._anywhere import (
    end,
    family,
    find,
    is_alive,
    kin,
    memory_kills,
    named_memory_exists,
    new_brand,
    set_brand,
    stacks_file,
    start_clock,
    start_token,
    tree_of,
    waits_of,
)
from ._holdings import descriptors, ignored_signals, open_descriptors, thread_count, umask
from ._watcher import follow_parent

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


def end_self() -> None:
    """End this process as `multiprocessing.Process.kill` does; nothing of it runs any more."""
    os.kill(os.getpid(), 0x10000)  # TerminateProcess, with the exit code by which `multiprocessing` knows its own


_LAST_WORD = 0.5
"""How long a word may take through the pipe that was said before the end, in seconds."""


def first_end(pipe: int, processes: Sequence[ProcessId]) -> ProcessId | None:
    """Wait until one of some processes has ended, or something comes through a pipe.

    Args:
        pipe: The reading end; that its writers are gone means nothing.
        processes: The processes.

    Returns:
        The process that has ended; ``None`` when something had come through the pipe before.
    """
    words: list[bytes] = []
    reader = threading.Thread(target=lambda: words.append(os.read(pipe, 1)), name="mpcheck-pipe", daemon=True)
    reader.start()
    gone: list[ProcessId] = []

    def look() -> bool:
        gone.extend(process for process in processes if not is_alive(process))
        return bool(gone or any(words))

    wait_until(look, Deadline(math.inf))
    reader.join(_LAST_WORD)
    return None if any(words) else gone[0]


def start_apart(command: Sequence[str], pipe: int, stderr: int, env: dict[str, str]) -> None:
    """Start a process without a console, which takes no part in Ctrl-C.

    Args:
        command: Its command line; the word ``{pipe}`` in it stands for the number of the pipe, which is standard input
            there.
        pipe: What it reads.
        stderr: Where it tells.
        env: Its environment.
    """
    flags: int = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    process = subprocess.Popen(
        ["0" if word == "{pipe}" else word for word in command],
        stdin=pipe,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env=env,
        creationflags=flags,
    )
    process.returncode = 0  # nobody waits for it, and nobody is to be warned of that


def doors() -> tuple[tuple[str, str, Callable[[Any], int]], ...]:
    """Return where the standard library starts processes: module, function, and how its result tells the pid."""
    return (("_winapi", "CreateProcess", lambda result: int(result[2])),)


def event_clock() -> Callable[[], int]:
    """Return the clock of events: the performance counter; `time.monotonic` ticks every 15.6 ms before Python 3.13."""
    return time.perf_counter_ns if sys.version_info < (3, 13) else time.monotonic_ns


def clock_is_shared() -> bool:
    """Return that it is one for all processes; Python documents it so, from 3.10 on for the performance counter too."""
    return True


def reserve(file: int, start: int, length: int) -> None:
    """Do nothing: Windows has given the whole file its room when it was mapped, or refused to map it."""


def uncollected(pid: int) -> int | None:
    """Return ``None``: nobody but the one that holds the handle is told."""
    return None
