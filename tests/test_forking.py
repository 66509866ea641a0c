"""A fork warns of the threads that are the test's own, and of no others."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import Pipe, resource_sharer
from multiprocessing.pool import Pool
from multiprocessing.reduction import ForkingPickler

import pytest

from pytest_mpcheck.fixtures import ProcessFactory

pytestmark = [
    pytest.mark.mp(start_methods=["fork"]),
    pytest.mark.skipif(sys.version_info < (3, 12), reason="os.fork warns of threads from Python 3.12 on"),
]


@pytest.fixture
def run_thread() -> Iterator[Callable[[str], None]]:
    over = threading.Event()
    threads = []

    def run_thread(name: str) -> None:
        threads.append(threading.Thread(target=over.wait, name=name))
        threads[-1].start()

    yield run_thread
    over.set()
    for thread in threads:
        thread.join()


def test_thread_of_the_test_is_warned_of(mp_process: ProcessFactory, run_thread: Callable[[str], None]) -> None:
    run_thread("worker")
    with pytest.warns(DeprecationWarning, match="is multi-threaded, use of fork"):
        mp_process(abs, -1).join()


def test_thread_of_the_harness_is_not(mp_process: ProcessFactory, run_thread: Callable[[str], None]) -> None:
    run_thread("pytest_timeout of a test")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mp_process(abs, -1).result() == 1


def test_thread_of_a_pool_is_not(mp_process: ProcessFactory, mp_pool: Callable[..., Pool]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mp_pool(1).map(abs, [-1]) == [1]
        assert mp_process(abs, -1).result() == 1


def test_pool_may_fork_beside_a_thread_of_the_test(
    mp_pool: Callable[..., Pool], run_thread: Callable[[str], None]
) -> None:
    run_thread("worker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mp_pool(1).map(abs, [-1]) == [1]


def test_thread_that_hands_on_connections_is_not(mp_process: ProcessFactory) -> None:
    ends = Pipe()
    ForkingPickler.dumps(ends[0])  # as a queue does, when a connection is put into it
    assert any(thread.name.endswith("(_serve)") for thread in threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mp_process(abs, -1).result() == 1
    resource_sharer.stop()
