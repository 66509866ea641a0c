"""The models that are ready for use, each a few lines of what its object may do.

Guarantees: an operation that a model does not know, or without an argument that it needs, is refused and never
overlooked. Values are compared as `frozen` has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import ClassVar

from .._errors import MpcheckError
from .._excerpts import repr_of
from ._operation import UNKNOWN, Operation, described
from ._rules import State
from ._values import frozen

__all__ = ["BoundedQueue", "Counter", "Lock", "Model", "Queue", "Register", "Semaphore"]

_NONE: tuple[State, ...] = ()


class Model:
    """Base of the models that are ready for use.

    Attributes:
        operations: The operations that it knows, and the arguments that each needs.
        raises: The exceptions that are results.
        reading: The operations that change nothing.
        possible: The operations that are possible in every state.
    """

    operations: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    raises: ClassVar[tuple[str, ...]] = ()
    reading: ClassVar[frozenset[str]] = frozenset()
    possible: ClassVar[frozenset[str]] = frozenset()

    def prepared(self, operation: Operation) -> Operation:
        """Return the operation with values that compare.

        Raises:
            MpcheckError: The model does not know such an operation, or an argument is missing.
        """
        needed = self.operations.get(operation.name)
        if needed is None or not all(map(operation.arguments.__contains__, needed)):
            raise MpcheckError(self._complaint(operation))
        if not needed and (operation.result is None or operation.result is UNKNOWN):
            return operation
        arguments = {name: frozen(operation.arguments[name]) for name in needed}
        result = frozen(operation.result)
        if result is operation.result and all(arguments[name] is operation.arguments[name] for name in needed):
            return operation
        return replace(operation, arguments={**operation.arguments, **arguments}, result=result)

    def reads(self, operation: Operation) -> bool:
        """Return whether an operation changes nothing, whatever the state."""
        return operation.name in self.reading or bool(operation.raised)

    def tells(self, operation: Operation) -> bool:
        """Return whether there is a state in which an operation could not have had this result."""
        if operation.end is None or operation.raised:
            return operation.end is not None
        if operation.name in self.possible:
            return operation.result is not UNKNOWN and operation.result is not None
        return operation.result is not UNKNOWN or operation.name not in self.reading

    def _complaint(self, operation: Operation) -> str:
        name = type(self).__name__
        known = ", ".join(f"{one}({', '.join(needed)})" for one, needed in self.operations.items())
        if operation.name in self.operations:
            missing = next(one for one in self.operations[operation.name] if one not in operation.arguments)
            what = f"{described(operation)} has no argument {missing!r}, which the model {name} needs"
        else:
            near = get_close_matches(operation.name, self.operations, n=1)
            what = f"the model {name} knows no operation {operation.name!r}"
            what += f" (did you mean {near[0]!r}?)" if near else ""
        return (
            f"{what}, by {repr_of(operation.process)}\nit has {known}\n"
            "what to do: record what the model has under these names, leave the rest out by a filter, or give a model "
            "of your own: a class with `initial` and `step(state, operation)`"
        )


class Register(Model):
    """A variable: ``write(value)``, ``read()``.

    Args:
        initial: Its value before the first write.
    """

    operations: ClassVar[Mapping[str, tuple[str, ...]]] = {"read": (), "write": ("value",)}
    reading: ClassVar[frozenset[str]] = frozenset({"read"})
    possible: ClassVar[frozenset[str]] = frozenset({"write"})

    def __init__(self, initial: object = None) -> None:
        self.initial: State = frozen(initial)

    def step(self, state: State, operation: Operation) -> tuple[State, ...]:
        """Return the states that an operation may leave."""
        if operation.name == "write":
            return (operation.arguments["value"],)
        return (state,) if operation.result in (UNKNOWN, state) else _NONE


class Counter(Model):
    """A number that is added to: ``add(n=1)``, ``read()``.

    When an ``add`` gives something back, that is the number after it.

    Args:
        initial: The number at the beginning.
    """

    operations: ClassVar[Mapping[str, tuple[str, ...]]] = {"add": (), "read": ()}
    reading: ClassVar[frozenset[str]] = frozenset({"read"})
    possible: ClassVar[frozenset[str]] = frozenset({"add"})

    def __init__(self, initial: int = 0) -> None:
        self.initial = initial

    def prepared(self, operation: Operation) -> Operation:
        """Return the operation, its ``n`` checked: another name for it would be overlooked."""
        if operation.name == "add" and operation.arguments:
            number = operation.arguments.get("n")
            if not isinstance(number, (int, float)):
                raise MpcheckError(
                    f"{described(operation)}, by {repr_of(operation.process)}: the model {type(self).__name__} needs "
                    f"the number that is added as `n`, and {'there is none' if number is None else 'this is none'}\n"
                    "what to do: record add(n=2), or add() for one"
                )
        return super().prepared(operation)

    def step(self, state: float, operation: Operation) -> tuple[float, ...]:
        """Return the states that an operation may leave."""
        result = operation.result
        if operation.name == "read":
            return (state,) if result is UNKNOWN or result == state else ()
        after = state + operation.arguments.get("n", 1)  # type: ignore[operator]  # seen to by `prepared`
        return (after,) if result is UNKNOWN or result is None or result == after else ()

    def moves_before(self, operation: Operation, other: Operation) -> bool:
        """Return whether both only add: their order makes no difference."""
        return all(one.name == "add" and one.result in (None, UNKNOWN) for one in (operation, other))


class Queue(Model):
    """A queue, first in first out, without a bound: ``put(item)``, ``get()``, which may raise ``Empty``.

    Args:
        initial: What is in it at the beginning, the oldest first.
    """

    operations: ClassVar[Mapping[str, tuple[str, ...]]] = {"put": ("item",), "get": ()}
    raises: ClassVar[tuple[str, ...]] = ("Empty", "Full")

    possible: ClassVar[frozenset[str]] = frozenset({"put"})
    fifo: ClassVar[bool] = True
    bound: int | None = None

    def __init__(self, initial: Iterable[object] = ()) -> None:
        self.initial: tuple[State, ...] = tuple(map(frozen, initial))

    def step(self, state: tuple[State, ...], operation: Operation) -> tuple[State, ...]:
        """Return the states that an operation may leave."""
        full = self.bound is not None and len(state) >= self.bound
        if operation.name == "put":
            if operation.raised:
                return (state,) if full and operation.raised == "Full" else _NONE
            return _NONE if full else ((*state, operation.arguments["item"]),)
        if operation.raised:
            return _NONE if state or operation.raised != "Empty" else (state,)
        return (state[1:],) if state and operation.result in (UNKNOWN, state[0]) else _NONE


class BoundedQueue(Queue):
    """A queue that takes so many items and no more: ``put(item)``, which may raise ``Full``, and ``get()``.

    Args:
        bound: How many items it takes.
        initial: What is in it at the beginning, the oldest first.
    """

    possible: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, bound: int, initial: Iterable[object] = ()) -> None:
        super().__init__(initial)
        if not _is_whole(bound, 1):
            raise MpcheckError(f"BoundedQueue({repr_of(bound)}): give the number of items that it takes, from 1 on")
        if len(self.initial) > bound:
            raise MpcheckError(
                f"BoundedQueue({bound}) with {len(self.initial)} items in it: give no more items than it takes"
            )
        self.bound = bound


class Lock(Model):
    """A lock that any process may release: ``acquire()``, ``release()``.

    An ``acquire`` that gave back false found it held, one that gave back anything else has it; of one without a result
    that had an argument such as ``timeout`` nobody knows. A ``release`` may raise ``ValueError`` or ``RuntimeError``:
    it was not held.
    """

    operations: ClassVar[Mapping[str, tuple[str, ...]]] = {"acquire": (), "release": ()}
    raises: ClassVar[tuple[str, ...]] = ("ValueError", "RuntimeError")
    initial: int = 1
    most: int | None = 1

    def step(self, state: int, operation: Operation) -> tuple[State, ...]:
        """Return the states that an operation may leave: how often it could be acquired."""
        if operation.name == "release":
            over = self.most is not None and state >= self.most
            if operation.raised:
                return (state,) if over else _NONE
            return _NONE if over else (state + 1,)
        if state:
            return _NONE if _failed(operation) else (state - 1,)
        return (state,) if _failed(operation) or (_may_fail(operation) and operation.end is not None) else _NONE

    def reads(self, operation: Operation) -> bool:
        """Return whether an operation changes nothing, whatever the state."""
        return _failed(operation)


class Semaphore(Lock):
    """A semaphore: ``acquire()``, ``release()``, as for a `Lock`.

    Args:
        initial: How often it could be acquired at the beginning.
        bounded: Whether it never has more than that, as a ``BoundedSemaphore``.
    """

    def __init__(self, initial: int = 1, *, bounded: bool = False) -> None:
        if not _is_whole(initial, 0):
            raise MpcheckError(f"Semaphore({repr_of(initial)}): give the number at the beginning, from 0 on")
        self.initial = initial
        self.most = initial if bounded else None

    def moves_before(self, operation: Operation, other: Operation) -> bool:
        """Return whether their order makes no difference, or the earlier the better."""
        if self.most is not None or any(_failed(one) or _may_fail(one) for one in (operation, other)):
            return False
        return operation.name == "release" or other.name == "acquire"


def _is_whole(number: object, least: int) -> bool:
    return isinstance(number, int) and number >= least


def _failed(operation: Operation) -> bool:
    """Return whether an operation of a lock is known to have changed nothing."""
    return bool(operation.raised) or (operation.name == "acquire" and operation.result is False)


def _may_fail(operation: Operation) -> bool:
    """Return whether nobody knows if a lock was acquired: one that was waited for a while, or not at all."""
    return operation.name == "acquire" and operation.result is UNKNOWN and bool(operation.arguments)
