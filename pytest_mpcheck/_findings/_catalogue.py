"""`KINDS`: every kind of finding, with a line of what it means; ``docs/findings.md`` has a section for each."""

from __future__ import annotations

__all__ = ["KINDS"]

KINDS: dict[str, str] = {
    "child-failed": "a child ended by a signal, or with an exit code that nobody has read",
    "equal-random": "forked children drew the same random numbers: their stream was not seeded anew",
    "fork-with-lock": "a lock was held when a process was forked that may take it, and nobody in there will release it",
    "fork-with-threads": "a process was forked while other threads ran, of which the child has memory and locks only",
    "nothing-started": "a test says that it starts processes, and none was started in it",
    "other-start-method": "a test runs for one start method, and all its children were started by another one",
    "shared-connection": "a connection to a database was made before a fork and used in the child",
    "shared-descriptor": "a file or a socket came through a fork unasked and was used on both sides",
    "shared-event-loop": "an event loop of asyncio came through a fork and was used on both sides",
    "unpicklable": "a process was forked with something that could not be sent to a spawned one",
}
"""By name."""
