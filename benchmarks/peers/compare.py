"""Compares runs of a suite without the plugin and with it: how tests ended, what it cost, what was found."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.peers.suite import Recorded


@dataclass(frozen=True)
class Comparison:
    """Runs of a suite in pairs, one without the plugin and one with it.

    Attributes:
        without: The runs without it.
        with_it: The runs with it.
    """

    without: Sequence[Recorded]
    with_it: Sequence[Recorded]

    def flaky(self) -> Mapping[str, frozenset[str]]:
        """Return the tests that end now so, now so without the plugin, and how."""
        return {test: seen for test, seen in outcomes_of(self.without).items() if len(seen) > 1}

    def differing(self) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
        """Return the tests that ended with the plugin as they never did without it, how they did, and how they do."""
        without, with_it = outcomes_of(self.without), outcomes_of(self.with_it)
        nothing: frozenset[str] = frozenset({"not run"})
        return {
            test: (without.get(test, nothing), with_it.get(test, nothing))
            for test in sorted(without | with_it)
            if with_it.get(test, nothing) - without.get(test, nothing)
        }

    def differing_first_runs(self) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
        """Return the same, but for tests that are there with the plugin alone: the sweep's further runs."""
        return {test: both for test, both in self.differing().items() if both[0] != {"not run"}}

    def exit_codes_differ(self) -> bool:
        """Return whether a run with the plugin had exit codes that no run without it had."""
        return not {run.exit_codes for run in self.with_it} <= {run.exit_codes for run in self.without}

    def ratio(self) -> float:
        """Return how long the suite takes with the plugin, in multiples of without: medians."""
        with_it, without = (statistics.median(run.seconds for run in runs) for runs in (self.with_it, self.without))
        return with_it / without

    def processor_ratio(self) -> float:
        """Return how much processor time it takes likewise: other work of the machine hardly changes that."""
        with_it, without = (
            statistics.median(run.processor_seconds for run in runs) for runs in (self.with_it, self.without)
        )
        return with_it / without

    def findings(self) -> Mapping[tuple[str, str], tuple[int, Mapping[str, str]]]:
        """Return each finding by test and kind: in how many runs it was told, and as it was told at first."""
        told: dict[tuple[str, str], tuple[int, Mapping[str, str]]] = {}
        for run in self.with_it:
            for key in {(finding["test"], finding["kind"]) for finding in run.findings}:
                first = next(finding for finding in run.findings if (finding["test"], finding["kind"]) == key)
                count, known = told.get(key, (0, first))
                told[key] = count + 1, known
        return told


def outcomes_of(runs: Sequence[Recorded]) -> dict[str, frozenset[str]]:
    """Return in which ways each test ended; a run that it was not part of is one of them."""
    tests = {test for run in runs for test in run.outcomes}
    return {test: frozenset(run.outcomes.get(test, "not run") for run in runs) for test in tests}
