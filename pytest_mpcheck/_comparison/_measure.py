"""Workers -> facts. Nothing is judged and nothing is worded here.

* Speed is measured with workers that have said that they are ready; how long that took is another number.
* The fork server runs, and has loaded what the workers import, before the first clock starts.
* Rounds alternate between all ways of doing the work, so that a machine that slows down slows them all.
* What goes wrong with one worker becomes the ``trouble`` of its record; the others are measured all the same.
"""

import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import mean
from typing import Any

from pytest_mpcheck._comparison import _targets
from pytest_mpcheck._comparison._catalogue import CATALOGUE
from pytest_mpcheck._comparison._facts import (
    THREAD,
    Creation,
    Gil,
    Handover,
    Machine,
    Measurements,
    Memory,
    Refusal,
    Speed,
    SpeedRound,
)
from pytest_mpcheck._comparison._workers import Crew, WorkerError, context_of, kinds_of_workers

__all__ = ["find_gil", "find_machine", "measure"]

_MOST_WORKERS = 4
_WARM_UP_STEPS = 50_000
_PROCESSES_PER_ROUND = 3
_THREADS_PER_ROUND = 20

_Answer = tuple[int, float, float | None]
"""What a worker tells of one task: its result, wall seconds, and CPU seconds where a clock tells them."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One task, and the steps of ``burn`` that a worker does before it says that it is ready."""

    task: Callable[[Any], int]
    argument: float
    warm_up: int

    def seconds(self) -> float:
        """Do the task here and tell how long it took."""
        began = time.perf_counter()
        self.task(self.argument)
        return time.perf_counter() - began


def measure(rounds: int, task_seconds: float, tell: Callable[[str], object]) -> Measurements:
    """Measure every claim.

    Args:
        rounds: How often each timing is repeated.
        task_seconds: How long one task is to take when it is alone. The shorter, the less its speed-ups mean.
        tell: Called with the name of what is measured next.

    Returns:
        The facts. Every worker has ended.
    """
    machine = find_machine()
    kinds = kinds_of_workers()
    tell("warming up")
    _warm_up(kinds)
    tell("memory")
    memory = tuple(map(_measure_memory, kinds))
    workers = max(2, min(machine.cpus, _MOST_WORKERS))
    pair = (machine.default_start_method, THREAD)
    tell("CPU-bound work")
    steps = _steps_that_take(task_seconds)
    cpu_bound = _measure_speeds(pair, workers, rounds, _Work(_targets.burn, steps, _WARM_UP_STEPS))
    tell("I/O-bound work")
    io_bound = _measure_speeds(pair, workers, rounds, _Work(_targets.wait_for_device, task_seconds, 0))
    tell("creation")
    creation = _measure_creations(kinds, rounds)
    tell("complexity")
    handover = tuple(map(_measure_handover, kinds))
    return Measurements(
        machine=machine,
        rounds=rounds,
        task_seconds=task_seconds,
        workers=workers,
        memory=memory,
        cpu_bound=cpu_bound,
        io_bound=io_bound,
        creation=creation,
        handover=handover,
    )


def find_machine() -> Machine:
    """Tell where this runs."""
    methods = multiprocessing.get_all_start_methods()
    return Machine(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=platform.platform(),
        cpus=_usable_cpus(),
        start_methods=tuple(methods),
        # The first is documented to be the default; get_start_method() would settle it for this process.
        default_start_method=methods[0],
        gil=find_gil(),
    )


def find_gil() -> Gil:
    """Tell whether this interpreter runs one thread at a time."""
    ask: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    if ask is not None:
        return Gil(ask(), "sys._is_gil_enabled()")
    # Before Python 3.13 there is nothing to ask, and these two never come without a lock.
    if sys.implementation.name in ("cpython", "pypy"):
        return Gil(True, "this interpreter always has one")
    return Gil(None, f"{sys.implementation.name} does not tell")


def _usable_cpus() -> int:
    # os.cpu_count() counts the machine; a container or taskset may leave this process fewer.
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _warm_up(kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        if kind == "forkserver":
            # Without effect where a server runs already; in the command none does.
            context_of(kind).set_forkserver_preload([_targets.__name__])
        try:
            with Crew(kind) as crew:
                worker = crew.hire(_targets.serve, 0)
                worker.answer()
                worker.tell(None)
                worker.join()
        except (WorkerError, OSError):
            pass  # The measurement that follows meets the same trouble and has a place to tell it.


def _measure_memory(kind: str) -> Memory:
    argument: list[str] = []
    try:
        with Crew(kind) as crew:
            worker = crew.hire(_targets.change_memory, argument)
            there = worker.answer()
            worker.join()
        # A worker that changed nothing would look like perfect isolation.
        if there != (_targets.CHANGED, [_targets.CHANGED]):
            raise WorkerError(f"changed nothing: it saw {there!r}")
        return Memory(kind, _targets.notice_board != _targets.UNCHANGED, bool(argument))
    except (WorkerError, OSError) as error:
        return Memory(kind, trouble=_as_text(error))
    finally:
        _targets.notice_board = _targets.UNCHANGED


def _steps_that_take(task_seconds: float) -> int:
    # Doubles until a run is long enough to be told from noise, then scales.
    steps = 1_000
    while (took := _Work(_targets.burn, steps, 0).seconds()) < task_seconds / 4:
        steps *= 2
    return max(1, round(steps * task_seconds / took))


def _measure_speeds(kinds: tuple[str, str], workers: int, rounds: int, work: _Work) -> tuple[Speed, Speed]:
    expected = work.task(work.argument)
    taken: dict[str, list[SpeedRound]] = {kind: [] for kind in kinds}
    troubles: dict[str, str] = {}
    for _ in range(rounds):
        alone = sum(work.seconds() for _ in range(workers))
        for kind in kinds:
            if kind in troubles:
                continue
            try:
                starting, together, answers = _work_together(kind, workers, work)
                share = _cpu_share(answers, expected)
                taken[kind].append(SpeedRound(alone, starting, together, share))
            except (WorkerError, OSError) as error:
                troubles[kind] = _as_text(error)
    first, second = (Speed(kind, tuple(taken[kind]), troubles.get(kind)) for kind in kinds)
    return first, second


def _work_together(kind: str, workers: int, work: _Work) -> tuple[float, float, list[_Answer]]:
    began = time.perf_counter()
    with Crew(kind) as crew:
        team = [crew.hire(_targets.serve, work.warm_up) for _ in range(workers)]
        for worker in team:
            worker.answer()
        ready = time.perf_counter()
        for worker in team:
            worker.tell((work.task, work.argument))
        answers = [worker.answer() for worker in team]
        done = time.perf_counter()
        for worker in team:
            worker.tell(None)
        for worker in team:
            worker.join()
    return ready - began, done - ready, answers


def _cpu_share(answers: list[_Answer], expected: int) -> float | None:
    shares = []
    for result, wall, cpu in answers:
        # A worker that had less to do would look fast.
        if result != expected:
            raise WorkerError(f"got {result!r} where {expected!r} is right")
        if cpu is not None and wall > 0:
            shares.append(cpu / wall)
    return mean(shares) if shares else None


def _measure_creations(kinds: tuple[str, ...], rounds: int) -> tuple[Creation, ...]:
    samples: dict[str, list[float]] = {kind: [] for kind in kinds}
    troubles: dict[str, str] = {}
    for _ in range(rounds):
        for kind in kinds:
            if kind in troubles:
                continue
            try:
                for _ in range(_THREADS_PER_ROUND if kind == THREAD else _PROCESSES_PER_ROUND):
                    with Crew(kind) as crew:
                        began = time.perf_counter()
                        crew.start(_targets.idle).join()
                        samples[kind].append(time.perf_counter() - began)
            except (WorkerError, OSError) as error:
                troubles[kind] = _as_text(error)
    return tuple(Creation(kind, tuple(samples[kind]), troubles.get(kind)) for kind in kinds)


def _measure_handover(kind: str) -> Handover:
    taken: list[str] = []
    refused: list[Refusal] = []
    for thing, make in CATALOGUE.items():
        try:
            with ExitStack() as stack:
                target, args = make(stack, context_of(kind))
                with Crew(kind) as crew:
                    crew.start(target, *args).join()
            taken.append(thing)
        except OSError as error:
            return Handover(kind, trouble=f"{thing}: {_as_text(error)}")
        except Exception as error:  # What does not pickle raises what it likes; that it did is the fact.
            refused.append(Refusal(thing, _as_text(error)))
    return Handover(kind, tuple(taken), tuple(refused))


def _as_text(error: Exception) -> str:
    if isinstance(error, WorkerError):
        return str(error)
    return f"{type(error).__name__}: {error}"
