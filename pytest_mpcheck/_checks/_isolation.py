"""Did anything change here while children worked?"""

from __future__ import annotations

import difflib
import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import active_children

from .._errors import MpcheckError
from .._excerpts import shortened
from .._probes._frozen import NotThere, frozen, named
from .._probes._snapshot import is_part
from .._probes._words import WORDS, Unmeasurable

__all__ = ["assert_isolated"]

_LINES = 20
"""How many places a message tells."""

_REMEDY = (
    "what to do: hand the worker a copy, or put back what it changes; `python -m pytest_mpcheck inherits` tells which "
    "kinds of workers share what"
)

_TEXT = 1_000
"""How much of each it tells, in characters."""


@contextmanager
def assert_isolated(*watched: object) -> Iterator[None]:
    """Assert that nothing watched changes in this process while the block runs.

    Workers that are processes have memory of their own (a thread has not, shared memory is none); this proves it for
    what you name::

        with assert_isolated("shop.stock:LEVELS", "cwd", os.environ):
            mp_process(sell).result()

    Args:
        watched: At least one of: a dotted name (``"package.module"`` for all of a module's globals,
            ``"package.module:attribute"`` for one of them); a word of `Snapshot`, such as ``"cwd"``, or a place in one;
            any object, looked at through and through. Of modules, threads and descriptors, which a process that starts
            children gets more of, only those count that were there before.

    Raises:
        AssertionError: Something changed; names each place with what was there before and is there now.
        ValueError: Nothing is watched, or a name leads nowhere.
        MpcheckError: A word cannot be measured here.
    """
    __tracebackhide__ = True
    if not watched:
        raise ValueError("assert_isolated() that watches nothing proves nothing: name a module or an object")
    if any(isinstance(word, str) and is_part(word, "descriptors") for word in watched):
        active_children()  # the next start would forget those that have ended, and close what they had
        gc.collect()  # what nobody holds any more is closed at any moment
    before = _look(watched)
    yield
    after = _look(watched)
    changes = [
        f"  {shortened(path, _TEXT)}: was {_told(before.get(path))}, is {_told(after.get(path))}"
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path) and (path in before or not _may_grow(path))
    ] or [
        f"  {word}: all of it is there, in another order"
        for word in watched
        if isinstance(word, str) and word in WORDS and WORDS[word].is_ordered and list(before) != list(after)
    ]
    if changes:
        if len(changes) > _LINES:
            changes[_LINES:] = [f"  ... and {len(changes) - _LINES} more"]
        raise AssertionError("\n".join(["changed in this process while children worked:", *changes, _REMEDY]))


def _told(text: str | None) -> str:
    return "(not there)" if text is None else shortened(text, _TEXT)


def _may_grow(path: str) -> bool:
    return any(word.grows and is_part(path, name) for name, word in WORDS.items())


def _look(watched: tuple[object, ...]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for index, thing in enumerate(watched):
        if thing is os.environ:
            facts |= _measure("environ", "environ")  # itself it holds everything twice
        elif not isinstance(thing, str):
            facts |= frozen(thing, f"{type(thing).__name__} #{index + 1}")
        else:
            word = next((name for name in WORDS if is_part(thing, name)), None)
            facts |= frozen(_named(thing), thing) if word is None else _measure(word, thing)
    return facts


def _measure(word: str, place: str) -> Mapping[str, str]:
    try:
        return {where: text for where, text in WORDS[word].measure(word).items() if is_part(where, place)}
    except Unmeasurable as obstacle:
        raise MpcheckError(
            f"assert_isolated() got {place!r}, which cannot be measured in pid {os.getpid()}: {obstacle}; what to do: "
            f"leave it out"
        ) from None


def _named(name: str) -> object:
    try:
        return named(name)
    except (ImportError, NotThere, ValueError) as error:
        near = difflib.get_close_matches(name, WORDS, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"nothing to watch under {name!r} ({error}): {hint}"
            f"give 'module' or 'module:attribute', one of {', '.join(map(repr, WORDS))}, or an object"
        ) from None
