"""The parent's end of what children tell besides their output: warnings and log records.

Guarantees: each is heard once, in the thread that asks, as if it had come up here: warnings by
`warnings.showwarning`, records by their loggers. It was the child's task to filter them; nothing here makes an error of
a warning that was none there. Records of several children come in the order of their time. They are read in blocks, and
what is damaged is left out.
"""

from __future__ import annotations

import builtins
import linecache
import marshal
import pickle
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._station import Station

__all__ = ["Hearing"]

_BLOCK = 1024 * 1024
"""How much of a child is heard at once, in bytes; more if that is a single line."""

_NEEDED = {
    "warning": frozenset(("message", "text", "category", "name", "filename", "lineno", "process")),
    "log": frozenset(("created", "name", "msg")),
}
"""What an entry of each kind has to have."""


class Hearing:
    """What children have told, and how much of it has been heard."""

    def __init__(self) -> None:
        self._heard: dict[Station, int] = {}
        self._lock = threading.RLock()  # a signal's handler may listen too

    def add(self, station: Station) -> None:
        """Listen to one more child from now on."""
        self._heard[station] = 0

    def listen(self, stations: Iterable[Station]) -> None:
        """Pass on what children have told since the last time.

        Args:
            stations: Theirs.
        """
        ends = {station: station.size("told") for station in stations}
        ends = {station: end for station, end in ends.items() if end > self._heard[station]}
        before: list[int] = []
        while ends and before != (before := [self._heard[station] for station in ends]):
            told = self._take(ends)
            for kind, facts in told:
                if kind == "warning":
                    _show_warning(facts)
            records = [facts for kind, facts in told if kind == "log"]
            if records:
                from ._log_records import handle_record

                for facts in sorted(records, key=lambda facts: facts["created"]):
                    handle_record(facts)

    def _take(self, ends: Mapping[Station, int]) -> list[tuple[str, dict[str, Any]]]:
        with self._lock:
            fresh = [(station, end) for station, end in ends.items() if end > self._heard[station]]
            return [entry for station, end in fresh for entry in self._news(station, end)]

    def _news(self, station: Station, end: int) -> Iterator[tuple[str, dict[str, Any]]]:
        position = self._heard[station]
        data = station.read_bytes("told", position, min(_BLOCK, end - position))
        if b"\n" not in data:
            data = station.read_bytes("told", position, end - position)
        lines = data[: data.rfind(b"\n") + 1]  # half a line is of a child that is writing, or was killed in it
        self._heard[station] += len(lines)
        for line in lines.splitlines():
            try:
                kind, facts = marshal.loads(bytes.fromhex(line.decode()))
                is_whole = facts.keys() >= _NEEDED[kind]
            except (ValueError, EOFError, TypeError, AttributeError, KeyError):
                continue
            if is_whole:
                yield kind, facts


def _show_warning(facts: dict[str, Any]) -> None:
    filename, lineno = facts["filename"], facts["lineno"]
    try:
        message: Warning = pickle.loads(facts["message"])
    except Exception:  # its class is not to be found here, or cannot be made again
        message = getattr(builtins, facts["category"])(f"{facts['name']}: {facts['text']}")
    line = linecache.getline(filename, lineno).strip()
    where = f"# in child {facts['process']!r}"
    warnings.showwarning(message, type(message), filename, lineno, None, f"{line}  {where}" if line else where)
