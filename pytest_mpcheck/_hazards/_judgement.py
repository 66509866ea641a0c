"""Facts of forks become findings."""

from __future__ import annotations

from collections.abc import Iterator

from .._finding import Finding
from . import _locks, _preflight, _shared, _streams, _threads
from ._fork import Fork

__all__ = ["judge"]


def judge(forks: list[Fork]) -> Iterator[Finding]:
    """Yield what the forks of a span have risked."""
    told = [(fork, fork.notes.read()) for fork in forks]
    drawn: dict[tuple[str, str], list[str]] = {}
    beside = [fork for fork, notes in told if fork.threads and ["exec"] not in notes]
    if beside:
        yield _threads.finding([line for fork in beside for line in fork.threads], [_where(fork) for fork in beside])
    for fork, notes in told:
        where = _where(fork)
        if fork.obstacle:
            yield _preflight.finding(fork.obstacle, where)
        for index, lock in enumerate(fork.locks):
            if ["held", str(index)] in notes:
                yield _locks.finding(*lock, where)
        for words in notes:
            if words[0] == "drew" and len(words) == 3:
                drawn.setdefault((words[1], words[2]), []).append(where)
    yield from _shared.findings(told, _where)
    for (name, _), places in drawn.items():
        if len(places) > 1:
            yield _streams.finding(bytes.fromhex(name).decode(), places)


def _where(fork: Fork) -> str:
    who = f"process {fork.name!r}" if fork.name else "a process"
    return f"{who} (pid {fork.made.pid}), forked at {fork.where}"
