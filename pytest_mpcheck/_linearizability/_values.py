"""Values that were recorded, made fit for being compared and looked up.

Guarantees: what `frozen` returns can be hashed, and two such are equal exactly when the values are, lists beside
tuples and ``nan`` beside itself included. What can only be told from another by being the same object is refused: it
has crossed a process, so that it never is.
"""

from __future__ import annotations

import math
from enum import Enum
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from .._errors import MpcheckError
from .._excerpts import RAISED, reason_of, repr_of, type_name

__all__ = ["frozen"]

_ATOMS = frozenset((type(None), bool, int, str, bytes))
"""Types whose values are fit as they are."""

_SAME_EVERYWHERE = (type, Enum, FunctionType, BuiltinFunctionType, ModuleType, type(...), type(NotImplemented))
"""Types whose values are the same object again after they have crossed a process."""

_CONTAINERS = (list, tuple, dict, set, frozenset, bytearray)
_NAN = object()


class _Unhashable:
    """A value that is compared but cannot be hashed."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __hash__(self) -> int:
        return hash(type(self.value))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Unhashable):
            return False
        try:
            return bool(self.value == other.value)
        except RAISED as error:
            raise MpcheckError(
                f"{repr_of(self.value)} does not compare with {repr_of(other.value)}: {reason_of(error)}\n"
                "what to do: record a number or a text that stands for it"
            ) from error


def frozen(value: object) -> object:
    """Return something that can be hashed and stands for a value.

    Raises:
        MpcheckError: Values of this type are equal only to themselves.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if isinstance(value, float) and math.isnan(value):
        return _NAN
    if isinstance(value, _CONTAINERS):
        return _frozen_container(value)
    if kind.__eq__ is object.__eq__ and not isinstance(value, _SAME_EVERYWHERE):
        raise MpcheckError(
            f"{repr_of(value)} cannot be told from another one: {type_name(value)} defines no __eq__, and a copy that "
            "has crossed a process is another object\n"
            "what to do: record a number or a text that stands for it, or give its class an __eq__"
        )
    try:
        hash(value)
    except TypeError:
        return _Unhashable(value)
    return value


def _frozen_container(value: Any) -> object:
    match value:
        case list() | tuple():
            return (list if isinstance(value, list) else tuple, *map(frozen, value))
        case dict():
            return (dict, frozenset((frozen(key), frozen(entry)) for key, entry in value.items()))
        case bytearray():
            return bytes(value)
        case _:
            return (set, frozenset(map(frozen, value)))
