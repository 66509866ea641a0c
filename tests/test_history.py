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
