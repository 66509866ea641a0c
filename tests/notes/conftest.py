"""The notes' tests: output as it is by default, and a closing table of what they have proven.

The table is made of nothing but the outcomes and the node ids of the reports, so that it is the same whether this
process ran the tests or workers of pytest-xdist did, and knows of a test whose worker crashed too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import pytest

from pytest_mpcheck._settings import START_METHODS
from pytest_mpcheck._table import format_table

OTHER = "other"
"""The column of what no start method has a part in: texts, and the control group of threads and interpreters."""

COLUMNS = (*START_METHODS, OTHER)

LEGEND = f"{OTHER}: threads, interpreters, and what needs no process; -: no test"

NODEID = re.compile(r"(^|/)test_q(?P<number>[1-6])_\w+\.py::\w+(\[(?P<parameters>.*)\])?$")

QUESTIONS = {
    "Q1": "memory of its own; workers overlap",
    "Q2": "the table, and each row measured",
    "Q3": "one process: line, exit, join",
    "Q4": "pool: spread, order, workers gone",
    "Q5": "pool's output: once, torn, lost",
    "Q6": "four numbers, and the closing line",
}


@pytest.fixture(autouse=True)
def _buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scripts find the buffers that they have by default, whatever this machine sets."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    everything = [report for reports in terminalreporter.stats.values() for report in reports]
    cells = _count(report for report in everything if isinstance(report, pytest.TestReport))
    if not cells:
        return
    rows = [
        (f"{question} {words}", *(_cell(cells.get((question, column), Counter())) for column in COLUMNS))
        for question, words in QUESTIONS.items()
    ]
    terminalreporter.section("the notes")
    terminalreporter.write_line(format_table([("question", *COLUMNS), *rows]))
    terminalreporter.write_line(LEGEND)


def _count(reports: Iterable[pytest.TestReport]) -> dict[tuple[str, str], Counter[str]]:
    """Count outcomes for each question and column; a test that failed in two phases has failed once."""
    outcomes: dict[str, str] = {}
    for report in reports:
        if report.when == "call" or report.outcome != "passed":
            outcomes[report.nodeid] = "failed" if outcomes.get(report.nodeid) == "failed" else report.outcome
    cells: dict[tuple[str, str], Counter[str]] = {}
    for nodeid, outcome in outcomes.items():
        named = NODEID.search(nodeid)
        if named:
            words = (named["parameters"] or "").split("-")
            column = next((word for word in words if word in START_METHODS), OTHER)
            cells.setdefault((f"Q{named['number']}", column), Counter())[outcome] += 1
    return cells


def _cell(outcomes: Counter[str]) -> str:
    """Say how it stands; one failure outweighs all the rest."""
    if outcomes["failed"]:
        return f"FAILED ({outcomes['failed']} of {outcomes.total()})"
    if outcomes["passed"]:
        skipped = f", skipped ({outcomes['skipped']})" if outcomes["skipped"] else ""
        return f"proved ({outcomes['passed']}){skipped}"
    return "skipped" if outcomes["skipped"] else "-"
