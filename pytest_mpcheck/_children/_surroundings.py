"""What a child takes over from the test's process besides its arguments: filters of warnings, levels of logs.

Guarantees: a child that is handed this treats a warning and a log record as the test would have treated it at the
moment when the child was started. No class of a warning is imported for it: one that the child has not imported stands
under its name, and matches whatever comes to bear that name.
"""

from __future__ import annotations

import signal
import sys
import warnings
from functools import reduce
from typing import Any, NamedTuple

from .._keeper._doors import Doors

__all__ = ["Surroundings", "add_filters", "apply_filters", "filters_of_warnings", "look_around"]


class Surroundings(NamedTuple):
    """What a child takes over at its start.

    A forked child shares the memory of the test's process, and each page of it that a child touches first has to be
    copied. So what can be looked up or made before the fork is: `loggers`, `doors` and `has_alarm` are for it alone.

    Attributes:
        filters: The filters of warnings, a category as the names of its module and itself; ``None`` for a forked child,
            which has them.
        levels: Each logger that has a level of its own (``""`` is the root), none of them for a forked child, which has
            them; or ``None`` when nobody here listens to logs.
        disabled: The level up to which logging is switched off.
        loggers: The loggers with handlers that a forked child has to set aside, but for the root.
        doors: What notes the processes that a forked child starts.
        has_alarm: Whether a forked child inherits the handler by which pytest-timeout ends a test.
    """

    filters: tuple[tuple[Any, ...], ...] | None
    levels: tuple[tuple[str, int], ...] | None
    disabled: int
    loggers: tuple[Any, ...] = ()
    doors: Doors | None = None
    has_alarm: bool = False


def look_around(start_method: str, folder: str) -> Surroundings:
    """Return what a child would take over that starts now.

    Args:
        start_method: How it starts.
        folder: The folder of the test.
    """
    logging: Any = sys.modules.get("logging")
    is_heard = logging is not None and bool(logging.root.handlers)
    disabled = logging.root.manager.disable if is_heard else 0
    if start_method == "fork":
        doors = Doors(folder)
        doors.prepare()
        return Surroundings(
            None, () if is_heard else None, disabled, _with_handlers() if is_heard else (), doors, _has_alarm()
        )
    filters = tuple(
        (action, text, (category.__module__, category.__qualname__), module, line)
        for action, text, category, module, line in filters_of_warnings()
    )
    return Surroundings(filters, _levels(logging) if is_heard else None, disabled)


def filters_of_warnings() -> list[Any]:
    """Return the filters of warnings that are in effect, the first one that counts first."""
    # a free-threaded Python keeps them in a context
    current: Any = getattr(warnings, "_get_filters", lambda: warnings.filters)()
    return list(current)


def add_filters(filters: tuple[Any, ...]) -> None:
    """Put filters of warnings before those that are in effect."""
    current = filters_of_warnings()
    warnings.resetwarnings()  # so that the registries notice the change
    warnings.filters.extend([*filters, *current])  # type: ignore[attr-defined]


def _with_handlers() -> tuple[Any, ...]:
    from ._log_records import loggers_with_handlers  # imported here, so that no child has to

    return loggers_with_handlers()


def _has_alarm() -> bool:
    if not hasattr(signal, "SIGALRM"):  # pragma: needs windows
        return False
    handler = signal.getsignal(signal.SIGALRM)
    return str(getattr(handler, "__module__", "")).startswith(("pytest_timeout", "pytest_mpcheck"))


def _levels(logging: Any) -> tuple[tuple[str, int], ...]:
    loggers = list(logging.root.manager.loggerDict.items())
    levels = [(name, logger.level) for name, logger in loggers if getattr(logger, "level", 0)]
    return ("", logging.root.level), *levels


def apply_filters(surroundings: Surroundings) -> None:
    """Let the filters of warnings hold in this process."""
    if surroundings.filters is not None:
        filters: Any = [
            (action, text, _category(*category), module, line)
            for action, text, category, module, line in surroundings.filters
        ]
        warnings.resetwarnings()  # so that the registries notice the change
        warnings.filters.extend(filters)  # type: ignore[attr-defined]


def _category(module: str, name: str) -> type[Warning]:
    """Return a class of warnings if its module is imported, else one that matches what has its name."""
    category: Any
    try:
        category = reduce(getattr, name.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        category = _ByName(name, (Warning,), {"stands_for": (module, name)})
    return category  # type: ignore[no-any-return]


class _ByName(type):
    """The type of classes that stand for another one, which may never be imported here; PyPy does not ask it."""

    stands_for: tuple[str, str]

    def __subclasscheck__(cls, subclass: type) -> bool:
        return any((base.__module__, base.__qualname__) == cls.stands_for for base in subclass.__mro__)
