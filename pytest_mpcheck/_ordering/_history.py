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

    def assert_happens_before(self, a: str, b: str) -> None:
        """Follow links back from b."""
        chronicle = self._recording.chronicle()
        befores, afters = self.events(a), self.events(b)
        assert befores, (a, chronicle)
        assert afters, (b, chronicle)
        for after in afters:
            reached: dict[int, int] = {}
            todo = [(after.id.source, after.id.sequence)]
            while todo:
                source, sequence = todo.pop()
                if reached.get(source, -1) >= sequence:
                    continue
                reached[source] = sequence
                todo += [
                    (link.before.source, link.before.sequence)
                    for link in chronicle.links
                    if link.after.source == source and link.after.sequence <= sequence
                ]
            for before in befores:
                assert reached.get(before.id.source, -1) >= before.id.sequence, (before, after, chronicle.links)

    def let_go(self) -> None:
        """Do nothing."""

    settle = close = let_go
