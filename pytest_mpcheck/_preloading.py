"""What the children of a test that are not forked are given, and what pytest's terminal shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ._config import assertions_of, run_of
from ._words import preload_lines

if TYPE_CHECKING:
    from ._children._preload import Preload

__all__ = ["sending_off", "take_preloads"]

_TELLER: pytest.StashKey[_Teller] = pytest.StashKey()
"""Where the configuration keeps who tells what could not be preloaded."""

_KEY = "mpcheck_preloads"


class _Teller:
    """A plugin that tells, by module, why it was not preloaded: at the end of the run, or to the controller."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self.preload: Preload | None = None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_KEY] = self._all()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        refused = self._all()
        if refused:
            terminalreporter.section("not preloaded for children of the fork server", sep="=")
            for line in preload_lines(refused):
                terminalreporter.line(line)

    def _all(self) -> dict[str, str]:
        return self.refused | (self.preload.refused if self.preload else {})


def sending_off(item: pytest.Item) -> Any:
    """Return the context in which children of a test are given what is theirs."""
    from ._children._preload import Preload
    from ._children._sendoff import SendOff

    teller = _teller_of(item.config)
    if teller.preload is None:
        teller.preload = Preload(run_of(item.config).preload_folder)
    module = getattr(getattr(item, "module", None), "__name__", None)
    return SendOff(teller.preload, module, lambda: assertions_of(item))


def take_preloads(node: Any) -> None:
    """Take over what a worker of pytest-xdist has sent; one that crashed has sent nothing."""
    sent = getattr(node, "workeroutput", {}).get(_KEY, {})
    if sent:
        _teller_of(node.config).refused |= sent


def _teller_of(config: pytest.Config) -> _Teller:
    if _TELLER not in config.stash:
        config.stash[_TELLER] = _Teller()
        config.pluginmanager.register(config.stash[_TELLER], "mpcheck_preloads")
    return config.stash[_TELLER]
