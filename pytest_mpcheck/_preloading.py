"""What the children of a test that are not forked are given, and what pytest's terminal shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ._config import RUN, assertions_of
from ._words import preload_lines

if TYPE_CHECKING:
    from ._children._preload import Preload

__all__ = ["send_preloads", "sending_off", "show_preloads", "take_preloads"]

PRELOAD: pytest.StashKey[Preload] = pytest.StashKey()
"""Where the configuration keeps what the fork server is asked for."""

REFUSED = pytest.StashKey[dict[str, str]]()
"""Where it keeps what workers of pytest-xdist have sent: by module, why it is not preloaded."""

_KEY = "mpcheck_preloads"


def sending_off(item: pytest.Item) -> Any:
    """Return the context in which children of a test are given what is theirs."""
    from ._children._preload import Preload
    from ._children._sendoff import SendOff

    config = item.config
    if PRELOAD not in config.stash:
        config.stash[PRELOAD] = Preload(config.stash[RUN].preload_folder)
    module = getattr(getattr(item, "module", None), "__name__", None)
    return SendOff(config.stash[PRELOAD], module, lambda: assertions_of(item))


def send_preloads(config: pytest.Config) -> None:
    """Send to the controller what could not be preloaded; only a worker of pytest-xdist does."""
    if PRELOAD in config.stash and hasattr(config, "workeroutput"):
        config.workeroutput[_KEY] = config.stash[PRELOAD].refused


def take_preloads(node: Any) -> None:
    """Take over what a worker of pytest-xdist has sent; one that crashed has sent nothing."""
    node.config.stash.setdefault(REFUSED, {}).update(getattr(node, "workeroutput", {}).get(_KEY, {}))


def show_preloads(reporter: pytest.TerminalReporter) -> None:
    """Show what could not be preloaded in a section of its own."""
    stash = reporter.config.stash
    none: dict[str, str] = {}
    refused = stash.get(REFUSED, none) | none
    if PRELOAD in stash:
        refused |= stash[PRELOAD].refused
    if refused:
        reporter.section("not preloaded for children of the fork server", sep="=")
        for line in preload_lines(refused):
            reporter.line(line)
