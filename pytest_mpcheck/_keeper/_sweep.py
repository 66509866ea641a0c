"""`sweep`: ends every process of a scope.

Guarantees: each is asked first (SIGTERM), has a moment to flush what it holds, and is killed after that; the moment is
one for all of them together. New ones that come meanwhile are met too. It ends in bounded time, and when it is
interrupted everything is killed before the interrupt goes on. A process that took leave on purpose is not touched.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import _platforms
from .._clock import Deadline, wait_until
from .._process_facts import Straggler, Swept
from .._records import ProcessId
from ._scope import Scope, is_tracker

__all__ = ["MOMENT", "kill_all", "sweep", "to_end"]

MOMENT = 0.7
"""How long processes have between SIGTERM and SIGKILL, in seconds."""

_PATIENCE = 1.0
"""How long to go on killing, in seconds; a process that the kernel cannot end now is told instead."""

_HELPERS_MOMENT = 0.3
"""How long the helpers of `multiprocessing` have to end by themselves once all others are gone, in seconds."""


def sweep(scope: Scope, *, helpers: bool, moment: float = MOMENT, known: tuple[Straggler, ...] = ()) -> Swept:
    """End every process of a scope.

    Args:
        scope: The scope.
        helpers: Whether the helpers of `multiprocessing` are to end too; not while pytest goes on.
        moment: How long the processes have to end, in seconds.
        known: Who was found before; it may have lost the parent that told of it.

    Returns:
        Whom it has ended, and whom not.
    """
    if not known and not scope.members():
        return Swept()
    seen = {one.process: one for one in known}
    asked: dict[ProcessId, Straggler] = {}
    try:
        undead = _end(lambda: _remember(to_end(scope), seen), asked, moment)
        if helpers:
            wait_until(lambda: not _helpers(scope), Deadline(_HELPERS_MOMENT))
            undead += _end(lambda: _remember(_helpers(scope), seen), asked, _HELPERS_MOMENT)
    except BaseException:
        kill_all(scope)
        _kill(_remember((), seen))
        raise
    left = tuple(one for one in scope.members() if scope.has_left(one))
    told = (one for one in asked.values() if not is_tracker(one) and one not in undead)
    return Swept(tuple(told), left, undead)


def to_end(scope: Scope) -> tuple[Straggler, ...]:
    """Return the processes of a scope that a sweep would end, but for the helpers of `multiprocessing`."""
    members = scope.members()
    return tuple(one for one in members if not scope.has_left(one) and not scope.is_helper(one, members))


def kill_all(scope: Scope) -> None:
    """Kill every process of a scope that is not left alone, at once."""
    deadline = Deadline(_PATIENCE)
    while (found := to_end(scope)) and not deadline.passed():
        _kill(found)


def _helpers(scope: Scope) -> tuple[Straggler, ...]:
    return tuple(one for one in scope.members() if not scope.has_left(one))


def _remember(found: tuple[Straggler, ...], seen: dict[ProcessId, Straggler]) -> tuple[Straggler, ...]:
    """Add to those that were seen, and return who of them is alive: one that bears no mark loses its parent first."""
    seen |= {one.process: one for one in found}
    return tuple(one for one in seen.values() if _platforms.is_alive(one.process))


def _end(
    find: Callable[[], tuple[Straggler, ...]], asked: dict[ProcessId, Straggler], moment: float
) -> tuple[Straggler, ...]:
    """End whatever `find` finds; return what could not be ended."""
    deadline = Deadline(moment)
    while (found := find()) and not deadline.passed():
        fresh = {one.process: one for one in found if one.process not in asked}
        asked |= fresh
        for process in fresh:
            _platforms.end(process, kill=False)
        wait_until(_all_ended(found), deadline)
    deadline = Deadline(_PATIENCE)
    while (found := find()) and not deadline.passed():
        asked |= {one.process: one for one in found}
        _kill(found)
    return found


def _kill(found: tuple[Straggler, ...]) -> None:
    for one in found:
        _platforms.end(one.process, kill=True)
    wait_until(_all_ended(found), Deadline(_PATIENCE / 5))


def _all_ended(found: tuple[Straggler, ...]) -> Callable[[], bool]:
    return lambda: not any(_platforms.is_alive(one.process) for one in found)
