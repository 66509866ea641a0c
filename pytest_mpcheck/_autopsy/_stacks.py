"""The stacks of a living process: from inside, where it is armed to tell them, else from outside.

From inside means that the process writes them itself (`_arming`). From outside its memory is read: by the interpreter,
where it can do so (CPython 3.14 and later, for a process of the same version), or by py-spy, where it is installed.
Neither needs the process to do anything, so a stopped one can be looked at as well.

Guarantees: the signal goes only to a process that is known to have a handler for it; every way is given up after
`PATIENCE` seconds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from .. import _platforms
from .._clock import Deadline, wait_until

__all__ = ["PATIENCE", "ask", "look"]

PATIENCE = 2.0
"""How long a process has to write its stacks, and py-spy to read them, in seconds."""

_READS_ALL = sys.version_info >= (3, 15)
"""Whether the interpreter reads whole stacks; Python 3.14 stops at the first call that came through C code."""

CANNOT_ANSWER = ("stopped", "stopped by a debugger", "tracing-stop", "zombie")
"""States in which no process answers to a signal."""


def ask(pid: int, path: str | None, state: str = "sleeping") -> tuple[str, str]:
    """Let a process write the stack of each of its threads.

    Args:
        pid: A living process.
        path: The file that it was told to write to; ``None`` for a process of which nobody knows.
        state: What it is doing.

    Returns:
        The stacks; where there are none, why.
    """
    if _platforms.STACK_SIGNAL is None:
        return "", "this platform has no signal to ask a process by"
    if state in CANNOT_ANSWER:
        return "", f"the process is {state} and cannot answer"
    if path is None:
        return "", "nobody has armed the process to tell them"
    try:
        before = os.path.getsize(path)
    except OSError:
        return "", "the child has not come as far as its target"
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended, or become another user's
        os.kill(pid, _platforms.STACK_SIGNAL)
    seen: list[int] = []

    def written() -> bool:  # it ends with no mark: three looks alike, the pauses between them grow
        seen.append(os.path.getsize(path))
        return seen[-1] > before and seen[-3:].count(seen[-1]) == 3

    try:
        wait_until(written, Deadline(PATIENCE))
        with open(path, "rb") as file:
            file.seek(before)
            text = file.read().decode(errors="replace")
    except OSError:
        return "", "the process has ended meanwhile"
    return text, "" if text else "the process did not answer"


def look(pid: int) -> tuple[str, str, str]:
    """Read the stack of each thread out of the memory of a process.

    Args:
        pid: A living process.

    Returns:
        The stacks, and by what they were read; where there are none, an empty text, an empty one, and why.
    """
    obstacles = []
    for name, read in _readers():
        try:
            text = read(pid)
        except Exception as error:  # what is read there may change while it is read
            obstacles.append(f"{name} could not read them ({_one_line(error)})")
            continue
        if text:
            return text, name, ""
    return "", "", "; ".join(obstacles) or "they cannot be read from outside: that takes CPython 3.14, or py-spy"


def _readers() -> tuple[tuple[str, Callable[[int], str]], ...]:
    interpreter, spy = ("the interpreter", _unwind), ("py-spy", _spy)
    return (interpreter, spy) if _READS_ALL else (spy, interpreter)


def _unwind(pid: int) -> str:
    try:
        import _remote_debugging  # type: ignore[import-not-found, unused-ignore]
    except ImportError:  # an older interpreter, or another one
        return ""
    debugging: Any = _remote_debugging
    lines: list[str] = []
    for thread in _threads(debugging.RemoteUnwinder(pid, all_threads=True).get_stack_trace()):
        frames = [f'  File "{frame.filename}", line {_line(frame)} in {frame.funcname}' for frame in thread.frame_info]
        if frames:
            lines += [f"Thread {thread.thread_id} (most recent call first):", *frames]
    if lines and not _READS_ALL:
        lines.append("(Python 3.14 reads no further out than to the first call that came through C code)")
    return "\n".join(lines)


def _threads(found: list[Any]) -> list[Any]:
    """Return the threads of all interpreters; Python 3.14 gives no more than the threads."""
    return [thread for part in found for thread in getattr(part, "threads", [part])]


def _line(frame: Any) -> int:
    place = getattr(frame, "location", frame)
    return int(place.lineno) if place is not None else 0


def _spy(pid: int) -> str:
    program = shutil.which("py-spy") or shutil.which("py-spy", path=os.path.dirname(sys.executable))
    if program is None:
        return ""
    command = [program, "dump", "--nonblocking", "--pid", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"exit code {done.returncode}")
    return done.stdout[done.stdout.find("Thread ") :].rstrip()


def _one_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
