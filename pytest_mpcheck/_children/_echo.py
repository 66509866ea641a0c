"""Passes the children's output on to the terminal when the user asked for it with ``-s``.

Guarantees: no thread and no pipe: whoever waits for a child also looks at what was written meanwhile, and the end of
the test passes on the rest. Nothing is passed on twice.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO

from ._station import Station

__all__ = ["Echo"]


@dataclass
class Echo:
    """What of the children's output has been passed on.

    Attributes:
        wanted: Whether to pass anything on.
    """

    wanted: bool
    _told: dict[tuple[Station, str], int] = field(default_factory=dict)

    def add(self, station: Station) -> None:
        """Look at one more child from now on."""
        if self.wanted:
            self._told |= {(station, "stdout"): 0, (station, "stderr"): 0}

    def pump(self) -> None:
        """Pass on what was written since the last look."""
        for (station, name), position in self._told.items():
            data = station.read_bytes(name, position)
            if data:
                stream: TextIO = getattr(sys, name)
                stream.write(data.decode("utf-8", errors="replace"))
                stream.flush()
                self._told[station, name] = position + len(data)
