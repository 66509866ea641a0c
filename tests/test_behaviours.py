"""What objects that processes share really do, where nobody expects it; each has a twin that does what one expects.

No race here is left to luck: a process is held where it can be overtaken, and another one overtakes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.context import BaseContext
from multiprocessing.managers import SyncManager
from queue import Empty
from typing import Any

import pytest

from pytest_mpcheck import Child, History, checkpoint, models
from pytest_mpcheck.fixtures import ProcessFactory


@pytest.fixture
def manager(mp_context: BaseContext) -> Iterator[SyncManager]:
    with mp_context.Manager() as manager:
        yield manager


def add_to(value: Any) -> None:
    value.value += 1


def add_to_locked(value: Any) -> None:
    with value.get_lock():
        value.value += 1


def count(hits: Any) -> None:
    hits["page"] = hits["page"] + 1


def count_locked(hits: Any, lock: Any) -> None:
    with lock:
        hits["page"] = hits["page"] + 1


class TestAddition:
    """``+=`` reads and then writes; what others have written meanwhile is lost."""

    def test_of_a_value(self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History) -> None:
        value = mp_history.recorded(mp_context.Value("i", 0))
        with mp_history.hold("value.write") as held:
            first = mp_process(add_to, value)
            held.wait()
            mp_process(add_to, value).result()
        first.result()
        assert value.value == 1
        with pytest.raises(AssertionError, match=r"assert_linearizable: .*'value' .* as on a Counter, and are not"):
            mp_history.assert_linearizable(models.Counter, "value")
        mp_history.assert_linearizable(models.Register(0), "value")  # each read and each write is faultless

    def test_of_a_value_under_its_lock(
        self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History
    ) -> None:
        value = mp_history.recorded(mp_context.Value("i", 0))
        with mp_history.hold("value.write") as held:
            first = mp_process(add_to_locked, value)
            held.wait()
            second = wait_for_another(mp_history, "value_lock.acquire", mp_process, add_to_locked, value)
        first.result()
        second.result()
        assert value.value == 2
        mp_history.assert_linearizable(models.Counter, "value")
        mp_history.assert_linearizable(models.Lock, "value_lock")

    def test_in_the_dictionary_of_a_manager(
        self, mp_process: ProcessFactory, manager: SyncManager, mp_history: History
    ) -> None:
        hits = mp_history.recorded(manager.dict(page=0), "hits")
        with mp_history.hold("hits.set") as held:
            first = mp_process(count, hits)
            held.wait()
            mp_process(count, hits).result()
        first.result()
        assert hits["page"] == 1
        with pytest.raises(AssertionError, match="as on a Counter, and are not"):
            mp_history.assert_linearizable(models.Counter, "hits")
        mp_history.assert_linearizable(models.Dictionary({"page": 0}), "hits")

    def test_in_the_dictionary_of_a_manager_under_a_lock(
        self, mp_process: ProcessFactory, manager: SyncManager, mp_history: History
    ) -> None:
        hits, lock = mp_history.recorded(manager.dict(page=0), "hits"), mp_history.recorded(manager.Lock())
        with mp_history.hold("hits.set") as held:
            first = mp_process(count_locked, hits, lock)
            held.wait()
            second = wait_for_another(mp_history, "lock.acquire", mp_process, count_locked, hits, lock)
        first.result()
        second.result()
        assert hits["page"] == 2
        mp_history.assert_linearizable(models.Counter, "hits")


def wait_for_another(history: History, name: str, mp_process: ProcessFactory, *call: Any) -> Child:
    """Start a child, and come back when it has arrived where it has to wait for the first one."""
    with history.hold(name) as arrived:
        child = mp_process(*call)
        arrived.wait()
    return child


def put(queue: Any, item: int) -> None:
    queue.put(item)
    checkpoint("has put")


FEEDER = "multiprocessing.queues:Queue._feed"
"""The thread that takes what `put` has left in memory, and sends it."""


class TestPut:
    """`Queue.put` leaves the item to a thread of its process; `SimpleQueue.put` sends it."""

    def test_queue_is_empty_although_put_has_returned(
        self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History
    ) -> None:
        queue = mp_history.recorded(mp_context.Queue())
        mp_history.watch(FEEDER)
        with mp_history.hold(FEEDER), mp_history.hold("has put") as returned:
            child = mp_process(put, queue, 1)
            returned.wait()
            with pytest.raises(Empty):
                queue.get_nowait()
        child.result()
        assert queue.get() == 1
        with pytest.raises(AssertionError, match=r"'queue' .* as on a Queue, and are not"):
            mp_history.assert_linearizable(models.Queue, "queue")

    def test_simple_queue_is_not(
        self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History
    ) -> None:
        shared = mp_context.SimpleQueue()
        queue = mp_history.recorded(shared)
        mp_history.watch(FEEDER)
        with mp_history.hold("has put") as returned:
            child = mp_process(put, queue, 1)
            returned.wait()
            assert not shared.empty()
            assert queue.get() == 1
        child.result()
        mp_history.assert_linearizable(models.Queue, "queue")

    def test_producers_who_take_turns_are_not_first_in_first_out(
        self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History
    ) -> None:
        queue = mp_history.recorded(mp_context.Queue())
        mp_history.watch(FEEDER)
        with mp_history.hold(FEEDER):
            with mp_history.hold("has put") as returned:
                first = mp_process(put, queue, 1)
                returned.wait()
            mp_process(put, queue, 2).result()
            assert queue.get() == 2
        first.result()
        assert queue.get() == 1
        with pytest.raises(AssertionError, match="1 was sent before 2 and received after it"):
            mp_history.assert_fifo("queue.put", "queue.get")

    def test_with_a_simple_queue_they_are(
        self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History
    ) -> None:
        queue = mp_history.recorded(mp_context.SimpleQueue())
        with mp_history.hold("has put") as returned:
            first = mp_process(put, queue, 1)
            returned.wait()
            mp_process(put, queue, 2).result()
            assert [queue.get(), queue.get()] == [1, 2]
        first.result()
        mp_history.assert_fifo("queue.put", "queue.get")


class Halting(list[int]):
    """Numbers between which whoever copies them comes by a checkpoint."""

    def __getitem__(self, index: Any) -> Any:
        if index == 1:
            checkpoint("halfway")
        return super().__getitem__(index)


def fill(array: Any) -> None:
    array[:] = Halting([1, 1])


def read(array: Any) -> list[int]:
    copy: list[int] = array[:]
    return copy


class TestSlice:
    """A slice is copied number by number."""

    def test_of_a_raw_array_is_torn(
        self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History
    ) -> None:
        array = mp_history.recorded(mp_context.RawArray("i", 2))
        with mp_history.hold("halfway") as held:
            writer = mp_process(fill, array)
            held.wait()
            assert mp_process(read, array).result() == [1, 0]
        writer.result()
        with pytest.raises(AssertionError, match=r"'array' .* as on a Register, and are not"):
            mp_history.assert_linearizable(models.Register([0, 0]), "array")

    def test_of_an_array_is_whole(
        self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History
    ) -> None:
        array = mp_history.recorded(mp_context.Array("i", 2))
        with mp_history.hold("halfway") as held:
            writer = mp_process(fill, array)
            held.wait()
            reader = wait_for_another(mp_history, "array.read", mp_process, read, array)
        writer.result()
        assert reader.result() in ([0, 0], [1, 1])
        mp_history.assert_linearizable(models.Register([0, 0]), "array")
