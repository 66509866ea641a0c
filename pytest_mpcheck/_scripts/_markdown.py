"""Pages in Markdown: their fenced blocks of Python are programs.

Guarantees: a program has as many lines as its page, and each block stands in it where it stands in the page, so that a
line number of the one is one of the other. Fences are those of CommonMark, but that they may be indented as far as
lists and tabs need it. What stands in a comment of HTML is not seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ._program import Program, check_syntax, syntax_error

__all__ = ["BLOCKS", "Blocks", "is_guard", "read_page"]

Blocks = Literal["auto", "page", "each"]
"""Which blocks of a page make a program: all of them, each its own, or as `read_page` finds best."""

BLOCKS: tuple[Blocks, ...] = ("auto", "page", "each")

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>.*)")

_PYTHON = frozenset(("py", "py3", "python", "python3"))

_SESSION = frozenset(("pycon", "python-console", "python-repl"))

_SKIPS = frozenset(("notest", "skip"))

_RIGHT = "mend the block, or write `skip` behind `python` where it begins: it is left out then"


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block: the line of its first line in the page, its words, and its lines."""

    first: int
    words: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def is_session(self) -> bool:
        text = "\n".join(self.lines)
        return self.words[0] in _SESSION or text.lstrip().startswith(">>>")

    @property
    def has_guard(self) -> bool:
        text = "\n".join(self.lines)
        return syntax_error(text) is None and any(
            isinstance(node, ast.If) and is_guard(node.test) for node in ast.parse(text).body
        )


def read_page(path: str, text: str, blocks: Blocks = "auto") -> tuple[Program, ...]:
    """Make programs of a page.

    In general a page is one program. Where several of its blocks have a ``__main__`` guard, each of these is a program
    of its own, which begins with the blocks without a guard that stand before it.

    Args:
        path: Its path.
        text: What it holds.
        blocks: Which blocks make a program.

    Returns:
        The programs; none when there is no block to run.

    Raises:
        MpcheckError: A block is no Python.
    """
    found = [block for block in _blocks(text) if block.words and block.words[0] in _PYTHON | _SESSION]
    kept: list[_Block] = []
    notes: list[str] = []
    for block in found:
        if block.is_session:
            notes.append(f"left out: the session at {path}:{block.first}, which doctest can run")
        elif _SKIPS.isdisjoint(block.words):
            kept.append(block)
        else:
            notes.append(f"left out, as its fence says so: the block at {path}:{block.first}")
    groups = _grouped(kept, blocks)
    length = text.count("\n") + 1
    programs = tuple(
        Program(path, _text(group, length), f"line {group[-1].first}" if len(groups) > 1 else "", notes=tuple(notes))
        for group in groups
    )
    for program in programs:
        check_syntax(program, _RIGHT)
    return programs


def is_guard(test: ast.expr) -> bool:
    """Return whether a condition asks whether the module is ``__main__``."""
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test)) and any(
        isinstance(node, ast.Constant) and node.value == "__main__" for node in ast.walk(test)
    )


def _grouped(blocks: Sequence[_Block], how: Blocks) -> list[list[_Block]]:
    if how == "each":
        return [[block] for block in blocks]
    guarded = [block for block in blocks if block.has_guard]
    if how == "page" or len(guarded) < 2:
        return [list(blocks)] if blocks else []
    return [[*(one for one in blocks if one.first < last.first and one not in guarded), last] for last in guarded]


def _text(blocks: Sequence[_Block], length: int) -> str:
    lines = [""] * length
    for block in blocks:
        lines[block.first - 1 : block.first - 1 + len(block.lines)] = block.lines
    return "\n".join([*lines, ""])


def _blocks(text: str) -> Iterator[_Block]:
    """Yield the fenced blocks of a page."""
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        if line.lstrip().startswith("<!--") and "-->" not in line:
            for _, line in lines:  # noqa: PLW2901 (the comment is over once a line ends it)
                if "-->" in line:
                    break
            continue
        opening = _FENCE.fullmatch(line)
        if opening is None or (opening["fence"][0] == "`" and "`" in opening["info"]):
            continue
        words = tuple(re.findall(r"[\w-]+", opening["info"].lower()))
        yield _Block(number + 1, words, tuple(_content(lines, opening)))


def _content(lines: Iterator[tuple[int, str]], opening: re.Match[str]) -> Iterator[str]:
    """Yield the lines of a block, without the indentation of its fence, up to the line that ends it."""
    fence, width = opening["fence"], len(opening["indent"])
    for _, line in lines:
        closing = line.strip()
        if len(closing) >= len(fence) and set(closing) == {fence[0]}:
            return
        yield line[:width].lstrip(" \t") + line[width:]
