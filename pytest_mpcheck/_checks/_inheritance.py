"""Has a child what its parent had?

Guarantees: both assertions are about everything that is named. Where a child has some of it and lacks the rest, both
fail, and say what. A claim that could not have failed is refused with `ValueError`, which is no failure of the claim
but of the test.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from .._errors import MpcheckError
from .._excerpts import repr_of, shortened, type_name
from .._probes._snapshot import Aspect, Snapshot, is_part

__all__ = ["assert_inherited", "assert_not_inherited"]

_LINES = 10
"""How many places a message tells."""

_TABLE = "`python -m pytest_mpcheck inherits` tells what each start method passes on"


def assert_inherited(child: Snapshot, parent: Snapshot, *words: str) -> None:
    """Assert that a child has all that its parent had, of what is named.

    Args:
        child: What the child had: ``mp_process(probe).result()``.
        parent: What its parent had: ``probe()``.
        words: At least one of: a word of `Snapshot`; a name that was given to `probe`, in both processes; a place, as
            in ``"environ['HOME']"``.

    Raises:
        AssertionError: Something of it is not there, or is another; names each place with both values.
        ValueError: There is no such word, or nothing of it to inherit.
        MpcheckError: It could not be measured in one of the two.
    """
    __tracebackhide__ = True
    lines: list[str] = []
    for word in _checked("assert_inherited", child, parent, words):
        mine, its = parent[word], child[word]
        lines += [
            f"{shortened(place, 200)}: {shortened(text, 200)} in the parent, "
            f"{shortened(its.get(place, '(not there)'), 200)} in the child"
            for place, text in mine.items()
            if its.get(place) != text
        ]
        if _is_ordered(parent, word) and _common(mine, its) != _common(its, mine):
            lines.append(f"{word}: all of it is there, in another order")
    if lines:
        raise AssertionError(
            _message(
                "has not inherited all of",
                child,
                parent,
                words,
                lines,
                f"{_TABLE}; what it does not, pass as an argument",
            )
        )


def assert_not_inherited(child: Snapshot, parent: Snapshot, *words: str) -> None:
    """Assert that a child has nothing of what its parent had, of what is named.

    Args:
        child: What the child had: ``mp_process(probe).result()``.
        parent: What its parent had: ``probe()``.
        words: As for `assert_inherited`.

    Raises:
        AssertionError: Something of it is there; names each place.
        ValueError: There is no such word, or nothing of it to inherit.
        MpcheckError: It could not be measured in one of the two.
    """
    __tracebackhide__ = True
    lines = [
        f"{shortened(place, 200)}: {shortened(text, 200)} in both"
        for word in _checked("assert_not_inherited", child, parent, words)
        for place, text in parent[word].items()
        if child[word].get(place) == text
    ]
    if lines:
        raise AssertionError(
            _message(
                "has inherited some of",
                child,
                parent,
                words,
                lines,
                f"{_TABLE}; name a place, as in the lines above, where only a part of a word is meant",
            )
        )


def _checked(function: str, child: Snapshot, parent: Snapshot, words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what proves nothing, and return the words."""
    __tracebackhide__ = True
    for role, given in (("child", child), ("parent", parent)):
        if not isinstance(given, Snapshot):
            raise TypeError(
                f"{function}() got {type_name(given)} as the {role}, not a Snapshot; what to do: give "
                + ("mp_process(probe).result()" if role == "child" else "probe()")
            )
    if not words:
        raise ValueError(
            f"{function}() of no words proves nothing; what to do: name at least one of {', '.join(parent.aspects)}"
        )
    where = (child.process, child.thread, child.interpreter)
    if where == (parent.process, parent.thread, parent.interpreter):
        raise ValueError(
            f"{function}() got two snapshots of one and the same thread of pid {child.process.pid}: nobody inherits "
            f"from itself; what to do: call probe() in the child, as in mp_process(probe).result()"
        )
    for word in words:
        _check(function, child, parent, word)
    return words


def _check(function: str, child: Snapshot, parent: Snapshot, word: str) -> None:
    __tracebackhide__ = True
    for role, snapshot in (("parent", parent), ("child", child)):
        aspect = _aspect(snapshot, word)
        if aspect is None:
            known = [*snapshot.aspects, *(place for one in snapshot.aspects.values() for place in one.facts)]
            raise ValueError(
                f"{function}() got {repr_of(word)}, and the {role} was not asked for that{_nearest(word, known)}; what "
                f"to do: give a word ({', '.join(snapshot.aspects)}), or give the name to probe() in both processes"
            )
        if aspect.obstacle:
            raise MpcheckError(
                f"{function}() got {word!r}, which could not be measured in the {role} (pid {snapshot.process.pid}): "
                f"{aspect.obstacle}; what to do: leave the word out for this kind of worker"
            )
    if not parent[word]:
        raise ValueError(
            f"{function}() got {word!r}, of which the parent (pid {parent.process.pid}) has nothing but what any fresh "
            f"process has by itself{_nearest(word, list(_at_home(parent, word)))}, so that proves nothing; what to do: "
            f"set it before probe() and before the child starts"
        )


def _aspect(snapshot: Snapshot, word: object) -> Aspect | None:
    if not isinstance(word, str):
        return None
    return next((aspect for name, aspect in snapshot.aspects.items() if is_part(word, name)), None)


def _at_home(snapshot: Snapshot, word: str) -> Mapping[str, str]:
    aspect = _aspect(snapshot, word)
    return aspect.facts if aspect else {}


def _nearest(word: object, known: list[str]) -> str:
    near = difflib.get_close_matches(str(word), known, 1)
    return f" (did you mean {shortened(near[0], 200)!r}?)" if near else ""


def _is_ordered(parent: Snapshot, word: str) -> bool:
    return word in parent.aspects and parent.aspects[word].is_ordered


def _common(these: Mapping[str, str], those: Mapping[str, str]) -> list[str]:
    return [place for place in these if place in those]


def _message(
    what: str, child: Snapshot, parent: Snapshot, words: tuple[str, ...], lines: list[str], remedy: str
) -> str:
    shown = [f"  {line}" for line in lines[:_LINES]]
    if len(lines) > _LINES:
        shown.append(f"  ... and {len(lines) - _LINES} more")
    head = f"the child ({_who(child)}) {what} {', '.join(words)} of its parent ({_who(parent)}):"
    return "\n".join([head, *shown, f"what to do: {remedy}"])


def _who(snapshot: Snapshot) -> str:
    inside = f", interpreter {snapshot.interpreter}" if snapshot.interpreter else ""
    return f"pid {snapshot.process.pid}{inside}"
