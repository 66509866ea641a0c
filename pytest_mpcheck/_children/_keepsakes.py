"""What modules keep, once they are imported, that may be another thing in each process: a pid, a time, a random number.

Guarantees: no code of anybody's runs for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from .._probes._random_states import numpy_random_state

__all__ = ["keepsakes"]

_PLAIN = (str, bytes, int, float, complex, bool, type(None))
_CONTAINERS = (tuple, list, set, frozenset, dict)
_MOST = 100
"""How many parts of a container are looked at."""

_OTHERS = frozenset(
    (
        ("uuid", "UUID"),
        ("pathlib", "PosixPath"),
        ("pathlib._local", "PosixPath"),
        ("datetime", "datetime"),
        ("datetime", "date"),
        ("datetime", "time"),
    )
)
"""Classes whose `repr` tells all, and runs no code but their own."""


def keepsakes(names: Iterable[str]) -> dict[tuple[str, str], str]:
    """Tell, by module and name, what may differ from process to process.

    Args:
        names: Modules that are imported.
    """
    found: dict[tuple[str, str], str] = {}
    for module in names:
        if module == "numpy.random":  # it has a generator that is seeded at random, unless somebody seeds it
            found[module, ""] = str(numpy_random_state(module))
        # a module whose import is to fail is None there
        for name, value in list(getattr(sys.modules[module], "__dict__", {}).items()):
            if not name.startswith(("__", "@")):
                text = _text(value, depth=2)
                if text:
                    found[module, name] = text
    return found


def _text(value: Any, depth: int) -> str:
    cls = type(value)
    if cls in _PLAIN:
        return _plain_text(value)
    if cls in _CONTAINERS and depth and len(value) <= _MOST:
        parts = value.items() if cls is dict else value
        texts = [_text(part, depth - (cls is not dict)) for part in parts]
        return f"{cls.__name__}({', '.join(sorted(texts) if cls in (set, frozenset) else texts)})"
    module: object = cls.__module__  # anything that somebody has put there
    return _other_text(value, cls) if isinstance(module, str) else ""


def _plain_text(value: Any) -> str:
    if isinstance(value, int):
        return hex(value)  # of decimal digits there may not be many
    return repr(value[:_MOST] if isinstance(value, (str, bytes)) else value)


def _other_text(value: Any, cls: type) -> str:
    if (cls.__module__, cls.__qualname__) in _OTHERS:
        return repr(value)
    if cls.__module__ == "random" and cls.__qualname__ == "Random":
        return str(hash(value.getstate()))
    if cls.__module__.startswith("numpy.random") and hasattr(value, "bit_generator"):
        return repr(value.bit_generator.state)
    return ""
