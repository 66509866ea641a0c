"""The checker against a checker that tries every order, on small random histories of every model."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pytest_mpcheck._linearizability import UNKNOWN, Operation, Verdict, check
from pytest_mpcheck.models import BoundedQueue, Counter, Dictionary, Lock, Queue, Register, Semaphore, Set

HISTORIES = 2_500
"""For each of the eight models."""


# What the objects do, said a second time: each takes what it holds and a call, and tells what it may hold after it.


def register(held: Any, call: Operation) -> Iterator[Any]:
    if call.name == "write":
        yield call.arguments["value"]
    elif call.result is UNKNOWN or held == call.result:
        yield held


def counter(held: int, call: Operation) -> Iterator[int]:
    after = held + int(call.name == "add" and call.arguments.get("n", 1))  # type: ignore[call-overload]
    if call.result is UNKNOWN or call.result == after or (call.name == "add" and call.result is None):
        yield after


def queue(held: tuple[Any, ...], call: Operation, bound: int = 99) -> Iterator[tuple[Any, ...]]:
    if call.raised:
        if len(held) == {"Empty": 0, "Full": bound}[call.raised]:
            yield held
    elif call.name == "put" and len(held) < bound:
        yield (*held, call.arguments["item"])
    elif call.name == "get" and held and call.result in (UNKNOWN, held[0]):
        yield held[1:]


def bounded(held: tuple[Any, ...], call: Operation) -> Iterator[tuple[Any, ...]]:
    return queue(held, call, 2)


def dictionary(held: tuple[tuple[int, Any], ...], call: Operation) -> Iterator[tuple[tuple[int, Any], ...]]:
    entries: dict[Any, Any] = dict(held)
    key = call.arguments["key"]
    out: Any = None
    raised = ""
    match call.name:
        case "get":
            out = entries.get(key)
        case "contains":
            out = key in entries
        case "set":
            entries[key] = call.arguments["value"]
        case "delete":
            raised = "" if key in entries else "KeyError"
            entries.pop(key, None)
    if raised == call.raised and (call.result is UNKNOWN or raised or out == call.result):
        yield tuple(sorted(entries.items()))


def members(held: frozenset[Any], call: Operation) -> Iterator[frozenset[Any]]:
    item = frozenset((call.arguments["item"],))
    if call.name == "contains":
        if call.result in (UNKNOWN, item <= held):
            yield held
    elif call.name == "add":
        yield held | item
    elif call.name == "discard" or (item <= held) is not bool(call.raised):
        yield held - item


def semaphore(held: int, call: Operation, most: int = 99) -> Iterator[int]:
    if call.name == "release":
        if call.raised:
            if held == most:
                yield held
        elif held < most:
            yield held + 1
    elif call.result is False:
        if not held:
            yield held
    elif held:
        yield held - 1


def lock(held: int, call: Operation) -> Iterator[int]:
    return semaphore(held, call, 1)


# Calls by chance: of few values, so that most histories are neither obviously right nor obviously wrong.

Call = tuple[str, Mapping[str, object], object, str]


def some_register(chance: random.Random) -> Call:
    value = chance.randrange(3)
    return chance.choice([("read", {}, value, ""), ("write", {"value": value}, None, "")])


def some_counter(chance: random.Random) -> Call:
    number = chance.randrange(4)
    return chance.choice(
        [("read", {}, number, ""), ("add", {}, None, ""), ("add", {"n": number - 1}, chance.choice([None, number]), "")]
    )


def some_queue(chance: random.Random) -> Call:
    item = chance.randrange(chance.choice([2, 6]))
    return chance.choice(
        [("put", {"item": item}, None, "")] * 3 + [("get", {}, item, "")] * 3 + [("get", {}, UNKNOWN, "Empty")]
    )


def some_bounded(chance: random.Random) -> Call:
    return chance.choice([some_queue(chance)] * 6 + [("put", {"item": chance.randrange(4)}, UNKNOWN, "Full")])


def some_dictionary(chance: random.Random) -> Call:
    key, value = {"key": chance.randrange(2)}, chance.choice([None, 1, 2])
    return chance.choice(
        [
            ("get", key, value, ""),
            ("set", {**key, "value": value or 1}, None, ""),
            ("contains", key, bool(value), ""),
            ("delete", key, None, ""),
            ("delete", key, None, "KeyError"),
        ]
    )


def some_members(chance: random.Random) -> Call:
    item = {"item": chance.randrange(2)}
    return chance.choice(
        [
            ("add", item, None, ""),
            ("discard", item, None, ""),
            ("remove", item, None, chance.choice(["", "KeyError"])),
            ("contains", item, chance.choice([True, False]), ""),
        ]
    )


def some_semaphore(chance: random.Random) -> Call:
    return chance.choice([("acquire", {}, True, ""), ("acquire", {}, False, ""), ("release", {}, None, "")])


def some_lock(chance: random.Random) -> Call:
    return chance.choice([some_semaphore(chance)] * 5 + [("release", {}, UNKNOWN, "ValueError")])


OBJECTS: dict[str, tuple[object, Any, Callable[[Any, Operation], Iterator[Any]], Callable[[random.Random], Call]]] = {
    "register": (Register, None, register, some_register),
    "counter": (Counter(1), 1, counter, some_counter),
    "queue": (Queue, (), queue, some_queue),
    "bounded queue": (BoundedQueue(2), (), bounded, some_bounded),
    "dictionary": (Dictionary({0: 1}), ((0, 1),), dictionary, some_dictionary),
    "lock": (Lock, 1, lock, some_lock),
    "semaphore": (Semaphore(2), 2, semaphore, some_semaphore),
    "set": (Set([1]), frozenset({1}), members, some_members),
}


class OwnModel:
    """A model as somebody else would write it, without a hint."""

    raises = ("Empty", "Full", "KeyError", "ValueError")

    def __init__(self, initial: Any, step: Callable[[Any, Operation], Iterator[Any]]) -> None:
        self.initial, self._step = initial, step

    def step(self, state: Any, operation: Operation) -> Iterator[Any]:
        return self._step(state, operation)


def every_order(step: Callable[[Any, Operation], Iterator[Any]], held: Any, left: list[Operation]) -> bool:
    """Try them all: what could come first is what no other one precedes; what has no end may be left out."""
    ends = [one.end for one in left if one.end is not None]
    return not ends or any(
        every_order(step, after, [other for other in left if other is not one])
        for one in left
        if one.start <= min(ends)
        for after in step(held, one)
    )


def by_chance(chance: random.Random, some: Callable[[random.Random], Call]) -> list[Operation]:
    """Return what 1 to 4 processes did, each one call after the other, now and then one without an end."""
    history = []
    processes, apart = chance.randint(1, 4), chance.choice([1, 3, 9])
    for process in range(processes):
        now = chance.randrange(4)
        for _ in range(chance.randint(1, 7 // processes)):
            end = now + chance.randrange(8)
            name, arguments, result, raised = some(chance)
            if chance.random() < 0.12:
                history.append(Operation(name, arguments, UNKNOWN, now, None, process))
                break
            if not raised and chance.random() < 0.05:
                result = UNKNOWN
            history.append(Operation(name, arguments, result, now, end, process, raised))
            now = end + chance.randrange(apart)
    return history


def took_place(
    chance: random.Random,
    held: Any,
    step: Callable[[Any, Operation], Iterator[Any]],
    some: Callable[[random.Random], Call],
) -> list[Operation]:
    """Return what is linearizable, for it took place at moments in between; now and then spoilt a little."""
    history = []
    for now in range(chance.randint(2, 7)):
        for _ in range(20):
            name, arguments, result, raised = some(chance)
            start, end = 10 * now - chance.randrange(25), 10 * now + chance.randrange(25)
            one = Operation(name, arguments, result, start, end, now, raised)
            after = list(step(held, one))
            if after:
                held = after[0]
                history.append(one)
                break
    if history and chance.random() < 0.4:
        at = chance.randrange(len(history))
        name, arguments, result, raised = some(chance)
        history[at] = replace(history[at], name=name, arguments=arguments, result=result, raised=raised)
    if history and chance.random() < 0.3:
        at = chance.randrange(len(history))
        history[at] = replace(history[at], end=None, result=UNKNOWN, raised="")
    chance.shuffle(history)
    return history


@pytest.mark.parametrize("name", OBJECTS)
def test_no_verdict_differs_from_that_of_trying_every_order(name: str) -> None:
    model, held, step, some = OBJECTS[name]
    chance = random.Random(name)
    seen = {True: 0, False: 0}
    for number in range(HISTORIES):
        history = took_place(chance, held, step, some) if number % 2 else by_chance(chance, some)
        right = every_order(step, held, history)
        seen[right] += 1
        verdict = check(model, history)
        assert verdict.linearizable is right, "\n".join(map(repr, history))
        assert check(OwnModel(held, step), history).linearizable is right
        if not right:
            shows_it_by_itself(name, verdict, history)
    assert min(seen.values()) > HISTORIES // 10, seen


def shows_it_by_itself(name: str, verdict: Verdict, history: list[Operation]) -> None:
    """Assert what a witness promises: what the others did makes no difference, and each of it does where told so."""
    _, held, step, _ = OBJECTS[name]
    witness = [one for one in history if any(one is other for other in verdict.witness)]
    assert len(witness) == len(verdict.witness) > 0
    assert verdict.reason
    assert not every_order(step, held, witness)


def always(*_: object) -> bool:
    return True


@pytest.mark.parametrize(
    ("name", "home", "hint"),
    [
        ("register", "_models.Register.reads", always),
        ("counter", "_models.Counter.moves_before", always),
        ("semaphore", "_models.Semaphore.moves_before", always),
        ("lock", "_models.Lock.reads", always),
        ("bounded queue", "_queues._KnownItems.reads", always),
        ("queue", "_aspects._empty", lambda _: None),
        ("queue", "_aspects._order", lambda _: None),
        ("queue", "_items._plain", lambda calls: [True] * len(calls)),
        ("counter", "_search.chains", lambda entries: [entries] if entries else []),
        ("register", "_search.Search._is_new", lambda self, placed, used, state: self._seen.add(state) or False),
    ],
)
def test_what_saves_work_wrongly_is_found(name: str, home: str, hint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"pytest_mpcheck._linearizability.{home}", hint)
    model, held, step, some = OBJECTS[name]
    chance = random.Random(name)
    for number in range(HISTORIES):
        history = took_place(chance, held, step, some) if number % 2 else by_chance(chance, some)
        if check(model, history).linearizable is not every_order(step, held, history):
            return
    pytest.fail("nothing was found")
