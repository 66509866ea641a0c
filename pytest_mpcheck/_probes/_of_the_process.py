"""What a process as a whole has: all its threads and interpreters have it in common."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from .. import _platforms
from ._frozen import bounded, frozen
from ._importing import import_quietly
from ._place import Unmeasurable, place
from ._subinterpreter import interpreter_number

__all__ = ["cwd", "descriptors", "environ", "locale_settings", "signal_handlers", "umask"]

_OF_THE_RUN = frozenset((_platforms.MARK, "MPCHECK_HISTORY", "PYTEST_CURRENT_TEST"))
"""Variables that tell a process its place in the run of the tests: they differ by nature."""


def environ(word: str) -> Mapping[str, str]:
    """Measure the environment, as `os.environ` has it."""
    return {place(word, key): bounded(repr(value)) for key, value in os.environ.items() if key not in _OF_THE_RUN}


def cwd(word: str) -> Mapping[str, str]:
    """Measure the working directory."""
    try:
        return {word: repr(os.getcwd())}
    except OSError as error:
        return {word: f"a folder that is gone ({error.strerror})"}


def umask(word: str) -> Mapping[str, str]:
    """Measure the file mode creation mask."""
    return {word: f"{_platforms.umask():#05o}"}


def descriptors(word: str) -> Mapping[str, str]:
    """Measure what is open, but for the standard streams, the null device, and the way to the resource tracker.

    Every child gets streams of its own, every process of `multiprocessing` shares that tracker, and nobody could tell
    one null device from another.
    """
    tracker: Any = sys.modules.get("multiprocessing.resource_tracker")
    apart = {0, 1, 2, getattr(getattr(tracker, "_resource_tracker", None), "_fd", None)}
    found = sorted(_platforms.descriptors().items())
    return {place(word, number): what for number, what in found if number not in apart and not _is_null(number)}


def _is_null(number: int) -> bool:
    try:
        return os.path.samestat(os.fstat(number), os.stat(os.devnull))
    except OSError:  # closed meanwhile, by another thread
        return True


_DEFAULTS = {
    "SIGINT": signal.default_int_handler,
    "SIGPIPE": signal.SIG_IGN,
    "SIGXFSZ": signal.SIG_IGN,
}
"""What Python itself sets at its start; of all other signals that is SIG_DFL."""


def signal_handlers(word: str) -> Mapping[str, str]:
    """Measure what happens on each signal, where that is not what happens in any fresh Python."""
    if interpreter_number():
        raise Unmeasurable("the handlers of signals are objects of the main interpreter, which no other one may touch")
    ignored = _platforms.ignored_signals()  # PyPy does not know of those that were so at its start
    found: dict[str, str] = {}
    for number in sorted(signal.valid_signals()):
        handler, name = signal.getsignal(number), _name(number)
        if handler == signal.SIG_DFL and number in ignored:
            handler = signal.SIG_IGN
        if handler != _DEFAULTS.get(name, signal.SIG_DFL):
            found[place(word, name)] = _told(handler, word)
    return found


def _told(handler: object, word: str) -> str:
    if handler is None:
        return "a handler that Python has not set"
    if isinstance(handler, signal.Handlers):
        return "ignored" if handler == signal.SIG_IGN else "the system's default"
    return frozen(handler, word, by_identity=False)[word]


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"


def locale_settings(word: str) -> Mapping[str, str]:
    """Measure the locale of each category, where that is not the one with which Python starts."""
    c = import_quietly("_locale")  # built in; `locale` itself is big
    found = {}
    for category in ("LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"):
        if hasattr(c, category):  # Windows lacks one
            name = c.setlocale(getattr(c, category), None)
            if name != (_from_environment() if category == "LC_CTYPE" else "C"):
                found[place(word, category)] = bounded(repr(name))
    return found


def _from_environment() -> str:
    variables = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next((value for value in variables if value), "C")
