"""What each model allows and what not, one call after the other; and what is no model, or breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest

from pytest_mpcheck import MpcheckError
from pytest_mpcheck._linearizability import UNKNOWN, check
from pytest_mpcheck.models import (
    BoundedQueue,
    Counter,
    Dictionary,
    Lock,
    Operation,
    Queue,
    Register,
    Semaphore,
    Set,
)


class Outcome(Exception):
    """Stands in a sequence for an exception of that name."""


def sequence(*calls: Any) -> list[Operation]:
    """Make operations, each after the one before: a name, arguments by name, and what came out."""
    operations = []
    for number, (name, arguments, out) in enumerate(calls):
        raised = out.args[0] if isinstance(out, Outcome) else ""
        result = UNKNOWN if raised else out
        operations.append(Operation(name, arguments, result, 10 * number, 10 * number + 5, "somebody", raised))
    return operations


EMPTY, FULL, MISSING, TOO_OFTEN = Outcome("Empty"), Outcome("Full"), Outcome("KeyError"), Outcome("ValueError")
LOST = Outcome("BrokenPipeError")


def put(item: object, out: object = None) -> Any:
    return "put", {"item": item}, out


def get(out: object) -> Any:
    return "get", {}, out


def acquire(out: object = True, **arguments: object) -> Any:
    return "acquire", arguments, out


def release(out: object = None) -> Any:
    return "release", {}, out


def read(out: object) -> Any:
    return "read", {}, out


def write(value: object) -> Any:
    return "write", {"value": value}, None


def add(out: object = None, **arguments: object) -> Any:
    return "add", arguments, out


def of_key(name: str, out: object, key: object = "k", **arguments: object) -> Any:
    return name, {"key": key, **arguments}, out


def of_item(name: str, out: object = None, item: object = 1) -> Any:
    return name, {"item": item}, out


@dataclass
class Point:
    x: int


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    ("model", "right", "wrong"),
    [
        (Register, [read(None), write(3), read(3), write(4), read(4)], [write(3), read(4)]),
        (Register(7), [read(7), read(UNKNOWN)], [read(None)]),
        (Register, [write([1, {"a": b"b"}]), read([1, {"a": b"b"}])], [write([1]), read((1,))]),
        (Register, [write({1, 2}), read(frozenset({2, 1}))], [write({1}), read({2})]),
        (Register, [write(float("nan")), read(float("nan"))], [write(1.5), read(float("nan"))]),
        (Register, [write(bytearray(b"x")), read(b"x"), write(Colour.RED), read(Colour.RED)], [read(Colour.RED)]),
        (Register, [write(Point(1)), read(Point(1))], [write(Point(1)), read(Point(2))]),
        (Register, [write(Point(1)), write(2), read(2)], [write(Point(1)), read(1)]),
        (Counter, [read(0), add(), add(n=4), read(5), add(n=-2.5), read(2.5)], [add(), add(), read(1)]),
        (Counter(5), [add(6), add(8, n=2), read(8)], [add(5)]),
        (Queue, [put(1), put(1), put([2]), get(1), get(1), get([2]), get(EMPTY)], [put(1), put(2), get(2)]),
        (Queue([1, 2]), [put(3), get(1), get(2), get(3)], [put(3), get(3)]),
        (Queue([1, 2]), [get(1), get(UNKNOWN), get(EMPTY)], [get(2), get(1)]),
        (Queue, [put(1), get(LOST), get(EMPTY)], [put(1), get(EMPTY)]),
        (Queue, [put(1, LOST), get(EMPTY), put(2, LOST), get(2)], [put(1, LOST), get(2)]),
        (Queue, [put(1)], [put(1, FULL)]),
        (BoundedQueue(1), [put(1), put(2, FULL), get(1), put(2), get(2), get(EMPTY)], [put(1), put(2)]),
        (BoundedQueue(1), [put(1), get(LOST), put(2), get(2)], [put(1), get(LOST), put(2), get(1)]),
        (BoundedQueue(2, [1]), [put(2), put(3, FULL), get(1)], [put(2, FULL)]),
        (Dictionary, [of_key("get", None), of_key("set", None, value=1), of_key("get", 1)], [of_key("get", 1)]),
        (Dictionary({"k": 1}), [of_key("get", 1), of_key("get", None, "l")], [of_key("get", 2)]),
        (
            Dictionary,
            [of_key("get", 7, default=7), of_key("get", MISSING)],
            [of_key("set", None, value=1), of_key("get", MISSING)],
        ),
        (
            Dictionary,
            [of_key("contains", False), of_key("delete", MISSING), of_key("delete", False)],
            [of_key("contains", True)],
        ),
        (Dictionary({"k": 1}), [of_key("delete", None), of_key("delete", MISSING)], [of_key("delete", False)]),
        (Dictionary({"k": 1}), [of_key("contains", True)], [of_key("set", MISSING, value=3)]),
        (Dictionary, [of_key("contains", UNKNOWN)], [of_key("delete", None)]),
        (
            Lock,
            [acquire(), acquire(False), release(), acquire(None), release(), release(TOO_OFTEN)],
            [acquire(), acquire()],
        ),
        (Lock, [acquire(UNKNOWN, timeout=1), acquire(UNKNOWN, timeout=1)], [acquire(UNKNOWN), acquire(UNKNOWN)]),
        (Lock, [acquire(), release()], [release()]),
        (Lock, [acquire(), release(LOST), acquire()], [acquire(), release(TOO_OFTEN)]),
        (Lock, [acquire(), release()], [acquire(False)]),
        (Semaphore(2), [acquire(), acquire(), acquire(False), release(), release(), release()], [acquire()] * 3),
        (Semaphore(0), [release(), acquire()], [acquire(), release()]),
        (Semaphore(1, bounded=True), [acquire(), release(), release(TOO_OFTEN)], [release()]),
        (
            Set,
            [of_item("add"), of_item("contains", True), of_item("remove"), of_item("remove", MISSING)],
            [of_item("remove")],
        ),
        (Set([1]), [of_item("add", False), of_item("discard", True), of_item("discard")], [of_item("add", True)]),
        (
            Set,
            [of_item("contains", False), of_item("contains", True, 2), of_item("add", None, 2)][:1],
            [of_item("add", MISSING)],
        ),
    ],
)
def test_what_a_model_allows(model: object, right: list[Any], wrong: list[Any]) -> None:
    assert check(model, sequence(*right)).linearizable is True
    verdict = check(model, sequence(*wrong))
    assert verdict.linearizable is False
    assert verdict.witness
    assert verdict.reason


@pytest.mark.parametrize(
    ("model", "calls", "telling"),
    [
        (Register, [write(1), read(UNKNOWN)], 0),
        (Register, [write(1), read(1)], 1),
        (Counter, [add(), add(n=2), add(UNKNOWN)], 0),
        (Counter, [add(1), read(1)], 2),
        (Queue, [put(1), put(2, LOST)], 0),
        (Queue, [get(EMPTY), put(1), get(1)], 2),
        (BoundedQueue(2), [put(1)], 1),
        (Dictionary, [of_key("set", None, value=1), of_key("get", UNKNOWN), of_key("delete", None)], 1),
        (Lock, [acquire(UNKNOWN), release(UNKNOWN)], 2),
        (Set, [of_item("add"), of_item("discard"), of_item("contains", UNKNOWN)], 0),
    ],
)
def test_how_many_operations_could_have_shown_that_something_is_wrong(
    model: object, calls: list[Any], telling: int
) -> None:
    verdict = check(model, sequence(*calls))
    assert (verdict.linearizable, verdict.telling) == (True, telling)


def test_nobody_knows_what_became_of_an_operation_without_an_end() -> None:
    written = Operation("write", {"value": 1}, UNKNOWN, 0, None)
    for value, right in ((None, True), (1, True), (2, False)):
        assert check(Register, [written, Operation("read", {}, value, 5, 6)]).linearizable is right
    before = [Operation("read", {}, 1, -5, -4), written]
    assert check(Register, before).linearizable is False
    assert check(Register, [written]).linearizable is True
    with_more = Operation("write", {"value": 1, "more": Exception("x")}, UNKNOWN, 0, None)
    assert check(Register, [with_more, Operation("read", {}, 1, 5, 6)]).linearizable is True
    back_and_forth = [written, *(Operation("read", {}, value, at, at) for at, value in ((5, 1), (6, None)))]
    assert check(Register, back_and_forth).linearizable is False


@pytest.mark.parametrize(
    ("model", "call", "complaint"),
    [
        (
            Counter,
            ("ad", {}, None),
            r"the model Counter knows no operation 'ad' \(did you mean 'add'\?\), by 'somebody'",
        ),
        (
            Queue,
            ("empty", {}, True),
            r"the model Queue knows no operation 'empty', by 'somebody'\nit has put\(item\), get",
        ),
        (
            Queue,
            ("put", {"value": 1}, None),
            r"put\(value=1\) -> None has no argument 'item', which the model Queue needs",
        ),
        (
            Counter,
            ("add", {"amount": 1}, None),
            r"add\(amount=1\) -> None.* needs the number .* as `n`, and there is none",
        ),
        (Counter, ("add", {"n": "1"}, None), r"needs the number that is added as `n`, and this is none"),
        (Register, ("write", {"value": object()}, None), r"cannot be told from another one: object defines no __eq__"),
        (Set, ("add", {"item": Exception("x")}, None), r"Exception\('x'\) cannot be told from another one"),
    ],
)
def test_an_operation_that_a_model_does_not_know_is_refused(model: object, call: Any, complaint: str) -> None:
    with pytest.raises(MpcheckError, match=complaint) as caught:
        check(model, sequence(call))
    assert "\nwhat to do: " in str(caught.value)


def test_values_that_do_not_compare_are_refused() -> None:
    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise ValueError("ambiguous")

    with pytest.raises(MpcheckError, match=r"does not compare with .*: ValueError: ambiguous"):
        check(Register, sequence(write(Odd()), read(Odd())))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: BoundedQueue(0), r"BoundedQueue\(0\): give the number of items that it takes, from 1 on"),
        (lambda: BoundedQueue("2"), r"BoundedQueue\('2'\): give"),  # type: ignore[arg-type]
        (lambda: BoundedQueue(1, "ab"), r"BoundedQueue\(1\) with 2 items in it"),
        (lambda: Semaphore(-1), r"Semaphore\(-1\): give the number at the beginning, from 0 on"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(make: Any, complaint: str) -> None:
    with pytest.raises(MpcheckError, match=complaint):
        make()


def test_an_operation_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(MpcheckError, match=r"read\(\) -> 1 ends before it starts: from 5 to 4"):
        check(Register, [Operation("read", {}, 1, 5, 4)])


# Models of one's own


class Stack:
    """Last in, first out; ``peek`` is beside it for what only reads."""

    initial: tuple[object, ...] = ()
    raises = ("IndexError",)

    def step(self, state: tuple[object, ...], operation: Operation) -> list[tuple[object, ...]]:
        if operation.name == "push":
            return [(*state, operation.arguments["item"])]
        if operation.raised:
            return [] if state else [state]
        if not state or operation.result not in (UNKNOWN, state[-1]):
            return []
        return [state if operation.name == "peek" else state[:-1]]

    def reads(self, operation: Operation) -> bool:
        return operation.name == "peek"

    def moves_before(self, operation: Operation, other: Operation) -> bool:
        return False


class Shelves(Stack):
    """Many stacks."""

    def key(self, operation: Operation) -> object:
        return operation.arguments["shelf"]


class Dice:
    """Of one operation with several outcomes, told one by one."""

    initial = 0

    def step(self, state: int, operation: Operation) -> Any:
        if operation.name == "throw":
            yield from range(1, 7)
        elif operation.result == state:
            yield state


class SaturatingCounter(Counter):
    """One whose additions do make a difference by their order, which the hint of its base does not know."""

    def step(self, state: float, operation: Operation) -> Any:
        return [min(max(after, 0), 3) for after in super().step(state, operation)]


def push(item: object, **more: object) -> Any:
    return "push", {"item": item, **more}, None


@pytest.mark.parametrize(
    ("model", "right", "wrong"),
    [
        (Stack, [push(1), push(2), ("peek", {}, 2), ("pop", {}, 2)], [push(1), push(2), ("pop", {}, 1)]),
        (Stack(), [("pop", {}, Outcome("IndexError"))], [push(1), ("pop", {}, Outcome("IndexError"))]),
        (
            Shelves,
            [push(1, shelf=1), push(2, shelf=2), ("pop", {"shelf": 1}, 1)],
            [push(1, shelf=1), push(2, shelf=2), ("pop", {"shelf": 1}, 2)],
        ),
        (Dice, [("throw", {}, None), ("look", {}, 6)], [("throw", {}, None), ("look", {}, 7)]),
        (
            SaturatingCounter,
            [add(n=9), add(n=-1), read(2)],
            [add(n=9), add(n=-1), read(3)],
        ),
    ],
)
def test_a_model_of_ones_own(model: object, right: list[Any], wrong: list[Any]) -> None:
    verdict = check(model, sequence(*right))
    assert (verdict.linearizable, verdict.telling) == (True, len(right))
    assert check(model, sequence(*wrong)).linearizable is False


def test_a_hint_is_not_taken_from_a_base_that_does_not_know_the_step() -> None:
    together = [Operation(name, {"n": n}, None, 0, 9) for name, n in (("add", 9), ("add", -1))]
    for value in (2, 3):
        assert check(SaturatingCounter, [*together, Operation("read", {}, value, 10, 11)]).linearizable is True


def model(step: Any = None, initial: object = 0, **more: Any) -> Any:
    """Make a model that breaks."""
    return type("Broken", (), {"initial": initial, "step": step or (lambda self, state, operation: [state]), **more})


class Needy:
    initial = 0

    def __init__(self, bound: int) -> None:
        self.bound = bound

    def step(self, state: int, operation: Operation) -> list[int]:
        return [state]


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (42, r"42 is no model: it has no `initial` and no `step`"),
        (type("Half", (), {"step": 1}), r"is no model: it has no `initial`\n"),
        (Needy, r"the model Needy cannot be made without arguments: TypeError: .*\nwhat to do: give an inst"),
        (model(initial=lambda self: 0), r"`initial` of the model Broken is a function, not a state"),
        (model(initial=[]), r"\[\], the initial state in the model Broken, cannot be hashed: TypeError: .*list"),
        (
            model(lambda self, state, operation: 1 / 0),
            r"step\(\) .* raised ZeroDivisionError: .*, in the state 0, at look",
        ),
        (model(lambda self, state, operation: [[state]]), r"\[0\], a state after look\(\) -> 1 in the model Broken"),
        (model(lambda self, state, operation: None), r"gave back None, which is no list of .*, in the state 0"),
        (model(lambda self, state, operation: True), r"gave back True, which is no list of states"),
        (model(lambda self, state, operation: "ab"), r"gave back 'ab', which is no list of states"),
        (model(lambda self, state, operation: {1: 2}), r"gave back \{1: 2\}, which is no list of states"),
        (
            model(lambda self, state, operation: (*state, 1), ()),
            r"gave back \(1,\), which is a state rather than a list",
        ),
        (model(key=lambda self, operation: 1 / 0), r"key\(\) .* raised ZeroDivisionError: .*, asked about look"),
        (
            model(key=lambda self, operation: []),
            r"\[\], the key of look\(\) -> 1 in the model Broken, cannot be hashed",
        ),
        (model(reads=lambda self, operation: 1 / 0), r"reads\(\) of the model Broken has raised ZeroDivisionError"),
    ],
)
def test_a_model_that_breaks_is_one_error(broken: object, complaint: str) -> None:
    with pytest.raises(MpcheckError, match=complaint) as caught:
        check(broken, sequence(("look", {}, 1)))
    assert "\nwhat to do: " in str(caught.value)


def test_an_error_of_the_package_passes_as_it_is() -> None:
    def prepared(self: object, operation: Operation) -> Operation:
        raise MpcheckError("of my own")

    with pytest.raises(MpcheckError, match=r"^of my own$"):
        check(model(prepared=prepared), sequence(("look", {}, 1)))


def test_models_are_found_where_users_look_for_them() -> None:
    import pytest_mpcheck

    assert pytest_mpcheck.models.Counter is Counter
    assert repr(UNKNOWN) == "UNKNOWN"
    told: Mapping[str, object] = dict.fromkeys(pytest_mpcheck.models.__all__)
    assert set(told) >= {"Register", "Counter", "Queue", "BoundedQueue", "Dictionary", "Lock", "Semaphore", "Set"}
