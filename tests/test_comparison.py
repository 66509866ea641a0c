"""``python -m pytest_mpcheck compare``: the rules with made-up facts, workers and the command for real."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pytest_mpcheck
from pytest_mpcheck import __main__ as command_line
from pytest_mpcheck._comparison import _measure, _targets, _words
from pytest_mpcheck._comparison import _notes as notes
from pytest_mpcheck._comparison._catalogue import CATALOGUE
from pytest_mpcheck._comparison._facts import (
    THREAD,
    Creation,
    Fact,
    Gil,
    Handover,
    Machine,
    Measurements,
    Memory,
    Refusal,
    Speed,
    SpeedRound,
)
from pytest_mpcheck._comparison._verdicts import Verdict, judge
from pytest_mpcheck._comparison._workers import Crew, Worker, WorkerError, kinds_of_workers
from pytest_mpcheck._table import format_table

KINDS = kinds_of_workers()
START_METHODS = KINDS[:-1]
every_kind = pytest.mark.parametrize("kind", KINDS)
every_start_method = pytest.mark.parametrize("kind", START_METHODS)
"""Where a thread cannot do the same, because it would take this process with it."""

NAMELESS_SIGNALS = set(map(int, signal.valid_signals())) - set(map(int, signal.Signals))

PROCESSES, THREADS = notes.PROCESSES, notes.THREADS


# ---------------------------------------------------------------- made-up facts


def speed(worker: str, speedup: float, *, starting: float = 0.01, share: float | None = 1.0) -> Speed:
    """Make one round in which work that takes a second alone is so many times as fast."""
    return Speed(worker, (SpeedRound(1.0, starting, 1.0 / speedup, share),))


def stuck(fact: Callable[..., Fact], worker: str) -> Any:
    """Make a record of a worker that did not end."""
    return fact(worker, trouble="did not end within 30 s and was killed")


THREAD_CREATION = Creation(THREAD, (0.00005,))
ORDINARY = Measurements(
    machine=Machine(
        python="3.14.0",
        implementation="CPython",
        platform="Linux",
        cpus=2,
        start_methods=("forkserver", "fork", "spawn"),
        default_start_method="forkserver",
        gil=Gil(True, "sys._is_gil_enabled()"),
    ),
    rounds=3,
    task_seconds=0.15,
    workers=2,
    memory=(Memory("fork"), Memory("spawn"), Memory("forkserver"), Memory(THREAD, True, True)),
    cpu_bound=(speed("forkserver", 1.9), speed(THREAD, 1.0, share=0.5)),
    io_bound=(speed("forkserver", 2.0, starting=0.05), speed(THREAD, 2.0, starting=0.001)),
    creation=(
        Creation("fork", (0.001,)),
        Creation("spawn", (0.08,)),
        Creation("forkserver", (0.004,)),
        THREAD_CREATION,
    ),
    handover=(
        Handover("fork", ("data", "lambda", "lock")),
        Handover("spawn", ("data",), (Refusal("lambda", "PicklingError"), Refusal("lock", "TypeError"))),
        Handover("forkserver", ("data",), (Refusal("lambda", "PicklingError"), Refusal("lock", "TypeError"))),
        Handover(THREAD, ("data", "lambda", "lock")),
    ),
)
"""A machine with two CPUs and a GIL, where every claim of the notes holds."""


def machine(*, cpus: int = 2, gil: bool | None = True) -> Machine:
    return replace(ORDINARY.machine, cpus=cpus, gil=Gil(gil, "made up"))


def verdict(feature: str, side: str, **changes: Any) -> Verdict:
    return judge(replace(ORDINARY, **changes))[feature, side]


# ---------------------------------------------------------------- the rules


def test_every_claim_holds_on_an_ordinary_machine() -> None:
    verdicts = judge(ORDINARY)
    assert list(verdicts) == list(notes.CLAIMS)
    assert {claim: v.why for claim, v in verdicts.items() if v.holds is not True} == {}


@pytest.mark.parametrize(
    ("memory", "holds", "why"),
    [
        pytest.param(
            (Memory("fork", global_seen_here=True), Memory("spawn"), Memory(THREAD, True, True)),
            False,
            "what a worker changed is seen here under fork",
            id="global leaks",
        ),
        pytest.param(
            (Memory("fork"), Memory("spawn", argument_seen_here=True), Memory(THREAD, True, True)),
            False,
            "what a worker changed is seen here under spawn",
            id="argument leaks",
        ),
        pytest.param(
            (
                stuck(Memory, "fork"),
                Memory("spawn", True),
                Memory("forkserver", True),
                Memory(THREAD, True, True),
            ),
            False,
            "what a worker changed is seen here under spawn and forkserver",
            id="one leaks, one is stuck",
        ),
        pytest.param(
            (Memory("a", True), Memory("b", True), Memory("c", True), Memory(THREAD, True, True)),
            False,
            "what a worker changed is seen here under a, b and c",
            id="all leak",
        ),
        pytest.param(
            (Memory("fork"), stuck(Memory, "spawn"), Memory(THREAD, True, True)),
            None,
            "spawn: did not end within 30 s and was killed",
            id="stuck",
        ),
    ],
)
def test_memory_is_separate_only_if_it_is_under_every_start_method(
    memory: tuple[Memory, ...], holds: bool | None, why: str
) -> None:
    assert verdict(notes.MEMORY, PROCESSES, memory=memory) == Verdict(holds, why)


@pytest.mark.parametrize(
    ("thread", "holds", "why"),
    [
        (Memory(THREAD, False, True), False, "the changed global is not seen here"),
        (Memory(THREAD, False, False), False, "the changed global and argument is not seen here"),
        (stuck(Memory, THREAD), None, "thread: did not end within 30 s and was killed"),
    ],
)
def test_memory_is_shared_only_if_all_of_it_is(thread: Memory, holds: bool | None, why: str) -> None:
    memory = (*ORDINARY.memory[:-1], thread)
    assert verdict(notes.MEMORY, THREADS, memory=memory) == Verdict(holds, why)


@pytest.mark.parametrize(
    ("changes", "holds", "why"),
    [
        pytest.param({"machine": machine(cpus=1)}, None, "1 CPU", id="one CPU"),
        pytest.param(
            {"machine": machine(gil=False), "cpu_bound": (speed("fork", 1.9), speed(THREAD, 1.9))},
            False,
            "threads gain as much (processes 1.90x, threads 1.90x), for the GIL is off",
            id="free-threaded",
        ),
        pytest.param(
            {"cpu_bound": (speed("fork", 1.9), speed(THREAD, 1.8))},
            False,
            "threads gain as much (processes 1.90x, threads 1.80x)",
            id="threads gain",
        ),
        pytest.param(
            {"cpu_bound": (speed("fork", 1.1), speed(THREAD, 1.0))},
            False,
            "processes gain nothing (1.10x)",
            id="no gain",
        ),
        pytest.param(
            {"cpu_bound": (speed("fork", 1.1, share=None), speed(THREAD, 1.0))},
            False,
            "processes gain nothing (1.10x)",
            id="no gain, no clock",
        ),
        pytest.param(
            {"cpu_bound": (speed("fork", 1.1, share=0.5), speed(THREAD, 1.0))},
            None,
            "busy machine: a worker had 50% of a CPU",
            id="busy",
        ),
        pytest.param(
            {"cpu_bound": (stuck(Speed, "fork"), speed(THREAD, 1.0))},
            None,
            "fork: did not end within 30 s and was killed",
            id="stuck process",
        ),
        pytest.param(
            {"cpu_bound": (speed("fork", 1.9), stuck(Speed, THREAD))},
            None,
            "thread: did not end within 30 s and was killed",
            id="stuck thread",
        ),
    ],
)
def test_processes_are_better_at_cpu_bound_work_only_if_they_gain_and_threads_do_not(
    changes: dict[str, Any], holds: bool | None, why: str
) -> None:
    assert verdict(notes.PERFORMANCE, PROCESSES, **changes) == Verdict(holds, why)


@pytest.mark.parametrize(
    ("process", "thread", "holds", "why"),
    [
        pytest.param(
            speed("spawn", 1.5),
            speed(THREAD, 2.0),
            True,
            "threads 2.00x, processes 1.50x",
            id="threads gain more",
        ),
        pytest.param(
            speed("spawn", 2.0, starting=0.08),
            speed(THREAD, 1.9, starting=0.001),
            True,
            "equal at work, but threads are ready 80 times as soon",
            id="equal, ready sooner",
        ),
        pytest.param(
            speed("spawn", 2.0, starting=0.08),
            speed(THREAD, 2.0, starting=0.08),
            False,
            "processes gain as much (threads 2.00x, processes 2.00x) and are ready as soon",
            id="equal in all",
        ),
        pytest.param(
            speed("spawn", 2.0),
            speed(THREAD, 1.5),
            False,
            "processes gain more (threads 1.50x, processes 2.00x)",
            id="processes gain more",
        ),
        pytest.param(
            speed("spawn", 1.0),
            speed(THREAD, 1.0),
            False,
            "threads gain nothing (threads 1.00x, processes 1.00x)",
            id="no gain",
        ),
        pytest.param(
            speed("spawn", 2.0),
            stuck(Speed, THREAD),
            None,
            "thread: did not end within 30 s and was killed",
            id="stuck",
        ),
    ],
)
def test_threads_are_better_at_io_bound_work_if_they_gain_more_or_as_much_for_less(
    process: Speed, thread: Speed, holds: bool | None, why: str
) -> None:
    assert verdict(notes.PERFORMANCE, THREADS, io_bound=(process, thread)) == Verdict(holds, why)


def test_one_cpu_is_enough_to_wait() -> None:
    assert verdict(notes.PERFORMANCE, THREADS, machine=machine(cpus=1)).holds


@pytest.mark.parametrize(
    ("creation", "holds", "whys"),
    [
        pytest.param(
            (Creation("fork", (0.2, 0.002, 0.001)), Creation("spawn", (0.08,)), Creation(THREAD, (0.0001,))),
            True,
            (
                "fork, the cheapest, costs 20 times a thread",
                "fork, the cheapest process, costs 20 times as much",
            ),
            id="dearer",
        ),
        pytest.param(
            (Creation("fork", (0.00011,)), stuck(Creation, "spawn"), Creation(THREAD, (0.0001,))),
            False,
            ("fork: no dearer than a thread",) * 2,
            id="as cheap",
        ),
        pytest.param(
            (Creation("fork", (0.1,)), stuck(Creation, "spawn"), Creation(THREAD, (0.0001,))),
            None,
            ("spawn: did not end within 30 s and was killed",) * 2,
            id="stuck process",
        ),
        pytest.param(
            (Creation("fork", (0.1,)), stuck(Creation, THREAD)),
            None,
            ("thread: did not end within 30 s and was killed",) * 2,
            id="stuck thread",
        ),
    ],
)
def test_creation_costs_more_only_if_it_does_under_every_start_method(
    creation: tuple[Creation, ...], holds: bool | None, whys: tuple[str, str]
) -> None:
    for side, why in zip((PROCESSES, THREADS), whys, strict=True):
        assert verdict(notes.CREATION, side, creation=creation) == Verdict(holds, why)


ALL, SOME = ("data", "lambda"), ("data",)
REFUSED = (Refusal("lambda", "PicklingError"),)


@pytest.mark.parametrize(
    ("handover", "of_processes", "of_threads"),
    [
        pytest.param(
            (Handover("fork", ALL), Handover("spawn", SOME, REFUSED), Handover(THREAD, ALL)),
            Verdict(False, "1 of 2 start methods: fewer kinds than a thread"),
            Verdict(True, "a thread takes every kind, as it is"),
            id="half of the start methods",
        ),
        pytest.param(
            (Handover("spawn", SOME, REFUSED), Handover(THREAD, ALL)),
            Verdict(True, "spawn: fewer kinds than a thread"),
            Verdict(True, "a thread takes every kind, as it is"),
            id="the only start method",
        ),
        pytest.param(
            (Handover("fork", ALL), Handover(THREAD, ALL)),
            Verdict(False, "0 of 1 start methods: fewer kinds than a thread"),
            Verdict(False, "processes take as many kinds"),
            id="none",
        ),
        pytest.param(
            (Handover("spawn", SOME, REFUSED), Handover(THREAD, SOME, REFUSED)),
            Verdict(False, "0 of 1 start methods: fewer kinds than a thread"),
            Verdict(False, "a thread does not take lambda"),
            id="a thread refuses",
        ),
        pytest.param(
            (stuck(Handover, "spawn"), Handover(THREAD, ALL)),
            Verdict(None, "spawn: did not end within 30 s and was killed"),
            Verdict(None, "spawn: did not end within 30 s and was killed"),
            id="stuck",
        ),
    ],
)
def test_complexity_counts_what_a_worker_takes(
    handover: tuple[Handover, ...], of_processes: Verdict, of_threads: Verdict
) -> None:
    assert verdict(notes.COMPLEXITY, PROCESSES, handover=handover) == of_processes
    assert verdict(notes.COMPLEXITY, THREADS, handover=handover) == of_threads


@pytest.mark.parametrize(
    ("changes", "of_processes", "of_threads"),
    [
        pytest.param(
            {},
            Verdict(True, "2 processes gain 1.90x on CPU-bound work"),
            Verdict(True, "the GIL is on, threads gain nothing (1.00x)"),
            id="on",
        ),
        pytest.param(
            {"machine": machine(gil=False), "cpu_bound": (speed("fork", 1.9), speed(THREAD, 1.8))},
            Verdict(True, "2 processes gain 1.90x on CPU-bound work"),
            Verdict(False, "the GIL is off here; 2 threads: 1.80x on CPU-bound work"),
            id="off",
        ),
        pytest.param(
            {"machine": machine(gil=False), "cpu_bound": (stuck(Speed, "fork"), stuck(Speed, THREAD))},
            Verdict(None, "fork: did not end within 30 s and was killed"),
            Verdict(False, "the GIL is off here"),
            id="off, stuck",
        ),
        pytest.param(
            {"machine": machine(gil=None)},
            Verdict(True, "2 processes gain 1.90x on CPU-bound work"),
            Verdict(None, "nobody knows the state of the GIL: made up"),
            id="unknown",
        ),
        pytest.param({"machine": machine(cpus=1)}, Verdict(None, "1 CPU"), Verdict(None, "1 CPU"), id="one CPU"),
        pytest.param(
            {"cpu_bound": (speed("fork", 1.9), speed(THREAD, 1.5))},
            Verdict(True, "2 processes gain 1.90x on CPU-bound work"),
            Verdict(False, "the GIL is on, and yet threads gain 1.50x"),
            id="on, and threads gain",
        ),
        pytest.param(
            {"cpu_bound": (speed("fork", 1.0, share=0.5), speed(THREAD, 1.0))},
            Verdict(None, "busy machine: a worker had 50% of a CPU"),
            Verdict(None, "processes gain nothing either (1.00x): is the machine busy?"),
            id="busy",
        ),
        pytest.param(
            {"cpu_bound": (stuck(Speed, "fork"), speed(THREAD, 1.0))},
            Verdict(None, "fork: did not end within 30 s and was killed"),
            Verdict(None, "fork: did not end within 30 s and was killed"),
            id="stuck",
        ),
    ],
)
def test_the_gil_limits_threads_only_if_it_is_on_and_processes_gain_where_threads_do_not(
    changes: dict[str, Any], of_processes: Verdict, of_threads: Verdict
) -> None:
    assert verdict(notes.GIL, PROCESSES, **changes) == of_processes
    assert verdict(notes.GIL, THREADS, **changes) == of_threads


# ---------------------------------------------------------------- the words


REPORT = """\
Measured on CPython 3.14.0, Linux, 2 CPUs, GIL on; median of 3 rounds, 2 workers, tasks of 0.15 s.

Feature            | Claim of the notes         | Measured on this machine                    | Verdict
----------------------------------------------------------------------------------------------------------------------------------
Memory             | Multiprocessing:           | fork, spawn, forkserver: changed global not | holds: nothing that a worker
                   | Separate memory space      |   seen here, changed argument not seen here |   changed is seen here
                   |                            |                                             |
                   | Multithreading:            | thread: changed global seen here, changed   | holds: all that a worker changed
                   | Shared memory space        |   argument seen here                        |   is seen here
                   |                            |                                             |
Performance        | Multiprocessing:           | CPU-bound, forkserver: 1.90x (1.86x with    | holds: processes 1.90x, threads
                   | Better for CPU-bound tasks |   start)                                    |   1.00x
                   |                            | I/O-bound, forkserver: 2.00x (1.82x with    |
                   |                            |   start)                                    |
                   |                            |                                             |
                   | Multithreading:            | CPU-bound, thread: 1.00x (0.99x with start) | holds: equal at work, but threads
                   | Better for I/O-bound tasks | I/O-bound, thread: 2.00x (2.00x with start) |   are ready 50 times as soon
                   |   (often)                  |                                             |
                   |                            |                                             |
Creation overhead  | Multiprocessing:           | fork: 1.0 ms, 20 times a thread             | holds: fork, the cheapest, costs
                   | Higher                     | spawn: 80.0 ms, 1600 times a thread         |   20 times a thread
                   |                            | forkserver: 4.0 ms, 80 times a thread       |
                   |                            |                                             |
                   | Multithreading:            | thread: 50 us                               | holds: fork, the cheapest process,
                   | Lower                      |                                             |   costs 20 times as much
                   |                            |                                             |
Complexity         | Multiprocessing:           | fork takes 3 of 3 kinds                     | holds: spawn and forkserver: fewer
                   | Generally more complex     | spawn takes 1 of 3 kinds, not: lambda, lock |   kinds than a thread
                   |                            | forkserver takes 1 of 3 kinds, not: lambda, |
                   |                            |   lock                                      |
                   |                            |                                             |
                   | Multithreading:            | thread takes 3 of 3 kinds                   | holds: a thread takes every kind,
                   | Simpler to implement       |                                             |   as it is
                   |                            |                                             |
Global Interpreter | Multiprocessing:           | CPU-bound, forkserver: 1.90x (1.86x with    | holds: 2 processes gain 1.90x on
  Lock (GIL)       | Not affected               |   start)                                    |   CPU-bound work
                   |                            | each forkserver worker had 100% of a CPU    |
                   |                            |                                             |
                   | Multithreading:            | GIL on (sys._is_gil_enabled())              | holds: the GIL is on, threads gain
                   | Limited by GIL in Python   | CPU-bound, thread: 1.00x (0.99x with start) |   nothing (1.00x)
                   |                            | each thread worker had 50% of a CPU         |

Speed-up: 2 tasks one after another, against one for each of 2 workers that are ready; in brackets with the time counted in that it
  took until they were.
CPU-bound work is a loop in pure Python; for I/O-bound work time.sleep stands in for a slow device.
Creation: starting and joining one worker that does nothing.
The fork server runs before anything is measured, and has imported what its workers need.
Complexity: kinds of things that a worker takes, as target or argument, and can use: data, lambda, lock.
Rules: a speed-up below 1.25 is none; numbers are equal up to a factor of 1.1; processes that gain nothing and had less than 80% of a
  CPU prove nothing.
"""  # noqa: E501  the table is that wide
"""What is said of ``ORDINARY``, without the spaces at the ends of lines."""


def strip_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Callable[[Measurements], None]:
    """Make the command find these facts instead of measuring."""

    def find(facts: Measurements) -> None:
        monkeypatch.setattr(_measure, "measure", lambda rounds, task_seconds, tell: facts)

    return find


def test_the_report_has_the_notes_table_and_beside_each_claim_what_was_measured(
    measured: Callable[[Measurements], None], capsys: pytest.CaptureFixture[str]
) -> None:
    measured(ORDINARY)
    assert command_line.main(["compare"]) == 0
    first, _, second = capsys.readouterr().out.partition("\n\n")
    assert first == format_table(notes.NOTES)
    assert strip_lines(second) == REPORT


def test_the_lines_of_the_second_table_are_equally_long() -> None:
    lines = format_table(_words.measured_rows(ORDINARY, judge(ORDINARY))).splitlines()
    assert len(set(map(len, lines))) == 1


def test_trouble_stands_where_the_number_would_be_and_in_the_exit_status(
    measured: Callable[[Measurements], None], capsys: pytest.CaptureFixture[str]
) -> None:
    measured(
        replace(
            ORDINARY,
            rounds=1,
            machine=machine(cpus=1, gil=None),
            memory=(Memory("spawn"), stuck(Memory, THREAD)),
            cpu_bound=(stuck(Speed, "spawn"), speed(THREAD, 1.0, share=None)),
            creation=(Creation("spawn", (0.08,)), stuck(Creation, THREAD)),
            handover=(stuck(Handover, "spawn"), Handover(THREAD, ("data",))),
        )
    )
    assert command_line.main(["compare", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    trouble = "did not end within 30 s and was killed"
    assert found["troubles"] == [f"{who}: {trouble}" for who in (THREAD, "spawn", THREAD, "spawn")]
    assert {(claim["feature"], claim["side"]): claim["measured"] for claim in found["claims"]} == {
        (notes.MEMORY, PROCESSES): ["spawn: changed global not seen here, changed argument not seen here"],
        (notes.MEMORY, THREADS): [f"thread: {trouble}"],
        (notes.PERFORMANCE, PROCESSES): [
            f"CPU-bound, spawn: {trouble}",
            "I/O-bound, forkserver: 2.00x (1.82x with start)",
        ],
        (notes.PERFORMANCE, THREADS): [
            "CPU-bound, thread: 1.00x (0.99x with start)",
            "I/O-bound, thread: 2.00x (2.00x with start)",
        ],
        (notes.CREATION, PROCESSES): ["spawn: 80.0 ms"],
        (notes.CREATION, THREADS): [f"thread: {trouble}"],
        (notes.COMPLEXITY, PROCESSES): [f"spawn: {trouble}"],
        (notes.COMPLEXITY, THREADS): ["thread takes 1 of 1 kinds"],
        (notes.GIL, PROCESSES): [f"CPU-bound, spawn: {trouble}"],
        (notes.GIL, THREADS): ["GIL unknown (made up)", "CPU-bound, thread: 1.00x (0.99x with start)"],
    }


def test_the_report_of_one_cpu_without_a_fork_server_speaks_of_neither() -> None:
    facts = replace(
        ORDINARY,
        rounds=1,
        machine=machine(cpus=1, gil=False),
        creation=(Creation("spawn", (0.08,)), THREAD_CREATION),
    )
    assert _words.heading(facts) == (
        "Measured on CPython 3.14.0, Linux, 1 CPU, GIL off; 1 round, 2 workers, tasks of 0.15 s."
    )
    assert "fork server" not in "".join(_words.legend(facts))


# ---------------------------------------------------------------- the workers


@every_kind
def test_a_worker_that_does_not_end_is_ended(kind: str) -> None:
    with Crew(kind, deadline_seconds=0.05) as crew:
        worker = crew.hire(_targets.serve, 0)
        with pytest.raises(WorkerError) as caught:
            worker.join()
    fate = "(a thread cannot be killed: it was left behind)" if kind == THREAD else "and was killed"
    assert str(caught.value) == f"did not end within 0.05 s {fate}"
    assert_nothing_left()


@every_kind
def test_a_worker_that_does_not_answer_is_ended(kind: str) -> None:
    with Crew(kind) as crew:
        worker = crew.hire(_targets.serve, 0)
        assert worker.answer() == "ready"
        worker._deadline_seconds = 0.05
        with pytest.raises(WorkerError, match=r"^gave no answer within 0\.05 s "):
            worker.answer()
    assert_nothing_left()


class Unwilling:
    """A process that only SIGKILL ends, or nothing at all."""

    def __init__(self, *, mortal: bool) -> None:
        self.calls: list[str] = []
        self._mortal = mortal

    def is_alive(self) -> bool:
        return not (self._mortal and "kill" in self.calls)

    def terminate(self) -> None:
        self.calls.append("terminate")

    def kill(self) -> None:
        self.calls.append("kill")

    def join(self, timeout: float) -> None:
        self.calls.append("join")

    def close(self) -> None:
        self.calls.append("close")


@pytest.mark.parametrize("mortal", [True, False])
def test_a_process_is_reaped_in_order_and_closed_only_when_it_is_gone(mortal: bool) -> None:
    process = Unwilling(mortal=mortal)
    Worker("fork", process, None, 30).close()
    assert process.calls == ["terminate", "join", "kill", "join", *(["close"] if mortal else [])]


@every_kind
def test_the_crew_is_ended_when_the_block_is_interrupted(kind: str) -> None:
    def work() -> None:
        with Crew(kind) as crew:
            for _ in range(2):
                assert crew.hire(_targets.serve, 0).answer() == "ready"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert_nothing_left()


@every_kind
def test_a_worker_that_ends_without_an_answer_is_told_by_its_end(kind: str) -> None:
    with (
        Crew(kind) as crew,
        pytest.raises(WorkerError, match=r"^ended before it answered, with exit code 0$"),
    ):
        crew.hire(id).answer()


@every_kind
def test_an_answer_counts_although_its_worker_has_ended(kind: str) -> None:
    with Crew(kind) as crew:
        worker = crew.hire(_targets.change_memory, [])
        worker.join()
        assert worker.answer() == (_targets.CHANGED, [_targets.CHANGED])
    _targets.notice_board = _targets.UNCHANGED


@every_kind
def test_a_worker_that_is_gone_takes_no_order(kind: str) -> None:
    with Crew(kind) as crew:
        worker = crew.hire(id)
        worker.join()
        with pytest.raises(WorkerError, match=r"^took no order: "):
            worker.tell(None)


@every_start_method
@pytest.mark.parametrize(
    ("number", "told"),
    [
        *((int(known), known.name) for known in signal.Signals if known.name == "SIGKILL"),
        # Real-time signals; only some platforms have any.
        *((number, f"signal {number}") for number in sorted(NAMELESS_SIGNALS)[:1]),
    ],
)
def test_a_signal_is_told_by_its_name_or_else_its_number(kind: str, number: int, told: str) -> None:
    with Crew(kind) as crew, pytest.raises(WorkerError, match=rf"^ended with {told}$"):
        crew.start(signal.raise_signal, number).join()


def test_what_a_thread_raises_is_told_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with Crew(THREAD) as crew, pytest.raises(WorkerError, match=r"^ended with ValueError: .*$"):
        crew.start(int, "no number").join()
    assert capfd.readouterr() == ("", "")


@every_kind
def test_what_cannot_be_started_leaves_no_pipe_open(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = socket.socketpair()
    context = types.SimpleNamespace(Pipe=lambda: ends, Process=fail, Thread=fail)
    monkeypatch.setattr("pytest_mpcheck._comparison._workers.context_of", lambda kind: context)
    monkeypatch.setattr("pytest_mpcheck._comparison._workers._Thread", fail)
    with Crew(kind) as crew, pytest.raises(OSError, match=r"^no more workers$"):
        crew.hire(_targets.serve, 0)
    assert [end.fileno() for end in ends] == [-1, -1]


@every_kind
def test_a_crew_works_in_any_thread(kind: str) -> None:
    answers: list[object] = []

    def work() -> None:
        with Crew(kind) as crew:
            answers.append(crew.hire(_targets.serve, 0).answer())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert answers == ["ready"]


def fail(*args: object, **kwargs: object) -> None:
    raise OSError("no more workers")


def assert_nothing_left() -> None:
    assert multiprocessing.active_children() == []


# ---------------------------------------------------------------- measuring


def test_the_default_start_method_is_the_first_that_the_platform_names() -> None:
    found = _measure.find_machine()
    assert found.default_start_method == found.start_methods[0]
    assert set(found.start_methods) == set(START_METHODS)
    assert found.implementation == {"cpython": "CPython", "pypy": "PyPy"}[sys.implementation.name]


@pytest.mark.parametrize(
    ("implementation", "answer", "gil"),
    [
        ("cpython", True, Gil(True, "sys._is_gil_enabled()")),
        ("cpython", False, Gil(False, "sys._is_gil_enabled()")),
        ("cpython", None, Gil(True, "this interpreter always has one")),
        ("pypy", None, Gil(True, "this interpreter always has one")),
        ("other", None, Gil(None, "other does not tell")),
    ],
)
def test_the_gil_is_asked_for_where_it_can_be(
    monkeypatch: pytest.MonkeyPatch, implementation: str, answer: bool | None, gil: Gil
) -> None:
    # Their own sys: the real one is in use by everybody else.
    fake = types.SimpleNamespace(implementation=types.SimpleNamespace(name=implementation))
    if answer is not None:
        fake._is_gil_enabled = lambda: answer
    monkeypatch.setattr(_measure, "sys", fake)
    assert _measure.find_gil() == gil


@pytest.mark.parametrize(
    ("offers", "cpus"),
    [
        ({"process_cpu_count": lambda: 3, "cpu_count": lambda: 8}, 3),
        ({"process_cpu_count": lambda: None}, 1),
        ({"sched_getaffinity": lambda pid: {0, 2}, "cpu_count": lambda: 8}, 2),
        ({"cpu_count": lambda: 8}, 8),
        ({"cpu_count": lambda: None}, 1),
    ],
)
def test_only_cpus_that_this_process_may_use_count(
    monkeypatch: pytest.MonkeyPatch, offers: dict[str, Callable[..., object]], cpus: int
) -> None:
    monkeypatch.setattr(_measure, "os", types.SimpleNamespace(**offers))
    assert _measure._usable_cpus() == cpus


@every_kind
def test_memory_is_tried(kind: str) -> None:
    shared = kind == THREAD
    assert _measure._measure_memory(kind) == Memory(kind, shared, shared)
    assert _targets.notice_board == _targets.UNCHANGED


def test_a_worker_that_changed_nothing_is_no_proof_of_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_targets, "change_memory", lambda connection, argument: connection.send("nothing"))
    assert _measure._measure_memory(THREAD) == Memory(THREAD, trouble="changed nothing: it saw 'nothing'")


def test_a_speed_with_trouble_leaves_the_other_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def work_together(kind: str, workers: int, work: object) -> tuple[float, float, list[Any]]:
        if kind == "fork":
            raise WorkerError("has gone")
        return 0.5, 0.25, [(7, 1.0, 0.5), (7, 1.0, 1.0)]

    monkeypatch.setattr(_measure, "_work_together", work_together)
    process, thread = _measure._measure_speeds(("fork", THREAD), 2, 2, _measure._Work(lambda _: 7, 0, 0))
    assert process == Speed("fork", (), "has gone")
    assert thread.trouble is None
    assert [(r.starting_seconds, r.together_seconds, r.cpu_share) for r in thread.rounds] == [(0.5, 0.25, 0.75)] * 2


def test_a_worker_that_computed_something_else_is_not_called_fast() -> None:
    with pytest.raises(WorkerError, match=r"^got 8 where 7 is right$"):
        _measure._cpu_share([(7, 1.0, 1.0), (8, 1.0, 1.0)], 7)


def test_without_a_clock_that_tells_there_is_no_share_of_a_cpu() -> None:
    assert _measure._cpu_share([(7, 1.0, None), (7, 0.0, 0.0)], 7) is None


def test_a_kind_of_worker_that_cannot_be_created_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def idle() -> None:
        calls.append("idle")
        raise OSError("no more workers")

    monkeypatch.setattr(_targets, "idle", idle)
    expected = Creation(THREAD, (), "ended with OSError: no more workers")
    assert _measure._measure_creations((THREAD,), 2) == (expected,)
    assert calls == ["idle"]


def test_trouble_while_warming_up_is_left_to_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_targets, "serve", fail)
    _measure._warm_up((THREAD,))


def test_what_a_worker_could_not_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_measure, "CATALOGUE", {"broken data": lambda *_: (_targets.use_data, ({},))})
    why = "ended with ValueError: the worker wanted {'numbers': [1, 2, 3]} and got {}"
    assert _measure._measure_handover(THREAD) == Handover(THREAD, (), (Refusal("broken data", why),))


def test_a_machine_that_gives_no_worker_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_measure, "CATALOGUE", {"a thing": fail})
    trouble = "a thing: OSError: no more workers"
    assert _measure._measure_handover(THREAD) == Handover(THREAD, trouble=trouble)


def test_a_worker_without_orders_goes_when_its_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_targets, "PATIENCE_SECONDS", 0.0)
    ends: Any = multiprocessing.Pipe()  # of another class on each platform
    here, there = ends
    with here:
        _targets.serve(there, 0)
        assert here.recv() == "ready"
        with pytest.raises(EOFError):
            here.recv()


# ---------------------------------------------------------------- the command


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("measure",), "invalid choice: 'measure' (choose from "),
        (
            ("compare", "--rounds", "0"),
            "argument --rounds: '0' is no number of rounds: give a whole number from 1 on, such as 3",
        ),
        (
            ("compare", "--rounds", "2.5"),
            "argument --rounds: '2.5' is no number of rounds: give a whole number from 1 on, such as 3",
        ),
        (
            ("compare", "--task-seconds", "nan"),
            "argument --task-seconds: 'nan' is no length of a task: give seconds, above 0 and up to 5",
        ),
        (
            ("compare", "--task-seconds", "6"),
            "argument --task-seconds: '6' is no length of a task: give seconds, above 0 and up to 5",
        ),
        (
            ("compare", "--task-seconds", "long"),
            "argument --task-seconds: 'long' is no length of a task: give seconds, above 0 and up to 5",
        ),
    ],
)
def test_wrong_use_is_told_with_what_would_be_right(
    arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line.main(arguments)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_the_command_passes_on_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[int, float]] = []

    def measure(rounds: int, task_seconds: float, tell: Callable[[str], None]) -> Measurements:
        tell("something")
        asked.append((rounds, task_seconds))
        return ORDINARY

    monkeypatch.setattr(_measure, "measure", measure)
    assert command_line.main(["compare", "--json"]) == 0
    assert command_line.main(["compare", "--json", "--rounds", "7", "--task-seconds", "0.5"]) == 0
    assert asked == [(3, 0.15), (7, 0.5)]
    assert capsys.readouterr().err == "measuring: something\n" * 2


def test_an_interrupt_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def measure(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_measure, "measure", measure)
    assert command_line.main(["compare", "--json"]) == 130
    assert capsys.readouterr() == ("", "interrupted: every worker has been ended, nothing is reported\n")


@contextlib.contextmanager
def running(*arguments: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run this Python in a group of its own, with the package that is tested here and no other."""
    home = Path(pytest_mpcheck.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


@pytest.fixture(scope="module")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Compare for real, quickly."""
    arguments = ("-m", "pytest_mpcheck", "compare", "--json", "--rounds", "1", "--task-seconds", "0.01")
    with running(*arguments, directory=tmp_path_factory.mktemp("compare")) as process:
        # Every process that it started has its standard output: the end of that is the end of them all.
        out, err = process.communicate(timeout=100)
    stages = "warming up", "memory", "CPU-bound work", "I/O-bound work", "creation", "complexity"
    assert (process.returncode, err.splitlines()) == (0, [f"measuring: {stage}" for stage in stages])
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_real_run_names_the_machine_and_the_notes(real_run: dict[str, Any]) -> None:
    assert real_run["machine"]["python"].startswith(".".join(map(str, sys.version_info[:2])))
    assert real_run["machine"]["cpus"] >= 1
    assert real_run["machine"]["gil"].keys() == {"enabled", "source"}
    assert real_run["notes"] == [list(row) for row in notes.NOTES]
    assert real_run["rounds"] == 1
    assert real_run["troubles"] == []


def test_the_real_run_judges_every_claim(real_run: dict[str, Any]) -> None:
    assert {(c["feature"], c["side"]): c["claim"] for c in real_run["claims"]} == notes.CLAIMS
    words = {True: "holds", False: "does not hold", None: "cannot tell here"}
    assert all(c["verdict"] == words[c["holds"]] and c["why"] and c["measured"] for c in real_run["claims"])


def test_in_the_real_run_threads_share_memory_and_processes_do_not(real_run: dict[str, Any]) -> None:
    assert [
        (fact["worker"], fact["global_seen_here"], fact["argument_seen_here"])
        for fact in real_run["measured"]["memory"]
    ] == [(kind, kind == THREAD, kind == THREAD) for kind in KINDS]


def test_in_the_real_run_spawn_and_forkserver_take_what_pickles(real_run: dict[str, Any]) -> None:
    pickles = ["plain data", "module function", "bound method", "multiprocessing.Lock", "connected socket"]
    all_of_them = list(CATALOGUE)
    assert {fact["worker"]: fact["taken"] for fact in real_run["measured"]["handover"]} == {
        kind: all_of_them if kind in ("fork", THREAD) else pickles for kind in KINDS
    }
    for fact in real_run["measured"]["handover"]:
        assert fact["tried"] == len(all_of_them)
        assert {refusal["thing"] for refusal in fact["refused"]} == set(all_of_them) - set(fact["taken"])


def test_the_real_run_timed_every_kind_of_worker(real_run: dict[str, Any]) -> None:
    measured = real_run["measured"]
    assert [fact["worker"] for fact in measured["creation"]] == list(KINDS)
    assert all(fact["seconds"] > 0 for fact in measured["creation"])
    assert measured["creation"][-1]["times_a_thread"] == 1
    for kind_of_work in ("cpu_bound", "io_bound"):
        workers = [fact["worker"] for fact in measured[kind_of_work]]
        assert workers == [real_run["machine"]["default_start_method"], THREAD]
        for fact in measured[kind_of_work]:
            assert fact["speedup"] > 0
            assert fact["speedup_with_start"] > 0
            assert len(fact["rounds"]) == 1


INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
"""Where pytest itself runs in the background, its children are born with the signal ignored."""

COMMAND = f"{INTERRUPTIBLE} import runpy; runpy.run_module('pytest_mpcheck', run_name='__main__', alter_sys=True)"


def interrupt(process: subprocess.Popen[str]) -> None:
    """Do what Ctrl-C does: the whole group gets the signal."""
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGINT)


needs_groups = pytest.mark.skipif(not hasattr(os, "killpg"), reason="this platform has no process groups")


@needs_groups
def test_an_interrupted_command_leaves_nothing(tmp_path: Path) -> None:
    # With so long a task the calibration alone outlasts the way of the signal.
    with running("-c", COMMAND, "compare", "--json", "--task-seconds", "5", directory=tmp_path) as process:
        assert process.stderr is not None
        while process.stderr.readline() != "measuring: CPU-bound work\n":
            assert process.poll() is None
        interrupt(process)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "interrupted: every worker has been ended, nothing is reported\n"


TWO_AT_WORK = f"""
{INTERRUPTIBLE}
import sys
from pytest_mpcheck._comparison import _targets
from pytest_mpcheck._comparison._workers import Crew

if __name__ == "__main__":
    with Crew(sys.argv[1]) as crew:
        team = [crew.hire(_targets.serve, 0) for _ in range(2)]
        for worker in team:
            worker.answer()
        print("ready", flush=True)
        team[0].answer()
"""
"""Two workers that wait for orders, and a parent that waits for an answer."""


@needs_groups
@every_kind
def test_an_interrupt_ends_workers_without_a_word_of_theirs(kind: str, tmp_path: Path) -> None:
    with running("-c", TWO_AT_WORK, kind, directory=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        interrupt(process)
        out, err = process.communicate(timeout=20)
    assert out == ""
    assert err.count("KeyboardInterrupt") == 1


@every_kind
def test_workers_go_when_their_parent_is_killed(kind: str, tmp_path: Path) -> None:
    with running("-c", TWO_AT_WORK, kind, directory=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        # Shorter than a worker's patience: it must have noticed.
        process.communicate(timeout=20)
