"""What the children of a test that are not forked are given, and what pytest's terminal shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ._config import assertions_of, run_of
from ._words import preload_lines

if TYPE_CHECKING:
    from ._children._preload import Preload

__all__ = ["sending_off", "take_preloads"]

PRELOAD: pytest.StashKey[Preload] = pytest.StashKey()
"""Where the configuration keeps what the fork server is asked for."""

REFUSED = pytest.StashKey[dict[str, str]]()
"""Where it keeps what workers of pytest-xdist have sent: by module, why it is not preloaded."""

_KEY = "mpcheck_preloads"


_TELLER = "mpcheck_preloads"


def sending_off(item: pytest.Item) -> Any:
    """Return the context in which children of a test are given what is theirs."""
    from ._children._preload import Preload
    from ._children._sendoff import SendOff

    config = item.config
    if PRELOAD not in config.stash:
        config.stash[PRELOAD] = Preload(run_of(config).preload_folder)
        _call_teller(config)
    module = getattr(getattr(item, "module", None), "__name__", None)
    return SendOff(config.stash[PRELOAD], module, lambda: assertions_of(item))


def take_preloads(node: Any) -> None:
    """Take over what a worker of pytest-xdist has sent; one that crashed has sent nothing."""
    refused = getattr(node, "workeroutput", {}).get(_KEY, {})
    if refused:
        node.config.stash.setdefault(REFUSED, {}).update(refused)
        _call_teller(node.config)


def _call_teller(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin(_TELLER):
        config.pluginmanager.register(_Teller(), _TELLER)


class _Teller:
    """The hooks of a run that has something to tell of it."""

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send to the controller what could not be preloaded; only a worker of pytest-xdist does."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_KEY] = session.config.stash[PRELOAD].refused

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what could not be preloaded in a section of its own."""
        stash = terminalreporter.config.stash
        none: dict[str, str] = {}
        refused = stash.get(REFUSED, none) | none
        if PRELOAD in stash:
            refused |= stash[PRELOAD].refused
        if refused:
            terminalreporter.section("not preloaded for children of the fork server", sep="=")
            for line in preload_lines(refused):
                terminalreporter.line(line)
