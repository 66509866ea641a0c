"""What is done to a shared object is recorded, and nobody notices: a stand-in is like its object."""

from __future__ import annotations

import copy
import ctypes
import multiprocessing
import multiprocessing.connection
import multiprocessing.managers
import multiprocessing.queues
import os
import pickle
import queue
import re
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.context import BaseContext
from multiprocessing.pool import Pool
from queue import Empty, Full
from typing import Any

import pytest

from pytest_mpcheck import History, MpcheckError, checkpoint, models
from pytest_mpcheck._history._recorded import Recorder
from pytest_mpcheck._history._stand_in import name_of
from pytest_mpcheck.fixtures import ProcessFactory


@pytest.fixture
def manager(mp_context: BaseContext) -> Iterator[multiprocessing.managers.SyncManager]:
    with mp_context.Manager() as manager:
        yield manager


def send_one(target: Any) -> None:
    checkpoint("before sending")
    (target.send if hasattr(target, "send") else target.put)(["item"])


def receive(source: Any) -> Any:
    return (source.recv if hasattr(source, "recv") else source.get)()


_kept: Any = None


def keep(shared: Any) -> None:
    global _kept
    _kept = shared


def add_to_kept(number: int) -> None:
    with _kept.get_lock():
        _kept.value += number


@pytest.fixture
def context() -> BaseContext:
    """For tests that start nothing, and so are no `mp` tests."""
    return multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def context_manager() -> Iterator[multiprocessing.managers.SyncManager]:
    with multiprocessing.get_context("spawn").Manager() as manager:
        yield manager


Told = tuple[str, dict[str, object]]


def told(history: History, *, process: Any = None) -> list[Told]:
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

    @staticmethod
    def interest(balance: int, years: int) -> int:
        return balance * years // 10

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
    with pytest.raises(Full):
        queue.put(3, False)
    assert queue.get() == 1
    assert queue.get_nowait() == 2
    with pytest.raises(Empty):
        queue.get_nowait()


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
    shared.update({"c": 3})
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
    assert shared * 2 == [2, 2]


def use_account(account: Any) -> None:
    assert account.deposit(5) is account
    account.deposit(1, 2, note="three")
    assert account.withdraw(amount=3) == 5
    with pytest.raises(ValueError, match="not enough"):
        account.withdraw(100)
    assert account.interest(100, years=2) == 20
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
    return name, {**more, "result": item}


NOT: dict[str, object] = {"result": False}
YES: dict[str, object] = {"result": True}

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
            ("account.interest", {"balance": 100, "years": 2, "result": 20}),
            ("account.call", {"result": 5}),
        ],
    ),
}
"""How to make an object of each kind, what to do with it, and what is to stand in the history then."""


def needs_manager(kind: str) -> bool:
    return "manager" in kind or kind in ("namespace", "dict", "list")


def name_in(kind: str) -> str:
    """Return the name of the object in the history that is expected, which is its name by default."""
    return KINDS[kind][2][0][0].partition(".")[0].removesuffix("_lock")


def use_all(things: list[tuple[str, Any]]) -> None:
    for kind, shared in things:
        KINDS[kind][1](shared)


def hash_of(thing: object) -> int | str:
    try:
        return hash(thing)
    except TypeError as error:
        return str(error)


class TestKinds:
    @pytest.mark.parametrize("home", ["context", "manager"])
    def test_what_is_done_in_a_child_is_recorded(
        self, home: str, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History, request: Any
    ) -> None:
        manager = request.getfixturevalue("manager") if home == "manager" else None
        kinds = [kind for kind in KINDS if needs_manager(kind) == bool(manager)]
        things = [(kind, mp_history.recorded(KINDS[kind][0](mp_context, manager), name_in(kind))) for kind in kinds]
        child = mp_process(use_all, things)
        child.result()
        spans = told(mp_history, process=child)
        for kind in kinds:
            count = len(KINDS[kind][2])
            assert (kind, spans[:count]) == (kind, KINDS[kind][2])
            del spans[:count]
        assert spans == []

    def test_what_processes_do_together_suits_the_model(
        self, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History
    ) -> None:
        lock = mp_history.recorded(mp_context.Lock())
        for child in [mp_process(use_lock, lock) for _ in range(2)]:
            child.result()
        mp_history.assert_linearizable(models.Lock, "lock")

    def test_workers_of_a_pool_record_what_they_do(
        self, mp_pool: Callable[..., Pool], mp_context: BaseContext, mp_history: History
    ) -> None:
        value = mp_history.recorded(mp_context.Value("i", 0))
        mp_pool(2, keep, (value,)).map(add_to_kept, [1, 2, 3])
        assert mp_history.spans("value.read")[0].begin.process.pid != os.getpid()
        mp_history.assert_linearizable(models.Register(0), "value")
        assert value.value == 6

    def test_threads_record_what_they_do(self, mp_history: History) -> None:
        letters: queue.Queue[str] = mp_history.recorded(queue.Queue())
        thread = threading.Thread(target=letters.put, args=("a",))
        thread.start()
        assert letters.get() == "a"
        thread.join()
        mp_history.assert_linearizable(models.Queue, "queue")
        threads = {one.begin.thread for one in mp_history.spans()}
        assert threads == {thread.ident, threading.get_ident()}

    def test_arithmetic_on_unknown_objects_is_not_recorded(self, mp_history: History) -> None:
        account = mp_history.recorded(Account(1))
        assert (len(account), account < Account(2)) == (1, True)
        account += 1
        assert account.balance == 2
        assert mp_history.spans() == ()


class TestLikeness:
    """A stand-in is like its object, in all that does not record."""

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("unknown", "manager.Event")])
    def test_object_is_what_one_meets(
        self, kind: str, context: BaseContext, mp_history: History, request: pytest.FixtureRequest
    ) -> None:
        make, _, _ = KINDS[kind]
        shared = make(context, request.getfixturevalue("context_manager") if needs_manager(kind) else None)
        recorded = mp_history.recorded(shared)
        assert name_of(recorded) == name_in(kind)
        assert isinstance(recorded, type(shared))
        assert recorded.__class__ is type(shared)
        assert recorded == shared == recorded == mp_history.recorded(shared)
        assert recorded != object()
        assert dir(recorded) == dir(shared)
        assert str(recorded) == str(shared)
        assert repr(shared) in repr(recorded)
        assert "recorded as" in repr(recorded)
        assert hash_of(recorded) == hash_of(shared)
        for name in ("__iter__", "__len__", "__call__", "get_lock", "nothing", "_nothing"):
            if kind != "namespace":
                assert hasattr(recorded, name) == hasattr(shared, name), name
        with pytest.raises(AttributeError, match="nothing"):
            _ = recorded._nothing

    @pytest.mark.parametrize("kind", ["Queue", "Value", "Lock"])
    def test_it_pickles_only_when_its_object_does(self, kind: str, context: BaseContext, mp_history: History) -> None:
        recorded = mp_history.recorded(KINDS[kind][0](context, None))
        with pytest.raises(RuntimeError, match="should only be shared between processes through inheritance"):
            pickle.dumps(recorded)
        account = mp_history.recorded(Account(3), "mine")
        again = pickle.loads(pickle.dumps(account))
        assert again.withdraw(1) == 2
        assert account.balance == 3
        assert [one.name for one in mp_history.spans()] == ["mine.withdraw"]

    def test_private_and_other_attributes_are_those_of_the_object(self, mp_history: History) -> None:
        account = Account(1)
        recorded: Any = mp_history.recorded(account)
        recorded._secret = 5
        recorded.rate = 3
        assert (vars(account)["_secret"], account.rate, recorded.rate) == (5, 3, 3)
        del recorded.rate
        assert recorded.rate == 2
        assert vars(recorded) is vars(account)
        assert mp_history.spans() == ()

    def test_operators_leave_a_stand_in_where_their_object_leaves_itself(
        self, context_manager: multiprocessing.managers.SyncManager, mp_history: History
    ) -> None:
        shared: Any = context_manager.list([1])
        recorded = same = mp_history.recorded(shared)
        recorded += [2]
        recorded *= 2  # of a dictionary's proxy `|=` came in Python 3.14
        assert recorded is same
        assert list(shared) == [1, 2, 1, 2]
        assert mp_history.recorded(shared)[:] == [1, 2, 1, 2]
        assert copy.deepcopy(recorded) == [1, 2, 1, 2]

    def test_array_in_shared_memory_is_iterated_over_as_ever(self, context: BaseContext, mp_history: History) -> None:
        array: Any = mp_history.recorded(context.Array("i", [3, 1, 2]))
        assert (sorted(array), 1 in array, list(reversed(array))) == ([1, 2, 3], True, [2, 1, 3])
        with pytest.raises(IndexError):
            array[3]
        assert told(mp_history)[-1] == ("array.get", {"key": 3, "raised": "IndexError"})

    def test_connections_can_be_waited_for(self, context: BaseContext, mp_history: History) -> None:
        ours, theirs = (mp_history.recorded(end, name) for end, name in zip(context.Pipe(), ("a", "b"), strict=True))
        theirs.send(1)
        assert multiprocessing.connection.wait([ours], 5) == [ours]
        with ours, theirs:
            assert ours.recv() == 1
        assert ours.closed

    def test_function_that_an_object_holds_is_recorded(self, mp_history: History) -> None:
        account: Any = Account(1)
        account.audit = lambda depth: depth + 1
        assert mp_history.recorded(account).audit(2) == 3
        assert told(mp_history) == [("account.audit", {"depth": 2, "result": 3})]

    def test_nothing_happens_while_nobody_listens(self, context: BaseContext) -> None:
        recorded = Recorder().recorded(context.SimpleQueue())
        recorded.put(1)
        assert recorded.get() == 1
        account = Recorder().recorded(Account(1))
        assert account.deposit(1) is account
        value = Recorder().recorded(context.Value("i", 1))
        value.value += 1
        assert value.value == 2


class TestMessages:
    """What was received follows what was sent."""

    @pytest.mark.parametrize("kind", ["Queue", "JoinableQueue", "SimpleQueue", "Pipe", "manager.Queue"])
    def test_receiving_follows_sending(
        self, kind: str, mp_process: ProcessFactory, mp_context: BaseContext, mp_history: History, request: Any
    ) -> None:
        maker = request.getfixturevalue("manager") if needs_manager(kind) else mp_context
        made = getattr(maker, kind.removeprefix("manager."))()
        theirs, ours = (mp_history.recorded(end, "it") for end in (made if kind == "Pipe" else (made, made)))
        child = mp_process(send_one, theirs)
        assert receive(ours) == ["item"]
        child.result()
        (sent,) = mp_history.events("before sending")
        (received,) = [end for one in mp_history.spans() if (end := one.end) and one.name in ("it.get", "it.recv")]
        mp_history.assert_happens_before(sent, received)

    def test_item_that_does_not_pickle_raises_as_ever(self, context: BaseContext, mp_history: History) -> None:
        recorded = mp_history.recorded(context.SimpleQueue())
        with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
            recorded.put(lambda: None)
        (put,) = mp_history.spans()
        assert "not picklable" in str(put.data["item"])
        assert put.data["raised"] in ("AttributeError", "PicklingError")

    def test_connection_that_is_sent_is_recorded_as_text(self, context: BaseContext, mp_history: History) -> None:
        """A copy of one, made when the history is read, would close a descriptor that is not its own."""
        (ours, theirs), (inner, other) = context.Pipe(), context.Pipe()
        mp_history.recorded(ours).send((inner, "and more"))
        received, _ = theirs.recv()
        received.send(1)
        assert other.recv() == 1
        (send,) = mp_history.spans("connection.send")
        assert "multiprocessing.connection" in str(send.data["item"])
        for end in (ours, theirs, inner, other, received):
            end.close()

    def test_stand_in_that_is_handed_to_another_is_recorded_as_text(self, mp_history: History) -> None:
        lock, things = mp_history.recorded(threading.Lock()), mp_history.recorded(list[object]([1]))
        things.append(lock)
        assert things[1] is lock
        assert [one.data for one in mp_history.spans()] == [
            {"item": repr(lock), "result": None},
            {"key": 1, "result": repr(lock)},
        ]


class TestNames:
    def test_name_is_the_kind_with_a_number_when_taken(self, context: BaseContext, mp_history: History) -> None:
        things = [context.Lock(), context.RLock(), context.Event(), threading.Lock(), Account(1)]
        names = [name_of(mp_history.recorded(thing)) for thing in things]
        assert names == ["lock", "lock2", "event", "lock3", "account"]
        assert name_of(mp_history.recorded(things[0], "lock4")) == "lock4"
        assert name_of(mp_history.recorded(things[0])) == "lock5"
        assert name_of(things[0]) is None

    def test_class_that_nobody_knows_gives_its_name(self, mp_history: History, monkeypatch: pytest.MonkeyPatch) -> None:
        class Till:
            pass

        monkeypatch.delitem(sys.modules, "ctypes")  # a child need not have it
        assert name_of(mp_history.recorded(Till())) == "till"

    @pytest.mark.parametrize(
        ("what", "name", "message"),
        [
            (5, None, "recorded(5): int is a value, nobody can change it"),
            (None, None, "recorded(None): NoneType is a value"),
            ((1, 2), None, "recorded((1, 2)): tuple is a value"),
            (os.getpid, None, 'what to do: for the calls of a function, mp_history.watch("package.module:function")'),
            (Account, "a", "'a'): there is no object whose calls could be recorded, this is a type"),
            (os, None, "this is a module"),
            (Account(1), "", "'' is no name: give a text of one character or more"),
            (Account(1), 5, "5 is no name"),
        ],
        ids=["int", "None", "tuple", "function", "class", "module", "empty name", "number as name"],
    )
    def test_what_cannot_be_recorded_is_refused(
        self, what: object, name: Any, message: str, mp_history: History
    ) -> None:
        with pytest.raises(MpcheckError, match=re.escape(message)):
            mp_history.recorded(what, name)

    def test_stand_in_is_refused(self, mp_history: History) -> None:
        recorded = mp_history.recorded(Account(1), "mine")
        with pytest.raises(MpcheckError, match=re.escape("a stand-in already, its spans are mine.<operation>")):
            mp_history.recorded(recorded, "yours")
