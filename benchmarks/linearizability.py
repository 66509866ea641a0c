"""How long the checker takes to decide.

``python benchmarks/linearizability.py [--rounds 5] [--processes 4]`` makes histories of every model as so many
processes would: each call starts, takes effect at some moment while the others go on, and ends. The right history is
what came out; the wrong one is the same with one result changed near its end, or one call let through that should have
waited. Printed are the medians for 1,000 and for 10,000 operations, right and wrong, and the verdicts.

Exit status: 0, or 1 when a verdict is wrong, or 1,000 operations take more than 10 ms, or 10,000 more than 200 ms.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pytest_mpcheck._linearizability import Operation, check
from pytest_mpcheck.models import BoundedQueue, Counter, Dictionary, Lock, Queue, Register, Semaphore, Set

LIMITS = {1_000: 10.0, 10_000: 200.0}
"""Milliseconds for so many operations."""

Effect = Callable[[], tuple[object, str] | None]
"""Takes effect and tells the result and what was raised; ``None``: has to wait."""


class Objects:
    """What the processes call: each method chooses a call and tells its name, its arguments and its effect."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.value: Any = None
        self.number = 0
        self.items: deque[int] = deque()
        self.entries: dict[int, int] = {}
        self.members: set[int] = set()
        self.free = 1
        self.holders: set[int] = set()

    def next(self) -> int:
        self.number += 1
        return self.number

    def register(self, who: int) -> tuple[str, dict[str, object], Effect]:
        if self.source.random() < 0.5:
            return "read", {}, lambda: (self.value, "")
        value = self.source.randrange(10)

        def write() -> tuple[object, str]:
            self.value = value
            return None, ""

        return "write", {"value": value}, write

    def counter(self, who: int) -> tuple[str, dict[str, object], Effect]:
        if self.source.random() < 0.5:
            return "read", {}, lambda: (self.value or 0, "")

        def add() -> tuple[object, str]:
            self.value = (self.value or 0) + 1
            return None, ""

        return "add", {}, add

    def queue(self, who: int, bound: int | None = None) -> tuple[str, dict[str, object], Effect]:
        if self.source.random() < 0.5:
            return "get", {}, lambda: (self.items.popleft(), "") if self.items else (None, "Empty")
        item = self.next()

        def put() -> tuple[object, str]:
            if bound is not None and len(self.items) >= bound:
                return None, "Full"
            self.items.append(item)
            return None, ""

        return "put", {"item": item}, put

    def bounded(self, who: int) -> tuple[str, dict[str, object], Effect]:
        return self.queue(who, bound=3)

    def dictionary(self, who: int) -> tuple[str, dict[str, object], Effect]:
        key = self.source.randrange(10)
        if self.source.random() < 0.5:
            return "get", {"key": key}, lambda: (self.entries.get(key), "")
        value = self.source.randrange(100)

        def put() -> tuple[object, str]:
            self.entries[key] = value
            return None, ""

        return "set", {"key": key, "value": value}, put

    def set(self, who: int) -> tuple[str, dict[str, object], Effect]:
        item, name = self.source.randrange(10), self.source.choice(["add", "discard", "contains", "contains"])
        if name == "contains":
            return name, {"item": item}, lambda: (item in self.members, "")

        def change() -> tuple[object, str]:
            (self.members.add if name == "add" else self.members.discard)(item)
            return None, ""

        return name, {"item": item}, change

    def lock(self, who: int) -> tuple[str, dict[str, object], Effect]:
        if who in self.holders:
            self.holders.discard(who)

            def release() -> tuple[object, str]:
                self.free += 1
                return None, ""

            return "release", {}, release

        def acquire() -> tuple[object, str] | None:
            if not self.free:
                return None
            self.free -= 1
            self.holders.add(who)
            return True, ""

        return "acquire", {}, acquire

    def semaphore(self, who: int) -> tuple[str, dict[str, object], Effect]:
        if self.number == 0:
            self.number, self.free = 1, 2
        return self.lock(who)


MODELS: dict[str, object] = {
    "register": Register,
    "counter": Counter,
    "queue": Queue,
    "bounded": BoundedQueue(3),
    "dictionary": Dictionary,
    "lock": Lock,
    "semaphore": Semaphore(2),
    "set": Set,
}


def history(kind: str, count: int, processes: int, seed: int, *, right: bool = True) -> list[Operation]:
    """Return what so many processes did, with one another.

    Args:
        kind: What they called.
        count: How many calls.
        processes: How many they were.
        seed: For the chances.
        right: Whether all was as it should be; otherwise something near the end was not.
    """
    source = random.Random(seed)
    objects = Objects(source)
    call = getattr(objects, kind)
    done: list[Operation] = []
    due: list[tuple[int, int, int, Any]] = [(source.randrange(100), who, 0, None) for who in range(processes)]
    heapq.heapify(due)
    while len(done) < count:
        now, who, start, pending = heapq.heappop(due)
        if pending is None:
            heapq.heappush(due, (now + source.randrange(1, 100), who, now, call(who)))
            continue
        name, arguments, effect = pending
        out = effect()
        if out is None:
            heapq.heappush(due, (now + source.randrange(1, 10), who, start, pending))
            continue
        end = now + source.randrange(1, 100)
        done.append(Operation(name, arguments, out[0], start, end, who, out[1]))
        heapq.heappush(due, (end + source.randrange(1, 200 if name == "acquire" else 20), who, 0, None))
        if not right and len(done) == count - 200:
            objects.free += 1
    return done if right or kind in ("lock", "semaphore") else spoilt(done)


def spoilt(operations: list[Operation]) -> list[Operation]:
    """Return the history with a result near its end that cannot be."""
    for place in range(len(operations) - 5, -1, -1):
        one = operations[place]
        if one.name in ("read", "get") and not one.raised:
            wrong: object = (one.result or 0) + 1_000_000  # type: ignore[operator]
            return [*operations[:place], replace(one, result=wrong), *operations[place + 1 :]]
        if one.name == "contains":
            found: Operation = replace(one, arguments={"item": -1}, result=True)  # which nobody has added
            return [*operations[:place], found, *operations[place + 1 :]]
    raise AssertionError("nothing to spoil")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how long the checker takes to decide.")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="histories of each kind (default: 5)")
    parser.add_argument("--processes", type=int, default=4, metavar="N", help="how many call at once (default: 4)")
    options = parser.parse_args()
    for name in ("rounds", "processes"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} {getattr(options, name)}: give a whole number from 1 on, such as 4")
    print(
        f"{sys.implementation.name} {sys.version.split()[0]}, {sys.platform}; {options.processes} processes, "
        f"median (worst) of {options.rounds} histories in ms"
    )
    failures = 0
    for kind, model in MODELS.items():
        for count, limit in LIMITS.items():
            line = f"{kind:<11}{count:>7,}"
            for right in (True, False):
                times, states = [], 0
                for seed in range(options.rounds):
                    operations = history(kind, count, options.processes, seed, right=right)
                    start = time.perf_counter()
                    verdict = check(model, operations)
                    times.append(1000 * (time.perf_counter() - start))
                    states = max(states, verdict.states)
                    failures += verdict.linearizable is not right
                    if verdict.linearizable is not right:
                        line += f"  {'right' if right else 'wrong'} one: {verdict.linearizable}!"
                median = statistics.median(times)
                failures += median > limit
                line += f"   {'right' if right else 'wrong'} {median:8.2f} ({max(times):8.2f}) {states:>8,} states"
            print(line, flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
