"""`Part`: the marks of one process of pytest, in a file, test by test; and the trace that is made of all parts.

Guarantees: memory stays bounded by the largest test. The trace is there as a whole or not at all, whatever ends the
run. Processes have numbers of their own in it, also where the system has used a pid twice, or several workers of
pytest-xdist have. A part whose writer was killed counts up to its last whole line.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from .._records import ProcessId
from ._mark import Mark

__all__ = ["Part", "merge"]

_LARGEST_PID = 2**22
"""Beyond the pids of Linux; what needs a number of its own gets one above it."""


class Part:
    """The marks of one process of pytest; the file is open only while a test is added, so that no child inherits it.

    Args:
        path: The file; there is none yet.

    Raises:
        OSError: It cannot be written.
    """

    def __init__(self, path: str) -> None:
        with open(path, "xb"):
            self._path = path
        self._named: set[ProcessId] = set()
        self._flows = 0

    def add(self, names: Mapping[ProcessId, str], marks: Iterable[Mark]) -> None:
        """Add the marks of a test.

        Args:
            names: The names of its processes.
            marks: The marks, earlier ones first, none of them before those of earlier tests.

        Raises:
            OSError: There is no room.
        """
        last = 0
        with open(self._path, "a", encoding="ascii", newline="\n") as file:
            for mark in marks:
                if mark.process not in self._named:
                    self._named.add(mark.process)
                    file.write(_line(mark, "", 0, {"name": names[mark.process]}))
                last = max(last, mark.flow)
                file.write(_line(mark, mark.thread, mark.flow and self._flows + mark.flow, mark.fields))
        self._flows += last


def _line(mark: Mark, thread: str, flow: int, fields: Mapping[str, object]) -> str:
    whose = f"{mark.process.pid} {mark.process.start_token}"
    return f"{mark.at}\t{whose}\t{thread}\t{flow}\t{json.dumps(fields)}\n"


class _Line(NamedTuple):
    at: int
    part: int
    whose: str
    thread: str
    flow: int
    fields: str


def merge(parts: Iterable[str], path: str, about: Mapping[str, object]) -> None:
    """Make the trace of parts.

    Args:
        parts: Their paths.
        path: Where to write it.
        about: What is to be said of it as a whole.

    Raises:
        OSError: There is no room.
    """
    numbers = _Numbers()
    lines = heapq.merge(*(_lines(number, part) for number, part in enumerate(parts)), key=lambda line: line.at)
    with open(path, "w", encoding="ascii", newline="\n") as file:
        file.write(f'{{"otherData": {json.dumps(about)}, "displayTimeUnit": "ns", "traceEvents": [')
        separator = "\n"
        for line in lines:
            for text in numbers.events(line):
                file.write(f"{separator}{text}")
                separator = ",\n"
        file.write("\n]}\n")


def _lines(number: int, path: str) -> Iterator[_Line]:
    with open(path, encoding="ascii", errors="replace", newline="\n") as file:
        for text in file:
            if not text.endswith("\n"):
                return  # its writer was killed
            at, whose, thread, flow, fields = text.split("\t", 4)
            yield _Line(int(at), number, whose, thread, int(flow), fields.rstrip())


class _Numbers:
    """The numbers of processes, threads and arrows in a trace: no two have the same, of whatever process they are."""

    def __init__(self) -> None:
        self._processes: dict[str, int] = {}
        self._threads: dict[str, dict[str, int]] = {}
        self._flows: dict[tuple[int, int], int] = {}
        self._taken: set[int] = set()
        self._free = count(_LARGEST_PID)
        self._next_flow = count(1)

    def events(self, line: _Line) -> Iterator[str]:
        """Yield a line as an event of the format, and before it whose it is when that is new."""
        if not line.thread:
            yield from self._process(line)
            return
        pid, threads = self._processes[line.whose], self._threads[line.whose]
        if line.thread not in threads:
            yield self._thread(line.thread, pid, threads)
        fields = line.fields[1:]
        if line.flow:
            fields = f'"id": {self._flow(line)}, {fields}'
        yield f'{{"pid": {pid}, "tid": {threads[line.thread]}, "ts": {line.at // 1000}.{line.at % 1000:03}, {fields}'

    def _process(self, line: _Line) -> Iterator[str]:
        if line.whose in self._processes:
            return
        real = int(line.whose.split()[0])
        pid = self._processes[line.whose] = self._number() if real in self._taken else real
        self._taken.add(pid)
        self._threads[line.whose] = {}
        yield _metadata("process_name", pid, pid, json.loads(line.fields))
        yield _metadata("process_labels", pid, pid, {"labels": f"pid {real}"})
        yield _metadata("process_sort_index", pid, pid, {"sort_index": len(self._processes)})

    def _thread(self, thread: str, pid: int, threads: dict[str, int]) -> str:
        """Give a thread its number; the first one of a process has that of the process, as its main thread would."""
        others = [other for other in threads if other != "0"]
        number, _, lane = thread.partition("+")
        tid = threads[thread] = self._number() if others or lane else pid
        known = [*dict.fromkeys([*(other.partition("+")[0] for other in others), number])]
        name = f"thread {known.index(number) + 1}" + (f", lane {int(lane) + 1}" if lane else "")
        return _metadata("thread_name", pid, tid, {"name": name})

    def _number(self) -> int:
        number = next(one for one in self._free if one not in self._taken)
        self._taken.add(number)
        return number

    def _flow(self, line: _Line) -> int:
        """Return the number of an arrow: a new one for its first end, the same one for its second."""
        key = line.part, line.flow
        number = self._flows.pop(key, 0)
        if not number:
            number = self._flows[key] = next(self._next_flow)
        return number


def _metadata(name: str, pid: int, tid: int, known: Mapping[str, object]) -> str:
    return json.dumps({"pid": pid, "tid": tid, "ph": "M", "name": name, "args": known})
