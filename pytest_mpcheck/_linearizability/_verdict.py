"""`Verdict`: what the checker has found out about a history.

Guarantees: the decision stands when the verdict is made. Why it is "no" is found out when somebody asks, once: a test
that passes has no use for it, and it may take longer than the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from ._operation import Operation

__all__ = ["Grounds", "Verdict"]


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why a history is not linearizable.

    Attributes:
        witness: A few operations that have no order by themselves, by their starts. There may be another such set that
            is smaller.
        reason: The same in words.
        minimal: Whether each operation of the witness is needed.
        after: The state from which on the witness has no order, where that is not the beginning: every order of what
            went before leads to it.
    """

    witness: tuple[Operation, ...] = ()
    reason: str = ""
    minimal: bool = True
    after: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether the operations could have happened one after the other.

    Attributes:
        linearizable: Yes, no, or ``None``: gave up after so many states.
        states: How many states were looked at.
        telling: How many operations could have shown that something is wrong. A "yes" without any proves nothing, as
            that of a register of which no `read` has a result.
    """

    linearizable: bool | None
    states: int = 0
    telling: int = 0
    _explain: Callable[[], Grounds] = field(default=Grounds, repr=False, compare=False)

    @cached_property
    def grounds(self) -> Grounds:
        """Why not."""
        return self._explain()

    @property
    def witness(self) -> tuple[Operation, ...]:
        """A few operations that show why not."""
        return self.grounds.witness

    @property
    def reason(self) -> str:
        """Why not, or why it gave up, in words."""
        if self.linearizable is None:
            return f"gave up after {self.states:,} states"
        return self.grounds.reason

    @property
    def minimal(self) -> bool:
        """Whether each operation of the witness is needed."""
        return self.grounds.minimal

    @property
    def after(self) -> str:
        """The state from which on the witness has no order, where that is not the beginning."""
        return self.grounds.after
