"""How a test has run under a start method, as text that pickles and goes through pytest-xdist.

Guarantees: nothing here keeps anything of a test alive. `as_data` gives plain data, and `from_data` what it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

__all__ = ["FAILED", "IDLE", "PASSED", "PINNED", "SKIPPED", "Ran", "RunsOf", "Swept"]

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
"""How tests end; one that fails as it was expected to counts as skipped."""

IDLE, PINNED = "idle", "pinned"
"""Why a run has nothing to compare: it started nothing this time; it set a start method of its own."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a test.

    Attributes:
        method: The default start method that it ran under.
        outcome: ``passed``, ``failed`` or ``skipped``; or why there is nothing to compare.
        phase: The phase that failed.
        error: The type of its exception, without its module; ``xfailed`` where a failure was expected.
        text: The exception in a line.
        hung: The limit that it was ended by, in seconds; zero when it ended by itself.
        cause: One of `_causes.CAUSES`, when it has failed.
        state: What it has found in this process that a child would not have found in one that is not forked.
    """

    method: str
    outcome: str
    phase: str = "call"
    error: str = ""
    text: str = ""
    hung: float = 0.0
    cause: str = ""
    state: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunsOf:
    """All runs of a test.

    Attributes:
        nodeid: The test.
        runs: The first one first.
        control: The run after all others, under the first one's start method again; none where none was needed.
    """

    nodeid: str
    runs: tuple[Ran, ...]
    control: Ran | None = None

    @property
    def first(self) -> Ran:
        """The run that is the test's own, as without the sweep."""
        return self.runs[0]

    def by_method(self) -> dict[str, Ran]:
        """Return the runs by their start methods."""
        return {run.method: run for run in self.runs}


@dataclass(slots=True)
class Swept:
    """What a process of pytest, or all of them together, have run again.

    Attributes:
        tests: Those that were run again.
        otherwise: How many tests started processes, but none through the default context.
        pinned: How many set the start method themselves.
        obstacles: Why something was not run again, a sentence each.
    """

    tests: list[RunsOf] = field(default_factory=list)
    otherwise: int = 0
    pinned: int = 0
    obstacles: list[str] = field(default_factory=list)

    def add(self, other: Swept) -> None:
        """Take over what another process has run again."""
        self.tests += other.tests
        self.otherwise += other.otherwise
        self.pinned += other.pinned
        self.obstacles += [one for one in other.obstacles if one not in self.obstacles]

    def as_data(self) -> dict[str, Any]:
        """Return it as lists, dictionaries, texts and numbers."""
        return asdict(replace(self, tests=[])) | {"tests": [asdict(test) for test in self.tests]}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Swept:
        """Return what `as_data` was asked of."""
        return cls(**{**data, "tests": [_test(**one) for one in data["tests"]]})


def _test(nodeid: str, runs: Iterable[dict[str, Any]], control: dict[str, Any] | None) -> RunsOf:
    return RunsOf(nodeid, tuple(map(_ran, runs)), None if control is None else _ran(control))


def _ran(data: dict[str, Any]) -> Ran:
    return Ran(**{**data, "state": tuple(data["state"])})
