"""What is done to a shared object is recorded, and nobody notices: a stand-in is like its object."""

from __future__ import annotations

import copy
import ctypes
import multiprocessing
import multiprocessing.connection
import multiprocessing.managers
import multiprocessing.queues
import operator
import os
import pickle
import queue
import threading
from collections.abc import Callable, Iterator
from multiprocessing.context import BaseContext
from multiprocessing.pool import Pool
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mpcheck import MpcheckError, span
from pytest_mpcheck.fixtures import ProcessFactory


@pytest.fixture
def mp_history(tmp_path: Any, monkeypatch: Any) -> Iterator[Any]:
    from pytest_mpcheck._history import _log
    from pytest_mpcheck._history._control import Control
    from pytest_mpcheck._history._holds import Holds
    from pytest_mpcheck._history._reading import read_chronicle
    from pytest_mpcheck._history._recorded import Recorder

    folder = str(tmp_path / "history")
    os.mkdir(folder)
    control = Control(folder)
    control.epoch = 7
    monkeypatch.setenv("MPCHECK_HISTORY", folder)
    _log.listen(folder)

    recording: Any = SimpleNamespace(timeout=20, epoch=7, chronicle=lambda: read_chronicle(folder, 7))
    recording.folder = folder
    holds: Any = Holds(recording)
    history: Any = SimpleNamespace(chronicle=recording.chronicle)
    history.spans = lambda name=None, process=None: [
        one for one in recording.chronicle().spans(name) if process is None or one.begin.process.pid == process.pid
    ]
    history.recorded = Recorder().recorded
    history.hold, history.watch = holds.hold, holds.watch
    yield history
    holds.close()
    control.epoch = 0


@pytest.fixture
def manager(mp_context: BaseContext) -> Iterator[multiprocessing.managers.SyncManager]:
    with mp_context.Manager() as manager:
        yield manager


Told = tuple[str, dict[str, object]]


def told(history: Any, *, process: Any = None) -> list[Told]:
    """Return the spans, with what is known of them; without a result that is none."""
    return [
        (span.name, {name: value for name, value in span.data.items() if (name, value) != ("result", None)})
        for span in history.spans(process=process)
    ]


class Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_int))


class Account:
    """An object that nobody knows."""

    rate = 2

    def __init__(self, balance: int) -> None:
        self.balance = balance

    def deposit(self, amount: int, *more: int, note: str = "") -> Account:
        self.balance += amount + sum(more)
        return self

    def withdraw(self, amount: int) -> int:
        if amount > self.balance:
            raise ValueError("not enough")
        self.balance -= amount
        return self.balance

    def __call__(self) -> int:
        return self.balance

    def __len__(self) -> int:
        return self.balance

    def __iadd__(self, amount: int) -> Account:
        return self.deposit(amount)

    def __lt__(self, other: Account) -> bool:
        return self.balance < other.balance


def use_queue(queue: Any) -> None:
    queue.put(1)
    queue.put(obj=2, timeout=5)
    queue.put_nowait(3)
    assert [queue.get(), queue.get(True, 5), queue.get()] == [1, 2, 3]


def use_simple_queue(queue: Any) -> None:
    queue.put({"a": 1})
    assert not queue.empty()
    assert queue.get() == {"a": 1}


def use_manager_queue(queue: Any) -> None:
    queue.put(1)
    queue.put_nowait(2)
    with pytest.raises(BaseException, match="") as caught:
        queue.put(3, False)
    assert type(caught.value).__name__ == "Full"
    assert queue.get() == 1
    assert queue.get_nowait() == 2
    with pytest.raises(BaseException, match="") as caught:
        queue.get_nowait()
    assert type(caught.value).__name__ == "Empty"


def use_connection(connection: Any) -> None:
    connection.send("a")
    assert connection.poll(5)
    assert connection.recv() == "a"
    connection.send_bytes(b"bytes")
    assert connection.recv_bytes() == b"bytes"
    connection.close()
    assert connection.closed


def use_value(value: Any) -> None:
    value.value += 5
    with value.get_lock():
        value.value -= 1
    with value:
        pass
    assert value.get_obj().value == 4


def use_raw_value(value: Any) -> None:
    value.value = 7
    assert value.value == 7


def use_structure(point: Any) -> None:
    point.x = point.y + 3
    assert point.x == 3


def use_locked_structure(point: Any) -> None:
    with point.get_lock():
        use_structure(point)
    assert point.get_obj().x == 3


def use_array(array: Any) -> None:
    array[0] = 4
    array[:] = [5, 6, 7]
    array[1:] = [8, 9]
    assert (array[0], array[:], array[::2], len(array)) == (5, [5, 8, 9], [5, 9], 3)


def use_text(text: Any) -> None:
    text.value = b"ab"
    assert text.raw == b"ab\0"


def use_lock(lock: Any) -> None:
    with lock:
        pass
    assert lock.acquire(timeout=5)
    lock.release()
    assert lock.acquire(False)
    lock.release()


def use_event(event: Any) -> None:
    assert not event.is_set()
    event.set()
    assert event.wait(5)


def use_barrier(barrier: Any) -> None:
    assert barrier.parties == 1
    assert barrier.wait() == 0


def use_condition(condition: Any) -> None:
    with condition:
        condition.notify_all()
        assert not condition.wait(0)


def use_namespace(namespace: Any) -> None:
    namespace.x = 1
    assert namespace.x == 1
    del namespace.x
    assert not hasattr(namespace, "x")


def use_dict(shared: Any) -> None:
    shared["a"] = 1
    assert "a" in shared
    assert shared["a"] == shared.get("a") == 1
    assert shared.get("b", 2) == 2
    shared |= {"c": 3}
    del shared["a"]
    assert list(shared.keys()) == ["c"]
    assert len(shared) == 1
    with pytest.raises(KeyError):
        shared["a"]
    shared["d"] = 4


def use_list(shared: Any) -> None:
    shared.append(1)
    shared += [2, 3]
    shared[0] = 4
    assert (shared[0], shared[:], shared[1:], 2 in shared) == (4, [4, 2, 3], [2, 3], True)
    shared *= 1
    del shared[0]
    assert shared.pop() == 3
    assert shared + [0] == [2, 0]


def use_account(account: Any) -> None:
    assert account.deposit(5) is account
    account.deposit(1, 2, note="three")
    assert account.withdraw(amount=3) == 5
    with pytest.raises(ValueError, match="not enough"):
        account.withdraw(100)
    assert account() == len(account) == account.balance == 5
    account += 1
    account.balance = 7
    assert (account.balance, account.rate, account < Account(8)) == (7, 2, True)


GUARDED: list[Told] = [("lock.acquire", {"result": True}), ("lock.release", {})]


def guarded(name: str, *inside: Told) -> list[Told]:
    return [(f"{name}_{GUARDED[0][0]}", GUARDED[0][1]), *inside, (f"{name}_{GUARDED[1][0]}", {})]


def sent(name: str, item: object, **more: object) -> Told:
    return name, {"item": item, **more}


def got(name: str, item: object, **more: object) -> Told:
    return name, {**more, "result": item, "item": item}


NOT = {"result": False}
YES = {"result": True}

Maker = Callable[[Any, Any], Any]
KINDS: dict[str, tuple[Maker, Callable[[Any], None], list[Told]]] = {
    "Queue": (
        lambda context, _: context.Queue(),
        use_queue,
        [
            sent("queue.put", 1),
            sent("queue.put", 2, timeout=5),
            sent("queue.put", 3, block=False),
            got("queue.get", 1),
            got("queue.get", 2, block=True, timeout=5),
            got("queue.get", 3),
        ],
    ),
    "SimpleQueue": (
        lambda context, _: context.SimpleQueue(),
        use_simple_queue,
        [sent("queue.put", {"a": 1}), ("queue.empty", NOT), got("queue.get", {"a": 1})],
    ),
    "manager.Queue": (
        lambda _, manager: manager.Queue(2),
        use_manager_queue,
        [
            sent("queue.put", 1),
            sent("queue.put", 2, block=False),
            sent("queue.put", 3, block=False, raised="Full"),
            got("queue.get", 1),
            got("queue.get", 2, block=False),
            ("queue.get", {"block": False, "raised": "Empty"}),
        ],
    ),
    "Value": (
        lambda context, _: context.Value("i", 0),
        use_value,
        [
            ("value.read", {"result": 0}),
            ("value.write", {"value": 5}),
            *guarded("value", ("value.read", {"result": 5}), ("value.write", {"value": 4})),
            *guarded("value"),
        ],
    ),
    "RawValue": (
        lambda context, _: context.RawValue("i", 0),
        use_raw_value,
        [("value.write", {"value": 7}), ("value.read", {"result": 7})],
    ),
    "manager.Value": (
        lambda _, manager: manager.Value("i", 0),
        use_raw_value,
        [("value.write", {"value": 7}), ("value.read", {"result": 7})],
    ),
    "structure": (
        lambda context, _: context.RawValue(Point),
        use_structure,
        [
            ("value.get", {"key": "y", "result": 0}),
            ("value.set", {"key": "x", "value": 3}),
            ("value.get", {"key": "x", "result": 3}),
        ],
    ),
    "locked structure": (
        lambda context, _: context.Value(Point),
        use_locked_structure,
        guarded(
            "value",
            ("value.get", {"key": "y", "result": 0}),
            ("value.set", {"key": "x", "value": 3}),
            ("value.get", {"key": "x", "result": 3}),
        ),
    ),
    **{
        name: (
            maker,
            use_array,
            [
                ("array.set", {"key": 0, "value": 4}),
                ("array.write", {"value": [5, 6, 7]}),
                ("array.set_slice", {"value": [8, 9], "start": 1, "stop": None, "step": None}),
                ("array.get", {"key": 0, "result": 5}),
                ("array.read", {"result": [5, 8, 9]}),
                ("array.get_slice", {"start": None, "stop": None, "step": 2, "result": [5, 9]}),
            ],
        )
        for name, maker in {
            "Array": lambda context, _: context.Array("i", 3),
            "RawArray": lambda context, _: context.RawArray("i", 3),
        }.items()
    },
    "text": (
        lambda context, _: context.Array("c", 3),
        use_text,
        [("array.write", {"value": b"ab"}), ("array.read_raw", {"result": b"ab\0"})],
    ),
    **{
        name: (
            maker,
            use_lock,
            [
                (f"{kind}.acquire", YES),
                (f"{kind}.release", {}),
                (f"{kind}.acquire", {"timeout": 5, **YES}),
                (f"{kind}.release", {}),
                (f"{kind}.acquire", {"block": False, **YES}),
                (f"{kind}.release", {}),
            ],
        )
        for name, kind, maker in (
            ("Lock", "lock", lambda context, _: context.Lock()),
            ("RLock", "lock", lambda context, _: context.RLock()),
            ("Semaphore", "semaphore", lambda context, _: context.Semaphore()),
            ("manager.Lock", "lock", lambda _, manager: manager.Lock()),
        )
    },
    **{
        name: (
            maker,
            use_event,
            [("event.is_set", NOT), ("event.set", {}), ("event.wait", {"timeout": 5, **YES})],
        )
        for name, maker in {
            "Event": lambda context, _: context.Event(),
            "manager.Event": lambda _, manager: manager.Event(),
        }.items()
    },
    "Barrier": (lambda context, _: context.Barrier(1), use_barrier, [("barrier.wait", {"result": 0})]),
    "Condition": (
        lambda context, _: context.Condition(),
        use_condition,
        [
            ("condition.acquire", YES),
            ("condition.notify_all", {}),
            ("condition.wait", {"timeout": 0, **NOT}),
            ("condition.release", {}),
        ],
    ),
    "namespace": (
        lambda _, manager: manager.Namespace(),
        use_namespace,
        [
            ("namespace.set", {"key": "x", "value": 1}),
            ("namespace.get", {"key": "x", "result": 1}),
            ("namespace.delete", {"key": "x"}),
            ("namespace.get", {"key": "x", "raised": "AttributeError"}),
        ],
    ),
    "dict": (
        lambda _, manager: manager.dict(),
        use_dict,
        [
            ("dict.set", {"key": "a", "value": 1}),
            ("dict.contains", {"key": "a", **YES}),
            ("dict.get", {"key": "a", "result": 1}),
            ("dict.get", {"key": "a", "result": 1}),
            ("dict.get", {"key": "b", "default": 2, "result": 2}),
            ("dict.update", {"other": {"c": 3}}),
            ("dict.delete", {"key": "a"}),
            ("dict.keys", {"result": ["c"]}),
            ("dict.get", {"key": "a", "raised": "KeyError"}),
            ("dict.set", {"key": "d", "value": 4}),
        ],
    ),
    "list": (
        lambda _, manager: manager.list(),
        use_list,
        [
            ("list.append", {"item": 1}),
            ("list.extend", {"items": [2, 3]}),
            ("list.set", {"key": 0, "value": 4}),
            ("list.get", {"key": 0, "result": 4}),
            ("list.read", {"result": [4, 2, 3]}),
            ("list.get_slice", {"start": 1, "stop": None, "step": None, "result": [2, 3]}),
            ("list.contains", {"item": 2, **YES}),
            ("list.repeat", {"n": 1}),
            ("list.delete", {"key": 0}),
            ("list.pop", {"result": 3}),
        ],
    ),
    "unknown": (
        lambda *_: Account(0),
        use_account,
        [
            ("account.deposit", {"amount": 5}),
            ("account.deposit", {"amount": 1, "note": "three", "arguments": (2,)}),
            ("account.withdraw", {"amount": 3, "result": 5}),
            ("account.withdraw", {"amount": 100, "raised": "ValueError"}),
            ("account.call", {"result": 5}),
        ],
    ),
}
"""How to make an object of each kind, what to do with it, and what is to stand in the history then."""


class TestKinds:
    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_done_in_a_child_is_recorded(
        self, kind: str, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: Any, request: Any
    ) -> None:
        make, use, expected = KINDS[kind]
        needs_manager = "manager" in kind or kind in ("namespace", "dict", "list")
        manager = request.getfixturevalue("manager") if needs_manager else None
        shared = mp_history.recorded(make(mp_context, manager))
        child = mp_process(use, shared)
        child.result()
        assert told(mp_history, process=child) == expected
