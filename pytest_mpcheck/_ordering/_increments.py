"""Reads and writes of a number as the additions that they are.

Whoever writes ``number += 1`` reads and writes, and both are recorded. As a variable it is faultless, whatever gets
lost. Checked against a counter each write is an addition, from the begin of the read that it rests upon to its own end.

Guarantees: nothing is taken for an addition but a write that follows a read of the same thread, with nothing between
them; any other write is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .._errors import MpcheckError
from .._excerpts import repr_of
from .._linearizability import UNKNOWN, Operation
from ..models import Counter

__all__ = ["as_additions", "counts"]

_READS = frozenset(("read", "get"))
_WRITES = frozenset(("write", "set"))


def counts(model: object) -> bool:
    """Return whether a model is that of a counter."""
    return issubclass(model, Counter) if isinstance(model, type) else isinstance(model, Counter)


def as_additions(operations: Sequence[Operation]) -> list[Operation]:
    """Return the operations on a number, with ``add`` in place of a read and a write that belong together.

    Args:
        operations: In the order of their starts; the ``tag`` of each is a tuple, and that of an addition has both.

    Raises:
        MpcheckError: A write rests upon no read, or there are several numbers.
    """
    keys = {repr_of(one.arguments.get("key")) for one in operations if one.name in _READS | _WRITES}
    if len(keys) > 1:
        raise MpcheckError(
            f"a counter is one number, and there are operations on several: {', '.join(sorted(keys))}\n"
            'what to do: choose one, such as by where={"key": ...}'
        )
    last: dict[object, int] = {}
    found: list[Operation | None] = []
    for operation in operations:
        known = last.get(operation.process)
        last[operation.process] = len(found)
        if operation.name in _WRITES:
            read = None if known is None else found[known]
            if known is None or read is None or read.name != "read" or not _is_whole(read.result):
                raise MpcheckError(_complaint(operation))
            found[known] = None
            found.append(_addition(read, operation))
        else:
            found.append(replace(operation, name="read", arguments={}) if operation.name in _READS else operation)
    return [operation for operation in found if operation]


def _addition(read: Operation, write: Operation) -> Operation:
    after: Any = write.arguments.get("value")
    return replace(
        write,
        name="add",
        arguments={"n": after - read.result} if _is_whole(after) else {"n": after},
        result=after if write.end is not None and not write.raised else UNKNOWN,
        start=read.start,
        tag=(*_tuple(read.tag), *_tuple(write.tag)),
    )


def _tuple(tag: object) -> tuple[object, ...]:
    return tag if isinstance(tag, tuple) else ()


def _is_whole(value: object) -> bool:
    return isinstance(value, int)


def _complaint(write: Operation) -> str:
    value = repr_of(write.arguments.get("value"), 60)
    return (
        f"{write.name} of {value}, by {repr_of(write.process)}: for a counter that is an addition to what the same "
        "thread had read just before, and it had read no whole number\n"
        "what to do: give the number its first value before it is recorded, or check it as a Register or a Dictionary"
    )
