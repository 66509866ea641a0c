"""Whether a history is linearizable with respect to a model.

M. Herlihy and J. Wing, Linearizability: A Correctness Condition for Concurrent Objects, TOPLAS 1990: each operation
seems to take effect at one moment between its start and its end. This is where a history is made ready, divided, and
given to whoever decides it.

Guarantees: "yes" and "no" are right; where neither was found within the limit the verdict says so. Nothing here looks
at a clock, so that a verdict is the same each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter

from .._errors import MpcheckError
from .._excerpts import repr_of
from ._aspects import Violation
from ._grounds import grounds_of_few, grounds_of_violation
from ._lanes import NEVER
from ._operation import Operation, described
from ._queues import look_at_queue
from ._rules import Rules, State
from ._search import Search, relaxed
from ._verdict import Grounds, Verdict
from ._witness import few

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
    telling = sum(map(rules.tells, ready))
    parts = rules.parts(list(enumerate(ready)))
    states, undecided = 0, False
    for key, part in parts.items():
        verdict = _decided(rules, rules.initial_of(key), part, originals, limit - states)
        states += verdict.states
        undecided = undecided or verdict.linearizable is None
        if verdict.linearizable is False:
            return replace(verdict, states=states, telling=telling)
    return Verdict(None if undecided else True, states, telling)


def _decided(
    rules: Rules, initial: State, part: Sequence[tuple[int, Operation]], originals: Sequence[Operation], limit: int
) -> Verdict:
    states, until = 0, NEVER - 1
    searched = False
    if rules.is_queue:
        insight = look_at_queue(rules.model.bound, rules.model.initial, part, limit)
        states = insight.states
        if insight.violation is not None:
            explain = partial(_grounds_of_aspects, insight.violation, originals, rules.model.bound)
            return Verdict(False, states, _explain=explain)
        if insight.linearizable or (insight.found is not None and insight.found.linearizable is None):
            return Verdict(insight.linearizable, states)
        searched = insight.found is not None
    search = Search(rules, initial, part, limit - states)
    # What a search for known items has tried knew what would be got later on: no order may be missed before that.
    if not searched:
        found = search.run()
        states, until = states + found.states, found.until
        if found.linearizable is not False:
            return Verdict(found.linearizable, states)
    explain = partial(_grounds_of_search, rules, dict(part), search, until, originals)
    return Verdict(False, states, _explain=explain)


def _grounds_of_aspects(violation: Violation, originals: Sequence[Operation], bound: int | None) -> Grounds:
    calls = [call for call in violation.calls if call.start < NEVER]
    shown = [originals[call.number] if call.number >= 0 else None for call in calls]
    reason = grounds_of_violation(violation.aspect, shown, bound)
    return Grounds(_by_start(one for one in shown if one is not None), reason)


def _grounds_of_search(
    rules: Rules, operations: Mapping[int, Operation], search: Search, until: int, originals: Sequence[Operation]
) -> Grounds:
    numbers, minimal, settled = few(rules, operations, search, until)
    witness = [originals[number] for number in numbers]
    after = repr_of(settled.state) if settled.level else ""
    return Grounds(_by_start(witness), grounds_of_few(witness, after, minimal=minimal), minimal, after)


def _by_start(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    return tuple(sorted(operations, key=attrgetter("start")))


def _ready(rules: Rules, operation: Operation) -> Operation:
    if operation.end is not None and operation.end < operation.start:
        raise MpcheckError(
            f"{described(operation)} ends before it starts: from {operation.start} to {operation.end}\n"
            "what to do: give `start` and `end` by one clock"
        )
    if operation.end is None or (operation.raised and operation.raised not in rules.raises):
        operation = relaxed(operation)
    return rules.prepared(operation)
