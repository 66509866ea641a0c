"""Which processes a span has left: those that live, whoever started them, and those that nobody has waited for.

Guarantees: nobody is waited for, and nothing is sent to anybody. Who descends from a process that was there before is
the business of that one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Iterable, Iterator

from .._finding import Finding
from .._guard._watcher import Made, Span
from .._keeper._scope import Scope
from .._process_facts import Straggler
from ._parts import Parts, is_worker, made_by_pid

__all__ = ["Processes"]

_COMMAND = 200
"""How much of a command line is told."""


class Processes:
    """Watches processes.

    Args:
        scope: What tells which processes.
    """

    kinds: tuple[str, ...] = ("process-leak", "zombie")
    may_pass = True

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._outsiders: set[int] = set()

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def begin(self) -> Collection[Hashable]:
        """Return those that are there."""
        living, zombies = self._look()
        return {one.process for one in (*living, *zombies)}

    def end(self, span: Span, before: Collection[Hashable]) -> Iterable[Finding]:
        """Tell of those that are there and were not."""
        return self._findings(span, before)

    def _look(self) -> tuple[tuple[Straggler, ...], tuple[Straggler, ...]]:
        return self._scope.family(self._outsiders)

    def _findings(self, span: Span, before: Collection[Hashable]) -> Iterator[Finding]:
        living, zombies = self._look()
        if not living and not zombies:
            return
        parts = Parts(span)
        made = {pid: made for pid, (made, _) in made_by_pid(span).items()}
        parts.pids |= {pid for pid, one in made.items() if is_worker(one)}
        stay = {one.process.pid for one in living if self._stays(one, living)}
        old = {one.process.pid for one in living if one.process in before} - stay
        by_pid = {one.process.pid: one for one in living}
        for one in living:
            pid = one.process.pid
            if (
                one.process in before
                or pid in parts.pids
                or pid in stay
                or _has_ancestor(one, by_pid, old | parts.pids)
            ):
                continue
            yield _leak(one, made.get(pid), made.get(one.parent))
        for one in zombies:
            if one.process not in before and one.process.pid not in parts.pids:
                yield _zombie(one, made.get(one.process.pid))

    def _stays(self, one: Straggler, everybody: tuple[Straggler, ...]) -> bool:
        return self._scope.is_helper(one, everybody) or self._scope.has_left(one)


def _has_ancestor(one: Straggler, by_pid: dict[int, Straggler], ancestors: Collection[int]) -> bool:
    seen: set[int] = set()
    parent = one.parent
    while parent in by_pid and parent not in seen:
        if parent in ancestors:
            return True
        seen.add(parent)
        parent = by_pid[parent].parent
    return False


def _leak(one: Straggler, made: Made | None, parent: Made | None) -> Finding:
    who = _who(one, made)
    command = one.command if len(one.command) <= _COMMAND else f"{one.command[:_COMMAND]}..."
    evidence = f"its command: {command}"
    if made is None and one.parent != os.getpid():
        whose = f"its parent is process {one.parent}"
        evidence += f"\n{whose}, started at {parent.where}" if parent else f"\n{whose}"
    if made is not None and made.kind == "process":
        remedy = "join() it; if it is not to end by itself, tell it to, or terminate() it first"
    elif made is not None and made.kind == "program":
        remedy = "wait() for it, or use `with Popen(...)`; if it is not to end by itself, terminate() it first"
    elif made is not None:
        remedy = "end it, and collect it by os.waitpid()"
    else:
        remedy = "let whoever started it end it and wait for it: a child of a child is left when its parent is killed"
    return Finding("process-leak", f"{who} still runs", _where(made, parent), evidence, remedy)


def _zombie(one: Straggler, made: Made | None) -> Finding:
    remedies = {"process": "join() it", "program": "wait() for it, or use subprocess.run()"}
    return Finding(
        "zombie",
        f"{_who(one, made)} has ended, and nobody has waited for it",
        _where(made, None),
        "it is still in the table of processes, as a zombie: how it ended is unknown to the test",
        remedies.get(made.kind if made else "", "collect it by os.waitpid()"),
    )


def _who(one: Straggler, made: Made | None) -> str:
    if made is None:
        return f"process {one.process.pid} ({one.name})"
    method = f", {made.start_method}" if made.start_method else ""
    if made.name:
        return f"{'process' if made.kind == 'process' else 'program'} {made.name!r} (pid {one.process.pid}{method})"
    return f"forked process {one.process.pid}"


def _where(made: Made | None, parent: Made | None) -> str:
    return made.where if made else parent.where if parent else ""
