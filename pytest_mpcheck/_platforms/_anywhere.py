"""What works on every platform, if not best on each."""

from __future__ import annotations

__all__ = ["start_token"]


def start_token(pid: int) -> str:
    """Return the creation time that psutil tells; empty once the process is gone."""
    import psutil

    try:
        return repr(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""
