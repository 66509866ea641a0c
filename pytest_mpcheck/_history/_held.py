"""Who is held at the moment, for those who tell of processes that do not end.

Guarantees: imports nothing, so that it costs nothing to ask in a test that holds nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .._records import ProcessId

__all__ = ["held_words", "holders"]


class _Holder(Protocol):
    def held(self, process: ProcessId) -> Iterator[str]: ...


holders: list[_Holder] = []
"""The tests that hold somebody, or may: one at most, but where a test runs pytest in its own process."""


def held_words(process: ProcessId) -> tuple[str, ...]:
    """Return a sentence for each hold at which a process is held, or a thread of it."""
    return tuple(line for holder in holders for line in holder.held(process))
