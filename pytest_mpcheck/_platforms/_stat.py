"""What Linux tells of a process in `/proc/PID/stat`."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Stat", "stat_of"]


class Stat(NamedTuple):
    """What `/proc/PID/stat` tells of a process."""

    name: str
    state: str
    parent: int
    session: int
    start_token: str


def stat_of(pid: int) -> Stat | None:
    """Read `/proc/PID/stat`; ``None`` once the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # one call: the look at everybody is for each test
            text = file.read(4096).decode(errors="replace")
    except OSError:
        return None
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return Stat(head.partition("(")[2], fields[0], int(fields[1]), int(fields[3]), fields[19])
