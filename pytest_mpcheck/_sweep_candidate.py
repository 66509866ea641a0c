"""`Candidate`: a test that is to be run again, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ._sweep._causes import judged
from ._sweep._facts import Ran, RunsOf

__all__ = ["Candidate"]


@dataclass(eq=False)
class Candidate:
    """A test that is to be run again.

    Attributes:
        item: The test.
        runs: What became of it: in its first run, and in those after it.
        seconds: How long its first run took.
        reports: Those of the runs that failed, by start method; the first one's are everybody's already.
        properties: How many properties it had before it was run.
        control: The run after all others, under the start method of the first one; none where none was needed.
    """

    item: pytest.Item
    runs: list[Ran]
    seconds: float
    reports: dict[str, list[pytest.TestReport]]
    properties: int
    control: Ran | None = None

    def test(self) -> RunsOf:
        """Return the facts."""
        return judged(RunsOf(self.item.nodeid, tuple(self.runs), self.control))
