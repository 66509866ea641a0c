"""What waits in a child, that has not loaded this package, until there is something to record.

`arrive` travels as code in what `multiprocessing` sends to every child that is not forked (see `_stowaway`); the module
itself is never loaded there. So a child that records nothing and talks to nobody who does pays for two replaced
functions. Guarantees: what runs here needs nothing but what every such child has loaded, and never fails: where this
package is not found the child goes on without it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["arrive"]


def arrive(given: tuple[Any, ...], magic: bytes, *, at_once: bool) -> dict[str, Any]:
    """Wait for the first start of a process by this one, or the first message from somebody who has recorded.

    Args:
        given: What `_attach.attach` is to be told.
        magic: How a message ends that has a stamp.
        at_once: Do not wait.

    Returns:
        What `_attach` finds when somebody records an event before that: ``given``, and ``leave``, which puts back what
        was replaced.
    """
    import marshal
    from multiprocessing.process import BaseProcess
    from multiprocessing.reduction import ForkingPickler

    agent: dict[str, Any] = {"given": given}
    processes: Any = BaseProcess
    pickler: Any = ForkingPickler
    start = processes.start
    loads = pickler.loads

    def leave() -> None:
        if processes.start is first_start:
            processes.start = start
        if pickler.loads is first_loads:
            pickler.loads = loads

    def attach() -> Any:
        leave()
        try:
            from pytest_mpcheck._history import _attach
        except ImportError:
            return None
        _attach.find(agent)
        return _attach

    def first_start(process: Any) -> None:
        attached = attach()
        if attached:
            attached.see_off(process)
        start(process)
        if attached:
            attached.replace_all()

    def first_loads(data: Any, /, **options: Any) -> Any:
        if data[-len(magic) :] == magic:
            length = int.from_bytes(data[-len(magic) - 2 : -len(magic)], "little")
            is_task, binding, place = marshal.loads(data[-len(magic) - 2 - length : -len(magic) - 2])
            if place:
                attached = attach()
                if attached:
                    attached.receive(data)
            elif is_task:
                agent["given"] = (*agent["given"][:2], binding, agent["given"][3])
        return loads(data, **options)

    processes.start = first_start
    pickler.loads = staticmethod(first_loads)
    agent["leave"] = leave
    if at_once:
        attach()
    return agent
