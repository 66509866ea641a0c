"""Differences between outputs as people read them: unified, with nothing in them that is none. Pure."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict, deque
from collections.abc import Sequence

from ._lines import Lines, TextContrast

__all__ = ["unified"]

_MOST_READ = 5_000
"""How many lines of each side are compared to show the difference; the judgement is made from all of them."""

_MOST_SHOWN = 60


def unified(names: tuple[str, str], there: Lines, here: Lines, contrast: TextContrast) -> list[str]:
    """Show a difference.

    Args:
        names: What the two sides are called.
        there: The lines that are compared with, without what varies.
        here: The lines, likewise.
        contrast: What differs between them.

    Returns:
        The lines of a unified difference. Lines that both have stand in the order of the first.
    """
    there, here = there[:_MOST_READ], here[:_MOST_READ]
    missing = Counter(contrast.missing)
    common: list[str] = []
    places: dict[str, deque[int]] = defaultdict(deque)
    for line in reversed(there):
        if missing[line] > 0:  # of lines that come several times the last ones
            missing[line] -= 1
        else:
            common.append(line)
            places[line].append(len(common))
    common.reverse()
    added: dict[int, list[str]] = defaultdict(list)
    position = 0
    for line in here:
        if places[line]:
            position = len(common) - places[line].pop() + 1
        elif contrast.extra[line]:
            added[position].append(line)
    merged = list(added[0])
    for number, line in enumerate(common, 1):
        merged += [line, *added[number]]
    beyond = [f"--- {names[0]}", f"+++ {names[1]}", f"(what differs lies beyond the first {_MOST_READ:,} lines)"]
    return _shortened(list(difflib.unified_diff(there, merged, *names, lineterm="")) or beyond)


def _shortened(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _MOST_SHOWN:
        return list(lines)
    return [*lines[:_MOST_SHOWN], f"... ({len(lines) - _MOST_SHOWN} lines more)"]
