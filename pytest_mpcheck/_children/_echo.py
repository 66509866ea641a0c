"""Passes on what children write and tell: output to where the user asked for it, warnings and logs to those of pytest.

Guarantees: no thread and no pipe: whoever waits for a child also looks at what was written meanwhile, and the end of
the test passes on the rest. Nothing is passed on twice. It goes on in blocks, and no further than to where a file ended
when the look at it began: neither much output nor output without end keeps anybody from a deadline for ever.
"""

from __future__ import annotations

import codecs
import os
import sys
import threading
from collections import deque
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

_IN_TURN = 2
"""How many of those who rest a look takes in."""

_new_decoder = codecs.getincrementaldecoder("utf-8")
"""Waits for the rest of a character that is not there as a whole yet."""


class Echo:
    """What of the children's output, warnings and logs has been passed on.

    Args:
        place: Says where output goes; it is asked at each look.
    """

    def __init__(self, place: Callable[[], Place]) -> None:
        self._place = place
        self._told: dict[tuple[Station, str], int] = {}
        self._decoders: dict[tuple[Station, str], codecs.IncrementalDecoder] = {}
        self._lock = threading.RLock()  # a signal's handler may look too
        self._hearing = Hearing()
        self._busy: dict[Station, None] = {}
        self._resting: deque[Station] = deque()

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
        self._busy[station] = None
        self._decoders |= {(station, name): _new_decoder("replace") for name in ("stdout", "stderr")}
        self._told |= {(station, "stdout"): 0, (station, "stderr"): 0}
        self._hearing.add(station)

    def rest(self, station: Station | None) -> None:
        """Look less often at a child that has ended: only what it has left running still writes in its place.

        Whoever waits for the thousandth child need not look at a thousand each time.
        """
        if station is not None and station in self._busy:  # a thread has none
            del self._busy[station]
            self._resting.append(station)

    def pump(self, *, everybody: bool = False) -> None:
        """Pass on what was written and told since the last look.

        Args:
            everybody: Look at all who rest too, and not at some of them in turn.
        """
        with self._lock:
            stations = self._due(len(self._resting) if everybody else min(_IN_TURN, len(self._resting)))
            if self.wanted:
                for station in stations:
                    for name in ("stdout", "stderr"):
                        self._pass_on(station, name)
        self._hearing.listen(stations)

    def _due(self, resting: int) -> list[Station]:
        chosen = [self._resting.popleft() for _ in range(resting)]
        self._resting.extend(chosen)
        return [*self._busy, *chosen]

    def _pass_on(self, station: Station, name: str) -> None:
        file = station, name
        stream: TextIO = getattr(sys, f"__{name}__" if self._place() == "terminal" else name)
        end = station.size(name)
        for position in range(self._told[file], end, _BLOCK):
            data = station.read_bytes(name, position, min(_BLOCK, end - position))
            self._told[file] = position + len(data)
            if self.is_the_tests and not _is_text(data) and hasattr(stream, "buffer"):
                stream.flush()
                stream.buffer.write(data)  # who reads bytes gets them
            else:
                _write(stream, self._decoders[file].decode(data))


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"  # a terminal's may lack what a child has written
    stream.write(text.replace(os.linesep, "\n").encode(encoding, errors="backslashreplace").decode(encoding))
    stream.flush()
