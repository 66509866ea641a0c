"""Marks and workers -> one word for each row and kind of worker. Nothing is worded here.

* A worker is looked at twice: right after its start, and after the mark has changed in the process that started it.
* The fork server starts under a mark of its own, so that what comes from it is told from what comes from here.
* What goes wrong with one worker becomes the ``trouble`` of its column; the others are measured all the same.
* When it is over this process is as it was, and every worker has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_mpcheck._comparison._facts import THREAD
from pytest_mpcheck._comparison._workers import Crew, WorkerError
from pytest_mpcheck._inheritance._not_here import NotHere
from pytest_mpcheck._inheritance._rows import MARKS, ROWS, Row
from pytest_mpcheck._inheritance._targets import look_twice, look_twice_from_an_interpreter
from pytest_mpcheck._platforms import available_kinds
from pytest_mpcheck._probes._probe import aspect_of

__all__ = ["KINDS", "Cell", "Column", "Marks", "judge", "measure"]

Cell: TypeAlias = Literal["copy", "shared", "server's", "fresh", "?"]
"""How a worker begins.

``copy``: with what was there when it was started, and from then on each has its own; ``shared``: it is one and the same
thing; ``server's``: with what was there when the fork server was started; ``fresh``: as any new process; ``?``: it
could not be measured.
"""

INTERPRETER = "interpreter"

KINDS = ("fork", "spawn", "forkserver", THREAD, INTERPRETER)
"""Of workers, in the order in which they are told."""

_NAMES = tuple(row.word for row in ROWS if ":" in row.word)

_Facts: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """What was found out about one kind of worker.

    Attributes:
        kind: The kind.
        cells: By label of the row, how it begins; empty where there is trouble.
        reasons: By label of the row, why it could not be measured.
        trouble: What went wrong with the worker, or that there is no such kind here; ``None`` when all went well.
    """

    kind: str
    cells: Mapping[str, Cell]
    reasons: Mapping[str, str]
    trouble: str | None = None
    is_here: bool = True


class Marks:
    """Sets marks in this process, and notes what each has changed."""

    def __init__(self) -> None:
        self._changed: dict[tuple[str, str], _Facts] = {}
        self.reasons: dict[str, str] = {}

    @contextmanager
    def set(self, mark: str) -> Iterator[None]:
        """Set a mark in every row while the context is open."""
        with ExitStack() as stack:
            for row in ROWS:
                before = aspect_of(row.word).facts
                try:
                    stack.enter_context(row.mark(mark))
                except NotHere as reason:
                    self.reasons[row.label] = str(reason)
                after = aspect_of(row.word).facts
                changed = {place: text for place, text in after.items() if before.get(place) != text}
                if not changed:
                    self.reasons.setdefault(row.label, "what was set here to be known again changed nothing")
                self._changed[row.label, mark] = changed
            yield

    def changed(self, row: Row, mark: str) -> _Facts:
        """Return what a mark has changed in a row; nothing where it was not set."""
        return self._changed.get((row.label, mark), {})


def measure() -> tuple[Column, ...]:
    """Measure every row for every kind of worker.

    Returns:
        A column for each of `KINDS`. Every worker has ended.
    """
    marks = Marks()
    here = available_kinds()
    if "forkserver" in here:
        with marks.set("s"):
            _start_server()
    return tuple(
        _column(kind, marks) if kind in here else Column(kind, {}, {}, "there is none here", is_here=False)
        for kind in KINDS
    )


def _start_server() -> None:
    try:
        with Crew("forkserver") as crew:
            worker = crew.hire(look_twice, ())
            worker.answer()
            worker.tell(None)
            worker.answer()
            worker.join()
    except (WorkerError, OSError):
        pass  # the measurement that follows meets the same trouble and has a place to tell it


def _column(kind: str, marks: Marks) -> Column:
    carrier, target = (THREAD, look_twice_from_an_interpreter) if kind == INTERPRETER else (kind, look_twice)
    try:
        with Crew(carrier) as crew:
            with marks.set("a"):
                worker = crew.hire(target, _NAMES)
                first = worker.answer()
            with marks.set("b"):
                worker.tell(None)
                second = worker.answer()
            worker.join()
    except (WorkerError, OSError) as error:
        return Column(kind, {}, {}, str(error))
    cells: dict[str, Cell] = {}
    reasons = dict(marks.reasons)
    for row in ROWS:
        obstacle = first.aspects[row.word].obstacle
        if obstacle:
            reasons[row.label] = obstacle
        changed = (marks.changed(row, mark) for mark in MARKS)
        cells[row.label] = "?" if row.label in reasons else judge(first[row.word], second[row.word], *changed)
    return Column(kind, cells, reasons)


def judge(first: _Facts, second: _Facts, server: _Facts, start: _Facts, later: _Facts) -> Cell:
    """Tell how a worker begins.

    Args:
        first: What it had right after its start.
        second: What it had after the mark had changed here.
        server: What there was here when the fork server was started; empty where there is none.
        start: What there was here when the worker was started.
        later: What there was here when it was looked at for the second time.
    """
    if later.items() <= second.items():
        return "shared" if start.items() <= first.items() else "?"
    if start.items() <= first.items():
        return "copy"
    return "server's" if server and server.items() <= first.items() else "fresh"
