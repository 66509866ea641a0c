"""Tests of a project in each of which a child is killed at random, to be run in a folder of their own.

The environment tells ``KILLS_SEED`` and ``KILLS_ROUNDS``. Each test starts its workers, has one of them killed at a
moment between its start and its end, and takes what comes: the right result, or `ChildDied`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import psutil
import pytest

from pytest_mpcheck import ChildDied

SEED = os.environ["KILLS_SEED"]
ROUNDS = range(int(os.environ["KILLS_ROUNDS"]))

KILLER = """
import sys, time, psutil
print("ready", flush=True)
for line in sys.stdin:
    pid, born, delay = line.split()
    try:
        process = psutil.Process(int(pid))
        time.sleep(float(delay))
        if process.create_time() == float(born):
            process.kill()
    except psutil.NoSuchProcess:
        pass
    print("done", flush=True)
"""


def work(number: int) -> int:
    print(f"at work on {number}", flush=True)
    return sum(number for _ in range(100_000)) // 100_000


class Killer(NamedTuple):
    """A process that kills, so that no thread here does."""

    process: subprocess.Popen[str]
    typical: dict[str, float]
    seen: list[psutil.Process]

    def aim(self, pids: list[int], kind: str, rng: random.Random) -> None:
        """Let one of these be killed at a moment within the time that this kind of test takes."""
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                self.seen.append(psutil.Process(pid))
        victim = rng.choice(pids)
        delay = rng.uniform(0, self.typical[kind])
        born = next((process.create_time() for process in self.seen if process.pid == victim), 0)
        print(victim, born, delay, file=self.process.stdin, flush=True)

    def wait(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() in ("ready", "done")


@pytest.fixture(scope="session")
def armed() -> Iterator[Killer]:
    command = [sys.executable, "-c", KILLER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        killer = Killer(process, {}, [])
        killer.wait()
        yield killer


@pytest.fixture
def killer(armed: Killer) -> Iterator[Killer]:
    """The killer; once all fixtures of the test are torn down, none of the workers may be left."""
    armed.seen.clear()
    yield armed
    left = [process for process in armed.seen if process.is_running()]
    assert not left, f"left running: {left}"


def run_processes(start: Callable[..., Any], aim: Callable[[list[int]], None]) -> list[int]:
    children = [start(work, number) for number in range(4)]
    aim([child.pid for child in children])
    results = []
    for number, child in enumerate(children):
        try:
            results.append(child.result())
        except ChildDied:
            results.append(number)
    return results


def run_pool(start: Callable[..., Any], aim: Callable[[list[int]], None]) -> list[int]:
    pool = start(2)
    aim([process.pid for process in pool._pool])
    return list(pool.map(work, range(4), 1))


def run_executor(start: Callable[..., Any], aim: Callable[[list[int]], None]) -> list[int]:
    executor = start(2)
    futures = [executor.submit(work, number) for number in range(4)]
    aim(list(executor._processes))
    return [future.result() for future in futures]


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("run", [run_processes, run_pool, run_executor])
def test_killed(
    killer: Killer, mp_process: Any, mp_pool: Any, mp_executor: Any, mp_start_method: str, number: int, run: Any
) -> None:
    start = {run_processes: mp_process, run_pool: mp_pool, run_executor: mp_executor}[run]
    kind = f"{run.__name__} {mp_start_method}"
    if kind not in killer.typical:
        for _ in range(2):  # the first one pays for imports and the fork server
            begin = time.monotonic()
            assert run(start, lambda pids: None) == [0, 1, 2, 3]
            killer.typical[kind] = time.monotonic() - begin
    rng = random.Random(f"{SEED} {kind} {number}")
    try:
        assert run(start, lambda pids: killer.aim(pids, kind, rng)) == [0, 1, 2, 3]
    finally:
        killer.wait()
