"""Examining a process and all that descends from it.

Guarantees: it ends, however many there are: the stacks of at most `MOST` processes are taken, and of none once
`PATIENCE` seconds are over. They are asked one after the other, since a forked process answers into the same file as
the one that it was forked from.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from .. import _platforms
from .._clock import Deadline
from .._process_facts import ProcessFacts
from . import _stacks

__all__ = ["Known", "examine", "examine_descendants", "stacks_words"]

MOST = 32
"""Of how many processes of a tree the stacks are taken."""

PATIENCE = 8.0
"""How long an examination goes on asking for stacks, in seconds."""

LONGEST = 20_000
"""How many characters of a process's stacks are kept; those of a deep recursion have no end."""


class Known(NamedTuple):
    """What we know of a process because we have started it.

    Attributes:
        name: Its name.
        start_method: How it was started.
        origin: Where the test started it.
        stacks_path: The file that it was told to write its stacks to; ``None`` when there is none.
    """

    name: str
    start_method: str
    origin: str
    stacks_path: str | None


def examine(pid: int, known: Mapping[int, Known]) -> tuple[ProcessFacts, ...]:
    """Examine one process and all that descends from it.

    Args:
        pid: The process.
        known: What is known of it and of others, by pid.

    Returns:
        The facts of each living process, that one first; nothing once it is gone.
    """
    return _examine(_platforms.tree_of(pid), known)


def examine_descendants(known: Mapping[int, Known]) -> tuple[ProcessFacts, ...]:
    """Examine all that descends from this process.

    Args:
        known: What is known of some of them, by pid.

    Returns:
        The facts of each living process; nothing when there are none but helpers of `multiprocessing`.
    """
    descendants = _platforms.tree_of(os.getpid())[1:]
    return () if all(facts.is_helper for facts in descendants) else _examine(descendants, known)


def stacks_words(processes: tuple[ProcessFacts, ...]) -> str:
    """Return the stacks of the first process, or in parentheses why there are none."""
    if not processes:
        return "(none: the process has just ended)"
    return processes[0].stacks or f"(none: {processes[0].source})"


def _examine(processes: Iterable[ProcessFacts], known: Mapping[int, Known]) -> tuple[ProcessFacts, ...]:
    deadline = Deadline(PATIENCE)
    found: list[ProcessFacts] = []
    for facts in processes:
        pid = facts.process.pid
        this = known.get(pid)
        named = (
            facts
            if this is None
            else replace(
                facts, name=this.name, start_method=this.start_method or facts.start_method, origin=this.origin
            )
        )
        if named.is_helper:
            source = "a helper of multiprocessing"
        elif len(found) >= MOST or deadline.passed():
            source = "too many processes to ask each of them"
        else:
            waits = _waits_of(pid)  # the signal that asks for stacks would interrupt them
            stacks, source = _stacks_of(named, this.stacks_path if this else None)
            named = replace(named, stacks=stacks, waits=waits)
        found.append(replace(named, source=source))
    return tuple(found)


def _stacks_of(facts: ProcessFacts, path: str | None) -> tuple[str, str]:
    pid = facts.process.pid
    if path is None and _platforms.STACK_SIGNAL is not None:
        path = _platforms.stacks_file(pid, _platforms.STACK_SIGNAL)
    text, unasked = _stacks.ask(pid, path, facts.state)
    if text:
        return _bounded(text), "told by itself"
    text, reader, unseen = _stacks.look(pid) if facts.state != "zombie" else ("", "", "it has no memory any more")
    if text:
        return _bounded(text), f"read from outside by {reader}: {unasked}"
    return "", f"{unasked}; {unseen}"


def _waits_of(pid: int) -> tuple[str, ...]:
    waits = _platforms.waits_of(pid)
    return tuple(f"{'main thread' if wait.thread == pid else f'thread {wait.thread}'} {wait.what}" for wait in waits)


def _bounded(text: str) -> str:
    text = text.rstrip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n... ({len(text) - LONGEST} characters more)"
