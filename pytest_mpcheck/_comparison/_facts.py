"""What was measured, as frozen records: no judgement and no sentence in here.

A ``worker`` is a start method of multiprocessing or the word ``thread``. A record whose ``trouble`` is not
None could not be measured to its end: the text says what went wrong, taken when it happened, and the other
fields mean nothing.
"""

from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

__all__ = [
    "THREAD",
    "Creation",
    "Fact",
    "Gil",
    "Handover",
    "Machine",
    "Measurements",
    "Memory",
    "Refusal",
    "Speed",
    "SpeedRound",
]

THREAD = "thread"


@dataclass(frozen=True, slots=True)
class Gil:
    """The global interpreter lock: on, off, or (None) not to be found out; and who says so."""

    enabled: bool | None
    source: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the numbers were taken. ``cpus`` counts those that this process may use."""

    python: str
    implementation: str
    platform: str
    cpus: int
    start_methods: tuple[str, ...]
    default_start_method: str
    gil: Gil


@dataclass(frozen=True, slots=True)
class Memory:
    """A worker changed a module's global and its argument: what of it is seen here after its end?"""

    worker: str
    global_seen_here: bool = False
    argument_seen_here: bool = False
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class SpeedRound:
    """One round: the tasks one after another here, and the same tasks split over workers.

    ``starting_seconds`` ends when every worker said that it is ready; ``together_seconds`` begins there.
    ``cpu_share`` is the part of a CPU that a worker had while it worked, None where no clock tells.
    """

    alone_seconds: float
    starting_seconds: float
    together_seconds: float
    cpu_share: float | None


@dataclass(frozen=True, slots=True)
class Speed:
    """Every round of one kind of work with one kind of worker."""

    worker: str
    rounds: tuple[SpeedRound, ...] = ()
    trouble: str | None = None

    @property
    def speedup(self) -> float:
        """How many times as fast as one after another, the workers being ready (median of the rounds)."""
        return median(r.alone_seconds / r.together_seconds for r in self.rounds)

    @property
    def speedup_with_start(self) -> float:
        """The same with the start of the workers counted in."""
        return median(r.alone_seconds / (r.starting_seconds + r.together_seconds) for r in self.rounds)

    @property
    def starting_seconds(self) -> float:
        """How long it took until all workers were ready (median of the rounds)."""
        return median(r.starting_seconds for r in self.rounds)

    @property
    def cpu_share(self) -> float | None:
        """The part of a CPU that each worker had (median of the rounds), None where unknown."""
        shares = [r.cpu_share for r in self.rounds if r.cpu_share is not None]
        return median(shares) if shares else None


@dataclass(frozen=True, slots=True)
class Creation:
    """What it takes to start one idle worker and to join it, once per sample."""

    worker: str
    samples_seconds: tuple[float, ...] = ()
    trouble: str | None = None

    @property
    def seconds(self) -> float:
        """The median of the samples."""
        return median(self.samples_seconds)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kind of thing that a worker could not be given, and what was said to that."""

    thing: str
    why: str


@dataclass(frozen=True, slots=True)
class Handover:
    """Which kinds of things a worker took, as its target or as an argument, and was able to use."""

    worker: str
    taken: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    trouble: str | None = None

    @property
    def tried(self) -> int:
        """How many kinds were tried."""
        return len(self.taken) + len(self.refused)


Fact: TypeAlias = Memory | Speed | Creation | Handover
"""What can have trouble."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything that one run of the comparison found out.

    The two speeds of a kind of work are first that of processes (of the platform's default start method),
    then that of threads. ``memory``, ``creation`` and ``handover`` have one record for each start method,
    and last that of a thread.
    """

    machine: Machine
    rounds: int
    task_seconds: float
    workers: int
    memory: tuple[Memory, ...]
    cpu_bound: tuple[Speed, Speed]
    io_bound: tuple[Speed, Speed]
    creation: tuple[Creation, ...]
    handover: tuple[Handover, ...]

    @property
    def troubles(self) -> tuple[str, ...]:
        """Every trouble there was, each with the worker that had it."""
        records: tuple[Fact, ...] = (
            *self.memory,
            *self.cpu_bound,
            *self.io_bound,
            *self.creation,
            *self.handover,
        )
        return tuple(f"{record.worker}: {record.trouble}" for record in records if record.trouble is not None)
