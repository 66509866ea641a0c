"""The models of what holds things by key: each key is checked by itself.

Guarantees: those of `_models`. That a history is linearizable exactly when what happened to each key is, is the
locality of Herlihy and Wing (Linearizability: A Correctness Condition for Concurrent Objects, TOPLAS 1990), for a
dictionary is as many registers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from enum import Enum
from typing import ClassVar

from ._models import Model
from ._operation import UNKNOWN, Operation
from ._rules import State
from ._values import frozen

__all__ = ["Dictionary", "Set"]


class _Absent(Enum):
    ABSENT = "ABSENT"


_ABSENT = _Absent.ABSENT
_NONE: tuple[State, ...] = ()


class Dictionary(Model):
    """A dictionary: ``get(key)``, ``set(key, value)``, ``delete(key)``, ``contains(key)``.

    A ``get`` of a key that is not there gives back its argument ``default``, or ``None``, or raises ``KeyError``, as
    ``delete`` does; a ``delete`` that gives back false found nothing.

    Args:
        initial: What is in it at the beginning.
    """

    operations: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "get": ("key",),
        "set": ("key", "value"),
        "delete": ("key",),
        "contains": ("key",),
    }
    raises: ClassVar[tuple[str, ...]] = ("KeyError",)
    reading: ClassVar[frozenset[str]] = frozenset({"get", "contains"})
    possible: ClassVar[frozenset[str]] = frozenset({"set"})
    initial: State = _ABSENT

    def __init__(self, initial: Mapping[Hashable, object] | None = None) -> None:
        self._initial = {frozen(key): frozen(value) for key, value in (initial or {}).items()}

    def key(self, operation: Operation) -> State:
        """Return the key that an operation is about."""
        return operation.arguments["key"]

    def initial_of(self, key: Hashable) -> State:
        """Return what is there of a key at the beginning."""
        return self._initial.get(key, _ABSENT)

    def step(self, state: State, operation: Operation) -> tuple[State, ...]:
        """Return the states that an operation may leave: the value of its key."""
        name, result, absent = operation.name, operation.result, state is _ABSENT
        if operation.raised:
            return (state,) if absent and name != "set" else _NONE
        if name == "set":
            return (operation.arguments["value"],)
        if name == "get":
            value = frozen(operation.arguments.get("default")) if absent else state
            return (state,) if result is UNKNOWN or result == value else _NONE
        if name == "contains":
            return (state,) if result is UNKNOWN or bool(result) is not absent else _NONE
        if result is False:
            return (state,) if absent else _NONE
        return _NONE if absent else (_ABSENT,)


class Set(Model):
    """A set: ``add(item)``, ``discard(item)``, ``remove(item)``, which may raise ``KeyError``, ``contains(item)``.

    An ``add`` or ``discard`` that gives back true or false tells whether it changed anything.

    Args:
        initial: What is in it at the beginning.
    """

    operations: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        ("add", "discard", "remove", "contains"), ("item",)
    )
    raises: ClassVar[tuple[str, ...]] = ("KeyError",)
    reading: ClassVar[frozenset[str]] = frozenset({"contains"})
    possible: ClassVar[frozenset[str]] = frozenset({"add", "discard"})
    initial: State = False

    def __init__(self, initial: Iterable[object] = ()) -> None:
        self._initial = frozenset(map(frozen, initial))

    def key(self, operation: Operation) -> State:
        """Return the item that an operation is about."""
        return operation.arguments["item"]

    def initial_of(self, key: Hashable) -> State:
        """Return whether an item is there at the beginning."""
        return key in self._initial

    def step(self, state: bool, operation: Operation) -> tuple[State, ...]:
        """Return the states that an operation may leave: whether its item is there."""
        name, result = operation.name, operation.result
        if operation.raised:
            return (state,) if not state and name == "remove" else _NONE
        if name == "contains":
            return (state,) if result is UNKNOWN or bool(result) is state else _NONE
        if name == "remove":
            return (False,) if state else _NONE
        after = name == "add"
        return (after,) if not isinstance(result, bool) or result is (after is not state) else _NONE
