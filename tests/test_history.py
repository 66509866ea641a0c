"""The assertions about the history, with processes: each race is forced by a hold, not by luck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.pool import Pool
from typing import Any

import pytest

from pytest_mpcheck import History, checkpoint, models, span
from pytest_mpcheck.fixtures import ProcessFactory


def numbers() -> Iterator[int]:
    for number in range(2):
        checkpoint("sent", item=number)
        yield number


def same(number: int) -> int:
    checkpoint(f"task {number}")
    return number


@pytest.mark.parametrize("method", ["imap", "imap_unordered"])
def test_fifo_of_a_pool(mp_pool: Callable[..., Pool], mp_history: History, method: str) -> None:
    with mp_history.hold("task 0") as held:
        results = getattr(mp_pool(2), method)(same, numbers())
        held.wait()
        if method == "imap_unordered":
            checkpoint("received", item=next(results))
    for number in results:
        checkpoint("received", item=number)
    if method == "imap":
        mp_history.assert_fifo("sent", "received")
        return
    with pytest.raises(AssertionError, match="0 was sent before 1 and received after it"):
        mp_history.assert_fifo("sent", "received")


def enter(lock: AbstractContextManager[Any]) -> None:
    checkpoint("coming")
    with lock, span("critical"):
        checkpoint("inside")


def test_two_processes_without_a_lock_exclude_nobody(mp_process: ProcessFactory, mp_history: History) -> None:
    with mp_history.hold("inside") as first, mp_history.hold("inside") as second:
        children = [mp_process(enter, nullcontext()) for _ in range(2)]
        first.wait()
        second.wait()
    for child in children:
        child.result()
    mp_history.assert_overlap("critical")
    with pytest.raises(AssertionError, match="no two spans 'critical' may overlap, and some did") as caught:
        mp_history.assert_exclusive("critical")
    lines = str(caught.value).splitlines()
    assert all(child.name in str(caught.value) for child in children)
    assert sum(line.startswith("> ") for line in lines) == 4


def test_two_processes_with_a_lock_exclude_each_other(
    mp_process: ProcessFactory, mp_context: Any, mp_history: History
) -> None:
    lock = mp_context.Lock()
    with mp_history.hold("inside") as inside:
        first = mp_process(enter, lock)
        inside.wait()
        with mp_history.hold("coming") as coming:
            second = mp_process(enter, lock)
            coming.wait()
    first.result()
    second.result()
    mp_history.assert_exclusive("critical")
    with pytest.raises(AssertionError, match="two spans 'critical' have to overlap, and none did: "):
        mp_history.assert_overlap("critical")


def add(value: Any, locked: bool) -> None:
    with span("total.add"), value.get_lock() if locked else nullcontext():
        value.value += 1


@pytest.mark.parametrize("locked", [True, False], ids=["with its lock", "without its lock"])
def test_counter_in_shared_memory(
    mp_process: ProcessFactory, mp_context: Any, mp_history: History, locked: bool
) -> None:
    value = mp_context.Value("i", 0)
    recorded = mp_history.recorded(value, "value")
    with mp_history.hold("value.write") as held:  # it has read, and has not written
        first = mp_process(add, recorded, locked)
        held.wait()
        second = mp_process(add, recorded, locked)
        if not locked:
            second.result()
    first.result()
    second.result()
    with span("total.read") as read:
        read.note(result=value.value)
    if locked:
        mp_history.assert_linearizable(models.Counter, "total")
        return
    with pytest.raises(AssertionError, match=r"operations on 'total' .* as on a Counter, and are not"):
        mp_history.assert_linearizable(models.Counter, "total")


def come_and_do(name: str) -> None:
    checkpoint(f"coming to {name}")
    checkpoint(name)


def test_order_of_two(mp_backend: str, mp_process: ProcessFactory, mp_history: History) -> None:
    """Threads and interpreters too; of the same process each child is that one alone."""
    with mp_history.hold("coming to b") as held:
        second = mp_process(come_and_do, "b")
        held.wait()
        first = mp_process(come_and_do, "a")
        first.result()
    second.result()
    mp_history.assert_order("a", "b")
    with pytest.raises(AssertionError, match="every 'b' has to come before every 'a', and did not"):
        mp_history.assert_order("b", "a")
    mp_history.assert_order("coming to b", "coming to a")
    if mp_backend != "interpreter":  # the end of one is seen by nobody
        mp_history.assert_happens_before("a", "b")  # the test has waited for the first, and then let the second go on
    assert [event.name for event in mp_history.events(process=first)] == ["coming to a", "a"]
    assert mp_history.events("b", process=second) == mp_history.events("b", process=second.pid)


def test_processes_that_run_side_by_side_are_concurrent(mp_process: ProcessFactory, mp_history: History) -> None:
    checkpoint("before")
    children = [mp_process(come_and_do, name) for name in ("a", "b")]
    for child in children:
        child.result()
    checkpoint("after")
    for name in ("a", "b"):
        mp_history.assert_happens_before("before", name)
        mp_history.assert_happens_before(name, "after")
    with pytest.raises(AssertionError, match="concurrent, neither caused the other, only the clock puts the first "):
        mp_history.assert_happens_before("a", "b")


def send(queue: Any, go_on: Any) -> None:
    checkpoint("sent", item=1)
    queue.put(1)
    go_on.wait()


def tell(told: Any, go_on: Any) -> None:
    checkpoint("sent", item=1)
    told.set()
    go_on.wait()


def test_message_is_a_cause(mp_process: ProcessFactory, mp_context: Any, mp_history: History) -> None:
    queue, go_on = mp_context.SimpleQueue(), mp_context.Event()
    child = mp_process(send, queue, go_on)
    checkpoint("received", item=queue.get())
    mp_history.assert_happens_before("sent", "received")
    mp_history.assert_order("sent", "received")
    go_on.set()
    child.result()


def test_what_nobody_sees_is_no_cause(mp_process: ProcessFactory, mp_context: Any, mp_history: History) -> None:
    told, go_on = mp_context.Event(), mp_context.Event()
    child = mp_process(tell, told, go_on)
    told.wait()
    checkpoint("received", item=1)
    with pytest.raises(AssertionError, match="has to cause every 'received', by a chain of starts, joins and"):
        mp_history.assert_happens_before("sent", "received")
    mp_history.assert_order("sent", "received")
    go_on.set()
    child.result()


def put_all(queue: Any, *items: object) -> None:
    for item in items:
        queue.put(item)


def test_fifo_of_a_recorded_queue(mp_process: ProcessFactory, mp_context: Any, mp_history: History) -> None:
    queue = mp_history.recorded(mp_context.SimpleQueue())
    child = mp_process(put_all, queue, "a", "b", "c")
    assert [queue.get() for _ in range(2)] == ["a", "b"]
    child.result()
    with pytest.raises(AssertionError, match=r"1 got lost\n  lost, sent and not received: 'c'"):
        mp_history.assert_fifo("queue.put", "queue.get")
    assert queue.get() == "c"
    mp_history.assert_fifo("queue.put", "queue.get")
    mp_history.assert_linearizable(models.Queue, "queue")


@pytest.mark.parametrize("colour", ["yes", "no"])
def test_timeline_in_the_terminal_has_colours_as_pytest_has(pytester: pytest.Pytester, colour: str) -> None:
    pytester.makepyfile(
        """
        from pytest_mpcheck import checkpoint, span

        def test_order(mp_history):
            checkpoint("b")
            with span("a"):
                mp_history.assert_order("a", "b")
        """
    )
    text = pytester.runpytest_subprocess("-p", "no:cacheprovider", f"--color={colour}").stdout.str()
    assert "every 'a' has to come before every 'b', and did not" in text
    assert ("\x1b[31m\x1b[1m>      0.000  b\x1b[0m" in text) is (colour == "yes")
    assert (">      0.000  b\n" in text) is (colour == "no")
    assert "_ordering" not in text
