"""What a child had recorded last: in `Child.events`, in its report, and in messages about it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_mpcheck import ChildDied, ChildStuck, ProcessId, WorkerDied
from pytest_mpcheck._children._nursery import Nursery
from pytest_mpcheck._event_words import event_lines
from pytest_mpcheck._history._chronicle import Chronicle, Event, EventId, Source
from pytest_mpcheck._history._recollection import LAST, Recollection
from pytest_mpcheck._platforms import available_kinds, event_clock
from pytest_mpcheck._settings import START_METHODS

MS = 1_000_000


class Memory:
    """A history that is told by hand: the process of the test, and one child that recorded `count` events."""

    def __init__(self) -> None:
        self.chronicle: Chronicle | None = None
        self.reads = 0

    def read(self) -> Chronicle | None:
        self.reads += 1
        return self.chronicle

    def remember(self, process: ProcessId, count: int, thread: int = 1) -> None:
        here = ProcessId(os.getpid(), "here")
        at = event_clock()() - count * MS
        events = [
            Event(process, n, "step", {"n": n}, at + n * MS, "point", EventId(1, n), thread) for n in range(count)
        ]
        other = Event(here, 0, "of the test", {}, at)
        self.chronicle = Chronicle((Source(here, "MainProcess"), Source(process, "child")), (other, *events))


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def nursery(memory: Memory, request: pytest.FixtureRequest) -> Iterator[Nursery]:
    nursery = Nursery(request.param, 30, [__name__], echo=lambda: "nowhere", recollection=Recollection(memory.read))
    yield nursery
    nursery.close()


KINDS = available_kinds()

EVERYWHERE = pytest.mark.parametrize("nursery", KINDS, indirect=True)

PROCESSES = pytest.mark.parametrize("nursery", [kind for kind in KINDS if kind in START_METHODS], indirect=True)


def wait_for_ever() -> None:
    threading.Event().wait(600)


@PROCESSES
def test_child_has_its_events_and_nobody_elses(nursery: Nursery, memory: Memory) -> None:
    child = nursery.start(wait_for_ever, (), None, None)
    assert not child.events
    assert not child.report().events
    memory.remember(child.report().process, LAST + 5)
    assert [event.data["n"] for event in child.events] == list(range(LAST + 5))
    report = child.report()
    assert report.events == child.events[-LAST:]
    assert report.seen_at >= report.events[-1].at
    child.kill()


@EVERYWHERE
def test_result_that_arrives_reads_nothing(nursery: Nursery, memory: Memory) -> None:
    child = nursery.start(abs, (-1,), None, None)
    assert child.result() == 1
    child.sections()
    assert memory.reads == 0


@PROCESSES
def test_message_about_a_dead_child_has_its_last_events(nursery: Nursery, memory: Memory) -> None:
    child = nursery.start(os._exit, (3,), None, None)
    memory.remember(child.report().process, LAST + 5)
    with pytest.raises(ChildDied) as caught:
        child.result()
    text = str(caught.value)
    assert "last of what it recorded, before its end was seen:\n" in text
    (last,) = [line for line in text.splitlines() if line.endswith(f" s  step  n={LAST + 4}")]
    assert float(last.split()[0]) < 0
    assert text.count(" s  step  n=") == LAST
    assert "of the test" not in text


@PROCESSES
def test_message_about_a_stuck_child_has_them_beside_its_stacks(nursery: Nursery, memory: Memory) -> None:
    child = nursery.start(wait_for_ever, (), None, None)
    memory.remember(child.report().process, 7)
    with pytest.raises(ChildStuck) as caught:
        child.join(timeout=0.3)
    text = str(caught.value)
    assert text.count("last of what it recorded:") == 1
    assert text.count(" s  step  n=") == 5
    assert "last of what it recorded, before" not in text


@PROCESSES
@pytest.mark.parametrize("make", ["pool", "executor"])
def test_message_about_a_dead_worker_has_them(nursery: Nursery, memory: Memory, make: str) -> None:
    """The worker has ended by then, and nobody can tell its start token any more."""
    workers: Any = getattr(nursery, make)(1, None, (), None)
    submit: Callable[..., Any] = workers.apply_async if make == "pool" else workers.submit
    pid = submit(os.getpid).get() if make == "pool" else submit(os.getpid).result()
    memory.remember(ProcessId(pid, "token"), 3)
    killing = (os.kill, (pid, signal.SIGTERM)) if make == "pool" else (os.kill, pid, signal.SIGTERM)
    future = submit(*killing)
    with pytest.raises(ChildDied if make == "pool" else WorkerDied) as caught:
        _ = future.get() if make == "pool" else future.result()
    assert "last of what it recorded, before its end was seen:\n" in str(caught.value)
    assert " s  step  n=2" in str(caught.value)
    assert len(caught.value.report.events) == 3


@pytest.mark.parametrize("nursery", ["thread"], indirect=True)
def test_message_about_a_stuck_thread_has_them(nursery: Nursery, memory: Memory) -> None:
    go_on = threading.Event()
    child = nursery.start(go_on.wait, (600,), None, None)
    memory.remember(ProcessId(os.getpid(), "here"), 2, thread=child.process.ident)
    with pytest.raises(ChildStuck) as caught:
        child.join(timeout=0.1)
    go_on.set()
    assert "last of what it recorded, before now:\n" in str(caught.value)
    assert " s  step  n=1" in str(caught.value)


@pytest.mark.parametrize("nursery", ["thread"], indirect=True)
def test_thread_has_what_it_has_recorded_itself(nursery: Nursery, memory: Memory) -> None:
    child = nursery.start(threading.get_ident, (), None, None)
    memory.remember(ProcessId(os.getpid(), "here"), 2, thread=child.result())
    assert [event.name for event in child.events] == ["step", "step"]


def test_events_are_told_within_bounds() -> None:
    process = ProcessId(1, "a")
    events = [
        Event(process, 0, "take", {"item": 3}, 1_000_000_000, "begin"),
        Event(process, 1, "n" * 200, {}, 1_900_000_000, "end"),
        Event(process, 2, "many", {f"k{n}": n for n in range(10)}, 11_999_000_000),
    ]
    first, second, third = event_lines(events, 12_000_000_000)
    assert first == "-11.000000 s  take begins  item=3"
    assert second.startswith("-10.100000 s  nnn")
    assert len(second) < 150
    assert third == " -0.001000 s  many  " + "  ".join(f"k{n}={n}" for n in range(8)) + "  ... (2 more)"


FAMILY = """
    import multiprocessing
    import signal
    import threading

    import pytest

    from pytest_mpcheck import checkpoint

    def below():
        checkpoint("below", depth=2)
        checkpoint("ready")
        threading.Event().wait(600)

    def above(start_method):
        checkpoint("above", depth=1)
        process = multiprocessing.get_context(start_method).Process(target=below)
        process.start()
        process.join()

    def family(mp_process, mp_start_method, mp_history):
        with mp_history.hold("ready") as held:
            child = mp_process(above, mp_start_method)
            held.wait()
        return child

    def test_deadline(mp_process, mp_start_method, mp_history):
        family(mp_process, mp_start_method, mp_history).join(timeout=0.5)

    @pytest.mark.timeout(100)
    def test_time_limit(mp_process, mp_start_method, mp_history):
        family(mp_process, mp_start_method, mp_history)
        signal.raise_signal(signal.SIGALRM)  # as if the time were up

    @pytest.mark.timeout(100)
    def test_of_the_held(mp_process, mp_history):
        held = mp_history.hold("here")
        mp_process(checkpoint, "here")
        held.wait()
        signal.raise_signal(signal.SIGALRM)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no SIGALRM")
@pytest.mark.parametrize("method", [kind for kind in KINDS if kind in START_METHODS])
def test_what_a_family_had_recorded_is_told_when_it_is_stuck(pytester: pytest.Pytester, method: str) -> None:
    pytester.makepyfile(FAMILY)
    result = pytester.runpytest_subprocess(f"--mp-start-methods={method}", "-pno:cacheprovider")
    result.assert_outcomes(failed=3)
    result.stdout.re_match_lines(
        [r"E +pid \d+: it is held at 'here' by the hold made at \S+ in test_of_the_held, which"]
    )
    failures = result.stdout.str().partition("test_of_the_held")[0].partition("test_time_limit")
    for failure in (failures[0], failures[2]):
        lines = [line.strip() for line in failure.splitlines()]
        assert sum(line.endswith("last of what it recorded:") for line in lines) == 2
        assert any(line.endswith("s  above  depth=1") for line in lines)
        assert any(line.endswith("s  below  depth=2") for line in lines)
