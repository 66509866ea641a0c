"""Who has taken a rule, as its file tells."""

from __future__ import annotations

import marshal
from typing import NamedTuple

from .. import _platforms
from .._records import ProcessId
from .._regular_file import open_regular_file

__all__ = ["Taker", "taker_of"]


class Taker(NamedTuple):
    """Who has taken a rule: whoever was held, killed or delayed, the first one.

    Attributes:
        pid: The process.
        thread: The number of the thread in it (`threading.get_ident`).
        name: The name of the process.
        key: The source in which the arrival was recorded.
        sequence: The place of the arrival in it.
        at: When it was taken, by the clock of events.
    """

    pid: int
    thread: int
    name: str
    key: str
    sequence: int
    at: int

    @property
    def process(self) -> ProcessId:
        """The process, that one and no later one with its pid."""
        return ProcessId(self.pid, self.key.split("-")[1])

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return _platforms.is_alive(self.process)


def taker_of(claim: str) -> Taker | None:
    """Read who has taken a rule.

    Args:
        claim: The file that says so.

    Returns:
        Who; ``None`` when nobody has, or is about to say so.
    """
    try:
        with open_regular_file(claim) as file:
            return Taker(*marshal.load(file))
    except (OSError, EOFError, ValueError, TypeError):
        return None
