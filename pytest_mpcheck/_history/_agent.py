"""What waits in a child, that has not loaded this package, until there is something to record.

`arrive` travels as code in what `multiprocessing` sends to every child that is not forked (see `_stowaway`); the module
itself is never loaded there. So a child that records nothing and talks to nobody who does pays for two replaced
functions. It waits for the first start of a process by this one and for the first message that has a stamp; the first
event finds it where it lies. Guarantees: what runs here needs nothing but what every such child has loaded, and never
fails: where this package is not found the child goes on without it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["arrive"]


def arrive(given: Any, magic: bytes, at_once: bool) -> Any:
    """Return for `_attach.find`: what it is to be told, and what puts back the replaced functions."""
    from multiprocessing.process import BaseProcess
    from multiprocessing.reduction import ForkingPickler

    start, loads = BaseProcess.start, ForkingPickler.loads

    def leave() -> None:
        if BaseProcess.start is first_start:
            BaseProcess.start = start  # type: ignore[method-assign]
        if ForkingPickler.loads is first_loads:
            ForkingPickler.loads = loads

    def wake() -> Any:
        try:
            from pytest_mpcheck._history import _attach
        except ImportError:
            return leave()
        _attach.find(agent)
        return _attach

    def first_start(process: Any) -> None:
        attached = wake()
        if attached:
            attached.start(start, process)
        else:
            start(process)

    def first_loads(data: Any, /, **options: Any) -> Any:
        if data[-len(magic) :] == magic:
            attached = wake()
            if attached:
                attached.receive(data)
        return loads(data, **options)

    BaseProcess.start = first_start  # type: ignore[method-assign, assignment]
    ForkingPickler.loads = staticmethod(first_loads)
    agent = given, leave
    if at_once:
        wake()
    return agent
