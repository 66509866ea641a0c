"""`probe`: what the process that calls it has.

Guarantees: nothing is changed by the look, and no module is imported but those of names that are given, and what the
look needs for itself, which does not show. It works in every process, thread and interpreter; what cannot be measured
there says why.
"""

from __future__ import annotations

import os
import threading

from .. import _platforms
from .._excerpts import repr_of
from .._records import ProcessId
from ._frozen import NotThere, frozen, named
from ._snapshot import Aspect, Snapshot
from ._subinterpreter import interpreter_number
from ._words import WORDS, Unmeasurable

__all__ = ["aspect_of", "probe"]


def probe(*names: str) -> Snapshot:
    """Look at what the process that calls this has, in the place of a target for instance.

    Example::

        there = mp_process(probe, "shop.stock:LEVELS").result()
        assert_not_inherited(there, probe("shop.stock:LEVELS"), "shop.stock:LEVELS")

    Args:
        names: What to look at besides the words of `Snapshot`: ``"package.module"`` for all globals of a module,
            ``"package.module:attribute"`` for one of them. The module is imported where it is not.

    Returns:
        What there is.

    Raises:
        ValueError: A name is none, or leads to no module.
    """
    aspects = {name: aspect_of(name) for name in (*WORDS, *names)}  # names last: they may import modules
    pid = os.getpid()
    return Snapshot(ProcessId(pid, _platforms.start_token(pid)), threading.get_ident(), interpreter_number(), aspects)


def aspect_of(name: str) -> Aspect:
    """Look at one thing.

    Args:
        name: A word of `Snapshot`, or another name as for `probe`.

    Raises:
        ValueError: It leads to no module.
    """
    word = WORDS.get(name)
    if word is None:
        return Aspect(_globals(name))
    try:
        return Aspect(word.measure(name), word.is_ordered)
    except Unmeasurable as obstacle:
        return Aspect({}, word.is_ordered, str(obstacle))


def _globals(name: str) -> dict[str, str]:
    if not isinstance(name, str):
        raise ValueError(
            f"probe() got {repr_of(name)}, which is no name; what to do: give 'module' or 'module:attribute'"
        )
    try:
        return frozen(named(name), name, by_identity=False)
    except NotThere:  # nothing to have: it may be there in another process
        return {}
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"probe() got the name {name!r}, and there is no such module in pid {os.getpid()} ({error}); "
            f"what to do: give 'module' or 'module:attribute'"
        ) from None
