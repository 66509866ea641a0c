"""Whether the kernel may have killed a process for want of memory.

It says so of no single process to those who may not read its log; it counts. So the count is read before a process
starts and after SIGKILL has ended it, and what grew meanwhile is told as just that.
"""

from __future__ import annotations

from .. import _platforms

__all__ = ["MemoryWatch"]

_SIGKILL = -9


class MemoryWatch:
    """The kernel's count of such kills, as it was when this was made: before a process started."""

    def __init__(self) -> None:
        self._before = _platforms.memory_kills()

    def facts(self, exitcode: int | None) -> tuple[str, ...]:
        """Tell what the count says of a process that has ended.

        Args:
            exitcode: As `multiprocessing.Process.exitcode`.

        Returns:
            A sentence; nothing when it did not end by SIGKILL, or no memory ran out.
        """
        if exitcode != _SIGKILL or self._before is None:
            return ()
        count = (_platforms.memory_kills() or 0) - self._before
        if count <= 0:
            return ()
        kills = "a process" if count == 1 else f"{count} processes"
        return (f"out of memory: while it lived the kernel killed {kills} for want of memory, most probably this one",)
