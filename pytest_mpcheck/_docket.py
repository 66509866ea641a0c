"""`Docket`: what the guard has found in a run; who allows it, and how it is told.

Guarantees: a warning never becomes an error, whatever filters say; one that a filter ignores is still in the summary.
What a worker of pytest-xdist finds reaches its controller. A report that cannot be written is told and fails nothing.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from ._bad_setting import BadSetting
from ._config import SETTINGS, mark_of
from ._finding import Finding, MpcheckWarning

if TYPE_CHECKING:
    from ._findings._allowance import Allowance

__all__ = ["Docket"]

_KEY = "mpcheck_findings"


class Docket:
    """The findings of a run.

    Args:
        config: The run's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._settings = config.stash[SETTINGS]
        self._findings: list[Finding] = []
        self._allowed: list[tuple[Finding, Allowance]] = []
        self._troubles: list[str] = []

    def note_trouble(self, trouble: str) -> None:
        """Note something that the guard could not do; once."""
        if trouble not in self._troubles:
            self._troubles.append(trouble)

    def add(
        self,
        findings: Iterable[Finding],
        node: pytest.Item | pytest.Collector,
        item: pytest.Item,
        *,
        may_fail: bool = True,
    ) -> None:
        """Add what a span has left, and tell it.

        Args:
            findings: What was found.
            node: Where the markers are that say what is allowed, besides what is allowed everywhere.
            item: The test that runs now.
            may_fail: Whether the test may fail by it; it has failed already otherwise.

        Raises:
            Found: The guard is strict, and something is not allowed; a group, where it is more than one thing.
        """
        from ._findings._allowance import allowance_for
        from ._findings._words import finding_words

        allowances = (*self._allowances(node), *self._settings.allow)
        told: list[Finding] = []
        for finding in findings:
            allowance = allowance_for(finding, allowances)
            if allowance is None:
                told.append(finding)
            else:
                self._allowed.append((finding, allowance))
        self._findings += told
        __tracebackhide__ = len(told) == 1  # pytest 8.4.0 fails at a group of which no frame is to be shown
        if told and may_fail and self._settings.guard == "strict":
            raise _error(told, item)
        for finding in told:
            _warn(item, finding_words(finding, item.nodeid))

    def _allowances(self, node: pytest.Item | pytest.Collector) -> tuple[Allowance, ...]:
        try:
            return mark_of(node).allow
        except BadSetting as error:  # of a marker that came after the collection
            self.note_trouble(str(error))
            return ()

    def close(self) -> None:
        """Send it to the controller, or write the report, once no test is to come."""
        if hasattr(self._config, "workerinput"):
            from dataclasses import asdict

            self._config.workeroutput[_KEY] = {  # type: ignore[attr-defined]
                "findings": [asdict(finding) for finding in self._findings],
                "allowed": [[asdict(finding), asdict(allowance)] for finding, allowance in self._allowed],
                "troubles": self._troubles,
            }
        elif self._settings.guard_report and not self._config.option.collectonly:
            import platform

            from . import __version__
            from ._findings._report import report, write_report

            about = {
                "tool": f"pytest-mpcheck {__version__}",
                "guard": self._settings.guard,
                "python": f"{platform.python_implementation()} {platform.python_version()}",
                "platform": sys.platform,
            }
            try:
                content = report(about, self._findings, self._allowed, self._troubles)
                write_report(self._settings.guard_report, content)
            except OSError as error:
                self.note_trouble(f"the report could not be written: {error}")

    def take(self, node: Any) -> None:
        """Take over what a worker of pytest-xdist has sent."""
        sent = getattr(node, "workeroutput", {}).get(_KEY)
        if sent is None:  # it crashed
            self.note_trouble(f"worker {node.gateway.id} ended early: what it had found is told by warnings alone")
            return
        from ._findings._allowance import Allowance

        self._findings += [Finding(**finding) for finding in sent["findings"]]
        self._allowed += [(Finding(**finding), Allowance(**allowance)) for finding, allowance in sent["allowed"]]
        for trouble in sent["troubles"]:
            self.note_trouble(trouble)

    def show(self, reporter: pytest.TerminalReporter) -> None:
        """Sum it up in a section of its own."""
        if self._findings or self._allowed or self._troubles:
            from ._findings._words import summary_lines

            reporter.section("findings of the guard", sep="=", yellow=True)
            for line in summary_lines(self._findings, len(self._allowed), self._troubles):
                reporter.line(line)


def _error(findings: list[Finding], item: pytest.Item) -> Exception:
    """Make the error that a test fails with."""
    from ._errors import Found, ResourcesLeaked
    from ._findings._words import finding_words

    errors = [
        (ResourcesLeaked if one.kind.endswith("-leak") else Found)(finding_words(one, item.nodeid), (one,))
        for one in findings
    ]
    return errors[0] if len(errors) == 1 else ExceptionGroup(f"the guard has {len(errors)} findings", errors)


def _warn(item: pytest.Item, words: str) -> None:
    """Warn, as far as the user's filters let it through."""
    path, line = str(item.path), (item.location[1] or 0) + 1
    try:
        warnings.warn_explicit(words, MpcheckWarning, path, line)
    except MpcheckWarning as warning:  # a filter makes errors of warnings
        message = warnings.WarningMessage(warning, MpcheckWarning, path, line)
        item.ihook.pytest_warning_recorded.call_historic(
            kwargs={"warning_message": message, "when": "runtest", "nodeid": item.nodeid, "location": None}
        )
