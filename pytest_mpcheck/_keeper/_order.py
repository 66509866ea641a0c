"""`Order`: what pytest tells its keeper, on the keeper's command line."""

from __future__ import annotations

from collections.abc import Sequence

from .._record import record
from .._records import ProcessId
from ._scope import Scope

__all__ = ["Order"]


@record(frozen=True, slots=True)
class Order:
    """What a keeper is to keep.

    Attributes:
        scope: The run.
        controller: The process that pytest does not outlive either, for a worker of pytest-xdist.
    """

    scope: Scope
    controller: ProcessId | None

    def words(self) -> list[str]:
        """Return it as words of a command line."""
        scope = self.scope
        controller = _word(self.controller) if self.controller else ""
        strict = "strict" if scope.strict else ""
        brand = str(scope.brand or "")
        return [scope.folder, _word(scope.pytest), str(scope.session), controller, strict, brand, *scope.keep]

    @classmethod
    def of(cls, words: Sequence[str]) -> Order:
        """Read it from those words."""
        folder, pytest, session, controller, strict, brand, *keep = words
        scope = Scope(folder, _process(pytest), int(session), bool(strict), tuple(keep), int(brand) if brand else None)
        return cls(scope, _process(controller) if controller else None)


def _word(process: ProcessId) -> str:
    return f"{process.pid}:{process.start_token}"


def _process(word: str) -> ProcessId:
    pid, _, token = word.partition(":")
    return ProcessId(int(pid), token)
