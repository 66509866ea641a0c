"""Why a history is not linearizable: which operations show it, and the words for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pytest_mpcheck._linearizability import UNKNOWN, Operation, Verdict, _witness, check
from pytest_mpcheck.models import BoundedQueue, Counter, Lock, Queue, Register, Set


def history(text: str) -> list[Operation]:
    """Read operations: ``a 1..4 put 3`` is by process a, from 1 to 4; ``= 3`` tells a result, ``!`` an exception.

    An operation without an end has nothing after the dots.
    """
    operations = []
    for line in filter(None, map(str.strip, text.splitlines())):
        who, span, name, *rest = line.split()
        start, _, end = span.partition("..")
        out = rest[rest.index("=") + 1] if "=" in rest else ""
        raised = rest[rest.index("!") + 1] if "!" in rest else ""
        given = [int(word) for word in rest[: next((rest.index(mark) for mark in "=!" if mark in rest), len(rest))]]
        key = {"put": "item", "write": "value", "add": "item", "contains": "item", "discard": "item"}.get(name)
        result: Any = {"": None, "True": True, "False": False}.get(out, out)
        result = UNKNOWN if raised or not end else int(out) if out.isdigit() else result
        arguments = {key: given[0]} if key and given else {}
        operations.append(Operation(name, arguments, result, int(start), int(end) if end else None, who, raised))
    return operations


STALE = """
    a 0..1 write 1
    b 2..3 write 2
    c 4..5 read = 1
    a 6..7 write 3
"""

LOST_UPDATE = """
    a 0..5 add
    b 1..6 add
    a 7..8 read = 1
"""

TWO_HOLDERS = """
    a 0..1 acquire = True
    a 2..3 release
    a 4..5 acquire = True
    b 6..7 acquire = True
    a 8..9 release
    b 9..10 release
"""

EARLIER = "put(item=5) -> None had ended before put(item=6) -> None started"

HELD = "acquire() -> True: this fits into no order of the other operation shown"

GONE = """
    a 0..1 add 7
    b 2..3 discard 7
    a 4..5 contains 7 = True
    b 4..6 contains 8 = False
"""


@pytest.mark.parametrize(
    ("model", "text", "witness", "reason"),
    [
        (
            Register,
            STALE,
            "0 1 2",
            "read() -> 1: this fits into no order of the other 2 operations shown",
        ),
        (
            Register,
            "a 0..1 read = 5\n b 0..3 write 4",
            "0",
            "read() -> 5: no order has that, whatever else was done and when",
        ),
        (
            Counter,
            LOST_UPDATE,
            "0 1 2",
            "read() -> 1: this fits into no order of the other 2 operations shown",
        ),
        (
            Lock,
            TWO_HOLDERS,
            "2 3",
            (f"{HELD}, from the state 1 on, to which every order of what went before leads"),
        ),
        (
            Set,
            GONE,
            "2",
            "contains(item=7) -> True: yet in every order of what went before, False is the state then",
        ),
        (Queue, "a 0..1 get = 5", "0", "get() -> 5: nobody had put that"),
        (
            Queue,
            "a 0..1 get = 5\n b 2..3 put 5",
            "0 1",
            "get() -> 5 had ended before put(item=5) -> None started",
        ),
        (
            Queue,
            "a 0..1 put 5\n b 2..3 get = 5\n c 4..5 get = 5",
            "0 1 2",
            "5 was got 2 times and put once",
        ),
        (
            Queue,
            "a 0..1 put 5\n a 2..3 put 6\n b 4..5 get = 6\n b 6..7 get = 5",
            "0 1 2 3",
            f"{EARLIER}, and yet get() -> 6 had ended before get() -> 5 started",
        ),
        (
            Queue,
            "a 0..1 put 5\n a 2..3 put 6\n b 4..5 get = 6",
            "0 1 2",
            f"{EARLIER}, and yet get() -> 6 got the later one first",
        ),
        (
            Queue([5, 6]),
            "b 4..5 get = 6",
            "0",
            "two items were there from the beginning, and yet get() -> 6 got the later one first",
        ),
        (
            Queue([5]),
            "a 2..3 put 6\n b 4..5 get = 6",
            "0 1",
            "one item was there from the beginning, and yet get() -> 6 got the later one first",
        ),
        (
            Queue,
            "a 0..1 put 5\n b 2..9 get ! Empty\n a 3..4 put 6\n c 5..6 get = 5",
            "0 1 2 3",
            "get(), which raised Empty: yet all the while it held 5, then 6",
        ),
        (
            Queue([5]),
            "b 2..9 get ! Empty",
            "0",
            "get(), which raised Empty: yet all the while it held what was in it at the beginning",
        ),
        (
            BoundedQueue(1),
            "a 0..1 put 5\n a 2..3 put 6\n b 4..5 get = 5",
            "0 1 2",
            "it takes 1, and yet at one moment it must have held more, for 2 times something was put",
        ),
        (
            BoundedQueue(1),
            "a 0..1 put 5\n b 5..8 put 6\n c 6..30 get = 6\n a 20..21 get = 5",
            "0 1 3",
            "it takes 1, and yet at one moment it must have held more, for 2 times something was put",
        ),
        (
            BoundedQueue(2),
            "a 0..1 put 5\n a 2..3 put 6 ! Full",
            "1",
            "put(item=6), which raised Full: yet at no moment of it can it have held 2",
        ),
        (
            Queue,
            "a 0..1 put 5\n a 2..3 put 6 ! Full",
            "1",
            "put(item=6), which raised Full: yet it has no bound",
        ),
    ],
)
def test_a_few_operations_show_it_and_the_reason_tells_it(model: Any, text: str, witness: str, reason: str) -> None:
    operations = history(text)
    verdict = check(model, random.Random(text).sample(operations, len(operations)))
    assert verdict.linearizable is False
    assert verdict.reason == reason
    assert [operations.index(one) for one in verdict.witness] == [int(word) for word in witness.split()]
    assert verdict.minimal
    assert check(model, verdict.witness).linearizable is False
    assert verdict.grounds is verdict.grounds


def long_ago(count: int) -> list[Operation]:
    return [Operation("add", {}, None, 10 * number, 10 * number + 15, number % 2) for number in range(count)]


def test_what_would_need_all_that_went_before_is_told_from_the_state_that_this_left() -> None:
    count = 400
    wrong = Operation("read", {}, count - 1, 10 * count + 20, 10 * count + 25)
    verdict = check(Counter, [*long_ago(count), wrong])
    assert verdict.linearizable is False
    assert verdict.witness == (wrong,)
    assert verdict.after == "400"
    assert verdict.reason == "read() -> 399: yet in every order of what went before, 400 is the state then"


def test_two_operations_may_break_what_was_left() -> None:
    count = 400
    last = [Operation("add", {}, None, 9000, 9010, 1), Operation("read", {}, count, 9011, 9012, 2)]
    verdict = check(Counter, [*long_ago(count), *last])
    assert verdict.witness in (tuple(last), tuple(last[1:]))
    assert verdict.after in ("400", "401")


def test_a_witness_that_costs_too_much_is_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    operations = history(STALE)
    for budget in range(0, 200, 5):
        monkeypatch.setattr(_witness, "_BUDGET", budget)
        verdict = check(Register, operations)
        assert check(Register, verdict.witness).linearizable is False
        assert verdict.minimal or verdict.reason.endswith("operations shown; some of them may not matter")
    assert len(verdict.witness) == 3


def test_it_gives_up_and_says_so() -> None:
    operations = history(STALE)
    verdict = check(Register, operations, limit=1)
    assert verdict.linearizable is None
    assert (verdict.witness, verdict.reason) == ((), f"gave up after {verdict.states} states")
    crowd = [Operation("put", {"item": number}, None, 0, 9, number) for number in range(9)]
    crowd += [Operation("get", {}, number, 1, 9, 10 + number) for number in range(9)]
    assert check(BoundedQueue(1), crowd, limit=3).linearizable is None
    assert check(BoundedQueue(1), crowd).linearizable is True


def test_one_part_that_is_wrong_decides_whatever_is_given_up_elsewhere() -> None:
    free = [Operation("set", {"key": 1, "value": n}, None, 0, 99, n) for n in range(9)]
    free += [Operation("get", {"key": 1}, n, 0, 99, n) for n in range(10, 19)]
    wrong = [Operation("get", {"key": 2}, 5, 0, 1, 0)]
    from pytest_mpcheck.models import Dictionary

    assert check(Dictionary, free, limit=50).linearizable is None
    assert check(Dictionary, [*free, *wrong], limit=50).linearizable is not True
    assert check(Dictionary, [*wrong, *free], limit=50).linearizable is False


def test_a_bounded_queue_of_which_the_aspects_tell_nothing() -> None:
    """Item 1 stayed to the last, so that item 0 came first; but it left too late for item 1 to have room in time."""
    operations = history("a 3..12 put 0\n b 9..13 get = 0\n c 0..6 put 1")
    verdict = check(BoundedQueue(1), operations)
    assert verdict.linearizable is False
    assert verdict.states > 0
    assert check(BoundedQueue(1), verdict.witness).linearizable is False
    assert check(BoundedQueue(2), operations).linearizable is True


REPEATED = """
    a 0..9 put 1
    b 3..4 put 1
    c 5..6 put 2
    d 10..11 get = 1
    d 12..13 get = 2
    d 14..15 get = 1
"""


def test_an_item_that_was_put_twice_at_once_may_have_come_first_or_last() -> None:
    assert check(Queue, history(REPEATED)).linearizable is True
    twice = history(REPEATED.replace("d 14..15 get = 1", "d 14..15 get ! Empty"))
    assert check(Queue, twice).linearizable is False


def test_a_verdict_of_yes_has_no_grounds() -> None:
    verdict = check(Register, [])
    assert verdict == Verdict(True)
    assert (verdict.witness, verdict.reason, verdict.minimal, verdict.after) == ((), "", True, "")


def simulated(chance: random.Random, count: int, call: Callable[[int], tuple[str, dict[str, Any], Any]]) -> Any:
    """Return calls of four processes, each of which took effect within, in the order of the list."""
    operations = []
    for number in range(count):
        start, end = 10 * number - chance.randrange(20), 10 * number + chance.randrange(20)
        operations.append(Operation(*call(number), start, end, number % 4))
    return operations


def test_thousands_of_operations_are_no_matter() -> None:
    chance = random.Random(1)
    held: list[Any] = [None]

    def call(number: int) -> tuple[str, dict[str, Any], Any]:
        if chance.random() < 0.5:
            return "read", {}, held[0]
        held[0] = chance.randrange(5)
        return "write", {"value": held[0]}, None

    right = simulated(chance, 5000, call)
    verdict = check(Register, right)
    assert verdict.linearizable is True
    assert verdict.states < 50_000
    queue = simulated(chance, 5000, lambda n: ("put", {"item": n // 2}, None) if n % 2 == 0 else ("get", {}, n // 2))
    assert check(Queue, queue).linearizable is True
    assert check(BoundedQueue(5), queue).linearizable is True
    assert check(Queue, queue[:2000] + queue[2001:]).linearizable is False
