"""`Tracks`: the threads of a test's processes, and what lies on each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .._records import ProcessId
from ._lanes import Slice

__all__ = ["Point", "Track", "Tracks"]


class Track:
    """A thread of a process in a test.

    Args:
        process: The process.
        thread: The number of the thread; 0 where nothing is known of the process but that it lived.
        at: A moment at which it was there.

    Attributes:
        first: The first moment of which anything is known.
        last: The last one.
        slices: What lies on it, but for what it is as a whole.
    """

    def __init__(self, process: ProcessId, thread: int, at: int) -> None:
        self.process = process
        self.thread = thread
        self.first = self.last = at
        self.slices: list[Slice] = []

    def touch(self, at: int) -> None:
        """Let it be there at a moment."""
        self.first = min(self.first, at)
        self.last = max(self.last, at)


class Point(NamedTuple):
    """A moment on a track."""

    track: Track
    at: int


class Tracks:
    """The tracks of a test; the first one of a process is its home, which stands for the process as a whole."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[ProcessId, int], Track] = {}
        self._homes: dict[ProcessId, Track] = {}

    def __iter__(self) -> Iterator[Track]:
        return iter(self._tracks.values())

    def home(self, process: ProcessId, at: int) -> Track:
        """Return the home of a process, which is there at a moment; one without a thread where there is none."""
        home = self._homes.get(process)
        return self.thread(process, home.thread if home else 0, at)

    def thread(self, process: ProcessId, thread: int, at: int) -> Track:
        """Return the track of a thread, which is there at a moment."""
        track = self._tracks.get((process, thread))
        if track is None:
            track = self._tracks[process, thread] = Track(process, thread, at)
            self._homes.setdefault(process, track)
        track.touch(at)
        return track

    def is_home(self, track: Track) -> bool:
        """Return whether a track stands for its process."""
        return self._homes[track.process] is track
