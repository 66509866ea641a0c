"""The guard as pytest's hooks call it; they are registered while it is on, and without it cost nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ._docket import Docket
from ._guard._guard import Guard
from ._guard._vacuity import start_method_of, vacuity
from ._guard._watcher import Span
from ._guard._watchers import watchers

if TYPE_CHECKING:
    from ._autopsy._examination import Known
    from ._finding import Finding
    from ._guard._ownership import Tenure

__all__ = ["put_guard_on"]


def put_guard_on(config: pytest.Config) -> None:
    """Put the guard on for a run."""
    config.pluginmanager.register(Guarding(config), "mpcheck-guard")


class Guarding:
    """The hooks of a run while the guard is on.

    Args:
        config: The run's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._docket = Docket(config)
        self._guard = Guard(watchers(), self._new_span, self._docket.note_trouble)
        self._item: pytest.Item | None = None
        self._attendant: _Attendant | None = None
        self._guard.open()

    def known(self) -> dict[int, Known]:
        """Return what is known of the processes of the test that runs, and of the fixtures around it, by pid."""
        from ._autopsy._examination import Known

        return {
            made.pid: Known(made.name if made.kind == "process" else "", made.start_method, made.where, None)
            for made in reversed(self._guard.made())  # what starts by forking comes before its fork
            if made.pid
        }

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if any(_vacuity(item) for item in session.items):
            self._call_attendant()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._item = item
        if self._attendant is not None:
            self._attendant.has_passed = False
            self._guard.forget_test()

    def _new_span(self) -> Span | None:
        if self._item is None:
            return None
        self._call_attendant()
        return Span(self._item.nodeid, "function", self._item.nodeid, partial(_stderr, self._item))

    def _call_attendant(self) -> None:
        if self._attendant is None:
            self._attendant = _Attendant(self._guard, self._docket)
            self._config.pluginmanager.register(self._attendant, "mpcheck-guard-attendant")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        if fixturedef.scope == "function" or self._item is None:
            return (yield)
        item = self._item
        owner = f"fixture {fixturedef.argname!r} of {fixturedef.baseid or 'a plugin'}"
        tenure = self._guard.enter(Span(owner, fixturedef.scope, item.nodeid, partial(_stderr, item)))
        threads = threading.enumerate()
        fixturedef.addfinalizer(lambda: self._torn_down(tenure, request.node))  # the last one to be called
        try:
            return (yield)
        except BaseException:
            tenure.span.has_failed = True
            raise
        finally:
            self._guard.settle(tenure, threads)
            fixturedef.addfinalizer(lambda: self._guard.enter_again(tenure))  # the first one

    def _torn_down(self, tenure: Tenure, node: pytest.Item | pytest.Collector) -> None:
        __tracebackhide__ = True
        findings = self._guard.leave(tenure)
        if findings:
            assert self._item is not None
            self._docket.add(findings, node, self._item)

    @pytest.hookimpl(wrapper=True, trylast=True)  # inside of whoever tells the world that the session is over
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        result = yield
        self._docket.close()
        return result

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._docket.take(node)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._docket.show(terminalreporter)

    def pytest_unconfigure(self) -> None:
        self._guard.close()


class _Attendant:
    """The hooks that each test pays for, once the first of a run has passed a door.

    Attributes:
        has_passed: Whether the test's own code has.
    """

    def __init__(self, guard: Guard, docket: Docket) -> None:
        self._guard = guard
        self._docket = docket
        self.has_passed = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "call":
            self.has_passed = report.passed and not hasattr(report, "wasxfail")
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # its fixtures are gone then
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        __tracebackhide__ = True
        try:
            result = yield
        except BaseException:
            self.has_passed = False
            self._judge(item, may_fail=False)
            raise
        self._judge(item, may_fail=True)
        return result

    def _judge(self, item: pytest.Item, *, may_fail: bool) -> None:
        __tracebackhide__ = True
        findings = self._guard.leave_test(_vacuity(item) if self.has_passed else None, has_failed=not self.has_passed)
        if findings:
            self._docket.add(findings, item, item, may_fail=may_fail)


def _stderr(item: pytest.Item) -> str:
    """Return what pytest has captured of the standard error of a test."""
    return "".join(text for _, key, text in item._report_sections if key == "stderr")


def _vacuity(item: pytest.Item) -> Callable[[Span], Iterable[Finding]] | None:
    """Return what judges whether a test runs for nothing once for each start method; ``None`` where it does not."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    found = {name: value for name, value in parameters.items() if start_method_of(value)}
    return partial(vacuity, found, partial(_others, item)) if found else None


def _others(item: pytest.Item, name: str) -> Iterator[object]:
    """Yield the values that a parameter of a test has in its other runs."""
    function = getattr(item, "originalname", None)
    for other in item.session.items:
        if other is not item and other.parent is item.parent and getattr(other, "originalname", None) == function:
            yield other.callspec.params.get(name)  # type: ignore[attr-defined]
