"""What is seen of a living process from outside.

Guarantees: as `_records`, beside which it stands because children load that one, and have no use for this one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._records import ProcessId

__all__ = ["ProcessFacts"]


@dataclass(frozen=True, slots=True)
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

    @property
    def is_helper(self) -> bool:
        """Whether `multiprocessing` has started it for its own purposes."""
        return self.start_method in ("fork server", "resource tracker")
