"""Could the operations that these spans are have come one after the other?

Guarantees: those of `_linearizability.check`. The operation of a span without an end may have taken effect at any time
after its begin, or never.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from .._history._chronicle import Chronicle, Span
from .._linearizability import LIMIT, UNKNOWN, Operation, check
from .._linearizability._operation import described
from ._broken import Broken, some_of
from ._increments import as_additions, counts
from ._selection import Selection, What
from ._timeline import moment

__all__ = ["broken_linearizability"]

MOST_OPERATIONS = 12
"""How many operations of a witness are told; the timeline marks them all."""


def broken_linearizability(selection: Selection, model: object, name: What | None, limit: int | None) -> Broken | None:
    """Tell why operations are not linearizable; ``None`` when they are.

    Args:
        selection: The filters.
        model: What the object is to be like.
        name: What the spans are called before the name of the operation; ``None`` for all spans.
        limit: How many states to look at before giving up; ``None`` for what the checker thinks right.

    Raises:
        AssertionError: There is no such span.
        MpcheckError: The model is none, or does not know one of the operations.
    """
    chronicle = selection.chronicle
    spans = _spans(selection, name)
    operations = _operations(chronicle, spans)
    if counts(model):
        operations = as_additions(operations)
    whose = f"the operations on {name!r}" if isinstance(name, str) else "the operations"
    rule = f"assert_linearizable: {whose} have to be possible one after the other, as on a {_name_of(model)}"
    if not chronicle.clock_is_shared and len({span.begin.id.source for span in spans}) > 1:
        return Broken(
            f"{rule}; cannot tell, this platform has no clock for all processes",
            (),
            (),
            "let one process do all of them, in threads",
        )
    verdict = check(model, operations, LIMIT if limit is None else limit)
    if verdict.linearizable and verdict.telling:
        return None
    if verdict.linearizable:
        return Broken(
            f"{rule}; cannot tell, none of the {len(operations)} has a result that could show anything",
            (),
            (),
            "note what each operation gave back: `with span(...) as operation: operation.note(result=...)`",
        )
    if verdict.linearizable is None:
        return Broken(
            f"{rule}; {verdict.reason}",
            (),
            (),
            "give a larger limit=, or record fewer operations at the same time",
        )

    def words(operation: Operation) -> str:
        return f"  {described(operation)}, {_spans_words(chronicle, [spans[number] for number in _tag_of(operation)])}"

    marked = [spans[number] for operation in verdict.witness for number in _tag_of(operation)]
    return Broken(
        f"{rule}, and are not",
        (verdict.reason, *some_of(verdict.witness, words, MOST_OPERATIONS)),
        tuple(event for span in marked for event in (span.begin, span.end) if event),
        "make each operation indivisible, such as by the lock of the object (`with value.get_lock():`); or, where the "
        "object is right, give the model that it is, with the state in which it began",
    )


def _spans(selection: Selection, name: What | None) -> tuple[Span, ...]:
    if name is not None and not isinstance(name, str):
        return selection.needed_spans(name)
    spans = tuple(span for span in selection.spans() if name is None or _parts(span.name)[0] == name)
    if not spans:
        raise AssertionError(selection.nothing("span", "" if name is None else f"{name}.<operation>"))
    return spans


def _operations(chronicle: Chronicle, spans: Sequence[Span]) -> list[Operation]:
    threads: dict[int, set[int]] = defaultdict(set)
    for span in spans:
        threads[span.begin.id.source].add(span.begin.thread)
    operations: list[Operation] = []
    for number, span in enumerate(spans):
        begin, end = span.begin, span.end
        source = chronicle.source_of(begin)
        thread = f", thread {begin.thread}" if len(threads[begin.id.source]) > 1 else ""
        noted = end.data if end else {}
        raised = noted.get("raised", "")
        operations.append(
            Operation(
                _parts(span.name)[1],
                begin.data,
                noted.get("result", UNKNOWN),
                begin.at,
                end.at if end else None,
                f"{source.name} (pid {source.process.pid}){thread}",
                raised if isinstance(raised, str) else "",
                (number,),
            )
        )
    return operations


def _parts(name: str) -> tuple[str, str]:
    """Return the object and the operation in the name of a span; a watched function is one of its module."""
    operation = name.replace(":", ".").rpartition(".")[2]
    return name[: -len(operation) - 1], operation


def _name_of(model: object) -> str:
    return (model if isinstance(model, type) else type(model)).__name__


def _tag_of(operation: Operation) -> tuple[int, ...]:
    """Return the numbers of the spans that an operation consists of."""
    return operation.tag if isinstance(operation.tag, tuple) else ()


def _spans_words(chronicle: Chronicle, spans: Sequence[Span]) -> str:
    begin, end = spans[0].begin, spans[-1].end
    source = chronicle.source_of(begin)
    words = f"by {source.name!r} (pid {source.process.pid})"
    if not chronicle.clock_is_shared:
        return words
    words += f" from {moment(chronicle, begin)} ms"
    return f"{words} to {moment(chronicle, end)} ms" if end else words
