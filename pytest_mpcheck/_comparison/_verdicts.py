"""Facts -> whether each claim of the notes holds here. Pure: it starts nothing and looks at no machine.

The rules in one place:

* A speed-up below ``GAIN`` is none. Of two speeds or prices, one is better when it is more than ``TIE``
  times the other; below that they are equal.
* With one CPU nothing runs at the same time, so nothing is said about CPU-bound work. Processes that gained
  nothing while each had less than ``BUSY`` of a CPU prove nothing either: somebody else had the rest.
* A claim about processes holds where it holds for every start method.
* I/O-bound work: where threads gain as much as processes, being ready sooner makes them the better choice.
* Complexity is counted in kinds of things that a worker takes. "Generally" more complex: more than half of
  the start methods take fewer kinds than a thread does.
* The GIL limits threads where it is on, threads gained nothing, and processes, side by side with them, did.
* A measurement that had trouble proves nothing, unless the others disprove the claim already.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pytest_mpcheck._comparison import _notes as notes
from pytest_mpcheck._comparison._facts import Fact, Measurements, Speed

__all__ = ["BUSY", "GAIN", "TIE", "Verdict", "judge"]

GAIN = 1.25
"""The least speed-up that counts as one."""

TIE = 1.1
"""Two numbers that differ by no more than this factor are equal."""

BUSY = 0.8
"""The least part of a CPU that a worker must have had for its lack of speed to be its own."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a claim holds here: yes, no, or (None) not to be told here; and why."""

    holds: bool | None
    why: str

    @property
    def word(self) -> str:
        """The verdict in words."""
        return {True: "holds", False: "does not hold", None: "cannot tell here"}[self.holds]


def judge(facts: Measurements) -> dict[tuple[str, str], Verdict]:
    """Judge every claim.

    Args:
        facts: What was measured.

    Returns:
        A verdict for each feature and side of the notes' table, in its order.
    """
    return {claim: rule(facts) for claim, rule in _RULES.items()}


def _memory_of_processes(facts: Measurements) -> Verdict:
    processes = facts.memory[:-1]
    leaky = [fact.worker for fact in processes if fact.global_seen_here or fact.argument_seen_here]
    if leaky:
        return Verdict(False, f"what a worker changed is seen here under {_listed(leaky)}")
    return _first_trouble(processes) or Verdict(True, "nothing that a worker changed is seen here")


def _memory_of_threads(facts: Measurements) -> Verdict:
    thread = facts.memory[-1]
    if trouble := _first_trouble([thread]):
        return trouble
    seen = {"global": thread.global_seen_here, "argument": thread.argument_seen_here}
    unseen = [what for what in seen if not seen[what]]
    if unseen:
        return Verdict(False, f"the changed {_listed(unseen)} is not seen here")
    return Verdict(True, "all that a worker changed is seen here")


def _performance_of_processes(facts: Measurements) -> Verdict:
    process, thread = facts.cpu_bound
    if doubt := _first_trouble(facts.cpu_bound) or _no_gain(facts, process):
        return doubt
    both = f"{process.speedup:.2f}x, threads {thread.speedup:.2f}x"
    if process.speedup > thread.speedup * TIE:
        return Verdict(True, f"processes {both}")
    off = ", for the GIL is off" if facts.machine.gil.enabled is False else ""
    return Verdict(False, f"threads gain as much (processes {both}){off}")


def _performance_of_threads(facts: Measurements) -> Verdict:
    process, thread = facts.io_bound
    if trouble := _first_trouble(facts.io_bound):
        return trouble
    both = f"threads {thread.speedup:.2f}x, processes {process.speedup:.2f}x"
    if thread.speedup < GAIN:
        return Verdict(False, f"threads gain nothing ({both})")
    if process.speedup > thread.speedup * TIE:
        return Verdict(False, f"processes gain more ({both})")
    if thread.speedup > process.speedup * TIE:
        return Verdict(True, both)
    times = process.starting_seconds / thread.starting_seconds
    if times > TIE:
        return Verdict(True, f"equal at work, but threads are ready {times:.0f} times as soon")
    return Verdict(False, f"processes gain as much ({both}) and are ready as soon")


def _creation_of_processes(facts: Measurements) -> Verdict:
    return _judge_creation(facts, "{worker}, the cheapest, costs {times} times a thread")


def _creation_of_threads(facts: Measurements) -> Verdict:
    return _judge_creation(facts, "{worker}, the cheapest process, costs {times} times as much")


def _judge_creation(facts: Measurements, why: str) -> Verdict:
    *processes, thread = facts.creation
    if thread.trouble is not None:
        return Verdict(None, _told(thread))
    measured = [fact for fact in processes if fact.trouble is None]
    as_cheap = [fact.worker for fact in measured if fact.seconds <= thread.seconds * TIE]
    if as_cheap:
        return Verdict(False, f"{_listed(as_cheap)}: no dearer than a thread")
    if trouble := _first_trouble(processes):
        return trouble
    cheapest = min(measured, key=lambda fact: fact.seconds)
    return Verdict(True, why.format(worker=cheapest.worker, times=f"{cheapest.seconds / thread.seconds:.0f}"))


def _complexity_of_processes(facts: Measurements) -> Verdict:
    *processes, thread = facts.handover
    if trouble := _first_trouble(facts.handover):
        return trouble
    fewer = [fact.worker for fact in processes if len(fact.taken) < len(thread.taken)]
    if len(fewer) * 2 > len(processes):
        return Verdict(True, f"{_listed(fewer)}: fewer kinds than a thread")
    return Verdict(False, f"{len(fewer)} of {len(processes)} start methods: fewer kinds than a thread")


def _complexity_of_threads(facts: Measurements) -> Verdict:
    *processes, thread = facts.handover
    if trouble := _first_trouble(facts.handover):
        return trouble
    if thread.refused:
        return Verdict(False, f"a thread does not take {_listed([refusal.thing for refusal in thread.refused])}")
    if all(len(fact.taken) == len(thread.taken) for fact in processes):
        return Verdict(False, "processes take as many kinds")
    return Verdict(True, "a thread takes every kind, as it is")


def _gil_of_processes(facts: Measurements) -> Verdict:
    process = facts.cpu_bound[0]
    if doubt := _first_trouble([process]) or _no_gain(facts, process):
        return doubt
    return Verdict(True, f"{facts.workers} processes gain {process.speedup:.2f}x on CPU-bound work")


def _gil_of_threads(facts: Measurements) -> Verdict:
    thread, gil = facts.cpu_bound[1], facts.machine.gil
    if gil.enabled is False:
        gained = "" if thread.trouble else f"; {facts.workers} threads: {thread.speedup:.2f}x on CPU-bound work"
        return Verdict(False, f"the GIL is off here{gained}")
    if gil.enabled is None:
        return Verdict(None, f"nobody knows the state of the GIL: {gil.source}")
    return _limit_of_threads(facts)


def _limit_of_threads(facts: Measurements) -> Verdict:
    process, thread = facts.cpu_bound
    if facts.machine.cpus < 2:
        return Verdict(None, "1 CPU")
    if trouble := _first_trouble(facts.cpu_bound):
        return trouble
    if thread.speedup >= GAIN:
        return Verdict(False, f"the GIL is on, and yet threads gain {thread.speedup:.2f}x")
    # Threads that gain nothing where nothing else does are no evidence of a lock.
    if process.speedup < GAIN:
        return Verdict(None, f"processes gain nothing either ({process.speedup:.2f}x): is the machine busy?")
    return Verdict(True, f"the GIL is on, threads gain nothing ({thread.speedup:.2f}x)")


def _no_gain(facts: Measurements, process: Speed) -> Verdict | None:
    if facts.machine.cpus < 2:
        return Verdict(None, "1 CPU")
    if process.speedup >= GAIN:
        return None
    share = process.cpu_share
    if share is not None and share < BUSY:
        return Verdict(None, f"busy machine: a worker had {share:.0%} of a CPU")
    return Verdict(False, f"processes gain nothing ({process.speedup:.2f}x)")


def _first_trouble(facts: Iterable[Fact]) -> Verdict | None:
    return next((Verdict(None, _told(fact)) for fact in facts if fact.trouble is not None), None)


def _told(fact: Fact) -> str:
    return f"{fact.worker}: {fact.trouble}"


def _listed(names: list[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"


_RULES: dict[tuple[str, str], Callable[[Measurements], Verdict]] = {
    (notes.MEMORY, notes.PROCESSES): _memory_of_processes,
    (notes.MEMORY, notes.THREADS): _memory_of_threads,
    (notes.PERFORMANCE, notes.PROCESSES): _performance_of_processes,
    (notes.PERFORMANCE, notes.THREADS): _performance_of_threads,
    (notes.CREATION, notes.PROCESSES): _creation_of_processes,
    (notes.CREATION, notes.THREADS): _creation_of_threads,
    (notes.COMPLEXITY, notes.PROCESSES): _complexity_of_processes,
    (notes.COMPLEXITY, notes.THREADS): _complexity_of_threads,
    (notes.GIL, notes.PROCESSES): _gil_of_processes,
    (notes.GIL, notes.THREADS): _gil_of_threads,
}
