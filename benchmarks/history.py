"""What it costs to record an event, and what is lost when who records is killed.

``python benchmarks/history.py [--events 100000] [--rounds 5] [--kills 200]`` records the same small event in five ways,
side by side in one run: `checkpoint`, `multiprocessing.Queue`, `multiprocessing.SimpleQueue`, the `QueueHandler` of
`logging` over a queue, and a list of a `Manager`. One process records at first, then four at once, by turns with the
other ways; somebody reads what goes through a pipe. For each it prints what an event costs whoever records it (medians
of the rounds): processor time of the thread that calls, time by the clock until the call returns, and processor time of
the process until the event is on its way, which is done by a thread of its own for a queue. How many times that of
`checkpoint` it is, is of the last.
Then it prints what a checkpoint costs while nobody listens. At last a process that records is killed by SIGKILL, again
and again: of the events from which the call had returned, how many were lost?

The slow ways get fewer events, for the same time.

Exit status: 0, or 1 when an event of `checkpoint` costs more than 0.6 us in one process or 0.9 us in four (processor
time of the thread), or more than half of what `multiprocessing.Queue.put` costs the process, or more than 80 ns while
nobody listens, or when one is lost.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import logging.handlers
import multiprocessing
import os
import platform
import random
import statistics
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pytest_mpcheck import checkpoint  # noqa: E402
from pytest_mpcheck._history import _log  # noqa: E402
from pytest_mpcheck._history._control import Control  # noqa: E402
from pytest_mpcheck._history._reading import read_chronicle  # noqa: E402

CONTEXT: Any = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")

ONE_LIMIT, FOUR_LIMIT, IDLE_LIMIT = 0.6, 0.9, 0.080
"""What an event may cost, in microseconds."""

RATIO_LIMIT = 2.0
"""How many times as much `multiprocessing.Queue.put` has to cost."""

Recorder = Callable[[int], None]


@dataclass(frozen=True)
class Way:
    """One way to record events.

    Attributes:
        name: What it is called.
        share: Which part of the events it gets.
        open: Make what it needs, in the process that reads: what a writer calls first, and gets its recorder from,
            and what tells which numbers have arrived, once the writers are gone.
    """

    name: str
    share: float
    open: Callable[[], contextlib.AbstractContextManager[tuple[Callable[[], Recorder], Callable[[], set[int]]]]]


@contextlib.contextmanager
def open_log() -> Iterator[tuple[Callable[[], Recorder], Callable[[], set[int]]]]:
    with tempfile.TemporaryDirectory(prefix="mpcheck-history-") as folder:
        Control(folder).epoch = 1

        def arrived() -> set[int]:
            return {int(str(event.data["n"])) for event in read_chronicle(folder, 1).events}

        yield LogWriter(folder), arrived


@dataclass(frozen=True)
class LogWriter:
    folder: str

    def __call__(self) -> Recorder:
        _log.listen(self.folder)
        return lambda number: checkpoint("point", n=number)


@contextlib.contextmanager
def open_queue(make: Callable[[], Any], writer: Any) -> Iterator[tuple[Callable[[], Recorder], Callable[[], set[int]]]]:
    queue = make()
    found: set[int] = set()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                item = queue._reader.recv()
                number: Any = item.msg if isinstance(item, logging.LogRecord) else item[1]
                found.add(number)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def arrived() -> set[int]:
        queue._writer.close()  # the writers are gone: this was the last end
        thread.join(20)
        return found

    yield writer(queue), arrived
    with contextlib.suppress(OSError):
        queue._writer.close()
    thread.join(20)


@dataclass(frozen=True)
class QueueWriter:
    queue: Any

    def __call__(self) -> Recorder:
        put = self.queue.put
        return lambda number: put(("point", number))


@dataclass(frozen=True)
class HandlerWriter:
    queue: Any

    def __call__(self) -> Recorder:
        logger = logging.Logger("point", logging.INFO)
        logger.addHandler(logging.handlers.QueueHandler(self.queue))
        return lambda number: logger.log(logging.INFO, number)


@contextlib.contextmanager
def open_list() -> Iterator[tuple[Callable[[], Recorder], Callable[[], set[int]]]]:
    with CONTEXT.Manager() as manager:
        items = manager.list()
        yield ListWriter(items), lambda: {item[1] for item in items}


@dataclass(frozen=True)
class ListWriter:
    items: Any

    def __call__(self) -> Recorder:
        append = self.items.append
        return lambda number: append(("point", number))


WAYS = (
    Way("checkpoint", 1, open_log),
    Way("Queue.put", 1, lambda: open_queue(CONTEXT.Queue, QueueWriter)),
    Way("SimpleQueue.put", 0.1, lambda: open_queue(CONTEXT.SimpleQueue, QueueWriter)),
    Way("QueueHandler", 0.1, lambda: open_queue(CONTEXT.Queue, HandlerWriter)),
    Way("Manager().list", 0.02, open_list),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what it costs to record an event, and what kills lose.")
    parser.add_argument("--events", type=int, default=100_000, metavar="N", help="events a writer (default: 100000)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each (default: 5)")
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="kills of each (default: 200)")
    arguments = parser.parse_args()
    for name in ("events", "rounds", "kills"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} {getattr(arguments, name)}: give a whole number from 1 on")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python}, {sys.platform}, {os.cpu_count()} processors")
    failures = []
    costs = {count: costs_of(count, arguments.events, arguments.rounds) for count in (1, 4)}
    for count, limit in ((1, ONE_LIMIT), (4, FOUR_LIMIT)):
        print(f"\n{count} writing at once, us an event   thread    clock  process   times")
        own = costs[count][WAYS[0]]
        for way, (cpu, wall, process) in costs[count].items():
            print(f"  {way.name:<32} {cpu:8.2f} {wall:8.2f} {process:8.2f} {process / own[2]:7.1f}")
        if own[0] > limit:
            failures.append(f"an event costs {own[0]:.2f} us where {count} write, more than {limit}")
        ratio = costs[count][WAYS[1]][2] / own[2]
        if ratio < RATIO_LIMIT:
            failures.append(f"Queue.put costs {ratio:.1f} times as much where {count} write, less than {RATIO_LIMIT}")
    clock = timeit.timeit(time.monotonic_ns, number=100_000) * 1e4
    print(f"\na reading of the clock: {clock:.0f} ns, by which machines compare, and one with itself")
    idle = idle_cost(arguments.events, arguments.rounds)
    print(f"while nobody listens: {1000 * idle:.0f} ns")
    if idle > IDLE_LIMIT:
        failures.append(f"a checkpoint costs {1000 * idle:.0f} ns while nobody listens, more than 80")
    print(f"\n{arguments.kills} kills of each: events acknowledged, lost")
    for way in WAYS:
        acknowledged, lost = losses_of(way, arguments.kills)
        print(f"  {way.name:<16} {acknowledged:12,} {lost:12,}   {100 * lost / max(acknowledged, 1):.2f} %")
        if lost and way is WAYS[0]:
            failures.append(f"{lost} events were lost")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def costs_of(count: int, events: int, rounds: int) -> dict[Way, tuple[float, float, float]]:
    """Return what an event costs in each way, where some write at once: processor time and time, in microseconds."""
    found: dict[Way, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS[:: 1 if number % 2 else -1]:
            found[way] += costs_of_a_round(way, count, max(200, int(events * way.share)))
    return {
        way: (
            statistics.median(cost[0] for cost in of_way),
            statistics.median(cost[1] for cost in of_way),
            statistics.median(cost[2] for cost in of_way),
        )
        for way, of_way in found.items()
    }


def costs_of_a_round(way: Way, count: int, events: int) -> list[tuple[float, float, float]]:
    with way.open() as (writer, _arrived):
        barrier = CONTEXT.Barrier(count)
        results = [CONTEXT.RawArray("d", 3) for _ in range(count)]
        writers = [CONTEXT.Process(target=write, args=(writer, events, barrier, result)) for result in results]
        for process in writers:
            process.start()
        for process in writers:
            process.join()
            if process.exitcode:
                sys.exit(f"a writer of {way.name} ended with {process.exitcode}")
        return [(result[0], result[1], result[2]) for result in results]


def write(writer: Callable[[], Recorder], events: int, barrier: Any, result: Any) -> None:
    record = writer()
    for number in range(100):
        record(number)
    barrier.wait()
    result[:] = cost_of(None if isinstance(writer, LogWriter) else record, events, finish_of(writer))


def finish_of(writer: Any) -> Callable[[], None]:
    """Return what waits until everything is on its way."""

    def finish() -> None:
        queue: Any = getattr(writer, "queue", None)
        if hasattr(queue, "join_thread"):
            queue.close()
            queue.join_thread()

    return finish


def cost_of(record: Recorder | None, events: int, finish: Callable[[], None]) -> tuple[float, float, float]:
    """Return what an event costs, without the loop around it; a checkpoint is called as everybody calls it."""
    before = times()
    for _number in range(events):
        pass
    loop = [now - then for now, then in zip(times(), before, strict=True)]
    before = times()
    if record is None:
        for number in range(events):
            checkpoint("point", n=number)
    else:
        for number in range(events):
            record(number)
    thread, clock, _ = times()
    finish()
    after = thread, clock, time.process_time()
    costs = [(now - then - least) / events * 1e6 for now, then, least in zip(after, before, loop, strict=True)]
    return costs[0], costs[1], costs[2]


def times() -> tuple[float, float, float]:
    return time.thread_time(), time.perf_counter(), time.process_time()


def idle_cost(events: int, rounds: int) -> float:
    """Return what a checkpoint costs while no test listens to the log, in microseconds."""
    with tempfile.TemporaryDirectory(prefix="mpcheck-history-") as folder:
        Control(folder)
        _log.listen(folder)
        checkpoint("nobody listens")
        costs = [cost_of(None, events, lambda: None)[0] for _ in range(rounds)]
        _log.listen(None)
    return statistics.median(costs)


def losses_of(way: Way, kills: int) -> tuple[int, int]:
    """Return how many events were acknowledged before a writer was killed, and how many of them were lost."""
    chance = random.Random(1)
    acknowledged = lost = 0
    for _ in range(kills):
        with way.open() as (writer, arrived):
            count = CONTEXT.RawValue("Q", 0)
            process = CONTEXT.Process(target=write_for_ever, args=(writer, count))
            process.start()
            goal = chance.randrange(1, 2000 if way.share == 1 else 50)
            while count.value < goal:
                time.sleep(0.0005)
            process.kill()
            process.join()
            known: int = count.value
            found = arrived()
            acknowledged += known
            lost += sum(number not in found for number in range(1, known + 1))
    return acknowledged, lost


def write_for_ever(writer: Callable[[], Recorder], count: Any) -> None:
    record = writer()
    for number in range(1, 2**40):
        record(number)
        count.value = number


if __name__ == "__main__":
    sys.exit(main())
