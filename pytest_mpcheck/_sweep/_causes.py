"""Facts of runs -> what tells them apart: pure functions.

Guarantees: a test differs only if one start method makes it fail that another does not, and if that is not shown to be
an accident: one that fails under its first start method too, when it is run once more, is told as such and differs in
nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .._phrases import BOOTSTRAPPING, CANNOT_PICKLE, LOCAL, NO_MODULE, NOT_IN_MODULE, ONLY_INHERITED, PICKLING_ERROR
from ._facts import FAILED, PASSED, SKIPPED, Ran, RunsOf

__all__ = [
    "CAUSES",
    "HUNG",
    "IMPORT",
    "INHERITED",
    "PICKLE",
    "RESULT",
    "cause_of",
    "differs",
    "is_repeatable",
    "judged",
    "needs_control",
]

PICKLE = "does not pickle"
IMPORT = "cannot import"
INHERITED = "relied on inherited state"
HUNG = "hung"
RESULT = "wrong result"

CAUSES = {
    PICKLE: (
        "under spawn and forkserver the target, its arguments and every task go to the child as a pickle: use "
        "functions and classes that stand in a module, pass plain data, and open files, locks and connections "
        "inside the child; `assert_picklable` names the part"
    ),
    IMPORT: (
        "a child that is not forked imports the module of its target anew: let that be a file that it finds "
        "(sys.path), define at the top level what the child needs, and start processes inside of functions or below "
        "`if __name__ == '__main__':` only"
    ),
    INHERITED: (
        "only a forked child has what its parent had in memory at its start: globals that were changed, values that "
        "monkeypatch or mock replaced, open connections (a fork server has the environment of its own start): pass "
        "what the child needs as arguments, or set it up there (initializer=)"
    ),
    HUNG: (
        "its failure shows what its processes were waiting for: give waits a time limit, and look at the exit codes of "
        "children before waiting for their answers"
    ),
    RESULT: (
        "see its failure; the page Isolation of the documentation has what a child gets from its parent under each "
        "start method"
    ),
}
"""Why a run fails under one start method and not under another, and what to do about it."""

_PICKLE = re.compile(rf"{PICKLING_ERROR}|{CANNOT_PICKLE}|{LOCAL}|{ONLY_INHERITED}|cannot be pickled|\bNotPicklable\b")

_IMPORT = re.compile(rf"\b{NO_MODULE}\b|{NOT_IN_MODULE}|has finished its {BOOTSTRAPPING}")

_READ_BACK = re.compile(r"pickle\.load\(from_parent\)|_ForkingPickler\.loads\(")
"""Lines of the standard library in which a child that is not forked reads what it was given."""

_NOTHING_TO_READ = re.compile(r"\bEOFError\b|pickle data was truncated|BrokenPipeError|ConnectionResetError")
"""What it says there when the parent has given up, or has ended."""


def cause_of(error: str, printed: str, *, hung: bool) -> tuple[str, str]:
    """Tell from what a run that failed has raised and printed why it did, as far as that alone tells it.

    Args:
        error: Its exception with those that led to it, without tracebacks; empty when it had to be ended.
        printed: What it and its children have written to standard error.
        hung: Whether it had to be ended.

    Returns:
        One of `CAUSES`, empty when it takes other runs to tell; and what was printed that tells it, empty when the
        exception does.
    """
    lines = [line for line in printed.splitlines() if not _is_source(line)]
    for pattern, cause in ((_PICKLE, PICKLE), (_IMPORT, IMPORT)):
        if pattern.search(error):
            return cause, ""
        for line in lines:
            if pattern.search(line):
                return cause, line.strip()
    if _READ_BACK.search(printed) and not _NOTHING_TO_READ.search(printed):
        return PICKLE, "" if hung else lines[-1].strip()
    return HUNG if hung else "", ""


def _is_source(line: str) -> bool:
    """Return whether a line of a traceback is one of the program, which may name what it never met."""
    return line.startswith("    ") and "bootstrapping" not in line


def judged(test: RunsOf) -> RunsOf:
    """Give each run that failed the cause that it has beside the others."""
    passed = {run.method for run in test.runs if run.outcome == PASSED}
    has_state = any(run.state for run in test.runs)

    def cause(run: Ran) -> str:
        if run.cause or run.outcome != FAILED:
            return run.cause
        of_the_server = run.method == "forkserver" and "spawn" in passed
        return INHERITED if "fork" in passed and (has_state or of_the_server) else RESULT

    return replace(test, runs=tuple(replace(run, cause=cause(run)) for run in test.runs))


def differs(test: RunsOf) -> bool:
    """Return whether the test fails under one start method and not under another, or for another cause."""
    failed = [run for run in test.runs if run.outcome == FAILED]
    others = [run for run in test.runs if run.outcome in (PASSED, SKIPPED)]
    return bool(failed) and (bool(others) or len({run.cause for run in failed}) > 1)


def needs_control(test: RunsOf) -> bool:
    """Return whether the difference might be an accident: no cause that lies in the start method is known for it."""
    return differs(test) and any(run.outcome == FAILED and run.cause not in (PICKLE, IMPORT) for run in test.runs)


def is_repeatable(test: RunsOf) -> bool:
    """Return whether the test ends alike each time that it is run under its first start method, as far as is known."""
    return test.control is None or test.control.outcome == test.first.outcome
