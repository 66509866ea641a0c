"""Passes the children's output on to the terminal when the user asked for it with ``-s``.

Guarantees: no thread and no pipe: whoever waits for a child also looks at what was written meanwhile, and the end of
the test passes on the rest. Nothing is passed on twice. It goes on in blocks, and no further than to where a file ended
when the look at it began: neither much output nor output without end keeps anybody from a deadline for ever.
"""

from __future__ import annotations

import codecs
import sys
from dataclasses import dataclass, field
from typing import TextIO

from ._station import Station

__all__ = ["Echo"]


_BLOCK = 1024 * 1024
"""How much is passed on at once, in bytes."""

_new_decoder = codecs.getincrementaldecoder("utf-8")
"""Waits for the rest of a character that is not there as a whole yet."""


@dataclass
class Echo:
    """What of the children's output has been passed on.

    Attributes:
        wanted: Whether to pass anything on.
    """

    wanted: bool
    _told: dict[tuple[Station, str], int] = field(default_factory=dict)
    _decoders: dict[tuple[Station, str], codecs.IncrementalDecoder] = field(default_factory=dict)

    def add(self, station: Station) -> None:
        """Look at one more child from now on."""
        if self.wanted:
            self._told |= {(station, "stdout"): 0, (station, "stderr"): 0}
            self._decoders |= {(station, name): _new_decoder("replace") for name in ("stdout", "stderr")}

    def pump(self) -> None:
        """Pass on what was written since the last look."""
        for file, told in self._told.items():
            station, name = file
            end = station.size(name)
            for position in range(told, end, _BLOCK):
                data = station.read_bytes(name, position, min(_BLOCK, end - position))
                self._told[file] = position + len(data)
                _write(getattr(sys, name), self._decoders[file].decode(data))


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"  # a terminal's may lack what a child has written
    stream.write(text.encode(encoding, errors="backslashreplace").decode(encoding))
    stream.flush()
