"""The rules of the Trace Event Format, as far as a trace of this project uses it, and of the viewers that read it.

After "Trace Event Format" of the Chromium project (the document that chrome://tracing links to), and for arrows after
what Perfetto's importer of such files does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

__all__ = ["Trace", "read_trace"]

KEYS = {
    "M": {"ph", "pid", "tid", "name", "args"},
    "X": {"ph", "pid", "tid", "name", "cat", "ts", "dur", "args"},
    "i": {"ph", "pid", "tid", "name", "cat", "ts", "s", "args"},
    "s": {"ph", "pid", "tid", "name", "cat", "ts", "id"},
    "f": {"ph", "pid", "tid", "name", "cat", "ts", "id", "bp"},
}
"""The phases, and what events of each have: metadata, complete events, instants, the two ends of a flow."""

METADATA = {
    "process_name": "name",
    "process_labels": "labels",
    "process_sort_index": "sort_index",
    "thread_name": "name",
}


class Trace:
    """A trace that keeps the rules.

    Attributes:
        events: All events but metadata.
        names: The name of each process, by its number in the trace.
        labels: Its label, likewise.
        threads: The name of each thread, likewise.
    """

    def __init__(self, whole: dict[str, Any]) -> None:
        assert set(whole) == {"traceEvents", "displayTimeUnit", "otherData"}
        assert whole["displayTimeUnit"] in ("ms", "ns")
        everything = whole["traceEvents"]
        self.events = [event for event in everything if event["ph"] != "M"]
        self._check_keys(everything)
        self.names = self._metadata(everything, "process_name", "pid")
        self.labels = self._metadata(everything, "process_labels", "pid")
        self.threads = self._metadata(everything, "thread_name", "tid")
        self._metadata(everything, "process_sort_index", "pid")
        self._check_numbers()
        self._check_time()
        self._check_slices()
        self._check_flows()

    def find(self, name: str, phase: str = "X") -> list[dict[str, Any]]:
        """Return the events of a name."""
        return [event for event in self.events if event["name"] == name and event["ph"] == phase]

    def process_of(self, event: dict[str, Any]) -> str:
        """Return the name of the process of an event."""
        return str(self.names[event["pid"]])

    def arrows(self, kind: str) -> list[tuple[str, str]]:
        """Return between which processes there are arrows of a kind."""
        heads = {event["id"]: event for event in self.find(kind, "f")}
        return [(self.process_of(event), self.process_of(heads[event["id"]])) for event in self.find(kind, "s")]

    def around(self, event: dict[str, Any]) -> list[str]:
        """Return the names of the slices that an event lies in, the outermost first."""
        return [one["name"] for one in self._slices_at(event)]

    def _slices_at(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            one
            for one in self.events
            if one["ph"] == "X" and one["tid"] == event["tid"] and one["ts"] <= event["ts"] < one["ts"] + one["dur"]
        ]

    @staticmethod
    def _check_keys(events: list[dict[str, Any]]) -> None:
        """Each event has what its phase asks for, of the right type."""
        types = {"pid": int, "tid": int, "id": int, "name": str, "cat": str, "args": dict, "ts": Decimal}
        for event in events:
            assert set(event) == KEYS[event["ph"]], event
            for key, kind in types.items():
                assert key not in event or type(event[key]) is kind, event
            assert event["ph"] != "i" or event["s"] == "t", event
            assert event["ph"] != "f" or event["bp"] == "e", event
            assert event["ph"] != "X" or event["dur"] >= 0, event
            assert event["ph"] != "M" or set(event["args"]) == {METADATA[event["name"]]}, event

    @staticmethod
    def _metadata(events: list[dict[str, Any]], name: str, key: str) -> dict[int, Any]:
        """Each process or thread is told once."""
        told = [(event[key], event["args"][METADATA[name]]) for event in events if event["name"] == name]
        assert len(dict(told)) == len(told), told
        return dict(told)

    def _check_numbers(self) -> None:
        """Every process and thread has a name. A thread's number is its own: Perfetto names threads by that alone."""
        threads: dict[int, int] = {}
        for event in self.events:
            assert event["pid"] in self.names
            assert event["tid"] in self.threads
            assert threads.setdefault(event["tid"], event["pid"]) == event["pid"]
            assert 0 < event["pid"] < 2**32 > event["tid"] > 0

    def _check_time(self) -> None:
        """Times are microseconds of one clock, and grow."""
        times = [event["ts"] for event in self.events]
        assert times == sorted(times)

    def _check_slices(self) -> None:
        """Slices of a thread lie within each other or apart, and an outer one comes before an inner one."""
        open_ends: dict[int, list[Decimal]] = defaultdict(list)
        for event in self.events:
            if event["ph"] == "X":
                ends = open_ends[event["tid"]]
                end = event["ts"] + event["dur"]
                while ends and ends[-1] <= event["ts"]:
                    ends.pop()
                assert not ends or end <= ends[-1], event
                ends.append(end)

    def _check_flows(self) -> None:
        """Each arrow has one end of either kind, of the same name and category, and a slice around each."""
        starts: dict[int, dict[str, Any]] = {}
        seen: set[int] = set()
        for event in self.events:
            if event["ph"] in "sf":
                assert self._slices_at(event), event
            if event["ph"] == "s":
                assert event["id"] not in seen, event
                seen.add(event["id"])
                starts[event["id"]] = event
            elif event["ph"] == "f":
                start = starts.pop(event["id"])
                assert (start["name"], start["cat"]) == (event["name"], event["cat"])
                assert start["ts"] <= event["ts"]
        assert not starts


def read_trace(path: Path) -> Trace:
    """Read a trace, and check it against the rules."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"JSON knows no {constant}")

    return Trace(json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_constant=refuse))
