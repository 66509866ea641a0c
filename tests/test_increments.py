"""For a counter, a read and the write that follows it are one addition."""

from __future__ import annotations

import re

import pytest

from pytest_mpcheck import MpcheckError, models
from pytest_mpcheck._linearizability import UNKNOWN, Operation, check
from pytest_mpcheck._ordering._increments import as_additions, counts


def read(start: int, result: object, *, by: str = "a", key: object = None) -> Operation:
    arguments = {} if key is None else {"key": key}
    return Operation("get" if arguments else "read", arguments, result, start, start + 1, by, "", (start,))


def write(start: int, value: object, *, by: str = "a", key: object = None, end: int | None = 0) -> Operation:
    arguments = {"value": value} | ({} if key is None else {"key": key})
    last = start + 1 if end == 0 else end
    return Operation("set" if key else "write", arguments, UNKNOWN, start, last, by, "", (start,))


def add(n: object, result: object, start: int, end: int | None, by: str, *tag: int) -> Operation:
    return Operation("add", {"n": n}, result, start, end, by, "", tag)


@pytest.mark.parametrize("key", [None, "hits"])
def test_read_and_write_of_one_thread_are_an_addition(key: object) -> None:
    operations = [
        read(0, 0, key=key),
        read(2, 5, by="b", key=key),
        write(4, 2, key=key),
        write(6, 4, by="b", key=key),
        read(8, 4, key=key),
    ]
    additions = as_additions(operations)
    assert additions == [
        add(2, 2, 0, 5, "a"),
        add(-1, 4, 2, 7, "b"),
        Operation("read", {}, 4, 8, 9, "a"),
    ]
    assert [one.tag for one in additions] == [(0, 4), (2, 6), (8,)]


def test_lost_addition_is_found_and_others_are_not_taken_for_one() -> None:
    lost = [read(0, 0), read(1, 0, by="b"), write(4, 1), write(6, 1, by="b")]
    assert check(models.Counter, as_additions(lost)).linearizable is False
    kept = [read(0, 0), write(2, 1), read(4, 1, by="b"), write(6, 2, by="b"), read(8, 2)]
    assert check(models.Counter, as_additions(kept)).linearizable is True


def test_addition_of_a_killed_process_may_have_happened_or_not() -> None:
    begun = [read(0, 0), write(2, 1, end=None)]
    assert as_additions(begun) == [add(1, UNKNOWN, 0, None, "a")]
    for seen in (0, 1):
        assert check(models.Counter, as_additions([*begun, read(4, seen, by="b")])).linearizable is True


def test_operations_of_a_counter_stay_what_they_are() -> None:
    operations = [Operation("add", {}, UNKNOWN, 0, 1, "a"), Operation("read", {}, 1, 2, 3, "a")]
    assert as_additions(operations) == operations


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([write(0, 5)], "write of 5, by 'a': for a counter that is an addition to what the same thread had read just"),
        ([read(0, 1), write(2, 2), write(4, 3)], "write of 3, by 'a'"),
        ([read(0, 1), write(2, 2, by="b")], "write of 2, by 'b'"),
        ([read(0, 0.5), write(2, 1.5)], "it had read no whole number"),
        ([read(0, 1, key="x"), read(2, 1, key="y")], "a counter is one number, and there are operations on several"),
    ],
    ids=["nothing read", "two writes", "read by another", "no whole number", "several numbers"],
)
def test_what_is_no_addition_is_refused(operations: list[Operation], message: str) -> None:
    with pytest.raises(MpcheckError, match=re.escape(message) + r"(.|\n)*\nwhat to do: "):
        as_additions(operations)


def test_addition_of_what_is_no_number_is_refused_by_the_model() -> None:
    with pytest.raises(MpcheckError, match="needs the number that is added as `n`"):
        check(models.Counter, as_additions([read(0, 1), write(2, "two")]))


def test_counters_are_told_from_other_models() -> None:
    class Mine(models.Counter):
        pass

    assert [counts(model) for model in (models.Counter, models.Counter(3), Mine, Mine())] == [True] * 4
    assert [counts(model) for model in (models.Register, models.Register(3), object)] == [False] * 3
