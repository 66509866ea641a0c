"""The parent's end of a child that is a process."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from .. import _platforms
from .._autopsy._examination import Known, examine, stacks_words
from .._autopsy._memory import MemoryWatch
from .._autopsy._origin import origin
from .._clock import Deadline, wait_until
from .._process_facts import ProcessFacts
from .._records import ChildReport, Outcome, ProcessId, Signalled, Stuck
from ._call import Call
from ._fork import quiet_fork
from ._inside import run
from ._modules import Modules
from ._result import result_of
from ._sentinel import let_go
from ._station import Station
from ._surroundings import look_around

__all__ = ["ProcessWorker"]


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
        modules: Modules,
        name: str | None,
        daemon: bool | None,
    ) -> None:
        self.kind = context.get_start_method()
        self.station = station
        make: Callable[..., BaseProcess] = context.Process  # type: ignore[attr-defined]
        call = Call(target, args, modules)
        self.process = make(
            target=run, args=(station, call, look_around(self.kind, station.folder)), name=name, daemon=daemon
        )
        self._exit_handle: int | None = None
        self._origin = origin()

    def start(self) -> None:
        """Start the process."""
        self._memory = MemoryWatch()
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
            deadline = Deadline(timeout)
            if not wait([self.process.sentinel if self._exit_handle is None else self._exit_handle], timeout):
                return False
            if self.exitcode is None:  # the fork server tells it by the sentinel, a moment later
                wait([self._popen.sentinel], deadline.remaining())
            # a sentinel may be a pipe, and a child that closes it runs on: join() would wait for it without a deadline
            if not wait_until(lambda: self.exitcode is not None, deadline):
                return False
            self.process.join()
        self.close()
        let_go(self.process)
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

    def known(self) -> dict[int, Known]:
        """Return what nobody can see from outside the process."""
        path = self.station.path("stacks")
        return {self.identity.pid: Known(self.process.name, self.kind, self._origin, path)}

    def examine(self) -> tuple[ProcessFacts, ...]:
        """Return what the process, if it lives, and its descendants are doing, with their stacks."""
        return examine(self.identity.pid, self.known())

    def stacks(self) -> str:
        """Return the stack of each thread of the process; in parentheses why there is none."""
        return stacks_words(self.examine())

    def facts(self) -> tuple[str, ...]:
        """Return what else is known of the end of the process."""
        return self._memory.facts(self.exitcode)

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
