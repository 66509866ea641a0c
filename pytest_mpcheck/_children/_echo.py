"""Passes on what children write and tell: output to where the user asked for it, warnings and logs to those of pytest.

Guarantees: no thread and no pipe: whoever waits for a child also looks at what was written meanwhile, and the end of
the test passes on the rest. Nothing is passed on twice. It goes on in blocks, and no further than to where a file ended
when the look at it began: neither much output nor output without end keeps anybody from a deadline for ever.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Literal, TextIO

from ._hearing import Hearing
from ._station import Station

__all__ = ["Echo", "Place"]

Place = Literal["nowhere", "streams", "terminal", "fixture"]
"""Where output goes besides the child's own files: nowhere; to `sys.stdout` and `sys.stderr`, as under ``-s``; to the
terminal, past the capture that these two belong to; or to the two, because a fixture of the test reads them."""


_BLOCK = 1024 * 1024
"""How much is passed on at once, in bytes."""


class Echo:
    """What of the children's output, warnings and logs has been passed on.

    Args:
        place: Says where output goes; it is asked at each look.
    """

    def __init__(self, place: Callable[[], Place]) -> None:
        self._place = place
        self._told: dict[tuple[Station, str], int] = {}
        self._lock = threading.RLock()  # a signal's handler may look too
        self._hearing = Hearing()

    @property
    def wanted(self) -> bool:
        """Whether output is passed on at all."""
        return self._place() != "nowhere"

    @property
    def is_the_tests(self) -> bool:
        """Whether output is passed on to a fixture of the test, so that showing it once more would be twice."""
        return self._place() == "fixture"

    def add(self, station: Station) -> None:
        """Look at one more child from now on."""
        self._told |= {(station, "stdout"): 0, (station, "stderr"): 0}
        self._hearing.add(station)

    def pump(self) -> None:
        """Pass on what was written and told since the last look."""
        place = self._place()
        if place != "nowhere":
            with self._lock:
                for (station, name), told in list(self._told.items()):
                    stream: TextIO = getattr(sys, f"__{name}__" if place == "terminal" else name)
                    end = station.size(name)
                    for position in range(told, end, _BLOCK):
                        data = station.read_bytes(name, position, min(_BLOCK, end - position))
                        self._told[station, name] = position + len(data)
                        _write(stream, data)
        self._hearing.listen()


def _write(stream: TextIO, data: bytes) -> None:
    try:
        stream.write(data.decode().replace(os.linesep, "\n"))
    except UnicodeError:  # no text, or half a character, or one that the terminal has not got
        if not hasattr(stream, "buffer"):
            stream.write(data.decode(errors="replace"))
            return
        stream.flush()
        stream.buffer.write(data)
    stream.flush()
