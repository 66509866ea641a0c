"""What was measured -> rows of text, or one object for ``json``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pytest_mpcheck._inheritance._measure import Column
from pytest_mpcheck._inheritance._rows import ROWS

__all__ = ["as_json", "legend", "rows_of"]

_WIDTH = 100

_LEGEND = (
    "copy: it begins with what was there when it was started; from then on each has its own.",
    "shared: it is one and the same thing on both sides.",
    "server's: it begins with what was there when the fork server was started, however long ago that is.",
    "fresh: it begins as any new process does.",
    "-: there is no such kind of worker here.  ?: could not be measured.",
)


def rows_of(columns: Sequence[Column]) -> list[tuple[str, ...]]:
    """Give the table: a row for each thing, a column for each kind of worker."""
    header = ("What a worker has of its starter", *(column.kind for column in columns))
    return [header, *((row.label, *(_cell(column, row.label) for column in columns)) for row in ROWS)]


def _cell(column: Column, label: str) -> str:
    return column.cells.get(label, "?") if column.is_here else "-"


def legend(columns: Sequence[Column]) -> list[str]:
    """Give the lines below the table: what its words mean, and why something could not be measured."""
    return [
        line
        for text in (*_LEGEND, *_reasons(columns))
        for line in textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    ]


def _reasons(columns: Sequence[Column]) -> Iterator[str]:
    whose: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        for label, reason in column.reasons.items():
            whose.setdefault((label, reason), []).append(column.kind)
        if column.trouble is not None and column.is_here:
            yield f"{column.kind}: {column.trouble}."
    for (label, reason), kinds in whose.items():
        yield f"{label}, {', '.join(kinds)}: {reason}."


def as_json(columns: Sequence[Column]) -> dict[str, object]:
    """Give everything as one object for ``json``."""
    return {"rows": [row.label for row in ROWS], "columns": [asdict(column) for column in columns]}
