"""What works on every platform, if not best on each."""

from __future__ import annotations

from .._records import ThreadWait
from ._kinship import Kin

__all__ = ["kin", "start_token", "waits_of"]


def start_token(pid: int) -> str:
    """Return the creation time that psutil tells; empty once the process is gone."""
    import psutil

    try:
        return repr(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""


def waits_of(pid: int) -> tuple[ThreadWait, ...]:
    """Return nothing: what a thread waits for is not known."""
    return ()


def kin() -> Kin | None:
    """Return ``None``: who could give what is not known."""
    return None
