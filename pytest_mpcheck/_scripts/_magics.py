"""What IPython understands and Python does not: lines and cells that begin with ``%`` or ``!``, and those with ``?``.

Guarantees: a line is touched only where Python refuses it, so never one that lies within a text or a bracket; every
line keeps its number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ._program import syntax_error

__all__ = ["Plain", "without_magics"]

_MAGIC = re.compile(r"\s*[%!?]|.*\?\s*$")

_ASSIGNMENT = re.compile(r"[^=!%]*=\s*[!%]")

_TIME = re.compile(r"(\s*)%time\s+(?=\S)")

_AROUND_PYTHON = frozenset(("capture", "prun", "time", "timeit"))
"""Magics of whole cells that are about how the rest of the cell runs, and leave what it does as it is."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A cell without what is IPython's.

    Attributes:
        text: The Python in it.
        left_out: The lines that are not in it, each with its number in the cell, from 1.
    """

    text: str
    left_out: tuple[tuple[int, str], ...] = ()


def without_magics(source: str) -> Plain:
    """Take out of a cell what is IPython's.

    Where something is an assignment (``files = !ls``) nothing can stand for it: it stays, as the syntax error that it
    is.

    Args:
        source: The text of the cell.
    """
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    left_out: dict[int, str] = {}
    if lines[first].startswith("%%"):
        magic = lines[first]
        left_out[first] = magic
        if re.split(r"\W", magic[2:], maxsplit=1)[0] not in _AROUND_PYTHON:
            return Plain("\n" * (len(lines) - 1), ((first + 1, f"{magic} (the whole cell)"),))
        lines[first] = ""
    while (error := syntax_error("\n".join(lines))) is not None:
        number = (error.lineno or 1) - 1
        if number in left_out or number >= len(lines) or not _is_magic(lines[number]):
            break
        _leave_out(lines, number, left_out)
    return Plain("\n".join(lines), tuple((number + 1, line.strip()) for number, line in sorted(left_out.items())))


def _is_magic(line: str) -> bool:
    return bool(_MAGIC.match(line)) and not _ASSIGNMENT.match(line)


def _leave_out(lines: list[str], number: int, left_out: dict[int, str]) -> None:
    line = lines[number]
    if found := _TIME.match(line):
        lines[number] = found[1] + line[found.end() :]
        return
    left_out[number] = line
    end = number
    while lines[end].endswith("\\") and end + 1 < len(lines):
        lines[end] = ""
        end += 1
    lines[end] = ""
    lines[number] = line[: len(line) - len(line.lstrip())] + "pass"  # it may be all that a block has
