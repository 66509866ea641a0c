"""The sweep, as pytest runs it: which tests start processes through the default context, and those tests again.

Guarantees: the first run of all tests is over, with the fixtures of every scope, before one of them is run again; so it
is what it is without the sweep. Then those that start processes through the default context are run once for each other
start method, as in a session of their own: fixtures of every scope are set up anew, once. What hangs is ended.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import active_count
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from ._config import SETTINGS, mark_of
from ._platforms import available_kinds
from ._records import ProcessId
from ._settings import START_METHODS
from ._sweep._causes import HUNG, differs, is_repeatable, needs_control
from ._sweep._default import choice, chosen, pretended, restore
from ._sweep._facts import FAILED, Swept
from ._sweep._ledger import Ledger
from ._sweep._limit import Limit, can_be_kept
from ._sweep._remains import end, finalizers
from ._sweep._state import State
from ._sweep._words import heading_of, lines_of
from ._sweep_candidate import Candidate
from ._sweep_fixtures import Starters
from ._sweep_reports import Told, facts_of, from_data, log, renamed, set_last_failed, to_data
from ._time_limit import is_debugging, processes_of

__all__ = ["Sweeper"]

_KEY = "mpcheck_sweep"

_PATIENCE = 10
"""How many times as long as the first run another one may take, if that is longer than the deadline of all waits."""

_LIMIT = "the limit (--mp-timeout, or that of pytest-timeout)"

_NO_TIMER = (
    "a test that hangs under another start method could not be ended here; what to do: run pytest in the main thread, "
    "on a system that has timers (signal.setitimer)"
)


class Sweeper:
    """Runs tests again; a plugin of one run of pytest, of its controller too where pytest-xdist is at work.

    Args:
        config: The configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        settings = config.stash[SETTINGS]
        kinds = settings.kinds(settings.sweep, available_kinds())
        self._config = config
        self._methods = [kind.name for kind in kinds if not kind.obstacle]
        self._swept = Swept(obstacles=[kind.obstacle for kind in kinds if kind.obstacle])
        self._reports: dict[str, list[list[pytest.TestReport]]] = {}
        self._ledger = Ledger()
        self._starters = Starters(self._ledger)
        self._candidates: list[Candidate] = []
        self._started: list[ProcessId] = []
        self._told = Told()
        self._limit: Limit | None = None
        self._state = State(())
        self._lost: list[str] = []
        self._has_ended = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        with self._ledger.watching():
            result = yield
            if self._candidates and not session.shouldfail and not session.shouldstop:
                self._sweep(session)
        self._has_ended = True
        if hasattr(self._config, "workerinput"):
            data = {name: [to_data(self._config, one) for one in runs] for name, runs in self._reports.items()}
            self._config.workeroutput[_KEY] = self._swept.as_data(), data  # type: ignore[attr-defined]
            return result
        session.testsfailed += len(self._lost)
        log(session, [reports for nodeid in sorted(self._reports) for reports in self._reports[nodeid]])
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if self._limit is not None:
            return (yield)
        properties = len(item.user_properties)
        self._told = Told()
        with self._ledger.of(self._starters.begin()):
            result = yield
        self._take_notice(item, properties)
        return result

    @pytest.hookimpl(specname="pytest_runtest_protocol", tryfirst=True)
    def pytest_run_again(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a test within what all plugins put around it, and let nobody hear of it."""
        if self._limit is None:
            return None
        with warnings.catch_warnings():
            if active_count() > 1:  # pytest-xdist's, say; no business of a test's that forks for once
                warnings.filterwarnings("ignore", r"This process \(pid=\d+\) is multi-threaded", DeprecationWarning)
            uses = self._starters.begin()
            uses.look = self._state.look
            with self._limit.kept(), self._ledger.of(uses):
                runtestprotocol(item, log=False, nextitem=nextitem)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        with self._starters.setting_up(fixturedef):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        with self._phase():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        with self._phase():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        self._starters.look(item)
        with self._phase():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._told.add(report, call)
        return report

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, settings: Any) -> bool | None:
        """Keep the limit of pytest-timeout, which may end all of pytest for it, by our own means."""
        if self._limit is None:
            return None
        if not settings.func_only:
            self._limit.seconds = settings.timeout
        return True

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_cancel_timer(self) -> bool | None:
        return None if self._limit is None else True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, object, object]:
        result = yield
        set_last_failed(self._config, report)
        return result

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        output = getattr(node, "workeroutput", {})
        if _KEY not in output:
            self._lost.append(node.gateway.id)
            return
        swept, reports = output[_KEY]
        self._swept.add(Swept.from_data(swept))
        self._reports |= {name: [from_data(self._config, one) for one in runs] for name, runs in reports.items()}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("tests under other start methods", sep="=")
        if not self._has_ended:
            terminalreporter.line("the run was stopped before all of them were run again: nothing is told")
            return
        for line in lines_of(self._swept, self._lost):
            terminalreporter.line(line)

    @contextmanager
    def _phase(self) -> Iterator[None]:
        if self._limit is None:
            yield
            return
        with self._limit.phase():
            yield

    def _take_notice(self, item: pytest.Item, properties: int) -> None:
        """Keep a test that has just run for the first time, if it is to be run again."""
        uses = self._starters.all()
        if not any(one.starts for one in uses):
            return
        method = next((one.method for one in uses if one.method), "")
        if uses[0].chose:
            self._swept.pinned += 1
        elif not method:
            self._swept.otherwise += 1
        else:
            first = facts_of(self._told, method)
            seconds = sum(report.duration for report in self._told.reports)
            self._candidates.append(Candidate(item, [first], seconds, {}, properties))

    def _sweep(self, session: pytest.Session) -> None:
        if not can_be_kept():
            self._swept.obstacles.append(_NO_TIMER)
            return
        known = finalizers()
        try:
            for method in self._methods:
                self._pass(session, method, [one for one in self._candidates if one.runs[0].method != method])
            doubtful = [one for one in self._candidates if needs_control(one.test())]
            for method in START_METHODS:
                self._pass(session, method, [one for one in doubtful if one.runs[0].method == method])
        finally:
            end(self._started, known)
        for one in self._candidates:
            test = one.test()
            self._swept.tests.append(test)
            if test.first.outcome != FAILED and differs(test) and is_repeatable(test):
                failed = [run for run in test.runs if run.outcome == FAILED]
                self._reports[test.nodeid] = [renamed(one.reports[run.method], run) for run in failed]

    def _pass(self, session: pytest.Session, method: str, candidates: Sequence[Candidate]) -> None:
        """Run tests as in a session of their own where a start method is the default."""
        if not candidates:
            return
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self._config.get_verbosity() >= 0:
            reporter.ensure_newline()
            reporter.write_line(heading_of(len(candidates), method))
        self._starters.forget()
        with pretended(method):
            for one, following in zip(candidates, [*candidates[1:], None], strict=True):
                self._run(one, method, following.item if following else None)
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)

    def _run(self, candidate: Candidate, method: str, nextitem: pytest.Item | None) -> None:
        item, known = candidate.item, finalizers()
        del item.user_properties[candidate.properties :]
        item._report_sections.clear()
        seconds = max(mark_of(item).timeout or self._config.stash[SETTINGS].timeout, _PATIENCE * candidate.seconds)
        self._told = Told()
        self._state = State([getattr(item, "obj", None)])
        limit = self._limit = Limit(
            seconds,
            lambda: processes_of(item, limit=_LIMIT),
            lambda: end(self._starters.all()[0].started, known),
            is_debugging,
            _hung,
        )
        before = choice()
        try:
            self._config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        finally:
            self._limit = None
        uses, method_then = self._starters.all(), chosen()
        if uses[0].chose:
            restore(before)
        if limit.times:
            end(uses[0].started, known)
        self._started += [process for one in uses for process in one.started]
        run = facts_of(
            self._told,
            method,
            hung=limit.seconds if limit.times else 0.0,
            is_pinned=uses[0].chose or method_then != method,
            is_idle=not any(one.starts for one in uses),
        )
        if run.outcome == FAILED and method != "fork" and run.cause in ("", HUNG):
            run = replace(run, state=self._state.missing())
        if method == candidate.runs[0].method:
            candidate.control = run
        else:
            candidate.runs.append(run)
            candidate.reports[method] = self._told.reports


def _hung(text: str) -> BaseException:
    return pytest.fail.Exception(text)
