"""Question 1: a process has memory of its own, and two of them are at work at once.

The control group are threads, which share all of it, and interpreters, which share what belongs to the process.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path
from threading import BrokenBarrierError
from typing import TYPE_CHECKING

import pytest

from pytest_mpcheck import assert_isolated

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.synchronize import Barrier, Event

    from pytest_mpcheck.fixtures import ProcessFactory

LEDGER = {"balance": 100}
VARIABLE = "MPCHECK_NOTES_Q1"

ALL = frozenset({"global", "argument", "environment", "folder", "random"})
SHARED = {"thread": ALL, "interpreter": frozenset({"folder"})}
"""What kinds of workers share with the one that starts them; processes share nothing."""


def look(basket: list[str]) -> dict[str, object]:
    return {
        "global": LEDGER["balance"],
        "argument": list(basket),
        "environment": os.environ.get(VARIABLE),
        "folder": os.getcwd(),
        "random": random.getstate()[1][1],
    }


def change_everything(basket: list[str], folder: str) -> dict[str, object]:
    LEDGER["balance"] = 0
    basket.append("changed")
    os.environ[VARIABLE] = "changed"
    os.chdir(folder)
    random.seed("changed")
    return look(basket)


@pytest.fixture
def basket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An argument; with it goes all else that workers change in these tests, and is put back."""
    monkeypatch.setitem(LEDGER, "balance", 100)
    monkeypatch.setenv(VARIABLE, "as it was")
    monkeypatch.chdir(tmp_path)
    state = random.getstate()
    random.seed("as it was")
    yield ["as it was"]
    random.setstate(state)


@pytest.fixture
def elsewhere(tmp_path: Path) -> str:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return str(folder)


def test_changes_stay_in_the_worker(
    mp_backend: str, mp_process: ProcessFactory, basket: list[str], elsewhere: str
) -> None:
    before = look(basket)
    there = mp_process(change_everything, basket, elsewhere).result()
    after = look(basket)
    assert {name for name in ALL if there[name] != before[name]} == ALL, "a worker that changes nothing proves nothing"
    assert {name for name in ALL if after[name] != before[name]} == SHARED.get(mp_backend, frozenset())


def test_assert_isolated_tells_processes_from_threads(
    mp_backend: str, mp_process: ProcessFactory, basket: list[str], elsewhere: str
) -> None:
    places = {"global": "LEDGER['balance']", "argument": "list #2", "environment": VARIABLE, "folder": "cwd:"}
    shared = [place for name, place in places.items() if name in SHARED.get(mp_backend, frozenset())]
    expectation = pytest.raises(AssertionError) if shared else contextlib.nullcontext()
    with expectation as failure, assert_isolated(f"{__name__}:LEDGER", basket, "environ", "cwd"):
        mp_process(change_everything, basket, elsewhere).result()
    assert [place for place in places.values() if failure and place in str(failure.value)] == shared


def test_two_workers_are_at_work_at_once(mp_context: BaseContext, mp_process: ProcessFactory) -> None:
    meeting = mp_context.Barrier(2)
    first, second = mp_process(be_there, meeting), mp_process(be_there, meeting)
    (place, pid), (other_place, other_pid) = first.result(), second.result()
    assert {place, other_place} == {0, 1}
    assert len({pid, other_pid, os.getpid()}) == 3


def be_there(meeting: Barrier) -> tuple[int, int]:
    """Come back once all are there: that takes as many workers, each in the middle of its work."""
    return meeting.wait(), os.getpid()


def test_one_worker_alone_does_not_get_past_a_meeting_of_two(
    mp_context: BaseContext, mp_process: ProcessFactory
) -> None:
    meeting, arriving = mp_context.Barrier(2), mp_context.Event()
    child = mp_process(arrive, arriving, meeting)
    assert arriving.wait(30)
    meeting.abort()
    with pytest.raises(BrokenBarrierError):
        child.result()


def arrive(arriving: Event, meeting: Barrier) -> None:
    arriving.set()
    meeting.wait()
