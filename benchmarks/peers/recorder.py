"""A pytest plugin that writes down how each test of a run ended: the only part of this folder that a suite meets.

It is copied into the suite's environment and loaded by ``-p peers_recorder``. Each line of the file named by
``PEERS_OUTCOMES`` is JSON: a test that begins (``{"begins": id}``), or one of its phases that has ended
(``{"test": id, "phase": ..., "outcome": ...}``). Lines are written at once, so that a run that hangs or is killed tells
where; a forked child that reports tests of its own writes nothing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

RECORDER = os.getpid()


def pytest_runtest_logstart(nodeid: str) -> None:
    write({"begins": nodeid})


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    outcome: str = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.skipped else "xpassed"
    write({"test": report.nodeid, "phase": report.when, "outcome": outcome})


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        write({"test": report.nodeid, "phase": "collection", "outcome": "failed"})


def write(line: dict[str, str | None]) -> None:
    if os.getpid() == RECORDER:
        with Path(os.environ["PEERS_OUTCOMES"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
