"""`Mark`: an event of the Trace Event Format, but for the numbers that are given when all marks of a run are known."""

from __future__ import annotations

from typing import NamedTuple

from .._records import ProcessId

__all__ = ["Mark"]


class Mark(NamedTuple):
    """One event of the format.

    Attributes:
        at: When, in nanoseconds of the clock of events.
        process: Whose it is.
        thread: Which thread's: its number (`threading.get_ident`; 0 for the first one), and after a ``+`` its lane.
        flow: The number of the arrow, within its test; 0 for what is no end of one.
        fields: All that stays as it is.
    """

    at: int
    process: ProcessId
    thread: str
    flow: int
    fields: dict[str, object]
