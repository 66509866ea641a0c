"""Another start method as the default of the platform.

Guarantees: what code finds is what it would find at the beginning of a program where that is the default: nobody has
chosen a start method yet, so `set_start_method` may still be called once. Afterwards everything is as it was, also that
nobody had chosen yet, if so it was.
"""

from __future__ import annotations

import multiprocessing.context
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["choice", "chosen", "pretended", "restore"]

_ATTRIBUTES = ("_default_context", "_actual_context")
"""What the default of the platform is, and which context is in effect."""


@contextmanager
def pretended(method: str) -> Iterator[None]:
    """Make a start method the default of the platform while the context is open."""
    default: Any = multiprocessing.context._default_context
    state = vars(default)
    before = {name: state[name] for name in _ATTRIBUTES if name in state}  # one of them is cached from 3.15 on
    state.update(_default_context=default.get_context(method), _actual_context=None)
    try:
        yield
    finally:
        for name in _ATTRIBUTES:
            state.pop(name, None)
        state.update(before)


def choice() -> object:
    """Return what `restore` takes: whether somebody has chosen, and what."""
    return vars(multiprocessing.context._default_context)["_actual_context"]


def restore(before: object) -> None:
    """Forget what was chosen since."""
    vars(multiprocessing.context._default_context)["_actual_context"] = before


def chosen() -> str:
    """Return the start method that is in effect by now: by somebody's choice, or because nobody chose."""
    default: Any = multiprocessing.context._default_context
    return str((vars(default)["_actual_context"] or default._default_context)._name)
