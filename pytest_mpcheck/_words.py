"""Facts become text here: pure functions from records to sentences and lines.

Every message has four parts: what happened, with the value; where; evidence; what to do.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import assert_never

from ._process_words import process_lines
from ._records import ChildReport, Deadlock, Exited, Outcome, Raised, Returned, Signalled, Stuck

__all__ = ["RAISE_THE_LIMIT", "child_line", "ending", "exit_words", "message", "output_sections", "signal_name", "tail"]

RAISE_THE_LIMIT = "raise the limit (--mp-timeout, mp_timeout, @pytest.mark.mp(timeout=...))"

TAIL_LINES = 20
"""How much of a child's output goes into a message; the report sections have all of it."""


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
        case Exited(code=code):
            return f"exited with code {code} without returning a result"
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
    return f"child {report.name!r} (pid {report.process.pid}, {report.start_method})"


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a text, and say how many there were before."""
    all_lines = text.splitlines()
    if len(all_lines) <= lines:
        return "\n".join(all_lines)
    return "\n".join([f"... ({len(all_lines) - lines} lines before)", *all_lines[-lines:]])


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
        parts.append(f"who waits for what:\n{_indent(chr(10).join(report.outcome.deadlock.waits))}")
    if report.processes:
        parts.append("alive at that moment:\n" + _indent("\n".join(process_lines(report.processes))))
    elif report.stacks:
        parts.append(f"its stacks:\n{_indent(report.stacks)}")
    if isinstance(report.outcome, Raised):
        parts.append(f"its traceback:\n{_indent(report.outcome.traceback)}")
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


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())
