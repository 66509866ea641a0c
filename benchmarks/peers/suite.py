"""Runs a suite once, without the plugin or with it, and reads what the recorder wrote down."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.environment import Environment
from benchmarks.peers.peers import Peer

VARIANTS: Mapping[str, tuple[str, ...]] = {
    "without": ("-p", "no:mpcheck"),
    "with": ("-p", "mpcheck", "--mp-guard=warn"),
    "swept": ("-p", "mpcheck", "--mp-sweep"),
}

# How often the sweep runs a test: under each start method, and once more under the first.
PASSES = 4

# The worst of a test's phases is its outcome; of tests that share an id too, such as subtests.
RANK = ("passed", "xfailed", "xpassed", "skipped", "failed")


@dataclass(frozen=True)
class Recorded:
    """What one run of a suite gave; of several pytests, if the suite wants that.

    Attributes:
        outcomes: Of each test, by its id: ``passed``, ``failed``, ``failed in teardown``, ``hung`` ...
        exit_codes: Of each pytest; ``None`` where it was ended since it took too long.
        findings: What the guard found, as its report tells it.
        seconds: From the start of the first pytest to the end of the last.
        processor_seconds: Of pytest and all below it that somebody has waited for.
        folder: Where the output of each pytest is.
    """

    outcomes: Mapping[str, str]
    exit_codes: tuple[int | None, ...]
    findings: tuple[Mapping[str, str], ...]
    seconds: float
    processor_seconds: float
    folder: Path

    def counts(self) -> Counter[str]:
        """Return how many tests had each outcome."""
        return Counter(self.outcomes.values())


def run_suite(peer: Peer, environment: Environment, source: Path, variant: str, folder: Path) -> Recorded:
    """Run a suite once, in a fresh copy of its source.

    Args:
        peer: Whose suite.
        environment: Where everything is installed.
        source: As it was fetched.
        variant: Of `VARIANTS`.
        folder: Of this run: for the copy, temporary files, output and what is recorded.
    """
    shutil.rmtree(folder, ignore_errors=True)
    place = folder / "suite"
    shutil.copytree(source, place, symlinks=True)
    (folder / "tmp").mkdir()
    outcomes: dict[str, str] = {}
    exit_codes: list[int | None] = []
    findings: list[Mapping[str, str]] = []
    seconds = processor_seconds = 0.0
    for number, arguments in enumerate(peer.runs):
        record, report = folder / f"outcomes-{number}.jsonl", folder / f"findings-{number}.json"
        left_out = [word for option in peer.left_out for word in option.split(" ")]
        command = [
            str(environment.python), "-m", "pytest", "-p", "peers_recorder", "-p", "no:cacheprovider",
            *VARIANTS[variant], *([f"--mp-guard-report={report}"] if variant == "with" else []),
            *arguments, *left_out,
        ]  # fmt: skip
        started, used = time.perf_counter(), processor_time()
        with (folder / f"output-{number}.txt").open("wb") as output:
            limit = peer.limit * (PASSES if variant == "swept" else 1)
            exit_codes.append(run_pytest(command, place, variables(folder, record), output.fileno(), limit))
        seconds += time.perf_counter() - started
        processor_seconds += processor_time() - used
        # Ids of tests of an installed package start at the module, and may be those of another run.
        prefix = f"{arguments[-1]}: " if "--pyargs" in arguments else ""
        outcomes |= {prefix + test: outcome for test, outcome in read_outcomes(record).items()}
        if report.exists():
            told = json.loads(report.read_text(encoding="utf-8"))["findings"]
            findings += [finding | {"test": prefix + finding["test"]} for finding in told]
    shutil.rmtree(place)
    return Recorded(outcomes, tuple(exit_codes), tuple(findings), seconds, processor_seconds, folder)


def processor_time() -> float:
    """Return how much processor time the processes have used that this one has waited for, and theirs."""
    times = os.times()
    return times.children_user + times.children_system


def variables(folder: Path, record: Path) -> dict[str, str]:
    """Return the environment of a run: that of this process, less what would change how Python or pytest behave."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST", "COV", "PEERS_"))
    }
    return kept | {"TMPDIR": str(folder / "tmp"), "PEERS_OUTCOMES": str(record)}


def run_pytest(command: list[str], place: Path, environment: dict[str, str], output: int, limit: float) -> int | None:
    """Run pytest, and end its process group when it takes too long; return its exit status, or ``None`` then."""
    with subprocess.Popen(
        command,
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None


def read_outcomes(record: Path) -> dict[str, str]:
    """Read what the recorder wrote; a test that began and never ended hung, or ended the run."""
    outcomes: dict[str, str] = {}
    if not record.exists():
        return outcomes
    open_test = None
    for line in record.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "begins" in entry:
            open_test = entry["begins"]
            continue
        test, outcome, phase = entry["test"], entry["outcome"], entry["phase"]
        if phase == "teardown" and test == open_test:
            open_test = None
        known = outcomes.get(test, "passed")
        if RANK.index(outcome) >= RANK.index(known.split(" ")[0]):
            outcomes[test] = outcome if outcome != "failed" or phase == "call" else f"failed in {phase}"
    if open_test is not None:
        outcomes[open_test] = "hung"
    return outcomes
