"""Processes become text here: a pure function from facts to lines.

Guarantees: however many processes there are, the text stays readable: those with the same stacks are told together,
and what is too much is left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ._process_facts import ProcessFacts
from ._records import Deadlock

__all__ = ["process_line", "process_lines", "time_limit_words"]

MOST_GROUPS = 8
"""How many processes, or groups of processes that are alike, are told in full."""

MOST_LINES = 60
"""How many lines of stacks are told of each."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+|\b[Tt]hread \d+\b|\bpid \d+")
"""What differs between the stacks of two processes that do the same."""

_WAY = re.compile(r"_children[/\\]_(?:call|inside|worker)\.py\"")
"""A frame of the way from the start of a child to its target; in a forked child all of pytest's lies below it."""


def process_line(facts: ProcessFacts, processes: Sequence[ProcessFacts] = ()) -> str:
    """Tell a process in a line: name, pid, start method, who started it, state, age, processor time.

    Args:
        facts: The process.
        processes: Those among which its parent may be.
    """
    pid, method = facts.process.pid, facts.start_method
    who = f"{facts.name!r} " if facts.name else f"the {method} of multiprocessing " if facts.is_helper else ""
    kind = f", {method}" if method and not facts.is_helper else ""
    line = f"{who}(pid {pid}{kind})" if who else f"process {pid}{f' ({method})' if method else ''}"
    if facts.origin:
        line += f", started by the test at {facts.origin}"
    else:
        starter = next((other for other in processes if other.process.pid == facts.parent), None)
        name = f"{starter.name!r} (pid {facts.parent})" if starter and starter.name else f"process {facts.parent}"
        line += f", started by {name}"
    return f"{line}: {facts.state}, {facts.age:.1f} s old, {facts.cpu:.2f} s of CPU used"


def process_lines(processes: Sequence[ProcessFacts]) -> Iterator[str]:
    """Tell living processes: a line for each, and below it what it waits for and its stacks.

    Args:
        processes: The processes of a tree, or of several.

    Yields:
        The lines, without their ends.
    """
    groups: dict[object, list[ProcessFacts]] = {}
    for facts in processes:
        if facts.start_method != "resource tracker":  # nobody waits for it
            groups.setdefault(_likeness(facts), []).append(facts)
    told = sorted(groups.values(), key=lambda group: not group[0].stacks)[:MOST_GROUPS]
    for group in groups.values():
        if group not in told:
            continue
        first = group[0]
        if len(group) > 1:
            yield f"{len(group)} processes alike:"
        for facts in group:
            yield process_line(facts, processes)
            if facts.events:
                yield "    last of what it recorded:"
                yield from (f"        {event}" for event in facts.events)
        yield from (f"    {wait}" for wait in first.waits)
        yield from (f"    {line}" for line in _stack_lines(first, of_many=len(group) > 1))
    left = [facts for group in groups.values() if group not in told for facts in group]
    if left:
        pids = ", ".join(str(facts.process.pid) for facts in left)
        yield f"... and {len(left)} more processes: pids {pids}"


def time_limit_words(
    processes: Sequence[ProcessFacts],
    held: Sequence[str] = (),
    deadlock: Deadlock | None = None,
    limit: str = "the limit of pytest-timeout",
) -> str:
    """Tell what the processes of a test were doing when the test was out of time; nothing when there are none.

    Args:
        processes: The processes.
        held: A sentence for each hold at which one of them is held.
        deadlock: That it is one, if that is proved.
        limit: What to raise, should they have needed the time.
    """
    if not processes:
        return ""
    count = sum(not facts.is_helper for facts in processes)
    head = f"alive below the process of the test when its time was up ({count}):"
    lines = [head, *(f"    {line}" for line in process_lines(processes)), *held]
    if deadlock is None:
        remedy = f"see what they wait for; let them end in time, or raise {limit}"
    else:
        lines += [f"that is a deadlock, as is proved: {deadlock.what}", "who waits for what:"]
        lines += [f"    {line}" for line in deadlock.waits]
        remedy = deadlock.remedy
    return "\n".join([*lines, f"what to do: {remedy}"])


def _likeness(facts: ProcessFacts) -> object:
    """Return what is equal for two processes that do the same."""
    if facts.stacks:
        return _ADDRESS.sub("", facts.stacks)
    return facts.start_method, facts.command, facts.state, facts.source


def _stack_lines(facts: ProcessFacts, *, of_many: bool) -> Iterator[str]:
    if not facts.stacks:
        if not facts.is_helper:
            yield f"no stacks: {facts.source}"
            if facts.command:
                yield f"command: {facts.command[:200]}"
        return
    if facts.command and not facts.start_method:
        yield f"command: {facts.command[:200]}"
    whose = f"stacks of pid {facts.process.pid}" if of_many else "stacks"
    yield f"{whose} ({facts.source}):"
    lines = list(_without_the_way(facts.stacks.splitlines()))
    yield from (f"    {line}" for line in lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        yield f"    ... ({len(lines) - MOST_LINES} lines more)"


def _without_the_way(lines: list[str]) -> Iterator[str]:
    """Leave out, in each thread's stack, what is below the first frame of the way to the target."""
    left_out = False
    for line in lines:
        left_out = left_out and line.startswith(" ")
        if not left_out:
            yield line
            left_out = bool(_WAY.search(line))
