"""What a run of a test has left, which must not keep pytest from ending.

Guarantees: processes are asked first and killed a moment later; pools, managers and queues are taken apart in their own
way, and one that hangs in this is left behind in a thread that nobody waits for. All of it ends in bounded time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from multiprocessing import active_children, util
from typing import Any

from .. import _platforms
from .._clock import Deadline, wait_until
from .._records import ProcessId

__all__ = ["end", "finalizers"]

_LEAST_PRIORITY = -10
"""Queues have -5; the folder for sockets, which all that comes later goes on using, has -100."""

_MOMENT = 0.5
"""How long finalizers, and how long processes that are asked to end may take, in seconds."""


def finalizers() -> frozenset[object]:
    """Return what names those finalizers that `multiprocessing` would run at the end of the program."""
    return frozenset(_registry())


def end(processes: Iterable[ProcessId], known: frozenset[object]) -> None:
    """End processes with all that descends from them, and take apart what is there but for what is known.

    Args:
        processes: Those that were started; who has ended is not touched, whoever has its pid now.
        known: The finalizers that have nothing to do with them.
    """
    registry = _registry()
    threads = [_in_a_thread(registry[key]) for key in sorted(registry.keys() - known, reverse=True)]
    deadline = Deadline(_MOMENT)
    for thread in threads:
        thread.join(deadline.remaining())
    everybody = [
        facts.process for one in processes if _platforms.is_alive(one) for facts in _platforms.tree_of(one.pid)
    ]
    for kill in (False, True):
        for one in everybody:
            _platforms.end(one, kill=kill)
        wait_until(lambda: not any(_is_there(one) for one in everybody), Deadline(_MOMENT))


def _registry() -> dict[Any, Any]:
    """Return the finalizers that are run at the end of the program, by their priority and age."""
    registry: dict[Any, Any] = vars(util)["_finalizer_registry"]
    return {key: registry[key] for key in list(registry) if (key[0] or 0) >= _LEAST_PRIORITY and key[0] is not None}


def _in_a_thread(finalizer: Any) -> threading.Thread:
    thread = threading.Thread(target=finalizer, name="mpcheck-finalize", daemon=True)
    thread.start()
    return thread


def _is_there(process: ProcessId) -> bool:
    active_children()  # collects those that have ended
    return _platforms.is_alive(process)
