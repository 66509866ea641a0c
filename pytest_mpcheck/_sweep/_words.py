"""What was run again becomes text: pure functions.

Guarantees: a test that differs has one row, in the table of the cause that it fails by; what is alike has none. The
text is the same whether one process of pytest ran the tests or many.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .._excerpts import shortened
from .._settings import START_METHODS
from .._table import format_table
from ._causes import CAUSES, differs, is_repeatable
from ._facts import FAILED, IDLE, PASSED, PINNED, SKIPPED, Ran, RunsOf, Swept

__all__ = ["found_of", "heading_of", "lines_of", "name_of_run", "remedy_of"]

_TEXT = 160
"""How much of an exception is told below a table, in characters."""

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+")
"""What differs between two exceptions that say the same: addresses, pids."""

_MOST_GLOBALS = 5
"""How many globals are told that a child did not find as they were."""

_MOST = 50
"""How many tests are named where nothing but their names is told."""

_SET_APART = {
    IDLE: (
        "started nothing when run again, so nothing was compared",
        "what they use keeps its processes, as a pool that is made once: end it in a fixture",
    ),
    PINNED: ("set a start method of their own when run again, so nothing was compared", ""),
    SKIPPED: ("passed, and were skipped under another start method", ""),
}
"""What is told of tests that have nothing to compare, and the remedy."""

_UNSTABLE = (
    "end otherwise each time that they run, under one start method too, so nothing was compared",
    "leave nothing behind that the next run meets (files, globals, caches, ports), and wait for events, not for time",
)


def name_of_run(nodeid: str, method: str) -> str:
    """Name a test under a start method, as its report has it."""
    return f"{nodeid} [{method}]"


def remedy_of(run: Ran) -> str:
    """Say below the failure of a run what it failed by, and what to do."""
    return "\n".join((f"{run.cause} under {run.method}", *_state(run), f"what to do: {CAUSES[run.cause]}"))


def heading_of(count: int, method: str) -> str:
    """Say that tests are about to be run again."""
    return f"sweep: {_tests(count)} once more, under {method}"


def found_of(count: int) -> str:
    """Say that runs that differ are about to be told."""
    return f"sweep: {'1 run differs' if count == 1 else f'{count} runs differ'}"


def lines_of(swept: Swept, lost: Sequence[str]) -> Iterator[str]:
    """Tell what was found.

    Args:
        swept: All that was run again, judged.
        lost: The workers of pytest-xdist that have told nothing.

    Yields:
        Lines without their ends.
    """
    tests = sorted(swept.tests, key=lambda test: test.nodeid)
    unstable = [test for test in tests if differs(test) and not is_repeatable(test)]
    different = [test for test in tests if differs(test) and is_repeatable(test)]
    yield from _summary(swept, len(different))
    for cause, remedy in CAUSES.items():
        yield from _table(cause, remedy, [test for test in different if _leading(test).cause == cause])
    calm = [test for test in tests if not differs(test)]
    for word, (what, remedy) in _SET_APART.items():
        yield from _list(what, remedy, [test for test in calm if test.first.outcome == PASSED and _has(test, word)])
    yield from _list(*_UNSTABLE, unstable)
    yield from (f"not run again: {obstacle}" for obstacle in swept.obstacles)
    for worker in lost:
        yield (
            f"worker {worker} has told nothing of its tests: it ended before they were all run again; "
            f"what to do: see what ended it, and run without -n"
        )


def _summary(swept: Swept, different: int) -> Iterator[str]:
    count = len(swept.tests)
    if count:
        firsts = ", ".join(_ordered({test.first.method for test in swept.tests}))
        others = ", ".join(_ordered({run.method for test in swept.tests for run in test.runs[1:]}))
        begin = f"{_tests(count)} that start{'s' if count == 1 else ''} processes through the default context"
        yield (
            f"{begin} ({firsts}): run again under {others or 'no other start method'}, {different or 'none'} differ"
            + ("s" if different == 1 else "")
        )
    else:
        yield "no test starts processes through the default context: nothing was run again"
    for number, words in (
        (swept.otherwise, "start{} processes otherwise: by a context that was chosen, or got before the tests ran"),
        (swept.pinned, "set{} the start method, and depend{} on no default"),
    ):
        if number:
            yield f"{_tests(number)} {words.replace('{}', 's' if number == 1 else '')}: not run again"


def _table(cause: str, remedy: str, tests: Sequence[RunsOf]) -> Iterator[str]:
    if not tests:
        return
    methods = _ordered({run.method for test in tests for run in test.runs})
    rows = [(test.nodeid, *(_cell(test, method) for method in methods)) for test in tests]
    yield ""
    yield f"{cause}: {_tests(len(tests))}"
    yield from format_table([("test", *methods), *rows]).splitlines()
    for test in tests:
        yield from _evidence(test)
    yield f"what to do: {remedy}"


def _evidence(test: RunsOf) -> Iterator[str]:
    """Tell how a test has failed, each way once, and what of its state it may have relied on."""
    runs, told = test.by_method(), set()
    failed = [runs[method] for method in _ordered(runs) if runs[method].outcome == FAILED]
    for run in failed:
        text = run.text.partition("\n")[0] or run.error
        alike = _NUMBER.sub("", text)
        if alike not in told:
            told.add(alike)
            yield f"{name_of_run(test.nodeid, run.method)}: {shortened(text, _TEXT)}"
    yield from _state(max(failed, key=lambda run: len(run.state)))


def _state(run: Ran) -> Iterator[str]:
    yield from (f"    {line}" for line in run.state[:_MOST_GLOBALS])
    if len(run.state) > _MOST_GLOBALS:
        yield f"    ... ({len(run.state) - _MOST_GLOBALS} more)"


def _list(what: str, remedy: str, tests: Sequence[RunsOf]) -> Iterator[str]:
    if not tests:
        return
    yield ""
    yield f"{what}: {_tests(len(tests))}"
    yield from (f"    {test.nodeid}" for test in tests[:_MOST])
    if len(tests) > _MOST:
        yield f"    ... ({len(tests) - _MOST} more)"
    if remedy:
        yield f"what to do: {remedy}"


def _cell(test: RunsOf, method: str) -> str:
    run = test.by_method().get(method)
    if run is None:
        return "-"
    if run.outcome != FAILED:
        return run.error or run.outcome
    how = f"hung ({run.hung:g} s)" if run.hung else run.error or FAILED
    return how if run.phase == "call" else f"{how} in {run.phase}"


def _leading(test: RunsOf) -> Ran:
    """Return the run that a test is told by: of those that failed the first in the order of the columns."""
    runs = test.by_method()
    return next(runs[method] for method in _ordered(runs) if runs[method].outcome == FAILED)


def _has(test: RunsOf, outcome: str) -> bool:
    return any(run.outcome == outcome for run in test.runs)


def _ordered(methods: Iterable[str]) -> list[str]:
    return sorted(methods, key=START_METHODS.index)


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"
