"""Which pools, executors and managers a span has made and never closed.

Guarantees: none of them is kept alive. One that nobody holds any more is no leak: Python closes it, and warns of it by
itself (`ResourceWarning`). What loky keeps for whoever wants it next is none either.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Any, NamedTuple

from .._finding import Finding
from .._guard._watcher import Made, Span
from ._parts import is_open, workers_of

__all__ = ["Owners"]


class _Words(NamedTuple):
    """How a sort of owners is told.

    Attributes:
        kind: The kind of the finding.
        never: What nobody has done to it.
        remedy: What to do.
    """

    kind: str
    never: str
    remedy: str


_EXECUTOR = _Words("executor-leak", "was never shut down", "use `with`, or shutdown() it")

_POOL = _Words(
    "pool-leak", "was never closed", "close() and join() it; `with` ends it too, but by terminate(): see lost-output"
)

_WORDS = {
    "pool": _POOL,
    "thread pool": _POOL,
    "executor": _EXECUTOR,
    "thread executor": _EXECUTOR,
    "manager": _Words("manager-leak", "was never shut down", "use `with`, or shutdown() it"),
}


class Owners:
    """Watches pools, executors and managers."""

    kinds: tuple[str, ...] = ("executor-leak", "manager-leak", "pool-leak")
    may_pass = True

    def open(self) -> None:
        """Do nothing: the guard's doors tell what is made."""

    def close(self) -> None:
        """Do nothing."""

    def begin(self) -> Collection[Hashable]:
        """Return nothing: spans know what they have made."""
        return ()

    def end(self, span: Span, before: Collection[Hashable]) -> Iterable[Finding]:
        """Tell of those of the span that are open."""
        return [_leak(made) for made in span.made if made.kind in _WORDS and is_open(made)]


def _leak(made: Made) -> Finding:
    words = _WORDS[made.kind]
    thing: Any = made.object() if made.object is not None else None
    name = type(thing).__name__
    address = getattr(thing, "_address", None)
    what = f"{name} at {address!r}" if made.kind == "manager" and isinstance(address, str) else name
    return Finding(words.kind, f"{what} {words.never}", made.where, workers_of(thing), words.remedy)
