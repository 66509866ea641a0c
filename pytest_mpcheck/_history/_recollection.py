"""`Recollection`: what the processes of a test have recorded, for whoever tells of one that is stuck or dead.

Guarantees: nothing is read before somebody asks, and nothing raises: a test without a history has recorded nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from .. import _platforms
from .._event_words import event_lines
from .._process_facts import ProcessFacts
from .._records import ProcessId
from ._chronicle import Chronicle, Event

__all__ = ["LAST", "Recollection"]

LAST = 10
"""How many events of a child a report has: the last ones."""

LAST_OF_EACH = 5
"""How many are told of each process, where many are told."""


class Recollection:
    """What is remembered of the processes of one test.

    Args:
        read: Reads what they have recorded; ``None`` when the test has no history.
    """

    def __init__(self, read: Callable[[], Chronicle | None] = lambda: None) -> None:
        self._read = read
        self.now = _platforms.event_clock()

    def events(self, process: ProcessId) -> tuple[Event, ...]:
        """Return all that a process has recorded.

        Args:
            process: The process. Without a start token, which nobody can tell once it is gone, the last one of its pid;
                for a thread of this process (see `ThreadWorker`) what that thread has recorded.
        """
        chronicle = self._read()
        return () if chronicle is None else _of(process, chronicle)

    def tell(self, processes: Iterable[ProcessFacts]) -> tuple[ProcessFacts, ...]:
        """Return what was seen of processes, and with it what they had recorded last."""
        processes = tuple(processes)
        chronicle = self._read() if processes else None
        if chronicle is None:
            return processes
        now = self.now()
        return tuple(
            replace(facts, events=tuple(event_lines(_of(facts.process, chronicle)[-LAST_OF_EACH:], now)))
            for facts in processes
        )


def _of(process: ProcessId, chronicle: Chronicle) -> tuple[Event, ...]:
    pid, token = process.pid, process.start_token
    kind, _, number = token.partition(" ")
    if kind == "thread":
        return tuple(one for one in chronicle.events if one.process.pid == pid and str(one.thread) == number)
    if not token:
        token = next((one.process.start_token for one in chronicle.sources[::-1] if one.process.pid == pid), "")
    return tuple(one for one in chronicle.events if one.process == ProcessId(pid, token))
