"""The parent's end of a child that is a process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from .. import _platforms
from .._clock import Deadline, wait_until
from .._records import ChildReport, Outcome, ProcessId, Signalled, Stuck
from ._call import Call
from ._fork import quiet_fork
from ._inside import run
from ._result import result_of
from ._station import Station
from ._surroundings import look_around

__all__ = ["ProcessWorker", "ask_for_stacks"]

_STACKS_PATIENCE = 2.0
"""How long to wait for a child to write its stacks, in seconds."""


class ProcessWorker:
    """A process that runs one target.

    Args:
        context: The context of its start method.
        station: Where it leaves what it has to tell.
        target: Any callable.
        args: Its arguments.
        modules: As for `Call`.
        name: Its name; ``None`` for the one that `multiprocessing` gives.
        daemon: As `multiprocessing.Process.daemon`.
    """

    def __init__(
        self,
        context: BaseContext,
        station: Station,
        target: Callable[..., object],
        args: tuple[object, ...],
        *,
        modules: Iterable[str],
        name: str | None,
        daemon: bool | None,
    ) -> None:
        self.kind = context.get_start_method()
        self.station = station
        make: Callable[..., BaseProcess] = context.Process  # type: ignore[attr-defined]
        call = Call(target, args, modules)
        self.process = make(target=run, args=(station, call, look_around(self.kind)), name=name, daemon=daemon)
        self._exit_handle: int | None = None

    def start(self) -> None:
        """Start the process."""
        with quiet_fork():
            self.process.start()
        pid = self.process.pid
        assert pid is not None
        self._popen: Any = self.process._popen  # type: ignore[attr-defined]
        self.identity = ProcessId(pid, _platforms.start_token(pid))
        self._exit_handle = _platforms.exit_handle(pid)

    def wait(self, timeout: float) -> bool:
        """Wait for the end of the process itself, and take its exit status; return whether it ended in time."""
        if self.exitcode is None:
            if not wait([self.process.sentinel if self._exit_handle is None else self._exit_handle], timeout):
                return False
            self.process.join()
        return True

    def is_alive(self) -> bool:
        """Return whether the process has not ended."""
        return self.exitcode is None

    @property
    def ends_with_test(self) -> bool:
        """Whether the end of the test ends the process: a daemon is not waited for."""
        return self.process.daemon

    @property
    def exitcode(self) -> int | None:
        """As `multiprocessing.Process.exitcode`; also after the test has closed the process."""
        code: int | None = self._popen.poll()
        return code

    def outcome(self) -> Outcome:
        """Return how the process ended, or that it has not."""
        code = self.exitcode
        if code is None:
            return Stuck(0)
        if code < 0:
            return Signalled(-code)
        return self.station.read_outcome(code)

    def take(self, report: ChildReport) -> object:
        """Return what the target returned, or raise what it raised."""
        __tracebackhide__ = True
        return result_of(report)

    def stacks(self) -> str:
        """Ask the process for the stack of each of its threads; say why when there is none."""
        return ask_for_stacks(self.process, self.station)

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM)."""
        self.process.terminate()

    def kill(self) -> None:
        """End the process (SIGKILL)."""
        self.process.kill()

    def suspend(self) -> None:
        """Stop the process where it is (SIGSTOP)."""
        self._psutil().suspend()

    def resume(self) -> None:
        """Let a stopped process go on (SIGCONT)."""
        self._psutil().resume()

    def close(self) -> None:
        """Give back what was taken for waiting; the process has ended."""
        if self._exit_handle is not None:
            os.close(self._exit_handle)
            self._exit_handle = None

    def _psutil(self) -> Any:
        import psutil

        return psutil.Process(self.identity.pid)


def ask_for_stacks(process: BaseProcess, station: Station) -> str:
    """Let a child write the stack of each of its threads.

    Args:
        process: A living child whose end is `_inside`.
        station: Its files.

    Returns:
        The stacks, or in parentheses why there are none.
    """
    if _platforms.STACK_SIGNAL is None:
        return "(none: this platform has no signal to ask a process by)"
    path = station.path("stacks")
    if not os.path.exists(path):
        return "(none: the child has not come as far as its target)"
    before = os.path.getsize(path)
    pid = process.pid
    assert pid is not None
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, _platforms.STACK_SIGNAL)
    deadline = Deadline(_STACKS_PATIENCE)
    seen: list[int] = []

    def written() -> bool:  # it ends with no mark: three looks alike, the pauses between them grow
        seen.append(os.path.getsize(path))
        return seen[-1] > before and seen[-3:].count(seen[-1]) == 3

    wait_until(written, deadline)
    text = station.read_bytes("stacks", before).decode(errors="replace")
    return text or "(none: the child did not answer; it may be stopped)"
