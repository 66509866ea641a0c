"""What waits for the garbage collector only is no leak: it is collected before anything is told."""

from __future__ import annotations

import gc

from .._guard._watcher import Span

__all__ = ["Garbage"]


class Garbage:
    """Collects the garbage of a span once, at the first question; the young of it first, which costs little."""

    def __init__(self) -> None:
        self._span: Span | None = None
        self._steps = 0

    def collect(self, span: Span) -> bool:
        """Take one more step, and return whether there was one to take: everything may look otherwise now.

        Args:
            span: The span that is about to be judged.
        """
        if self._span is not span:
            self._span, self._steps = span, 0
        if self._steps == 2:
            return False
        self._steps += 1
        gc.collect(self._steps)
        return True
