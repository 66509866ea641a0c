"""Question 4: a pool spreads tasks over its workers, gives results in order, and starts and ends workers by itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.pool import Pool
    from multiprocessing.synchronize import Barrier, Event

here = SimpleNamespace()
"""What a worker was handed when it began: locks and their like travel on no other way."""


def take(meeting: Barrier | None, turn: Event | None) -> None:
    here.meeting, here.turn = meeting, turn


def square_in_company(number: int) -> tuple[int, int]:
    """Do a task that is not done before another worker is at one too."""
    here.meeting.wait()
    return number**2, os.getpid()


def wait_if_first(number: int) -> int:
    """Do a task, the first of which takes until somebody says so."""
    if number == 0:
        here.turn.wait()
    return number


def pass_turn_if_last(number: int) -> int:
    """Do a task, the first of which takes until the last one is at work."""
    if number == 1:
        here.turn.set()
    return wait_if_first(number)


def test_tasks_are_spread_and_results_come_in_order(mp_context: BaseContext, mp_pool: Callable[..., Pool]) -> None:
    pool = mp_pool(2, take, (mp_context.Barrier(2), None))
    results = pool.map(square_in_company, range(8), chunksize=1)
    assert [square for square, _ in results] == [0, 1, 4, 9, 16, 25, 36, 49]
    workers = {pid for _, pid in results}
    assert len(workers) == 2
    assert os.getpid() not in workers


def test_workers_are_gone_after_close_and_join(mp_context: BaseContext, mp_pool: Callable[..., Pool]) -> None:
    pool = mp_pool(2, take, (mp_context.Barrier(2), None))
    workers = [psutil.Process(pid) for _, pid in pool.map(square_in_company, range(2), chunksize=1)]
    assert [worker.is_running() for worker in workers] == [True, True]
    pool.close()
    pool.join()
    assert [worker.is_running() for worker in workers] == [False, False]


def test_results_are_in_order_even_when_tasks_end_in_another(
    mp_context: BaseContext, mp_pool: Callable[..., Pool]
) -> None:
    pool = mp_pool(2, take, (None, mp_context.Event()))
    assert pool.map(pass_turn_if_last, range(2), chunksize=1) == [0, 1]


def test_only_imap_unordered_gives_results_as_tasks_end(mp_context: BaseContext, mp_pool: Callable[..., Pool]) -> None:
    turn = mp_context.Event()
    results = mp_pool(2, take, (None, turn)).imap_unordered(wait_if_first, range(2))
    assert next(results) == 1
    turn.set()
    assert next(results) == 0
    with pytest.raises(StopIteration):
        next(results)


def test_the_pool_replaces_its_workers_by_itself(mp_pool: Callable[..., Pool]) -> None:
    pool = mp_pool(1, maxtasksperchild=1)
    workers = [pool.apply(identify) for _ in range(2)]
    assert workers[0] != workers[1]


def identify() -> tuple[int, float]:
    """Tell who does the task, so that a pid that is given away again is no confusion."""
    return os.getpid(), psutil.Process().create_time()
