"""What a test keeps of its workers, and what it owes them when its own code is through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ._recordings import HISTORY

if TYPE_CHECKING:
    from ._children._nursery import Nursery
    from ._children._starts import StartLog

__all__ = ["NURSERY", "PASSED", "STARTS", "settle", "show_output"]

NURSERY: pytest.StashKey[Nursery] = pytest.StashKey()
"""Where a test keeps its nursery."""

STARTS: pytest.StashKey[StartLog] = pytest.StashKey()
"""Where a test keeps which processes were started in it."""

PASSED = pytest.StashKey[bool]()
"""Where a test keeps that its own code has passed."""

NOTHING_STARTED = (
    "this test says that it starts processes (by an mp_* fixture or the mp marker), and none was started in it: "
    "it proves nothing about them; what to do: start one, or take the fixture or the marker away"
)


def settle(item: pytest.Item, made_in_setup: int) -> None:
    """Ask of a test whose own code has passed what it owes.

    That is: it started something, it saw its children off, and it held nobody in vain.

    Args:
        item: The test.
        made_in_setup: How many members its nursery had before its own code ran; they may live on until teardown.
    """
    __tracebackhide__ = True
    nursery = item.stash.get(NURSERY, None)
    if STARTS in item.stash and not item.stash[STARTS].count and not (nursery and nursery.members):
        from multiprocessing import active_children

        if not active_children():  # those of a fixture of wider scope count too
            pytest.fail(NOTHING_STARTED, pytrace=False)
    if nursery:
        nursery.settle(since=made_in_setup)
    if HISTORY in item.stash:
        item.stash[HISTORY].settle()


def show_output(item: pytest.Item, when: str) -> None:
    """Let a report show what the children of its test have written.

    Args:
        item: The test.
        when: The phase that the report is about.
    """
    nursery = item.stash.get(NURSERY, None)
    if nursery is not None:
        nursery.echo.pump(everybody=True)
        for heading, text in nursery.sections():
            item.add_report_section(when, heading, text)
