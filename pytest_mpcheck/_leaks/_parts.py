"""`Parts`: what belongs to a pool, an executor, a manager or a process, and is told with it or not at all.

A pool that was left open leaves processes, threads, pipes and semaphores too; one finding is enough, and its remedy
ends all of them.

Guarantees: nothing that was made is changed or kept alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .._copies import COPIES
from .._guard._watcher import Made, Span
from ._stay import reusable_executors

__all__ = ["OWNERS_MODULES", "Parts", "is_open", "is_worker", "made_by_pid", "made_for", "workers_of"]

_OWNERS = "pool", "thread pool", "executor", "thread executor", "manager"

_AT_WORK = "RUN", 0
"""How a pool says that nobody has closed it; that of billiard says it by a number."""

OWNERS_MODULES = frozenset(
    (
        *("concurrent.futures.process", "concurrent.futures.thread", "concurrent.futures.interpreter"),
        *(f"{package}.pool" for package in COPIES),
        *("loky.process_executor", "joblib.externals.loky.process_executor"),
    )
)
"""Modules whose processes and threads belong to a pool or an executor: told is that one, or nothing."""


class Parts:
    """What the things that some spans have made consist of, as far as they are still there.

    Args:
        span: The span that is judged.

    Attributes:
        pids: The processes of pools, executors and managers, and of what loky keeps for whoever wants it next.
        threads: The identities of their threads.
        feeders: The identities of the threads that feed queues that are there, those of pools and executors excepted;
            others are about to end.
        places: The lines that made them, and processes: their pipes and semaphores come from there.
    """

    def __init__(self, span: Span) -> None:
        self.pids: set[int] = set()
        self.threads: set[int] = set()
        self.feeders: set[int | None] = set()
        self.places: set[str] = set()
        for made, is_ours in made_for(span):
            thing = made.object() if made.object is not None else None
            if thing is None and made.kind == "queue":
                self.places.add(made.where)  # the thread that feeds it is about to end, and holds its pipes until then
            if thing is None:
                continue
            if made.kind == "queue" and OWNERS_MODULES.isdisjoint(made.through):
                self.feeders.add(getattr(getattr(thing, "_thread", None), "ident", None))
            if made.kind in ("process", *_OWNERS):
                self.places.add(made.where)  # their pipes stay open until they are collected
            if made.kind in _OWNERS and (not is_ours or is_open(made)):
                self._add(thing)
        for executor in reusable_executors():
            self._add(executor)

    def _add(self, thing: Any) -> None:
        """Add what a pool, an executor or a manager consists of."""
        self.pids.update(_pids(thing))
        self.threads.update(thread.ident for thread in _threads(thing) if thread.ident)


def made_for(span: Span) -> Iterator[tuple[Made, bool]]:
    """Yield what a span and the wider ones around it have made, and whether it was this one."""
    yield from ((made, True) for made in span.made)
    for wider in span.wider:
        yield from ((made, False) for made in wider.made)


def made_by_pid(span: Span) -> dict[int, tuple[Made, bool]]:
    """Return the processes that a span and the wider ones have started; of a process and its fork the process."""
    found: dict[int, tuple[Made, bool]] = {}
    for made, is_ours in made_for(span):
        if made.pid:
            found.setdefault(made.pid, (made, is_ours))
    return found


def is_worker(made: Made) -> bool:
    """Return whether a process was started by a pool or an executor, which sees to its end."""
    return not OWNERS_MODULES.isdisjoint(made.through)


def is_open(made: Made) -> bool:
    """Return whether a pool, an executor or a manager is at work still: nobody has closed it, or ended it."""
    thing: Any = made.object() if made.object is not None and not made.failed else None
    if thing is None:
        return False
    if made.kind in ("pool", "thread pool"):
        return getattr(thing, "_state", None) in _AT_WORK
    if made.kind == "manager":
        process = getattr(thing, "_process", None)
        state = getattr(getattr(thing, "_state", None), "value", None)
        return state == 1 and process is not None and _popen_runs(process)
    if made.kind == "thread executor":
        return not getattr(thing, "_shutdown", True) and any(thread.is_alive() for thread in _threads(thing))
    if any(thing is executor for executor in reusable_executors()):
        return False
    flags = getattr(thing, "_flags", thing)  # loky's
    is_shut = getattr(flags, "_shutdown_thread", None) or getattr(flags, "shutdown", False) is True
    return not is_shut and not getattr(flags, "broken", getattr(thing, "_broken", False)) and bool(_pids(thing))


def workers_of(thing: Any) -> str:
    """Tell what a pool, an executor or a manager keeps alive; empty once it is gone."""
    pids = _pids(thing)
    if pids:
        count = f"{len(pids)} processes" if len(pids) > 1 else "1 process"
        return f"it keeps {count} alive: pid {', '.join(map(str, pids))}"
    names = [repr(thread.name) for thread in _threads(thing) if thread.is_alive()]
    return f"it keeps {len(names)} thread{'s' * (len(names) > 1)} alive: {', '.join(names)}" if names else ""


def _popen_runs(process: Any) -> bool:
    popen = getattr(process, "_popen", None)
    return popen is not None and popen.returncode is None


def _pids(thing: Any) -> list[int]:
    if hasattr(thing, "_pool"):
        workers = thing._pool
    elif hasattr(thing, "_processes"):
        workers = (thing._processes or {}).values() if not isinstance(thing._processes, int) else ()
    else:
        workers = [getattr(thing, "_process", None)]
    return [worker.pid for worker in list(workers) if getattr(worker, "pid", None)]


def _threads(thing: Any) -> Iterable[Any]:
    names = (
        "_worker_handler",
        "_task_handler",
        "_result_handler",
        "_executor_manager_thread",
        "_queue_management_thread",
    )
    found = [getattr(thing, name, None) for name in names]
    found += getattr(thing, "_threads", None) or ()
    found += [worker for worker in getattr(thing, "_pool", None) or () if not getattr(worker, "pid", None)]
    found.append(getattr(getattr(thing, "_call_queue", None), "_thread", None))
    return [thread for thread in found if hasattr(thread, "is_alive")]
