"""`Rules`: a model, asked in one way, whoever has written it.

Guarantees: a model of somebody's own that raises, gives back nonsense or has states that cannot be hashed is one
`MpcheckError`, which names the model, the operation and the state. Hints of a model, which only save work, are not
taken from a class when a class derived from it has changed what its operations do.

What a model is: a class, or an instance of one, with

* ``initial``: the state at the beginning, which can be hashed;
* ``step(state, operation)``: the states that the operation may leave, as a list; empty when it could not have had this
  result in this state. The result of an operation is `UNKNOWN` where nobody knows it.

and, if it likes,

* ``key(operation)``: operations with different keys have nothing to do with each other, as those on different keys of
  a dictionary, and are checked apart; ``initial_of(key)``: the initial state of such a part;
* ``raises``: the names of exceptions that are results, such as ``Empty``. After any other exception nobody knows what
  became of the operation;
* ``reads(operation)``: whether the operation leaves every state as it is, whatever its result;
* ``moves_before(operation, other)``: whether the operation, wherever it is possible right after the other one, could
  as well have come right before it, with the same state after both. A hint, like ``reads``;
* ``prepared(operation)``: the operation as ``step`` is to have it; refuses one that the model does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from .._errors import MpcheckError
from .._excerpts import RAISED, reason_of, repr_of
from ._operation import Operation, described

__all__ = ["Rules", "State", "Step"]

State: TypeAlias = Hashable
Step: TypeAlias = Callable[[Any, Operation], Sequence[State]]

_REMEDY = (
    "what to do: give `step(state, operation)` back the states that the operation may leave, as a list: "
    "[state] where it is possible, [] where it is not; states are values that can be hashed, such as tuples"
)


class Rules:
    """What a model says.

    Args:
        model: A model, as a class that takes no argument, or an instance.

    Raises:
        MpcheckError: It is none.
    """

    def __init__(self, model: Any) -> None:
        self.name = model.__name__ if isinstance(model, type) else type(model).__name__
        if isinstance(model, type):
            try:
                model = model()
            except RAISED as error:
                raise MpcheckError(
                    f"the model {self.name} cannot be made without arguments: {reason_of(error)}\n"
                    f"what to do: give an instance of it, such as {self.name}(...)"
                ) from error
        self._refuse_what_is_none(model)
        self.model = model
        self.ours = _home(model, "step").__module__.startswith(f"{__package__}.")
        self.is_queue = self.ours and getattr(model, "fifo", False)
        self.step: Step = model.step if self.ours else self._checked_step
        self._prepares = hasattr(model, "prepared")
        self.reads: Callable[[Operation], bool] | None = self._hint("reads")
        self.moves_before: Callable[[Operation, Operation], bool] | None = self._hint("moves_before")
        self.raises: Collection[str] = getattr(self.model, "raises", ())

    def prepared(self, operation: Operation) -> Operation:
        """Return the operation as the model's ``step`` is to have it.

        Raises:
            MpcheckError: The model does not know such an operation.
        """
        if not self._prepares:
            return operation
        prepared: Operation = self._asked("prepared", operation)
        return prepared

    def tells(self, operation: Operation) -> bool:
        """Return whether an operation could have shown that something is wrong; with a model of one's own, it may."""
        return bool(self.model.tells(operation)) if self.ours else operation.end is not None

    def parts(self, operations: Sequence[tuple[int, Operation]]) -> Mapping[Hashable, list[tuple[int, Operation]]]:
        """Split operations by what they have nothing to do with each other for; one part where the model tells none."""
        if not hasattr(self.model, "key"):
            return {None: list(operations)}
        parts: dict[Hashable, list[tuple[int, Operation]]] = {}
        for number, operation in operations:
            key = self._asked("key", operation)
            self._refuse_unhashable(key, f"the key of {described(operation)}")
            parts.setdefault(key, []).append((number, operation))
        return parts

    def initial_of(self, key: Hashable) -> State:
        """Return the state in which a part begins."""
        initial: State = self._asked("initial_of", key) if hasattr(self.model, "initial_of") else self.model.initial
        self._refuse_unhashable(initial, "the initial state")
        return initial

    def _checked_step(self, state: State, operation: Operation) -> Sequence[State]:
        try:
            given: object = self.model.step(state, operation)
            states = given if isinstance(given, list) else self._listed(given)
        except RAISED as error:
            raise MpcheckError(
                f"step() of the model {self.name} has raised {reason_of(error)}, {_place(state, operation)}\n{_REMEDY}"
            ) from error
        if isinstance(states, str):
            raise MpcheckError(f"step() of the model {self.name} {states}, {_place(state, operation)}\n{_REMEDY}")
        for after in states:
            try:
                hash(after)
            except RAISED:
                self._refuse_unhashable(after, f"a state after {described(operation)}")
        return states

    def _listed(self, states: object) -> list[State] | str:
        """Return the states that a step has given back otherwise than as a list; or what is wrong with them."""
        if isinstance(states, (str, bytes, Mapping)) or not isinstance(states, Iterable):
            return f"gave back {repr_of(states)}, which is no list of states"
        listed = list(states)
        kind = type(self.model.initial)
        if kind in (tuple, frozenset) and type(states) is kind and any(type(state) is not kind for state in listed):
            return f"gave back {repr_of(states)}, which is a state rather than a list of states"
        return listed

    def _asked(self, name: str, *arguments: object) -> Any:
        """Return what the model says to a question other than `step`."""
        try:
            return getattr(self.model, name)(*arguments)
        except MpcheckError:
            raise
        except RAISED as error:
            raise MpcheckError(
                f"{name}() of the model {self.name} has raised {reason_of(error)}, asked about "
                f"{', '.join(described(one) if isinstance(one, Operation) else repr_of(one) for one in arguments)}\n"
                f"what to do: give an answer for every operation of the history, or no `{name}` at all"
            ) from error

    def _refuse_unhashable(self, state: object, which: str) -> None:
        try:
            hash(state)
        except RAISED as error:
            raise MpcheckError(
                f"{repr_of(state)}, {which} in the model {self.name}, cannot be hashed: {reason_of(error)}\n{_REMEDY}"
            ) from error

    def _refuse_what_is_none(self, model: object) -> None:
        missing = [name for name in ("initial", "step") if not hasattr(model, name)]
        if missing:
            raise MpcheckError(
                f"{repr_of(model)} is no model: it has no `{'` and no `'.join(missing)}`\n"
                "what to do: give one of pytest_mpcheck.models, or a class with `initial` and `step(state, operation)`"
            )
        if callable(getattr(model, "initial", None)):
            raise MpcheckError(
                f"`initial` of the model {self.name} is a function, not a state\n"
                "what to do: make it a value, such as `initial = 0`, or a property"
            )

    def _hint(self, name: str) -> Any:
        """Return a hint, if the class that gives it knows the `step` that is used: its own, or an inherited one."""
        if self.ours:
            return getattr(self.model, name, None)
        order = type(self.model).__mro__
        known = order.index(_home(self.model, name)) <= order.index(_home(self.model, "step"))
        return partial(self._asked, name) if known and hasattr(self.model, name) else None


def _home(model: object, name: str) -> type:
    """Return the class that has an attribute of a model; for one of the instance itself, the instance's class."""
    order = type(model).__mro__
    return next((cls for cls in order if name in vars(cls)), order[0])


def _place(state: State, operation: Operation) -> str:
    return f"in the state {repr_of(state)}, at {described(operation)}"
