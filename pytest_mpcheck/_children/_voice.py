"""The child's end of what it has to tell besides its output: warnings and log records.

Guarantees: each is one line in the child's station, written at once, so that it outlives the child's death. A file is
opened for each line, so whatever the child does to its descriptors does no harm, and a child of the child tells its own
in the same place. Who never logs does not pay for `logging`.
"""

from __future__ import annotations

import contextlib
import marshal
import multiprocessing
import pickle
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

from .._excerpts import LIMIT, repr_of, text_of
from .._heard_import import find_and_hear
from ._station import Station
from ._surroundings import Surroundings, apply_filters

__all__ = ["find_voice"]

_OF_PARSERS = SyntaxWarning, DeprecationWarning
"""What parsing a line may warn with; up to Python 3.11 an invalid escape sequence was of the second kind."""


def find_voice(station: Station, surroundings: Surroundings) -> None:
    """Let this process tell its warnings and log records.

    Args:
        station: Where to leave them.
        surroundings: What decides which ones.
    """
    path = station.path("told")

    def tell(kind: str, facts: Mapping[str, object]) -> None:
        line = marshal.dumps((kind, {key: _plain(value) for key, value in facts.items()})).hex() + "\n"
        # the test may have ended, and its folder be gone
        with contextlib.suppress(OSError), open(path, "ab", buffering=0) as file:
            file.write(line.encode())

    apply_filters(surroundings)
    # a forked child has the recorder of pytest in its place; that belongs to the parent
    warnings.showwarning = _teller_of_warnings(tell)
    if surroundings.levels is not None:
        _when_logging_is_imported(lambda: _tell_logs(tell, surroundings))


def _teller_of_warnings(tell: Callable[[str, Mapping[str, object]], None]) -> Any:
    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
        if category in _OF_PARSERS and _is_about_a_traceback():
            return  # `traceback` parses the lines that it shows; whoever compiled them has told that before
        try:
            pickled = pickle.dumps(message)
        except Exception:  # it holds whatever its maker put into it
            pickled = b""
        builtin = next(base.__name__ for base in category.__mro__ if base.__module__ == "builtins")
        facts = {
            "message": pickled,
            "text": text_of(message),
            "category": builtin,
            "name": category.__qualname__,
            "filename": filename,
            "lineno": lineno,
            "process": multiprocessing.current_process().name,
        }
        tell("warning", facts)

    return show


def _is_about_a_traceback() -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "traceback":
            return True
        frame = frame.f_back
    return False


def _tell_logs(tell: Callable[[str, Mapping[str, object]], None], surroundings: Surroundings) -> None:
    from ._log_records import listen_to_loggers, loggers_with_handlers

    assert surroundings.levels is not None
    is_forked = surroundings.filters is None
    loggers = surroundings.loggers if is_forked else loggers_with_handlers()
    listen_to_loggers(lambda facts: tell("log", facts), surroundings.levels, surroundings.disabled, loggers)


def _when_logging_is_imported(action: Callable[[], None]) -> None:
    if "logging" in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _LoggingFinder(action))


class _LoggingFinder:
    """A meta path finder that does something once `logging` has been imported."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return find_and_hear(self, name, path, target, self._is_imported) if name == "logging" else None

    def _is_imported(self, module: ModuleType) -> None:
        sys.meta_path.remove(self)
        self._action()


def _plain(value: Any) -> object:
    """Return a value, or a text about it when it is not made of the built-in types alone."""
    try:
        marshal.dumps(value)
    except ValueError:
        return str.__str__(value) if isinstance(value, str) else repr_of(value, LIMIT)
    return value
