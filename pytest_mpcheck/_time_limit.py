"""A test that pytest-timeout ends: what its processes were doing is written down first."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from ._account import NURSERY, STARTS

if TYPE_CHECKING:
    from ._guarding import Guarding
    from ._records import Deadlock

__all__ = ["is_debugging", "processes_of", "watch_time_limit"]


def watch_time_limit(item: pytest.Item, settings: Any) -> AbstractContextManager[None]:
    """Let the processes of a test be examined before pytest-timeout ends it.

    Args:
        item: The test.
        settings: What pytest-timeout knows of its limit.

    Returns:
        A context in which the limit is set.
    """
    from ._autopsy._time_limit import looking_first

    def examine(deadlock: Deadlock | None) -> str:
        if is_debugging() and not settings.disable_debugger_detection:
            return ""  # the limit is not kept then
        return processes_of(item, deadlock)

    return looking_first(examine, lambda text: _write_down(item, text), _prove if _guarding_of(item) else None)


def _prove() -> Deadlock | None:
    from ._deadlocks._last_look import prove

    return prove()


def is_debugging() -> bool:
    """Return whether somebody debugs a test, as pytest-timeout tells it."""
    from pytest_timeout import is_debugging  # type: ignore[import-untyped]

    return bool(is_debugging())


def processes_of(
    item: pytest.Item, deadlock: Deadlock | None = None, limit: str = "the limit of pytest-timeout"
) -> str:
    """Tell what the processes of a test are doing; empty when there are none.

    Args:
        item: The test.
        deadlock: That it is one, if that is proved.
        limit: What to raise, should they need more time.
    """
    from ._autopsy._examination import examine_descendants
    from ._history._held import held_words
    from ._process_words import time_limit_words

    starts, nursery = item.stash.get(STARTS, None), item.stash.get(NURSERY, None)
    guarding = _guarding_of(item)
    known = guarding.known() if guarding else {}
    known |= (starts.known if starts else {}) | (nursery.known() if nursery else {})
    processes = examine_descendants(known)
    held = [f"pid {one.process.pid}: {line}" for one in processes for line in held_words(one.process)]
    return time_limit_words(nursery.recollection.tell(processes) if nursery else processes, held, deadlock, limit)


def _guarding_of(item: pytest.Item) -> Guarding | None:
    guarding: Guarding | None = item.config.pluginmanager.get_plugin("mpcheck-guard")
    return guarding


def _write_down(item: pytest.Item, text: str) -> None:
    """Write to the terminal, past the capture, since pytest is about to end where it stands."""
    from ._words import tail

    nursery = item.stash.get(NURSERY, None)
    output = [f"last of {heading}:\n{tail(text)}" for heading, text in (nursery.sections() if nursery else ())]
    capture = item.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        if hasattr(item.config, "workerinput"):  # what a worker of xdist writes to its terminal is lost
            print(f"\nprocesses of {item.nodeid}", text, *output, sep="\n", file=sys.__stderr__, flush=True)
            return
        writer = item.config.get_terminal_writer()
        writer.line()
        writer.sep("+", f"processes of {item.nodeid}")
        writer.line("\n".join([text, *output]))
        writer.flush()
