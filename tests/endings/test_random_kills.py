"""A child killed at any moment hangs no test and leaves no process; `benchmarks/random_kills.py` does it more often."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

import pytest

from tests.endings.kills import KINDS, judge, run_kills


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_child_killed_at_random_hangs_nobody(tmp_path: Path, method: str) -> None:
    kills = run_kills(tmp_path / "run", seed="a few", rounds=2, methods=method, environment={}, seconds=100)
    assert kills.wrong == [], kills.output
    assert kills.outcomes.total() == 2 * KINDS


def test_what_must_not_be_is_told_from_a_fair_end() -> None:
    kills = judge(
        "FAILED test_kills.py::test_killed[a] - pytest_mpcheck.ChildDied: child was ended by SIGKILL\n"
        "FAILED test_kills.py::test_killed[b] - pytest_mpcheck.ChildStuck: child was still running\n"
        "ERROR test_kills.py::test_killed[c] - AssertionError: left running: [1]\n"
        "2 failed, 1 passed, 1 error in 1.00s\n"
    )
    assert kills.outcomes == Counter(passed=1, ChildDied=1)
    assert [line.partition(" - ")[2].partition(":")[0] for line in kills.wrong] == [
        "pytest_mpcheck.ChildStuck",
        "AssertionError",
    ]
    assert judge("no tests ran").wrong == ["no test came to its end"]
