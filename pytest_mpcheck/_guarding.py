"""The guard as pytest's hooks call it; they are registered while it is on, and without it cost nothing."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

import pytest

from ._config import SETTINGS
from ._errors import Found, ResourcesLeaked
from ._finding import Finding, MpcheckWarning

if TYPE_CHECKING:
    from ._guard._guard import Guard
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
        from ._guard._guard import Guard
        from ._guard._watchers import watchers

        settings = config.stash[SETTINGS]
        self.is_strict = settings.guard == "strict"
        self.findings: list[Finding] = []
        self.troubles: list[str] = []
        self.guard: Guard = Guard(watchers(settings), self.troubles.append)
        self._item: pytest.Item | None = None
        self._tenure: Tenure | None = None
        self._failed = 0
        self.guard.open()

    def pytest_unconfigure(self) -> None:
        self.guard.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        from ._guard._watcher import Span

        self._item, self._failed = item, item.session.testsfailed
        self._tenure = self.guard.enter(Span(item.nodeid, "function", item.nodeid, {"item": item}))
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # when all fixtures of the test are gone
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        try:
            result = yield
        except BaseException:
            self._leave(item, has_failed=True)
            raise
        self._raise(self._leave(item, has_failed=item.session.testsfailed != self._failed))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        if fixturedef.scope == "function" or self._tenure is None:
            return (yield)
        from ._guard._watcher import Span

        owner = f"fixture {fixturedef.argname!r} of {fixturedef.baseid or 'a plugin'}"
        tenure = self.guard.enter(Span(owner, fixturedef.scope, self._tenure.span.test))
        threads = threading.enumerate()
        fixturedef.addfinalizer(lambda: self._torn_down(tenure))  # the last one to be called
        try:
            return (yield)
        except BaseException:
            tenure.span.has_failed = True
            raise
        finally:
            self.guard.settle(tenure, threads)
            fixturedef.addfinalizer(lambda: self.guard.enter_again(tenure))  # the first one

    def _torn_down(self, tenure: Tenure) -> None:
        self._raise(self._tell(self.guard.leave(tenure)))

    def _leave(self, item: pytest.Item, *, has_failed: bool) -> list[Finding]:
        if self._tenure is None:
            return []
        tenure, self._tenure = self._tenure, None
        tenure.span.has_failed = has_failed
        return self._tell(self.guard.leave(tenure))

    def _tell(self, findings: Iterable[Finding]) -> list[Finding]:
        told = list(findings)
        self.findings += told
        if not self.is_strict:
            for finding in told:
                self._warn(finding)
        return told

    def _warn(self, finding: Finding) -> None:
        """Warn, as far as the user's filters let it through; an error it never becomes."""
        assert self._item is not None
        warning, path = MpcheckWarning(_words(finding)), str(self._item.path)
        message = warnings.WarningMessage(warning, MpcheckWarning, path, 1)
        try:
            warnings.warn_explicit(warning, MpcheckWarning, path, 1)
        except MpcheckWarning:  # they make errors of warnings
            self._item.ihook.pytest_warning_recorded.call_historic(
                kwargs={"warning_message": message, "when": "runtest", "nodeid": self._item.nodeid, "location": None}
            )

    def _raise(self, findings: list[Finding]) -> None:
        """Fail the test, where the guard is strict."""
        if not findings or not self.is_strict:
            return
        errors = [(ResourcesLeaked if one.kind.endswith("-leak") else Found)(_words(one), (one,)) for one in findings]
        if len(errors) == 1:
            raise errors[0]
        raise ExceptionGroup(f"{len(errors)} findings", errors)


def _words(finding: Finding) -> str:
    return f"{finding.kind}: {finding.what}"
