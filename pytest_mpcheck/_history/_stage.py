"""`Stage`: what a run needs to record tests: the folder of the log, and that every process finds it.

Guarantees: nothing is done before a stage is made. From then on every process that this one starts, and every one that
such a process starts, finds the log with its first event. What is recorded counts to the test that has started the
process or submitted the task, or, where that was no test but something that lives longer, to the test that runs.
`close` puts back all that was replaced.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from .. import _platforms
from .._records import ProcessId
from . import _log, _ways
from ._control import Control
from ._layout import CONTROL, VARIABLE
from ._recording import Recording
from ._stowaway import address
from ._strays import Strays

__all__ = ["Stage"]


class Stage:
    """The log of a run of pytest.

    Args:
        new_folder: Makes a folder for it.
        limit: How large the file of a process may become, in bytes.
    """

    def __init__(self, new_folder: Callable[[], str], limit: int) -> None:
        self._new_folder = new_folder
        self._limit = limit
        self._number = 0
        self._strays = Strays()
        self._pid = os.getpid()
        self._before = _log.given(), os.environ.get(VARIABLE)
        _ways.open_all()
        self._set_up()
        _log.set_epoch(None)
        self._bind(None)

    def begin(self) -> None:
        """Let a test begin: what is started and submitted from now on is its own."""
        self._number += 1
        self._bind(self._number)

    def record(self, timeout: float) -> Recording:
        """Record the test that has begun.

        Args:
            timeout: The deadline of every wait in it, in seconds.
        """
        if not os.path.exists(os.path.join(self.folder, CONTROL)):  # a test has cleared the temporary folder
            self._set_up()
            self._bind(self._number)
        self._clear()
        return Recording(self.folder, self._control, self._number, timeout)

    def end(self) -> None:
        """Let the test end."""
        self._bind(None)

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Let what is started meanwhile belong to no test: it lives longer, and is heard in each."""
        binding = _log.given()[2]
        self._bind(None)
        try:
            yield
        finally:
            self._bind(binding)

    def close(self) -> None:
        """Put back what was replaced, and record into what this process recorded into before; once.

        A forked child of pytest that comes this far changes nothing.
        """
        if os.getpid() != self._pid:
            return
        self._control.epoch = 0
        (folder, limit, binding, origin), address = self._before
        _ways.close()
        _log.listen(folder, origin, limit=limit)
        _log.set_epoch(binding, self._strays.close())
        if address is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = address

    def _set_up(self) -> None:
        self.folder = self._new_folder()
        self._control = Control(self.folder)
        _log.listen(self.folder, limit=self._limit)

    def _bind(self, number: int | None) -> None:
        if _log.given()[0] != self.folder:  # a test has let this process record elsewhere
            _log.listen(self.folder, limit=self._limit)
        _log.set_epoch(number, self._strays.note(_log.given()[2]))
        os.environ[VARIABLE] = address()

    def _clear(self) -> None:
        """Delete the files of processes that have ended: no test will read them any more."""
        for name in os.listdir(self.folder):
            pid, _, token = name.partition("-")
            token = token.rpartition("-")[0] or token  # of another interpreter
            if name != CONTROL and pid.isdecimal() and not _platforms.is_alive(ProcessId(int(pid), token)):
                with contextlib.suppress(OSError):  # somebody else reads it
                    os.unlink(os.path.join(self.folder, name))
