"""The span of each call of a watched function, and what stands in for a function that has no code to be exchanged.

Guarantees: what the log calls while it records a call is not recorded, whoever watches it: it would have no end.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from typing import Any

__all__ = ["StandIn", "Watched"]


class _Recording(threading.local):
    """Whether this thread is inside the log at the moment."""

    now = False


_recording = _Recording()


class _CallSpan:
    """The span of one call; none when the log itself calls."""

    __slots__ = ("_span",)

    def __init__(self, span: Any) -> None:
        self._span = span

    def __enter__(self) -> None:
        if _recording.now:
            self._span = None
            return
        _recording.now = True
        try:
            self._span.__enter__()
        finally:
            _recording.now = False

    def __exit__(self, *error: object) -> None:
        if self._span is not None:
            _recording.now = True
            try:
                self._span.__exit__(*error)
            finally:
                _recording.now = False


class Watched:
    """A function as it was, and the name under which its calls are recorded."""

    def __init__(self, name: str, function: Any) -> None:
        from . import _ring, _span

        _ = _ring  # recording loads it with the first event, and who looks for it may call what is watched
        self._name = name
        self._span = _span.span
        self.function = function

    def span(self) -> _CallSpan:
        """Return the span of one call."""
        return _CallSpan(self._span(self._name))


class StandIn:
    """Stands in a module for a callable that has no code to be exchanged."""

    def __init__(self, place: tuple[str, str], watched: Watched) -> None:
        self._mpcheck = place, watched

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        watched = self._mpcheck[1]
        with watched.span():
            return watched.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mpcheck[1].function, name)

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return _look_up, self._mpcheck[0]


def _look_up(module: str, name: str) -> object:
    from importlib import import_module

    return getattr(import_module(module), name)
