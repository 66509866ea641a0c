"""`span`: what has a begin and an end, in the log.

Guarantees: as those of `_log`. An end is recorded in the test in which the begin was, and by its process, or not at
all.
"""

from __future__ import annotations

from . import _log
from ._layout import BEGIN, END

TYPE_CHECKING = False  # typing itself would cost every child a millisecond
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

__all__ = ["span"]


class span:  # noqa: N801  # it reads like a function
    """Record when what stands in this ``with`` block began, and when it ended.

    An exception that leaves the block is noted with its end, as ``raised``.

    Args:
        name: What the span is called.
        data: What is to be known of it from the beginning.
    """

    __slots__ = ("_begin", "_data", "_epoch", "_name", "_noted", "_ring")

    def __init__(self, name: str, /, **data: object) -> None:
        self._name = name
        self._data = data
        self._noted: dict[Any, object] = {}
        self._begin = -1

    def __enter__(self) -> span:
        """Begin."""
        if _log.listens():
            if not isinstance(self._name, str):
                raise _log._no_name("span", self._name)
            self._epoch = _log._epoch
            self._ring = _log._ring
            self._begin = _log._record(BEGIN, self._name, self._data, _log._epoch)
        return self

    def note(self, **data: object) -> None:
        """Add to what is known of its end."""
        self._noted.update(data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        if self._begin < 0 or self._ring is not _log._ring or not _log.listens() or self._epoch != _log._epoch:
            return  # nobody has listened, or the test is over, or this is a copy of the process that has begun it
        noted = {0: self._begin, **self._noted}
        if kind is not None:
            noted["raised"] = kind.__name__
        _log._record(END, self._name, noted, _log._epoch)
