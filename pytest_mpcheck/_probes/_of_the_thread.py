"""What a thread has for itself."""

from __future__ import annotations

import contextvars
import signal
import sys
from collections.abc import Mapping
from typing import Any

from ._frozen import frozen
from ._place import Unmeasurable, place

__all__ = ["context_variables", "decimal_context", "event_loop", "signal_mask"]

_WITH_WORDS_OF_THEIR_OWN = frozenset(("decimal_context", "warnings_context", "_warnings_context"))


def signal_mask(word: str) -> Mapping[str, str]:
    """Measure which signals are blocked."""
    if sys.platform == "win32":  # pragma: needs windows
        raise Unmeasurable("Windows has no mask of signals")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return {place(word, getattr(number, "name", f"signal {number}")): "blocked" for number in sorted(blocked)}


def context_variables(word: str) -> Mapping[str, str]:
    """Measure which context variables are set; those of `decimal` and `warnings` have words of their own."""
    facts: dict[str, str] = {}
    for variable, value in contextvars.copy_context().items():
        if variable.name not in _WITH_WORDS_OF_THEIR_OWN:
            facts |= frozen(value, place(word, variable.name), by_identity=False)
    return facts


_DECIMAL = {
    "prec": 28,
    "rounding": "ROUND_HALF_EVEN",
    "capitals": 1,
    "clamp": 0,
}
_TRAPS = frozenset(("InvalidOperation", "DivisionByZero", "Overflow"))


def decimal_context(word: str) -> Mapping[str, str]:
    """Measure what of the context of `decimal` is not as documented for a new thread."""
    decimal: Any = sys.modules.get("decimal")
    if decimal is None:
        return {}
    context = decimal.getcontext()
    facts = {
        f"{word}.{name}": repr(value)
        for name, default in _DECIMAL.items()
        if (value := getattr(context, name)) != default
    }
    traps, flags = (
        {signal.__name__ for signal, is_set in these.items() if is_set} for these in (context.traps, context.flags)
    )
    if traps != _TRAPS:
        facts[f"{word}.traps"] = ", ".join(sorted(traps)) or "none"
    if flags:
        facts[f"{word}.flags"] = ", ".join(sorted(flags))
    return facts


def event_loop(word: str) -> Mapping[str, str]:
    """Measure the loop of `asyncio` that runs, and the one that is set; none is made by that."""
    events: Any = sys.modules.get("asyncio.events")
    if events is None:
        return {}
    policy = events._event_loop_policy
    loops = {
        "running": events._get_running_loop(),
        "set": getattr(getattr(policy, "_local", None), "_loop", None),
    }
    return {place(word, how): _loop(loop) for how, loop in loops.items() if loop is not None}


def _loop(loop: Any) -> str:
    """Tell a loop; by its address, which a forked process has in common with its parent and no other one does."""
    return f"{'closed' if loop.is_closed() else 'open'} {type(loop).__qualname__} at {id(loop):#x}"
