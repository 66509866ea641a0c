"""Facts, frozen: what is known of a process at the moment it was looked at.

Guarantees: every record is immutable, compares by value and pickles; none of them imports anything beyond the standard
library's smallest parts, because children load this module too. Judging and wording are done elsewhere, later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ._record import record

if TYPE_CHECKING:  # children load this module, and have no use for those
    from ._history._chronicle import Event
    from ._process_facts import ProcessFacts

__all__ = [
    "ChildReport",
    "Deadlock",
    "Exited",
    "Outcome",
    "ProcessId",
    "Raised",
    "Returned",
    "ScriptRun",
    "Signalled",
    "Stuck",
]


@record(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one that got the same pid.

    Attributes:
        pid: The process id.
        start_token: What the platform tells of the moment the process started; only good for comparing.
    """

    pid: int
    start_token: str


@record(frozen=True, slots=True)
class Returned:
    """The target returned.

    Attributes:
        value: The returned value, pickled; empty for a worker that shares our memory.
    """

    value: bytes


@record(frozen=True, slots=True)
class Raised:
    """The target raised.

    Attributes:
        type_name: Qualified name of the exception's type.
        text: What ``str()`` of the exception gave in the child; of a long one the first and the last part.
        traceback: The formatted traceback, as the child saw it; shortened in the same way.
        exception: The exception, pickled with its traceback, causes and notes; ``None`` when that was not possible.
        obstacle: Why the exception could not be pickled; empty when it could.
    """

    type_name: str
    text: str
    traceback: str
    exception: bytes | None
    obstacle: str = ""


@record(frozen=True, slots=True)
class Exited:
    """The process ended by itself without returning or raising (``os._exit``, or a crash of the interpreter).

    Attributes:
        code: The exit code, 0 or above.
        obstacle: Why an outcome that it left cannot be read; empty when it left none.
    """

    code: int
    obstacle: str = ""


@record(frozen=True, slots=True)
class Signalled:
    """The process was ended by a signal.

    Attributes:
        number: The signal's number, positive.
    """

    number: int


@record(frozen=True, slots=True)
class Deadlock:
    """That processes wait for one another for ever, as was proved.

    Attributes:
        what: Which kind of deadlock it is, in words that follow "is deadlocked: ".
        remedy: What to do about it.
        waits: What each thread of each process waits for, and who could give it; a line for each.
    """

    what: str
    remedy: str
    waits: tuple[str, ...]


@record(frozen=True, slots=True)
class Stuck:
    """The process was alive when it was looked at.

    Attributes:
        seconds: How long somebody had waited for its end, in seconds; 0 when nobody had.
        deadlock: The proof that it would never have ended; ``None`` where there is none.
    """

    seconds: float
    deadlock: Deadlock | None = None


Outcome: TypeAlias = Returned | Raised | Exited | Signalled | Stuck


@record(frozen=True, slots=True)
class ChildReport:
    """Everything that is known of a child at one moment.

    Attributes:
        process: Which process.
        name: The child's name.
        start_method: How it was started: a start method, ``thread`` or ``interpreter``.
        outcome: How it ended, or that it had not.
        exitcode: As ``multiprocessing.Process.exitcode``.
        stdout: What it wrote to descriptor 1 so far.
        stderr: What it wrote to descriptor 2 so far.
        stacks: The stack of every thread of a living child as text; empty when none was asked for or could be had.
        processes: The living child and all that descends from it, for a pool or executor all its workers; empty when
            nobody asked, or it is no process.
        facts: What else is known of its end, a sentence each: that memory ran out.
        events: The last events that it has recorded; empty when its test has no history.
        seen_at: When it was seen so, in nanoseconds of the clock of events.
    """

    process: ProcessId
    name: str
    start_method: str
    outcome: Outcome
    exitcode: int | None
    stdout: str
    stderr: str
    stacks: str = ""
    processes: tuple[ProcessFacts, ...] = ()
    facts: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    seen_at: int = 0


@record(frozen=True, slots=True)
class ScriptRun:
    """A script that was run to its end as ``__main__``.

    Attributes:
        path: The script.
        args: Its command line arguments.
        start_method: The default start method that it ran under.
        exitcode: Its exit code; ``-N`` when signal N ended it.
        stdout: All that it and its children wrote to descriptor 1.
        stderr: All that it and its children wrote to descriptor 2.
        survivors: Command lines of the processes that it left running; they have been ended since.
    """

    path: str
    args: tuple[str, ...]
    start_method: str
    exitcode: int
    stdout: str
    stderr: str
    survivors: tuple[str, ...]
