"""When a process was started, and when it was seen to have ended.

Guarantees: frozen facts; a test that records no event has these all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._records import ProcessId

__all__ = ["Life", "TracedTest"]


@dataclass(frozen=True, slots=True)
class Life:
    """A process that was started in a test by its own process, through the standard library.

    Attributes:
        process: Which process; without a start token when it had ended before anybody could ask for it.
        begin: When somebody began to start it, in nanoseconds of the clock of events.
        thread: The number of the thread that started it (`threading.get_ident`).
        name: Its name; empty for one that is not of `multiprocessing`.
        start_method: How it was started, likewise.
        origin: Where the test started it.
        end: When it was seen to have ended; ``None`` when nobody has seen it.
        end_thread: The number of the thread that saw it.
        exitcode: As `multiprocessing.Process.exitcode`.
    """

    process: ProcessId
    begin: int
    thread: int
    name: str = ""
    start_method: str = ""
    origin: str = ""
    end: int | None = None
    end_thread: int = 0
    exitcode: int | None = None


@dataclass(frozen=True, slots=True)
class TracedTest:
    """A test, from its set-up to the end of its teardown.

    Attributes:
        name: Its node id.
        process: The process of the test.
        thread: The number of the thread that ran it.
        begin: When it began, in nanoseconds of the clock of events.
        end: When it was over.
    """

    name: str
    process: ProcessId
    thread: int
    begin: int
    end: int
