"""`Run`: what one run of pytest starts, and that all of it ends with the run.

Guarantees: nothing is done before a process is started; then the run has a folder and a keeper. `close` leaves no
process of the run, no folder and no trace in this process. A forked child of pytest that comes this far changes
nothing. When `close` is never reached, the end of the interpreter ends what is left, and when that is not reached
either, the keeper does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace

from .. import _platforms
from .._clock import Deadline, wait_until
from .._process_facts import Swept
from .._records import ProcessId
from ._descriptor import Descriptor
from ._doors import NOTES, Doors
from ._launch import Keeper, is_at_work
from ._order import Order
from ._scope import Scope
from ._sweep import kill_all, sweep, to_end

__all__ = ["Run", "innermost_scope"]

_ABOUT_TO_END = 0.15
"""How long what is about to end has to do so before it is a leftover, in seconds."""

_FINALIZERS = 0.5
"""How long the finalizers of `multiprocessing` may take, in seconds."""


class Run:
    """One run of pytest.

    Args:
        guard: ``off``, ``warn`` or ``strict``.
        keep: Patterns of processes to leave alone.
        stderr: Gives a new descriptor of the real standard error.
        has_controller: Whether this is a worker of pytest-xdist, whose parent is the controller.
    """

    def __init__(self, guard: str, keep: tuple[str, ...], stderr: Callable[[], int], *, has_controller: bool) -> None:
        self.guard = guard
        self.is_open = True
        self._keep = keep
        self._stderr = stderr
        self._told_on: Descriptor | None = None
        self._pid = os.getpid()
        self._controller = os.getppid() if has_controller else None
        self._scope: Scope | None = None
        self._keeper: Keeper | None = None
        self._has_started = False
        self._lock = threading.RLock()
        self._doors: Doors | None = None
        self._mark: Descriptor | None = None
        self._environ: str | None = None

    def watch(self) -> None:
        """Put the guard on: from now on every process that is started carries the run's mark."""
        scope = self._open_scope()
        self._told_on = Descriptor(self._stderr())
        self._brand(scope)
        mark = os.open(os.path.join(scope.folder, NOTES), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._mark = Descriptor(mark)  # forked children inherit it
        self._environ = os.environ.get(_platforms.MARK)
        os.environ[_platforms.MARK] = scope.folder
        self._doors = Doors(scope.folder, self._before_start)
        self._doors.open()

    def new_scope(self) -> Scope:
        """Make a scope, with its folder, for the workers of one test; it lies in that of the run."""
        scope = self._open_scope()
        self._has_started = True
        self._try_to_start_keeper()
        os.makedirs(scope.folder, mode=0o700, exist_ok=True)  # a test may have cleared the temporary folder
        return replace(scope, folder=tempfile.mkdtemp(prefix="test-", dir=scope.folder), brand=None)

    def history_folder(self) -> str:
        """Make a folder for the history of the run, in that of the run, and return its path."""
        return self._new_folder("history-")

    def preload_folder(self) -> str:
        """Make a folder for what a fork server is asked for, in that of the run, and return its path."""
        return self._new_folder("preload-")

    def _new_folder(self, prefix: str) -> str:
        scope = self._open_scope()
        self._try_to_start_keeper()  # it deletes the folder, should pytest be killed
        os.makedirs(scope.folder, mode=0o700, exist_ok=True)  # a test may have cleared the temporary folder
        return tempfile.mkdtemp(prefix=prefix, dir=scope.folder)

    def sweep(self) -> Swept:
        """End what the run has left; only in the process that runs it."""
        scope = self._scope
        if scope is None or not self._has_started or os.getpid() != self._pid:
            return Swept()
        if wait_until(lambda: not to_end(scope), Deadline(_ABOUT_TO_END)):
            return Swept(left=tuple(one for one in scope.members() if scope.has_left(one)))
        left_open = to_end(scope)
        if _runs == [self]:  # what runs around another run may still use its pools
            _finalize()
        swept = sweep(scope, helpers=False, known=left_open)
        ended = {one.process: one for one in (*left_open, *swept.ended) if one not in swept.undead}
        return Swept(tuple(ended.values()), swept.left, swept.undead)

    def close(self) -> None:
        """End the run. Idempotent."""
        if os.getpid() != self._pid or not self.is_open:
            return
        self.is_open = False
        if self in _runs:
            _runs.remove(self)
        if self._scope is None:
            return
        if self._has_started and to_end(self._scope):
            kill_all(self._scope)  # who interrupts it ends pytest, and leaves the rest to the keeper
        self._give_back(self._scope)

    def _give_back(self, scope: Scope) -> None:
        if self._doors is not None:
            self._doors.close()
            if scope.brand is not None:
                _platforms.set_brand(None)
            if self._environ is None:
                os.environ.pop(_platforms.MARK, None)
            else:
                os.environ[_platforms.MARK] = self._environ
        for descriptor in (self._mark, self._told_on):
            if descriptor is not None:
                descriptor.close()
        shutil.rmtree(scope.folder, ignore_errors=True)
        if self._keeper is not None:
            self._keeper.let_go()

    def _open_scope(self) -> Scope:
        if self._scope is None:
            outer = os.environ.get(_platforms.MARK, "")
            folder = tempfile.mkdtemp(prefix="mpcheck-", dir=outer if os.path.isdir(outer) else None)
            self._scope = Scope.here(os.path.realpath(folder), strict=self.guard == "strict", keep=self._keep)
            _runs.append(self)
            _close_at_exit()
        return self._scope

    def _brand(self, scope: Scope) -> None:
        """Brand what descends from this process; the brand of a run around this one is enough."""
        brand = _platforms.new_brand()
        outer = _platforms.set_brand(brand)
        if outer is None:
            self._scope = replace(scope, brand=brand)
        else:
            _platforms.set_brand(outer)

    def _before_start(self) -> bool:
        if is_at_work():
            return False
        if os.getpid() == self._pid:
            self._has_started = True
            self._try_to_start_keeper()
        return True

    def _try_to_start_keeper(self) -> None:
        with contextlib.suppress(OSError):  # whatever is scarce now: a test's own start shall tell of it
            self._start_keeper()

    def _start_keeper(self) -> None:
        with self._lock:
            if self._keeper is not None or self._scope is None:
                return
            controller = None
            if self._controller is not None:
                controller = ProcessId(self._controller, _platforms.start_token(self._controller))
            if self._told_on is None or not self._told_on.is_ours():  # a test may have closed it
                self._told_on = Descriptor(self._stderr())
            self._keeper = Keeper(Order(self._scope, controller), self._told_on.number)


_runs: list[Run] = []
"""Those that are open in this process: more than one when a test runs pytest in its own process."""


def innermost_scope() -> Scope | None:
    """Return what belongs to the run of this process, to the inner one where one runs in the other."""
    return _runs[-1]._scope if _runs else None


_closes_at_exit = False


def _close_at_exit() -> None:
    """Let the end of the interpreter close what is open, before it joins threads and processes."""
    global _closes_at_exit  # noqa: PLW0603 (it cannot be taken back, so it is done once)
    if not _closes_at_exit:
        _closes_at_exit = True
        threading._register_atexit(_close_all)  # type: ignore[attr-defined]


def _close_all() -> None:
    for run in reversed(list(_runs)):
        run.close()


def _finalize() -> None:
    """Let `multiprocessing` end its pools and managers in its own way, as it does at exit, for a limited time.

    A worker of a pool that is killed while it waits for a task takes the lock of the tasks with it, and the end of the
    interpreter would wait for that lock for ever.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        thread = threading.Thread(target=util._run_finalizers, args=(0,), name="mpcheck-finalize", daemon=True)
        thread.start()
        thread.join(_FINALIZERS)
