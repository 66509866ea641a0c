"""Facts become text here: pure functions from records to sentences and lines.

Every message has four parts: what happened, with the value; where; evidence; what to do. None is longer than a reader
would bear, whatever a child has written.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from typing import assert_never

from ._event_words import event_lines
from ._excerpts import repr_of, shortened
from ._process_facts import Straggler, Swept
from ._process_words import process_lines
from ._records import (
    ChildReport,
    Deadlock,
    Exited,
    Outcome,
    ProcessId,
    Raised,
    Returned,
    Signalled,
    Stuck,
)

__all__ = [
    "RAISE_THE_LIMIT",
    "child_line",
    "ending",
    "exit_words",
    "keeper_lines",
    "message",
    "output_sections",
    "preload_lines",
    "signal_name",
    "swept_lines",
    "tail",
]

RAISE_THE_LIMIT = "raise the limit (--mp-timeout, mp_timeout, @pytest.mark.mp(timeout=...))"

TAIL_LINES = 20
"""How much of a child's output goes into a message; the report sections have more of it."""

TAIL_LENGTH = 10_000
"""How many characters of those lines, at most."""

_COMMAND = 200
"""How much of a command line is told."""

TRACEBACK_LENGTH = 20_000
"""How much of a traceback goes into a message, in characters."""


def signal_name(number: int) -> str:
    """Return a signal's name, such as ``SIGSEGV``; ``signal 35`` for one that has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def exit_words(exitcode: int | None) -> str:
    """Tell an exit code as `multiprocessing.Process.exitcode` has it: by name where it stands for a signal."""
    if exitcode is None:
        return "still running"
    return f"ended by {signal_name(-exitcode)}" if exitcode < 0 else f"exit code {exitcode}"


def ending(outcome: Outcome) -> str:
    """Tell in a few words how a child ended."""
    match outcome:
        case Returned():
            return "returned"
        case Raised(type_name=name, text=text):
            return f"raised {name}: {text}" if text else f"raised {name}"
        case Exited(code=code, obstacle=obstacle):
            words = f"exited with code {code} without returning a result"
            return f"{words}: {obstacle}" if obstacle else words
        case Signalled(number=number):
            return f"was ended by {signal_name(number)}"
        case Stuck(seconds=seconds, deadlock=Deadlock(what=what)):
            return f"is deadlocked: {what}" + (f" (proved after {seconds:.1f} s)" if seconds else " (proved)")
        case Stuck(seconds=seconds):
            return f"was still running after {seconds:g} s" if seconds else "is still running"
        case _:
            assert_never(outcome)


def child_line(report: ChildReport) -> str:
    """Name a child: name, pid, start method."""
    return f"child {repr_of(report.name)} (pid {report.process.pid}, {report.start_method})"


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a text, and say how many there were before; very long ones are shortened."""
    all_lines = text.splitlines()
    last = shortened("\n".join(all_lines[-lines:]), TAIL_LENGTH)
    return last if len(all_lines) <= lines else f"... ({len(all_lines) - lines} lines before)\n{last}"


def message(what: str, report: ChildReport, remedy: str) -> str:
    """Make the message of an error about one child.

    Args:
        what: The sentence that follows the child's name.
        report: The child; its stacks, those of its descendants, and its output are the evidence.
        remedy: What to do about it.

    Returns:
        Several lines without a final newline.
    """
    parts = [f"{child_line(report)} {what}"]
    parts += report.facts
    if isinstance(report.outcome, Stuck) and report.outcome.deadlock is not None:
        parts.append("who waits for what:\n" + _indent("\n".join(report.outcome.deadlock.waits)))
    if report.processes:
        parts.append("alive at that moment:\n" + _indent("\n".join(process_lines(report.processes))))
    elif report.stacks:
        parts.append(f"its stacks:\n{_indent(report.stacks)}")
    if isinstance(report.outcome, Raised) and report.outcome.traceback:
        parts.append(f"its traceback:\n{_indent(shortened(report.outcome.traceback, TRACEBACK_LENGTH))}")
    if report.events and not report.processes:  # those of a living one stand beside what it is doing
        lines = event_lines(report.events, report.seen_at)
        moment = "now" if isinstance(report.outcome, Stuck) else "its end was seen"
        parts.append(f"last of what it recorded, before {moment}:\n" + _indent("\n".join(lines)))
    for stream, text in (("stdout", report.stdout), ("stderr", report.stderr)):
        if text.strip() and not (stream == "stderr" and isinstance(report.outcome, Raised)):
            parts.append(f"last of its {stream}:\n{_indent(tail(text))}")
    parts.append(f"what to do: {remedy}")
    return "\n".join(parts)


def output_sections(report: ChildReport) -> Iterator[tuple[str, str]]:
    """Yield a heading and a text for each stream that a child wrote to."""
    for stream, text in (("stdout", report.stdout), ("stderr", report.stderr)):
        if text:
            yield f"{stream} of {child_line(report)}", text


def swept_lines(swept: Swept, where: str) -> list[str]:
    """Tell what a sweep has done, a line for each process; nothing when it found nobody.

    Args:
        swept: What it has done.
        where: What they had been left by, such as ``at the end of the run``.
    """
    lines = []
    for stragglers, has, remedy in (
        (
            swept.ended,
            f"still running {where}, ended now",
            "join or terminate them where they are started; mp_keep names those that are to stay",
        ),
        (
            swept.left,
            f"in a session of {'its' if len(swept.left) == 1 else 'their'} own {where}, left alone",
            "nothing, if that is on purpose; mp_keep names those that are not to be told, --mp-guard=strict ends them",
        ),
        (swept.undead, f"still there {where}, even after SIGKILL", "see what the kernel holds them in"),
    ):
        if stragglers:
            lines += [f"{_count(stragglers)} {has}:", *(f"    {_straggler_line(one)}" for one in stragglers)]
            lines.append(f"what to do: {remedy}")
    return lines


def preload_lines(refused: Mapping[str, str]) -> list[str]:
    """Tell which modules the fork server has not preloaded, a line for each.

    Args:
        refused: By name of a module, what it does when it is imported; by the empty name, why nothing is preloaded.
    """
    lines = []
    if "" in refused:
        lines = [
            f"all modules: {refused['']}, and has what it had; each child imports the rest",
            "what to do: start no forkserver child before, in a test without the mp marker for instance",
        ]
    modules = [f"{name}: when it is imported it {reason}" for name, reason in sorted(refused.items()) if name]
    if modules:
        lines += [
            *modules,
            "each child that needs them imports them; what to do: nothing, or let them do that when they are used",
        ]
    return lines


def keeper_lines(pytest: ProcessId, swept: Swept, ended: ProcessId) -> list[str]:
    """Tell on behalf of the keeper that pytest has ended too early, and what became of its processes.

    Args:
        pytest: The process of pytest.
        swept: What the keeper has done.
        ended: Whose end it was: pytest's own, or that of the controller of a worker of pytest-xdist.
    """
    own, others = "by a signal, a crash or os._exit", f"because its controller (pid {ended.pid}) had ended"
    how = own if ended == pytest else others
    head = f"pytest-mpcheck: pytest (pid {pytest.pid}) ended before its run was over, {how}"
    found = swept_lines(swept, "after it")
    return [f"{head}:", *found] if found else [f"{head}; no process of the run was left"]


def _count(stragglers: tuple[Straggler, ...]) -> str:
    return "1 process" if len(stragglers) == 1 else f"{len(stragglers)} processes"


def _straggler_line(straggler: Straggler) -> str:
    command = straggler.command
    return f"pid {straggler.process.pid}: {command if len(command) <= _COMMAND else command[:_COMMAND] + '...'}"


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())
