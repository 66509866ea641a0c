"""What is seen of processes from outside, and what was done with them.

Guarantees: as `_records`, beside which it stands because children load that one, and have no use for this one: each
record costs them a third of a millisecond.
"""

from __future__ import annotations

from ._record import record
from ._records import ProcessId

__all__ = ["Awaited", "ProcessFacts", "Straggler", "Swept", "ThreadWait"]


@record(frozen=True, slots=True)
class ProcessFacts:
    """What was to be seen of a living process from outside, and the stacks that it gave.

    Attributes:
        process: Which process.
        parent: The pid of the process that it is a child of.
        command: Its command line.
        state: ``running``, ``sleeping``, ``stopped``, ``zombie`` ..., as the platform has it.
        age: For how long it has lived, in seconds.
        cpu: How much processor time it has used, in seconds.
        start_method: A start method where `multiprocessing` has started it; ``fork server`` and ``resource tracker``
            for its helpers; empty for a program.
        name: Its name, where it is a worker that a fixture has started.
        origin: Where the test started it, likewise.
        stacks: The stack of each of its threads as text; empty when none could be had.
        source: How the stacks were had, or why they could not be.
        waits: What its threads wait for, a line each, as far as that is known.
        events: What it has recorded last, a line each; empty when its test has no history.
    """

    process: ProcessId
    parent: int
    command: str
    state: str
    age: float
    cpu: float
    start_method: str = ""
    name: str = ""
    origin: str = ""
    stacks: str = ""
    source: str = ""
    waits: tuple[str, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def is_helper(self) -> bool:
        """Whether `multiprocessing` has started it for its own purposes."""
        return self.start_method in ("fork server", "resource tracker")


@record(frozen=True, slots=True)
class Awaited:
    """Something that a thread waits for, and that some process has to give.

    Attributes:
        kind: ``pipe``, ``socket``, ``process``, ``children`` (any of them), ``lock`` (of its own process) or
            ``shared lock`` (of several).
        key: Which one: the number of the pipe or socket, the process id (for ``children`` that of their parent), the
            memory of the lock.
        verb: For a pipe, which end the thread holds: ``read`` or ``write``; else empty.
    """

    kind: str
    key: str
    verb: str = ""


@record(frozen=True, slots=True)
class ThreadWait:
    """What a thread was doing when it was looked at.

    Attributes:
        thread: Its native thread id.
        what: In words, such as ``waits to read from pipe 4711``.
        timed: Whether it goes on by itself after a time.
        awaited: What could wake it; empty when it does not wait, or when that is not known in full.
        switches: How often it had left a processor; a thread that has slept ever since has the same number.
    """

    thread: int
    what: str
    timed: bool
    awaited: tuple[Awaited, ...] = ()
    switches: int = 0


@record(frozen=True, slots=True)
class Straggler:
    """A living process that belongs to a run, or to one test of it.

    Attributes:
        process: Which process.
        parent: The pid of its parent.
        session: The session it is in; 0 where the platform has no sessions.
        name: The short name that the platform gives it.
        command: Its command line; a forked one has that of the process it was forked from.
    """

    process: ProcessId
    parent: int
    session: int
    name: str
    command: str


@record(frozen=True, slots=True)
class Swept:
    """What a sweep has done.

    Attributes:
        ended: Those that were ended, and are to be told.
        left: Those that took leave on purpose, and were left alone.
        undead: Those that were still there after SIGKILL.
    """

    ended: tuple[Straggler, ...] = ()
    left: tuple[Straggler, ...] = ()
    undead: tuple[Straggler, ...] = ()
