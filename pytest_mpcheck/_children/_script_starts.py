"""Notes in a script which processes it starts through `multiprocessing`, and how they ended.

Guarantees: only the script's own starts are noted, not those of its children. No function is replaced, so nothing of
this stands in a traceback of the script's. Each note is one write at the end of the file, there before the start
returns: it outlives the script's death by any signal.
"""

from __future__ import annotations

import contextlib
import multiprocessing.process
import os
from typing import Any

__all__ = ["note_starts"]


def note_starts(path: str) -> None:
    """Note every start from now on.

    Args:
        path: The file for the notes: ``start PID METHOD`` and ``end PID EXITCODE``, a line each.
    """
    registry: Any = multiprocessing.process
    registry._children = _Register(path)


class _Register(set[Any]):
    """The set in which `multiprocessing` keeps the children of this process that run, as far as it knows."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._pid = os.getpid()

    def add(self, process: Any) -> None:
        super().add(process)
        self._note(f"start {process.pid} {getattr(process._popen, 'method', '')}")

    def discard(self, process: Any) -> None:
        popen = getattr(process, "_popen", None)
        if process in self and popen is not None:
            self._note(f"end {popen.pid} {popen.returncode}")
        super().discard(process)

    def _note(self, line: str) -> None:
        if os.getpid() != self._pid:  # os.fork takes this along
            return
        with contextlib.suppress(OSError):  # whatever is scarce or gone: the program is to run as ever
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, f"{line}\n".encode("ascii"))
            finally:
                os.close(file)
