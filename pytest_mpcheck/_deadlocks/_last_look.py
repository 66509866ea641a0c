"""The last look at a test whose time is up: is it a deadlock?"""

from __future__ import annotations

import os
from types import FrameType

from .. import _platforms
from .._clock import Deadline, wait_until
from .._records import Deadlock

__all__ = ["PATIENCE", "may_be_deadlocked", "prove"]

PATIENCE = 1.5
"""How long a proof may take, in seconds."""

_WAITING = frozenset(
    ("concurrent", "multiprocessing", "pytest_mpcheck", "queue", "selectors", "socket", "subprocess", "threading")
)
"""Packages in whose functions a thread waits for another thread or process; ours stands in front of `os.waitpid`."""


def may_be_deadlocked(frame: FrameType) -> bool:
    """Return whether a thread, given what it has been interrupted in, may have waited for other processes of ours."""
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in _WAITING and len(_platforms.tree_of(os.getpid())) > 1


def prove() -> Deadlock | None:
    """Prove that all of this process and its descendants wait for each other, but for the thread that asks."""
    from ._vigil import Vigil, names_of_children

    vigil, deadline, proofs = Vigil(None, 0, names_of_children), Deadline(PATIENCE), list[Deadlock]()

    def is_proved() -> bool:
        if (proof := vigil.look()) is not None:
            proofs.append(proof)
        return bool(proofs)

    if vigil.pause() < float("inf"):  # else nothing can be proved here
        wait_until(is_proved, deadline, vigil.pause())
    return proofs[0] if proofs else None
