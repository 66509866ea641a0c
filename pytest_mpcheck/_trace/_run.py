"""`RunTrace`: what one process of pytest adds to the trace of a run, and what makes the trace of it.

Guarantees: until the trace is written as a whole, nothing stands under its name but what stood there before. A full
disk ends no test: what the trouble was is told instead of a trace.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from .. import _platforms
from .._history._chronicle import Chronicle
from .._records import ProcessId
from ._drawing import draw, identified, names_of
from ._life import Life, TracedTest
from ._parts import Part, merge

__all__ = ["RunTrace", "check_folder"]


def check_folder(path: str) -> None:
    """Find out whether a trace can be written.

    Args:
        path: Its path.

    Raises:
        OSError: It cannot.
    """
    with tempfile.TemporaryFile(dir=os.path.dirname(path)):
        pass


class RunTrace:
    """What one process of pytest adds.

    Args:
        folder: Where all of them leave it.
        worker: The name of the worker of pytest-xdist that it is; empty for none.

    Attributes:
        folder: Likewise.
        trouble: Why there is no trace, or not all of it; empty when there is.
    """

    def __init__(self, folder: str, worker: str = "") -> None:
        self.folder = folder
        self.trouble = ""
        pid = os.getpid()
        self._process = ProcessId(pid, _platforms.start_token(pid))
        self._name = f"pytest {worker}".rstrip()
        self._clock = _platforms.event_clock()
        self._last = 0
        self._part: Part | None = None
        with self._noting_trouble():
            self._part = Part(os.path.join(folder, worker or "main"))

    @property
    def is_copy(self) -> bool:
        """Whether this is a forked child of the process of pytest: what that one adds is its own business."""
        return os.getpid() != self._process.pid

    def begin(self) -> int:
        """Return the moment at which a test begins; it is after all that was added."""
        return max(self._clock(), self._last + 1)

    def add(self, name: str, thread: int, begin: int, chronicle: Chronicle, lives: Sequence[Life]) -> None:
        """Add a test that is over.

        Args:
            name: Its node id.
            thread: The number of the thread that ran it.
            begin: When it began.
            chronicle: What was recorded in it.
            lives: The processes that it has started.
        """
        test = TracedTest(name, self._process, thread, begin, max(begin, self._clock()))
        lives = identified(lives, chronicle)
        marks = draw(test, chronicle, lives)
        self._last = max(test.end, marks[-1].at) + 1
        names = {self._process: self._name, **names_of(chronicle, lives)}
        if self._part is not None and not self.trouble:  # else its last line may be half a one
            with self._noting_trouble():
                self._part.add(names, marks)

    def write(self, path: str, about: str) -> bool:
        """Make the trace of what all processes of pytest have left.

        Args:
            path: Where it is to stand.
            about: What has made it.

        Returns:
            Whether it is there.
        """
        folder, name = os.path.split(path)
        whole = os.path.join(folder, f".{name}-{os.getpid()}")
        with self._noting_trouble():
            parts = sorted(os.path.join(self.folder, name) for name in os.listdir(self.folder))
            try:
                merge(parts, whole, {"made by": about})
                os.replace(whole, path)
            finally:
                with suppress(OSError):
                    os.unlink(whole)
            return True
        return False

    @contextmanager
    def _noting_trouble(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.trouble = self.trouble or str(error)
