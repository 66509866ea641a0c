"""Tells which kind of deadlock it is, as far as what was seen proves it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._process_facts import Awaited, ThreadWait
from .._records import Deadlock

__all__ = ["explain"]

_READ_FIRST = (
    "read before you wait: take all that a child puts into a queue or pipe (get(), recv()) before you join() it, "
    "since it does not end while it has data to deliver"
)
_WRITE_FIRST = (
    "put or send what it waits for, or an end marker such as None, before you wait for its end, and close the ends of "
    "pipes that a process does not use"
)
_SAME_ORDER = (
    "take locks in the same order everywhere (the usual cause is two locks taken in opposite order), or give acquire() "
    "a timeout"
)
_RELEASE = (
    "release it before you wait for those who need it (with lock: ...); a lock that a process held when it died stays "
    "locked: make a new one"
)
_OWN_LOCK = (
    "a process that is forked while another thread holds a lock inherits the lock and not the thread: fork before "
    "threads are started, or use another start method; and release in one process what it acquired"
)
_LET_ONE_GO = "see who waits for whom, and let one of them go on without the other"

Members = Sequence[tuple[int, tuple[ThreadWait, ...]]]
Givers = Mapping[Awaited, tuple[int, ...]]


def explain(members: Members, givers: Givers, names: Mapping[int, str], first: int | None) -> Deadlock:
    """Name a proved deadlock.

    Args:
        members: The processes with what each of their threads waits for; the one that looked first.
        givers: Which of the processes could give what somebody waits for.
        names: Names of processes.
        first: The process that was waited for, when it was one.

    Returns:
        Its kind, the remedy, and the waits as evidence.
    """
    here, others = members[0][0], dict(members[1:])
    name = _Names(here, names, None)
    waits = tuple(line for pid, threads in members for line in _lines(pid, threads, givers, name))
    what, remedy = _kind(_chain(first, others), others, givers, _Names(here, names, first))
    return Deadlock(what, remedy, waits)


def _chain(first: int | None, others: Mapping[int, tuple[ThreadWait, ...]]) -> list[int]:
    """Return the processes in the order of who waits for whose end, then all others."""
    chain: list[int] = []
    following = first
    while following in others and following not in chain:
        assert following is not None
        chain.append(following)
        ends = [int(one.key) for one in _awaited(others[following]) if one.kind == "process"]
        following = next((pid for pid in ends if pid in others), None)
    return chain + [pid for pid in others if pid not in chain]


def _kind(
    chain: list[int], others: Mapping[int, tuple[ThreadWait, ...]], givers: Givers, name: _Names
) -> tuple[str, str]:
    for pid in chain:
        for wait in others[pid]:
            for one in wait.awaited:
                if one.verb == "write":
                    return _full_pipe(pid, one, len(others[pid]) > 1, givers, name)
    locked = {pid: [one.key for one in _awaited(others[pid]) if one.kind == "shared lock"] for pid in chain}
    waiting = {pid: keys for pid, keys in locked.items() if keys}
    if waiting and chain[0] in waiting:
        return _locks(waiting, name)
    for pid in chain:
        objects = _awaited(others[pid])
        for one in objects:
            if any(giver not in others and giver != name.here for giver in givers.get(one, ())):
                continue  # a fork server's: it tells of a child's end, see there
            if one.kind == "pipe" and one.verb == "read":
                return _nobody_writes(pid, f"pipe {one.key}", givers.get(one, ()), name)
            if one.kind == "socket":
                return _nobody_writes(pid, f"socket {one.key}", givers.get(one, ()), name)
        if objects and all(one.kind == "lock" for one in objects):
            return (
                f"{name.of(pid)} waits for a lock of its own that no thread of it can release",
                _OWN_LOCK,
            )
    return "every process waits for another", _LET_ONE_GO


def _full_pipe(pid: int, pipe: Awaited, has_feeder: bool, givers: Givers, name: _Names) -> tuple[str, str]:
    readers = [reader for reader in givers.get(pipe, ()) if reader != pid]
    who = " or ".join(name.of(reader) for reader in readers) or "nobody"
    verb = "waits" if len(readers) < 2 else "wait"
    writer = f"{name.of(pid)} cannot end: the feeder thread of its queue" if has_feeder else name.of(pid)
    if not readers:
        rest = "which nobody else has open"
    else:
        rest = f"which {who} could read, but {'it' if len(readers) == 1 else 'they'} {verb} as well"
    return (
        f"{writer} waits to write to the full pipe {pipe.key}, {rest}",
        _READ_FIRST,
    )


def _locks(waiting: Mapping[int, list[str]], name: _Names) -> tuple[str, str]:
    who = " and ".join(name.of(pid) for pid in waiting)
    if len({key for keys in waiting.values() for key in keys}) > 1:
        return (
            f"{who} wait for different locks that only they, or those who wait for them, could release",
            _SAME_ORDER,
        )
    verb = "waits" if len(waiting) == 1 else "wait"
    return (
        f"{who} {verb} for a lock, semaphore or condition that nobody is awake to release",
        _RELEASE,
    )


def _nobody_writes(pid: int, what: str, writers: tuple[int, ...], name: _Names) -> tuple[str, str]:
    others = [writer for writer in writers if writer != pid]
    if others:
        who = " and ".join(name.of(writer) for writer in others)
        rest = f"into which only {who} could write, and {'it waits' if len(others) == 1 else 'they wait'} as well"
    else:
        rest = "into which nobody else can write" if pid in writers else "into which nobody can write"
    return (
        f"{name.of(pid)} waits to read from {what}, {rest}",
        _WRITE_FIRST,
    )


def _lines(pid: int, threads: tuple[ThreadWait, ...], givers: Givers, name: _Names) -> list[str]:
    lines = []
    for wait in threads:
        who = dict.fromkeys(giver for one in wait.awaited for giver in givers.get(one, ()) if giver != pid)
        known = any(one in givers for one in wait.awaited)
        lock = any(one.kind == "lock" for one in wait.awaited)
        could = ", ".join(name.of(giver) for giver in who) or "nobody else"
        tail = "" if lock or not known else f" (could give it: {could})"
        lines.append(f"{name.of(pid)}, thread {wait.thread}: {wait.what}{tail}")
    return lines


def _awaited(threads: tuple[ThreadWait, ...]) -> list[Awaited]:
    return [one for wait in threads for one in wait.awaited]


class _Names:
    def __init__(self, here: int, names: Mapping[int, str], it: int | None) -> None:
        self.here = here
        self._it = it
        self._names = names

    def of(self, pid: int) -> str:
        """Name a process in a sentence."""
        if pid == self.here:
            return "the test"
        if pid == self._it:
            return "it"
        return f"child {self._names[pid]!r} (pid {pid})" if pid in self._names else f"process {pid}"
