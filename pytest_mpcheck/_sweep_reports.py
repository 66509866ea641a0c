"""Reports of pytest -> facts of a run, and the reports by which others hear of a run that differs."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ._excerpts import reason_of, shortened
from ._sweep._causes import cause_of
from ._sweep._facts import FAILED, IDLE, PASSED, PINNED, SKIPPED, Ran
from ._sweep._words import found_of, name_of_run, remedy_of

__all__ = ["Told", "facts_of", "from_data", "log", "renamed", "set_last_failed", "to_data"]

_LENGTH = 2_000
"""How much of an exception's text is kept, in characters."""

_MARK = "mp_sweep"
"""The attribute of a report that has the node id of the test itself."""


@dataclass(slots=True)
class Told:
    """What pytest told of one run of a test.

    Attributes:
        reports: Its reports, one for each phase.
        error: The first exception that made a phase fail.
    """

    reports: list[pytest.TestReport] = field(default_factory=list)
    error: BaseException | None = None

    def add(self, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        """Add a phase; a set-up begins anew."""
        if report.when == "setup":
            self.reports, self.error = [], None
        self.reports.append(report)
        if report.failed and self.error is None and call.excinfo is not None:
            self.error = call.excinfo.value


def facts_of(told: Told, method: str, *, hung: float = 0.0, is_pinned: bool = False, is_idle: bool = False) -> Ran:
    """Make facts of a run of a test.

    Args:
        told: What pytest told of it.
        method: The default start method that it ran under.
        hung: The limit that it was ended by.
        is_pinned: Whether another start method was set meanwhile.
        is_idle: Whether it has started nothing.
    """
    failed = next((report for report in told.reports if report.failed), None)
    if is_pinned:
        return Ran(method, PINNED)
    if failed is not None:
        text = _line(told.error) if told.error is not None else shortened(str(failed.longrepr), _LENGTH)
        printed = "\n".join(content for name, content in _sections(told.reports) if "stderr" in name)
        error = "" if hung or told.error is None else "\n".join(_chain(told.error))
        name = type(told.error).__name__ if told.error is not None else ""
        cause, line = cause_of(error, printed, hung=bool(hung))
        if line:
            text = f"{text.splitlines()[0] if text else name}; a child: {line}"
        return Ran(method, FAILED, failed.when, name, text, hung, cause)
    if any(report.skipped for report in told.reports):
        return Ran(method, SKIPPED, error="xfailed" if any(hasattr(one, "wasxfail") for one in told.reports) else "")
    return Ran(method, IDLE if is_idle else PASSED)


def renamed(reports: Iterable[pytest.TestReport], run: Ran) -> list[pytest.TestReport]:
    """Give the reports of a run that differs a name of their own, and the remedy."""
    renamed = []
    for report in reports:
        one = copy.copy(report)
        setattr(one, _MARK, report.nodeid)
        one.nodeid = name_of_run(report.nodeid, run.method)
        path, line, domain = report.location
        one.location = path, line, name_of_run(domain, run.method)
        if report.failed:
            one.sections = [*report.sections, ("start methods", remedy_of(run))]
        renamed.append(one)
    return renamed


def to_data(config: pytest.Config, reports: Iterable[pytest.TestReport]) -> list[Any]:
    """Return reports as pytest-xdist sends them."""
    return [config.hook.pytest_report_to_serializable(config=config, report=report) for report in reports]


def from_data(config: pytest.Config, data: Iterable[Any]) -> list[pytest.TestReport]:
    """Return the reports that `to_data` was given."""
    return [config.hook.pytest_report_from_serializable(config=config, data=one) for one in data]


def log(session: pytest.Session, runs: Sequence[list[pytest.TestReport]]) -> None:
    """Let pytest and all its plugins hear of runs that differ, as if each were a test of its own.

    Args:
        session: The session that tells the terminal.
        runs: The reports of each run.

    Raises:
        pytest.Session.Failed: These are as many failures as the run may have.
    """
    hook, collected = session.config.hook, session.testscollected
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if runs and reporter is not None and session.config.get_verbosity() >= 0:
        reporter.write("\n" if session.config.pluginmanager.has_plugin("dsession") else "")
        reporter.write_line(found_of(len(runs)))
    try:
        for reports in runs:
            session.testscollected += 1  # or its progress would be more than all
            name = {"nodeid": reports[0].nodeid, "location": reports[0].location}
            hook.pytest_runtest_logstart(**name)
            for report in reports:
                hook.pytest_runtest_logreport(report=report)
            hook.pytest_runtest_logfinish(**name)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
    finally:
        session.testscollected = collected


def set_last_failed(config: pytest.Config, report: pytest.TestReport) -> None:
    """Let `--lf` know by its own name the test whose run differs; there is none of the name of the run."""
    nodeid = getattr(report, _MARK, None)
    plugin: Any = config.pluginmanager.get_plugin("lfplugin")
    if nodeid is None or plugin is None or not report.failed:
        return
    itself, forgotten = copy.copy(report), copy.copy(report)
    itself.nodeid = nodeid
    plugin.pytest_runtest_logreport(itself)
    forgotten.outcome, forgotten.when = "passed", "call"
    plugin.pytest_runtest_logreport(forgotten)


def _line(error: BaseException) -> str:
    if isinstance(error, pytest.fail.Exception):
        return shortened(str(error.msg), _LENGTH)
    return shortened(reason_of(error), _LENGTH)


def _chain(error: BaseException) -> Iterator[str]:
    """Yield the texts of an exception, of those in it, and of those that led to it, without tracebacks."""
    known: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if id(one) not in known:
            known.add(id(one))
            yield from traceback.format_exception_only(one)
            waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
            waiting += getattr(one, "exceptions", ())


def _sections(reports: Iterable[pytest.TestReport]) -> Iterator[tuple[str, str]]:
    """Yield what was captured in a run, each once: the report of a phase repeats that of the phase before."""
    return iter(dict.fromkeys(section for report in reports for section in report.sections))
