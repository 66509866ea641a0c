"""`Verdict`: what the checker has found out about a history."""

from __future__ import annotations

from dataclasses import dataclass

from ._operation import Operation

__all__ = ["Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the operations could have happened one after the other.

    Attributes:
        linearizable: Yes, no, or ``None``: gave up after so many states.
        states: How many states were looked at.
        witness: Why not: a few operations that have no order by themselves, by their starts. None of them can be left
            out where `minimal`; there may be another such set that is smaller.
        reason: Why not, or why it gave up, in words.
        minimal: Whether each operation of the witness is needed.
    """

    linearizable: bool | None
    states: int = 0
    witness: tuple[Operation, ...] = ()
    reason: str = ""
    minimal: bool = True
