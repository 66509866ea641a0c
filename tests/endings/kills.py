"""Runs tests in each of which a child is killed at random, and says what came of it.

Guarantees: the same seed draws the same victims and, as parts of the time that a test takes, the same moments.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["KINDS", "Kills", "judge", "run_kills"]

HERE = Path(__file__).parent

KINDS = 3
"""How many sorts of workers there are; each test of one round is one of them, under each start method."""

FAIR = re.compile(r"^(?:FAILED|ERROR) \S+ - (?:\w+\.)*(ChildDied|WorkerDied|UnseenFailure)\b")
"""How a test fails that was told of the death of its child."""


class Kills(NamedTuple):
    """What came of it.

    Attributes:
        outcomes: How many tests ended in each way: ``passed`` (the death was told where the result was asked for, or
            the worker had done its work before), or the error that told of it.
        wrong: What must not be: lines of tests that hung, or failed of anything else, or left a process.
        output: What pytest printed.
    """

    outcomes: Counter[str]
    wrong: list[str]
    output: str


def run_kills(
    folder: Path, seed: str, rounds: int, methods: str, environment: Mapping[str, str], seconds: float
) -> Kills:
    """Run some rounds.

    Args:
        folder: A new folder.
        seed: What the moments and victims are drawn from.
        rounds: How many tests of each sort of worker there are, under each start method.
        methods: The start methods.
        environment: More of the environment.
        seconds: How long the whole may take before it is said to hang.
    """
    folder.mkdir(parents=True)
    shutil.copy(HERE / "kills_tests.py", folder / "test_kills.py")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-rfE", "--tb=line", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, f"--mp-start-methods={methods}", "--mp-timeout=60", "--timeout=100", "test_kills.py"],
            cwd=folder,
            env={**os.environ, "COLUMNS": "300", "KILLS_SEED": seed, "KILLS_ROUNDS": str(rounds), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return Kills(Counter(), [f"pytest was still running after {seconds:g} s"], str(error.output))
    return judge(done.stdout)


def judge(output: str) -> Kills:
    """Tell the fair endings from those that must not be, by what pytest has printed."""
    outcomes: Counter[str] = Counter()
    wrong = []
    for line in output.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            if fair := FAIR.match(line):
                outcomes[fair[1]] += 1
            else:
                wrong.append(line)
    passed = re.search(r"\b(\d+) passed\b", output)
    outcomes["passed"] = int(passed[1]) if passed else 0
    if not sum(outcomes.values()):
        wrong.append("no test came to its end")
    return Kills(outcomes, wrong, output)
