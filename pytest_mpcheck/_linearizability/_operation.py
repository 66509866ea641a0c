"""`Operation`: one call of an object that several processes share, as the checker sees it.

Guarantees: a frozen fact. What an operation gave back, or that it ever came back, is only claimed where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, TypeAlias

from .._excerpts import repr_of

__all__ = ["UNKNOWN", "Operation", "Unknown", "described"]


class Unknown(Enum):
    """The type of `UNKNOWN`, which stays one object however often it is copied or pickled."""

    UNKNOWN = "UNKNOWN"

    def __repr__(self) -> str:
        return self.value


UNKNOWN: Final = Unknown.UNKNOWN
"""The result of an operation when nobody knows it."""

Result: TypeAlias = object | Literal[Unknown.UNKNOWN]


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a shared object.

    Two operations are ordered when one had ended before the other started; where both moments are the same they are
    not. An operation without an end, its process was killed or it goes on, may have taken effect at any time from its
    start on, or never.

    Attributes:
        name: What was called, such as ``put``.
        arguments: With what, by name.
        result: What it gave back; `UNKNOWN` where that is not known.
        start: When it started, by a clock that all processes share.
        end: When it ended; ``None`` when it has not.
        process: Who called; anything. Nothing here depends on it, but the order of messages and models of your own.
        raised: The type name of the exception that came out of it; empty for none.
        tag: Anything, for the caller to know it again; no part of what makes two operations equal.
    """

    name: str
    arguments: Mapping[str, object]
    result: Result
    start: int
    end: int | None
    process: object = None
    raised: str = ""
    tag: object = field(default=None, compare=False, repr=False)


def described(operation: Operation) -> str:
    """Tell an operation as it would be written, and what came out: ``put(item=3) -> None``."""
    arguments = ", ".join(f"{name}={repr_of(value, 60)}" for name, value in operation.arguments.items())
    call = f"{operation.name}({arguments})"
    if operation.end is None:
        return f"{call}, which never ended"
    if operation.raised:
        return f"{call}, which raised {operation.raised}"
    return call if operation.result is UNKNOWN else f"{call} -> {repr_of(operation.result, 60)}"
