"""What a Python interpreter has: its threads have it in common."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from ._frozen import bounded
from ._importing import is_of_the_look
from ._place import place

__all__ = ["log_handlers", "meta_path", "sys_modules", "sys_path", "warning_filters"]

_OURS = "pytest_mpcheck"
_NOT_OF_THE_TEST = frozenset((_OURS, "_pytest", "pytest"))
"""Packages whose handlers and finders belong to the run of the tests: a child gets others in their place."""


def sys_path(word: str) -> Mapping[str, str]:
    """Measure where modules are looked for."""
    return {place(word, entry): "there" for entry in sys.path}


def sys_modules(word: str) -> Mapping[str, str]:
    """Measure which modules are imported; this package's own do not count."""
    return {
        place(word, name): "imported"
        for name in list(sys.modules)
        if name.partition(".")[0] != _OURS and not is_of_the_look(name)
    }


_FINDERS = frozenset(
    (f"{module}.{name}")
    for module, name in (
        ("_frozen_importlib", "BuiltinImporter"),
        ("_frozen_importlib", "FrozenImporter"),
        ("_frozen_importlib_external", "PathFinder"),
    )
)
"""Those of any fresh Python."""


def meta_path(word: str) -> Mapping[str, str]:
    """Measure the finders of modules that somebody has added."""
    names = map(_name_of, sys.meta_path)
    return {
        place(word, name): "there"
        for name in names
        if name not in _FINDERS and name.partition(".")[0] not in _NOT_OF_THE_TEST
    }


def _name_of(finder: object) -> str:
    cls: Any = finder if isinstance(finder, type) else type(finder)
    return f"{cls.__module__}.{cls.__qualname__}"


_FILTERS = frozenset(
    (
        ("default", None, DeprecationWarning, "__main__", 0),
        ("ignore", None, DeprecationWarning, None, 0),
        ("ignore", None, PendingDeprecationWarning, None, 0),
        ("ignore", None, ImportWarning, None, 0),
        ("ignore", None, ResourceWarning, None, 0),
    )
)
"""Those of any fresh Python that was given no options about warnings."""


def warning_filters(word: str) -> Mapping[str, str]:
    """Measure the filters of warnings that somebody has set."""
    # a free-threaded Python keeps them in a context
    current: Any = getattr(warnings, "_get_filters", lambda: warnings.filters)()
    return {place(word, _filter(*one)): "in effect" for one in list(current) if one not in _FILTERS}


def _filter(action: str, message: Any, category: Any, module: Any, line: int) -> str:
    """Write a filter as the option -W has it."""
    whose = getattr(category, "stands_for", (category.__module__, category.__qualname__))  # ours, for one not imported
    name = whose[1] if whose[0] == "builtins" else ".".join(whose)
    parts = action, _pattern(message), name, _pattern(module), str(line or "")
    return ":".join(parts).rstrip(":")


def _pattern(value: Any) -> str:
    return "" if value is None else str(getattr(value, "pattern", value))


def log_handlers(word: str) -> Mapping[str, str]:
    """Measure the handlers of loggers that somebody has added, and where they lead to."""
    logging: Any = sys.modules.get("logging")
    found: dict[str, str] = {}
    if logging is not None:
        loggers = [("root", logging.root), *list(logging.root.manager.loggerDict.items())]
        for name, logger in loggers:
            for handler in list(getattr(logger, "handlers", ())):
                if not _is_by_default(handler):
                    cls = type(handler)
                    key = name, f"{cls.__module__}.{cls.__qualname__}"
                    found[_free(found, word, " ".join(key))] = "; ".join(_destination(handler))
    return found


def _is_by_default(handler: object) -> bool:
    """Return whether a handler is one of the run of the tests, or does nothing."""
    cls = type(handler)
    return cls.__module__.partition(".")[0] in _NOT_OF_THE_TEST or cls.__name__ == "NullHandler"


def _destination(handler: Any) -> Iterator[str]:
    yield f"level {handler.level}"
    file, stream = getattr(handler, "baseFilename", None), getattr(handler, "stream", None)
    if file is not None:
        yield f"to {bounded(os.fspath(file))}"
    elif stream is not None:
        yield f"to {getattr(stream, 'name', type(stream).__qualname__)}"


def _free(found: Mapping[str, str], word: str, key: str) -> str:
    """Return a place that is not taken: a logger may have several handlers of one class."""
    number, name = 1, place(word, key)
    while name in found:
        number += 1
        name = place(word, f"{key} {number}")
    return name
