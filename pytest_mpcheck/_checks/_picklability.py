"""Would it go through to a child that is not forked?

Guarantees: pickles as `multiprocessing` does when it starts such a child, so its own queues and locks go through if
they are of the right context; starts nothing, and leaves descriptors as they are. What was pickled is read back too,
unless there are descriptors in it, which only a real child could take.
"""

from __future__ import annotations

import difflib
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .._children._pickling import culprit
from .._excerpts import RAISED, reason_of, repr_of

__all__ = ["assert_picklable"]

_THAT_PICKLE = ("spawn", "forkserver")


def assert_picklable(obj: object, start_methods: Iterable[str] | str = _THAT_PICKLE) -> None:
    """Assert that an object can be handed to a child under start methods that pickle, whatever this test runs under.

    Args:
        obj: What a child is to be given as an argument, or as its target by `multiprocessing.Process` itself.
        start_methods: Those that it has to go through; all that pickle, by default, whether this platform has them or
            not. Under fork nothing is pickled.

    Raises:
        AssertionError: It does not pickle, or cannot be read back; names the part by its path.
        ValueError: A start method is none, or nothing would be pickled.
    """
    __tracebackhide__ = True
    methods = _checked(start_methods)
    failure = _failure(obj)
    if failure:
        raise AssertionError(
            f"would fail under {' and '.join(methods)}: {failure}; what to do: pass plain data, or objects of classes "
            f"that stand in a module; make the rest inside the child, or leave it out of what pickles (__getstate__)"
        )


def _checked(start_methods: Iterable[str] | str) -> tuple[str, ...]:
    __tracebackhide__ = True
    names = start_methods.split(",") if isinstance(start_methods, str) else start_methods
    methods = tuple(dict.fromkeys(str(name).strip() for name in names))
    for method in methods:
        if method not in (*_THAT_PICKLE, "fork"):
            near = difflib.get_close_matches(method, _THAT_PICKLE, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(
                f"assert_picklable() got the start method {repr_of(method)}{hint}; what to do: give some of "
                f"{', '.join(_THAT_PICKLE)}"
            )
    pickling = tuple(method for method in methods if method in _THAT_PICKLE)
    if not pickling:
        raise ValueError(
            f"assert_picklable() for {', '.join(methods) or 'no start method'} proves nothing, since nothing is "
            f"pickled there; what to do: give some of {', '.join(_THAT_PICKLE)}"
        )
    return pickling


def _failure(obj: object) -> str:
    """Return which part fails and how, empty when none does."""
    from multiprocessing.reduction import ForkingPickler

    with _as_if_spawning() as descriptors:

        def attempt(value: object) -> None:
            descriptors.clear()
            data = ForkingPickler.dumps(value)
            if not descriptors:
                pickle.loads(data)

        try:
            attempt(obj)
        except RAISED as error:  # it is anybody's
            stage = "cannot be read back" if _pickles(obj) else "does not pickle"
            return f"{culprit(obj, type(obj).__name__, attempt, by_name=True)} {stage} ({reason_of(error)})"
    return ""


def _pickles(obj: object) -> bool:
    from multiprocessing.reduction import ForkingPickler

    try:
        ForkingPickler.dumps(obj)
    except RAISED:
        return False
    return True


class _Nobody:
    """Stands where the child stands that is being started, and takes nothing.

    Attributes:
        descriptors: What the child would have got.
    """

    def __init__(self) -> None:
        self.descriptors: list[int] = []

    def duplicate_for_child(self, descriptor: int) -> int:
        """Note that the child would get a descriptor."""
        self.descriptors.append(descriptor)
        return descriptor

    DupFd = int
    """What a descriptor travels as; nobody ever reads it."""


@contextmanager
def _as_if_spawning() -> Iterator[list[int]]:
    """Let `multiprocessing` believe that it starts a child; gives the list of descriptors that this one would get."""
    from multiprocessing import context

    nobody: Any = _Nobody()
    before = context.get_spawning_popen()
    context.set_spawning_popen(nobody)
    try:
        yield nobody.descriptors
    finally:
        context.set_spawning_popen(before)
