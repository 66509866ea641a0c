"""The one door to time: deadlines, and waiting for a condition that nothing announces.

Guarantees: nothing else in the package reads a clock or sleeps. A `Deadline` that has passed stays passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Deadline", "seconds_since", "wait_until"]

_LOOKS = 0.002, 0.005, 0.01, 0.02, 0.05
"""Pauses between the looks of `wait_until`, in seconds; the last one repeats."""


class Deadline:
    """A moment up to which somebody is willing to wait.

    Args:
        seconds: How far away it is from now.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def passed(self) -> bool:
        """Return whether no time is left."""
        return self.remaining() == 0.0


def wait_until(condition: Callable[[], bool], deadline: Deadline, longest: float = _LOOKS[-1]) -> bool:
    """Look at a condition until it holds; only for what has no descriptor to wait on.

    Args:
        condition: What should come to hold; cheap, without side effects.
        deadline: When to give up.
        longest: How long the pauses may become, in seconds.

    Returns:
        Whether the condition came to hold.
    """
    looks = iter(_LOOKS)
    pause = 0.0
    while not condition():
        if deadline.passed():
            return False
        pause = next(looks, pause)
        time.sleep(min(pause, longest, deadline.remaining()))
    return True


def seconds_since(moment: float) -> float:
    """Return how long ago a moment was that is told in seconds since the epoch, never below zero."""
    return max(0.0, time.time() - moment)
