"""What a fork makes of a process that records: another one, with a file of its own.

Guarantees: what the child records comes after what its parent had recorded before the fork, and goes into no file of
the parent's, whatever other threads of the parent were doing. Children load this module once they listen.
"""

from __future__ import annotations

import os

from . import _log

__all__ = ["watch_forks"]

_is_watching = False
_before: tuple[str, int] | None = None


def watch_forks() -> None:
    """See to it that each fork is heard of, from now on."""
    global _is_watching  # noqa: PLW0603
    if not _is_watching and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
    _is_watching = True


def _before_fork() -> None:
    global _before  # noqa: PLW0603
    _before = _log.here()


def _after_fork() -> None:
    """Be a process of its own, which has recorded nothing yet."""
    for ring in _log._rings.values():
        ring.leave()
    _log._rings.clear()
    _log._ring = None
    _log._epoch = 0
    _log._origin, _log._method = _before, "fork"
    _log._forget()
