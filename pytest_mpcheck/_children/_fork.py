"""Forks without the warning that is not the test's business.

Since Python 3.12 `os.fork` warns when other threads run (gh-100228), and from 3.15 on a filter that makes an error of
that warning loses the child: `os.fork` raises in the parent after the child was born. Under pytest other threads may
always run: pytest-xdist's receiver, pytest-timeout's timer, the handler threads of the very pool that is being forked
for. A test that runs threads of its own still gets the warning.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_fork"]

_HARNESS = ("pytest_timeout ", "mpcheck-")
"""How the names of threads begin that belong to the test's surroundings."""

_POOLS = (
    "concurrent.futures.process",
    "multiprocessing.pool",
    "multiprocessing.queues",
    "multiprocessing.resource_sharer",
)
"""Modules whose threads belong to a pool of processes, to a queue, or to connections that were sent; these stay."""


@contextmanager
def quiet_fork(*, for_pool: bool = False) -> Iterator[None]:
    """Hold back the warning about threads, unless the test has threads of its own.

    Args:
        for_pool: Hold it back in any case: a pool that forks has threads by its very design.
    """
    if sys.version_info < (3, 12):  # pragma: needs Python < 3.14
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        # another thread must not restore the filters of a phase that may have ended; pytest does, after each phase
        _ignore_warning()
        yield
        return
    with warnings.catch_warnings():
        if for_pool or not any(_is_of_the_test(thread) for thread in threading.enumerate()):
            _ignore_warning()
        yield


def _ignore_warning() -> None:
    warnings.filterwarnings("ignore", r"This process \(pid=\d+\) is multi-threaded", DeprecationWarning)


def _is_of_the_test(thread: threading.Thread) -> bool:
    if thread is threading.main_thread() or thread.name.startswith(_HARNESS):
        return False
    return getattr(getattr(thread, "_target", None) or thread.run, "__module__", None) not in _POOLS
