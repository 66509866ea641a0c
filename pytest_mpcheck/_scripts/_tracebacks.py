"""What tracebacks in a text say: what was raised, and at which line of the program. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ._program import Program

__all__ = ["HEAD", "Raise", "raises"]

HEAD = re.compile(r"[\s|+]*(?:Exception Group )?Traceback \(most recent call last\):$")
"""The line that a traceback begins with, one within a group of exceptions too."""

_MARGIN = re.compile(r"^[|+ ]*\| ?")
"""What stands before the lines of a group of exceptions."""


@dataclass(frozen=True, slots=True)
class Raise:
    """An exception that was shown with its traceback.

    Attributes:
        line: The line that names it: ``ValueError: no such item``.
        text: That line and all that was written before the next traceback.
        frames: What stands above that line.
        place: The innermost line of the program in it; empty when there is none.
    """

    line: str
    text: str
    frames: str
    place: str


def raises(program: Program, text: str) -> Iterator[Raise]:
    """Yield what was raised, in the order of a text.

    Args:
        program: The program that wrote it.
        text: What was written to stderr, places as the user knows them.
    """
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines) if HEAD.match(line)]
    for start, end in pairwise([*heads, len(lines)]):
        body = [_MARGIN.sub("", line) for line in lines[start + 1 : end]]
        frames = next((number for number, line in enumerate(body) if line[:1] not in (" ", "")), len(body))
        if frames < len(body):
            yield Raise(
                body[frames].rstrip(),
                "\n".join(body[frames:]),
                "\n".join(body[:frames]),
                _place(program, body[:frames]),
            )


def _place(program: Program, frames: list[str]) -> str:
    files = "|".join(re.escape(path) for path in {program.path, os.path.abspath(program.path)})
    frame = re.compile(rf'\s*File "(?:{files})"(?P<part>, .+?)?, line (?P<line>\d+)')
    for text in reversed(frames):
        if found := frame.match(text):
            part = found["part"]
            return f"{program.path}{part}, line {found['line']}" if part else f"{program.path}:{found['line']}"
    return ""
