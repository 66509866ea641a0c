"""Which children have ended while they held output that they had not written yet.

Guarantees: what is told was in the buffer of the child's standard output, in Python, when the child ended, and is lost.
Not told is what only may be lost, and what a child holds that `multiprocessing` has not started.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable

from .._excerpts import shortened
from .._finding import Finding
from .._guard._watcher import Made, Span
from ._parts import made_by_pid
from ._reach import Reach

__all__ = ["Output"]

_HEAD = 8
"""How many bytes of word come before the text; see `_output_agent`."""

_TEXT = 400
"""How much of what was lost is told, in characters."""


class Output:
    """Watches what children print.

    Args:
        reach: How word comes from them.
    """

    kinds: tuple[str, ...] = ("lost-output",)
    may_pass = False

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._lost: dict[int, bytes] = {}

    def open(self) -> None:
        """Reach for the children that will be started."""
        self._reach.open()

    def close(self) -> None:
        """Let them be."""
        self._reach.close()

    def begin(self) -> Collection[Hashable]:
        """Return nothing: it is told who has started them."""
        return ()

    def end(self, span: Span, before: Collection[Hashable]) -> Iterable[Finding]:
        """Tell of the children of the span that have lost something."""
        self._lost |= {
            pid: data for pid, data in self._reach.words("output") if int.from_bytes(data[: _HEAD - 1], "little")
        }
        if not self._lost:
            return ()
        made = made_by_pid(span)
        ours = [pid for pid in self._lost if made.get(pid, (None, True))[1]]
        return [_finding(pid, self._lost.pop(pid), made[pid][0] if pid in made else None) for pid in ours]


def _finding(pid: int, data: bytes, made: Made | None) -> Finding:
    count, is_whole = int.from_bytes(data[: _HEAD - 1], "little"), data[_HEAD - 1]
    text = data[_HEAD:][:count].decode(errors="replace")
    who = f"process {made.name!r} (pid {pid}, {made.start_method})" if made and made.name else f"process {pid}"
    if made is not None and any(module.endswith(".pool") for module in made.through):
        remedy = "close() and join() the pool before its `with` ends, which calls terminate()"
    else:
        remedy = "let it end by itself, and join() it, rather than terminate() or kill it, or end it by os._exit()"
    return Finding(
        "lost-output",
        f"{who} ended with {count} bytes of output that it had printed and not written yet: they are lost",
        made.where if made else "",
        f"what it had printed: {shortened(text, _TEXT)!r}" if is_whole else "more than its buffer holds was printed",
        f"{remedy}; or print(..., flush=True)",
    )
