"""Which lines of two outputs differ, when each has been seen more than once.

Guarantees: what differs between two runs under one start method is no difference between two start methods. The order
of lines makes none, nor does it whether processes without a lock tore them apart, nor the names that `multiprocessing`
itself gives to processes, pools and modules.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TypeAlias

from ._tracebacks import HEAD

__all__ = [
    "SAME",
    "Lines",
    "TextContrast",
    "Varying",
    "contrast_texts",
    "error_lines",
    "keyed",
    "merged",
    "output_lines",
    "template_of",
    "varying",
]

Lines: TypeAlias = tuple[str, ...]

Varying: TypeAlias = Mapping[str, frozenset[int]]
"""What varies from run to run: lines without their numbers, each with which of its numbers vary, from 0."""

_NAMES = re.compile(r"\b(?:Fork|Spawn|ForkServer)(?=(?:Process|PoolWorker|Context)\b)")

_WORKER = re.compile(r"\b(PoolWorker|Process)-\d+(?::\d+)*")

_MOST_TORN = 1_000
"""How many lines are looked for in what is torn."""

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")

_CHATTER = re.compile(
    r"Process \S+:$|Exception in thread .*|The above exception was the direct cause .*|During handling of the above .*|"
    r'""".*|multiprocessing\.pool\.RemoteTraceback: *$|concurrent\.futures\.process\._RemoteTraceback: *$|\s*$'
)


def output_lines(text: str) -> Lines:
    """Return the lines of an output, the names in them made those that are the same under every start method."""
    return tuple(_plain(line) for line in text.splitlines())


def error_lines(text: str) -> Lines:
    """Return the lines of what was written to stderr, of each traceback only what was raised, in one line."""
    lines: list[str] = []
    frames = message = False
    for line in text.splitlines():
        is_indented = line[:1] in (" ", "")
        if HEAD.match(line):
            frames, message = True, False
        elif message and is_indented:
            if lines[-1].endswith(":"):  # what was raised says what it says from its second line on
                lines[-1] += f" {line.strip()}" if line.strip() else ""
        elif not ((frames and is_indented) or _CHATTER.fullmatch(line)):
            lines.append(_plain(line).rstrip())
            frames, message = False, frames
    return tuple(lines)


def _plain(line: str) -> str:
    return _WORKER.sub(r"\1-N", _NAMES.sub("", line)).replace("__mp_main__", "__main__")


def template_of(line: str) -> str:
    """Return a line without its numbers."""
    return _NUMBER.sub("#", line)


def varying(runs: Sequence[Lines]) -> Varying:
    """Find out what varies between runs under one start method: process ids, times, results of a race."""
    found: dict[str, frozenset[int]] = {}
    for one, other in pairwise(Counter(run) for run in runs):
        sides = [tuple(side.elements()) for side in (one - other, other - one)]
        here, there = map(_by_template, sides)
        for template in here.keys() | there.keys():
            positions = _positions(here.get(template, []), there.get(template, []))
            found[template] = found.get(template, frozenset()) | positions
        # numbers that only change places between lines: none of them tells anything
        rest = [Counter(keyed(side, found)) for side in sides]
        for template in map(template_of, (rest[0] - rest[1]) + (rest[1] - rest[0])):
            if template in here and template in there:
                found[template] = frozenset(range(template.count("#")))
    return found


def _by_template(lines: Lines) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(template_of(line), []).append(line)
    return found


def merged(several: Iterable[Varying]) -> dict[str, frozenset[int]]:
    """Return all that varies."""
    found: dict[str, frozenset[int]] = {}
    for one in several:
        for template, positions in one.items():
            found[template] = found.get(template, frozenset()) | positions
    return found


def _positions(here: Iterable[str], there: Iterable[str]) -> frozenset[int]:
    """Return which numbers differ between lines of one template, whatever their order."""
    columns = [[Counter(column) for column in zip(*map(_NUMBER.findall, side), strict=True)] for side in (here, there)]
    if not all(columns):  # the ones or the others are not there at all
        return frozenset()
    return frozenset(number for number, (one, other) in enumerate(zip(*columns, strict=True)) if one != other)


def keyed(lines: Lines, varies: Varying) -> Lines:
    """Return lines as they are compared: without the numbers that vary."""
    return tuple(_keyed(lines, varies))


def _keyed(lines: Lines, varies: Varying) -> Iterator[str]:
    for line in lines:
        positions = varies.get(template_of(line))
        if positions:
            numbers = count()
            yield _NUMBER.sub(lambda found: "#" if next(numbers) in positions else found[0], line)  # noqa: B023
        else:
            yield line


@dataclass(frozen=True, slots=True)
class TextContrast:
    """How the output under one start method differs from that under another.

    Attributes:
        missing: Lines of the other, in each of its runs, that are not here, each with how many are missing.
        extra: Lines here, in each run, that the other has not.
        reordered: Whether the lines are the same, but no two runs had them in one order.
        torn: Whether the lines are the same when what was torn apart is put together.
    """

    missing: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)
    reordered: bool = False
    torn: bool = False

    @property
    def differs(self) -> bool:
        """Whether there is a difference."""
        return bool(self.missing or self.extra)


SAME = TextContrast()
"""No difference."""


def contrast_texts(reference: Sequence[Lines], runs: Sequence[Lines], varies: Varying) -> TextContrast:
    """Compare outputs.

    Args:
        reference: The lines of the runs that are compared with.
        runs: Those of the runs under another start method.
        varies: What is known to vary under one start method.
    """
    here, there = ([keyed(run, varies) for run in side] for side in (runs, reference))
    missing, extra = _always(there, here), _always(here, there)
    if missing and extra and (_makes_up(missing, extra) or _makes_up(extra, missing)):
        return TextContrast(torn=True)
    reordered = not missing and not extra and not any(one == other for one in here for other in there)
    return TextContrast(missing, extra, reordered)


def _always(these: Iterable[Lines], those: Iterable[Lines]) -> Counter[str]:
    """Count the lines that each of these runs has more often than any of those."""
    least: Counter[str] | None = None
    most: Counter[str] = Counter()
    for run in these:
        least = Counter(run) if least is None else least & Counter(run)
    for run in those:
        most |= Counter(run)
    return (least or Counter()) - most


def _makes_up(whole: Counter[str], torn: Counter[str]) -> bool:
    """Return whether lines are the pieces of others: each of these is there in one piece, and nothing is left over."""
    if whole.total() > _MOST_TORN:
        return False
    text = "\n".join(torn.elements())
    for line in sorted(whole.elements(), key=len, reverse=True):
        if line not in text:
            return False
        text = text.replace(line, "\n", 1)
    return not text.strip()
