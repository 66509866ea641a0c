"""Stands in for the facade of the branch `order`: take theirs."""

from __future__ import annotations

from typing import Any

__all__ = ["History"]


class History:
    """The least that the tests of `reach` need."""

    def __init__(self, recording: Any, *, colour: bool = False) -> None:
        self._recording = recording

    def events(self, name: str | None = None) -> tuple[Any, ...]:
        """Return events."""
        return tuple(event for event in self._recording.chronicle().events if name in (None, event.name))

    def let_go(self) -> None:
        """Do nothing."""

    settle = close = let_go
