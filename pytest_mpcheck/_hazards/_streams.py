"""Streams of random numbers that forked children go on with where their parent was: two of them draw the same numbers.

`random` itself is seeded anew in a forked child; an instance of `random.Random` is not, nor is what numpy draws from.

Guarantees: told is only what two children have really drawn. A child that seeds its stream anew before it draws is no
such child: from its first state one gets to the last one by drawing alone, or nothing is told.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._finding import Finding
from ._reach import Part

__all__ = ["Stream", "finding", "streams"]

_TURNS = 200
"""How far a child is followed, in turns of the generator: 624 words each."""

_WORDS = 624


class Stream(NamedTuple):
    """A stream of random numbers in a child.

    Attributes:
        name: Whose it is.
        state: Gives its state.
        start: Its state when the child began.
    """

    name: str
    state: Callable[[], Any]
    start: Any

    def key(self) -> str:
        """Return what equal streams that begin with equal states have in common, on all sides of a fork."""
        return f"{hash(repr(self.start)):x}"

    def was_drawn_from(self) -> bool | None:
        """Return whether somebody has drawn from it since; ``None`` when nobody has touched it."""
        state = self.state()
        return None if state == self.start else _follows(self.start, state)


def streams(parts: Iterable[tuple[Part, str]]) -> list[Stream]:
    """Return the streams that a child has taken along.

    Args:
        parts: What it can reach of the sorts ``random`` and ``numpy``, and which of them that is.
    """
    module: Any = sys.modules.get("numpy.random")
    found: list[tuple[str, Callable[[], Any]]] = []
    if module is not None and hasattr(module, "get_state"):  # else it is just being imported
        found.append(("numpy.random", lambda: _of_numpy(module.get_state())))
    for part, sort in parts:
        if sort == "random" and part.value is not getattr(sys.modules.get("random"), "_inst", None):
            found.append((part.path, _of_instance(part.value)))
        elif sort == "numpy":
            found.append((part.path, _of_generator(part.value)))
    return [Stream(name, state, state()) for name, state in found]


def finding(name: str, where: list[str]) -> Finding:
    """Tell that children have drawn alike from a stream."""
    return Finding(
        kind="equal-random",
        what=f"{len(where)} forked children drew the same random numbers from {name}",
        where="; ".join(where),
        evidence="each began with the state that the stream had in their parent, and went on from there",
        remedy="give each child a seed of its own: seed the stream anew as the first thing in the child, or make one "
        "there (numpy: spawn a SeedSequence, and pass each child its own)",
    )


def _of_instance(stream: Any) -> Callable[[], Any]:
    from random import Random

    return lambda: Random.getstate(stream)[1]  # what a class makes of it is its own business


def _of_numpy(state: Any) -> Any:
    name, key, position, *_ = state
    return (*(int(word) for word in key), int(position)) if name == "MT19937" else repr(state)


def _of_generator(stream: Any) -> Callable[[], Any]:
    if hasattr(stream, "bit_generator"):
        return lambda: repr(stream.bit_generator.state)
    return lambda: _of_numpy(stream.get_state())


def _follows(start: Any, end: Any) -> bool:
    """Return whether one gets from a state to another one by drawing."""
    if not isinstance(start, tuple):
        return True  # seeding makes another generator, not another state
    from random import Random

    if start[:-1] == end[:-1]:
        return bool(start[-1] < end[-1])
    copy = Random()
    copy.setstate((3, start, None))
    for _ in range(_TURNS):
        copy.getrandbits(32 * _WORDS)
        if copy.getstate()[1][:-1] == end[:-1]:
            return True
    return False
