"""Whether a history is linearizable with respect to a model.

M. Herlihy and J. Wing, Linearizability: A Correctness Condition for Concurrent Objects, TOPLAS 1990: each operation
seems to take effect at one moment between its start and its end. This is where a history is made ready, divided, and
given to whoever decides it.

Guarantees: "yes" and "no" are right; where neither was found within the limit the verdict says so. Nothing here looks
at a clock, so that a verdict is the same each time.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._errors import MpcheckError
from ._operation import Operation, described
from ._queues import look_at_queue
from ._rules import Rules
from ._search import Search, relaxed
from ._verdict import Verdict

__all__ = ["LIMIT", "check"]

LIMIT = 500_000
"""How many states are looked at before the checker gives up."""


def check(model: object, operations: Iterable[Operation], limit: int = LIMIT) -> Verdict:
    """Decide whether operations could have happened one after the other.

    Args:
        model: What the object is to be like: one of `pytest_mpcheck.models`, or a class with ``initial`` and ``step``,
            or an instance of such.
        operations: What was done, in any order.
        limit: How many states to look at before giving up.

    Returns:
        Yes, no with a witness, or that it gave up.

    Raises:
        MpcheckError: The model is none, breaks, or does not know one of the operations; or an operation makes no sense.
    """
    rules = Rules(model)
    originals = list(operations)
    ready = [_ready(rules, operation) for operation in originals]
    states = 0
    gave_up = None
    for key, part in rules.parts(list(enumerate(ready))).items():
        if rules.is_queue:
            insight = look_at_queue(rules.model.bound, rules.model.initial, part, limit - states)
            states += insight.states
            if insight.final:
                return Verdict(insight.linearizable, states)
        found = Search(rules, rules.initial_of(key), part, limit - states).run()
        states += found.states
        if found.linearizable is False:
            return Verdict(False, states)
        if found.linearizable is None:
            gave_up = Verdict(None, states)
    return gave_up or Verdict(True, states)


def _ready(rules: Rules, operation: Operation) -> Operation:
    if operation.end is not None and operation.end < operation.start:
        raise MpcheckError(
            f"{described(operation)} ends before it starts: from {operation.start} to {operation.end}\n"
            "what to do: give `start` and `end` by one clock"
        )
    if operation.end is None or (operation.raised and operation.raised not in rules.raises):
        operation = relaxed(operation)
    return rules.prepared(operation)
