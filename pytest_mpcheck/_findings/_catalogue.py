"""`KINDS`: every kind of finding, with a line of what it means; ``docs/findings.md`` has a section for each."""

from __future__ import annotations

__all__ = ["KINDS"]

KINDS: dict[str, str] = {
    "child-failed": "a child ended by a signal, or with an exit code that nobody has read",
    "descriptor-leak": "a descriptor is still open that the test has opened",
    "equal-random": "forked children drew the same random numbers: their stream was not seeded anew",
    "executor-leak": "an executor was never shut down",
    "fork-with-lock": "a lock was held when a process was forked that may take it, and nobody in there will release it",
    "fork-with-threads": "a process was forked while other threads ran, of which the child has memory and locks only",
    "lost-output": "a child ended while it held output that it had printed and not written yet",
    "manager-leak": "a manager was never shut down",
    "nothing-started": "a test says that it starts processes, and none was started in it",
    "other-start-method": "a test runs for one start method, and all its children were started by another one",
    "pool-leak": "a pool was never closed",
    "process-leak": "a process still runs that the test has started, or a child of the test",
    "semaphore-leak": "a named semaphore is still there that the test has made",
    "shared-connection": "a connection to a database was made before a fork and used in the child",
    "shared-descriptor": "a file or a socket came through a fork unasked and was used on both sides",
    "shared-event-loop": "an event loop of asyncio came through a fork and was used on both sides",
    "shared-memory-leak": "shared memory was never unlinked",
    "socket-folder-leak": "a folder of multiprocessing's for sockets is left by a process that has ended",
    "socket-leak": "a socket is still open that the test has opened",
    "thread-leak": "a thread still runs that the test has started",
    "unpicklable": "a process was forked with something that could not be sent to a spawned one",
    "zombie": "a process has ended, and nobody has waited for it",
}
"""By name."""
