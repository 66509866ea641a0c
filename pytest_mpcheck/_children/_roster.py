"""Knows the worker processes of a pool or an executor, without being in their way.

A `Roster` hands out a context of `multiprocessing` that is the real one but for one thing: processes made by it have
our child end around their target, and are remembered. Whose exit status it is to collect stays the pool's: here one
only ever reads what has been collected, since two threads that wait for one process may lose its status
(cpython#130895).
"""

from __future__ import annotations

import functools
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from .. import _platforms
from .._autopsy._examination import Known, examine, stacks_words
from .._autopsy._memory import MemoryWatch
from .._autopsy._origin import origin
from .._errors import ChildDied, ChildStuck, MpcheckError, NotPicklable
from .._history._held import held_words
from .._history._recollection import LAST, Recollection
from .._records import ChildReport, Deadlock, Exited, Outcome, ProcessId, Signalled, Stuck
from .._words import RAISE_THE_LIMIT, ending, message
from ._call import Call
from ._echo import Echo
from ._fork import quiet_fork
from ._modules import Modules
from ._pickling import culprit
from ._station import EVIDENCE_LIMIT, Station
from ._surroundings import look_around
from ._worker import run_worker, serve

__all__ = ["Member", "Roster"]


_UNKNOWN = 255
"""What `multiprocessing` makes of an exit status that the fork server did not tell."""


class Member:
    """One worker process.

    Args:
        process: The process.
        station: Its files.
        origin: Where the test made its pool or executor.
        recollection: What is remembered of the test's processes.
    """

    def __init__(self, process: BaseProcess, station: Station, origin: str, recollection: Recollection) -> None:
        self.process = process
        self.station = station
        self._recollection = recollection
        self._origin = origin
        self._memory = MemoryWatch()

    @property
    def exitcode(self) -> int | None:
        """The exit status, if the pool has collected it."""
        popen: Any = getattr(self.process, "_popen", None)
        return None if popen is None else popen.returncode

    @property
    def status_was_lost(self) -> bool:
        """Whether the exit status says nothing, and the worker had no task: it has most probably ended as it should.

        Every start of a process polls all others. When that meets the thread to whom a worker belongs, one of the two
        reads nothing from the fork server, and takes that for 255 (`multiprocessing.popen_forkserver`).
        """
        return self.exitcode == _UNKNOWN and self._start_method == "forkserver" and not self.task

    @property
    def is_started(self) -> bool:
        """Whether the process was started."""
        return getattr(self.process, "_popen", None) is not None

    @property
    def task(self) -> str:
        """The task that it has taken last and not finished; empty when it has none."""
        return self.station.read("task")

    def report(self, *, stuck: Stuck | None = None, recall: bool = True) -> ChildReport:
        """Return what is known of it; when it is stuck, with what it and its descendants are doing.

        Args:
            stuck: How it is stuck.
            recall: With what it has recorded last.
        """
        pid = self.process.pid or 0
        process = ProcessId(pid, _platforms.start_token(pid))
        processes = self._recollection.tell(examine(pid, self.known())) if stuck else ()
        return ChildReport(
            process=process,
            name=self.process.name,
            start_method=self._start_method,
            outcome=stuck or self._outcome(),
            exitcode=self.exitcode,
            stdout=self.station.read("stdout", EVIDENCE_LIMIT),
            stderr=self.station.read("stderr", EVIDENCE_LIMIT),
            stacks=stacks_words(processes) if stuck else "",
            processes=processes,
            events=self._recollection.events(process)[-LAST:] if recall else (),
            seen_at=self._recollection.now(),
            facts=(*self._memory.facts(self.exitcode), *held_words(process)),
        )

    def known(self) -> dict[int, Known]:
        """Return what nobody can see from outside the process."""
        task = f", with the task {self.task}" if self.task else ""
        path = self.station.path("stacks")
        return {self.process.pid or 0: Known(self.process.name, self._start_method, self._origin + task, path)}

    @property
    def _start_method(self) -> str:
        return str(getattr(self.process, "_start_method", ""))

    def _outcome(self) -> Outcome:
        code = self.exitcode
        if code is None:
            return Stuck(0)
        return Signalled(-code) if code < 0 else Exited(code)


class Roster:
    """The worker processes of one pool or executor.

    Args:
        start_method: How they are started.
        new_station: Makes the files of one more child.
        modules: As for `Call`.
        echo: Is told of every new child.
        recollection: As for `Member`.
    """

    def __init__(
        self,
        start_method: str,
        new_station: Callable[[], Station],
        modules: Modules,
        echo: Echo,
        recollection: Recollection,
    ) -> None:
        self.start_method = start_method
        self.members: list[Member] = []
        self._new_station = new_station
        self._modules = modules
        self._echo = echo
        self._recollection = recollection
        self._origin = origin()

    def context(self) -> BaseContext:
        """Return a context of the start method whose processes are on this roster."""
        enlist = self._enlist
        real = multiprocessing.get_context(self.start_method)

        class WatchedContext(type(real)):  # type: ignore[misc]
            def Process(self, *args: Any, **kwargs: Any) -> BaseProcess:  # noqa: N802 (the name is multiprocessing's)
                return enlist(super().Process, *args, **kwargs)

        context = WatchedContext()
        assert isinstance(context, BaseContext)
        return context

    def check_initializer(self, initializer: Callable[..., object] | None) -> None:
        """Refuse an initializer that no worker could be given.

        Raises:
            NotPicklable: It does not pickle, and the workers are not forked.
        """
        if self.start_method == "fork":
            return
        try:
            pickle.dumps(initializer)
        except Exception as error:
            raise NotPicklable(
                f"{culprit(initializer, 'initializer', pickle.dumps)} does not pickle, and workers that are not forked "
                f"get only what does ({error}); what to do: give a function of a module"
            ) from None

    def running(self) -> Iterator[Member]:
        """Yield the workers whose exit status nobody has collected."""
        return (member for member in self.members if member.is_started and member.exitcode is None)

    def collect(self) -> None:
        """Collect the exit statuses of those that have ended; nobody else may need them any more."""
        for member in list(self.running()):
            _ = member.process.exitcode

    def fallen(self) -> Iterator[Member]:
        """Yield the workers that have ended otherwise than by returning."""
        return (member for member in self.members if member.exitcode and not member.status_was_lost)

    def died(
        self, member: Member, consequence: str, make: type[ChildDied] = ChildDied, *, aside: str = ""
    ) -> ChildDied:
        """Make the error that names a fallen worker, how it ended, and its task.

        Args:
            member: The worker.
            consequence: What its end meant for the pool.
            make: The error's type.
            aside: What else there is to say.
        """
        report = member.report()
        task = f"during the task {member.task}" if member.task else "while it had no task"
        remedy = f"see what the worker did last{aside}"
        return make(message(f"{ending(report.outcome)} {task}, and {consequence}", report, remedy), report)

    def stuck(self, owner: object, timeout: float) -> MpcheckError:
        """Make the error that names the worker which keeps its pool waiting, its task, and what all workers are doing.

        Args:
            owner: The pool.
            timeout: How long it was waited for, in seconds.
        """
        remedy = f"let its tasks end in time, or {RAISE_THE_LIMIT}"
        running = sorted(self.running(), key=lambda member: not member.task)
        if not running:
            return MpcheckError(
                f"{owner!r} was not done after {timeout:g} s, and has no worker left; what to do: {remedy}"
            )
        report = _report_of_all(running, Stuck(timeout))
        what = f"{ending(report.outcome)} with the task {running[0].task or '(none)'}; all workers have been ended"
        return ChildStuck(message(what, report, remedy), report)

    def listen(self) -> None:
        """Pass on what the workers have written and told."""
        self._echo.pump()

    def deadlocked(self, deadlock: Deadlock) -> MpcheckError:
        """Make the error of a deadlock that was proved; it names a worker with a task, and what all are doing.

        Args:
            deadlock: The proof.
        """
        running = sorted(self.running(), key=lambda member: not member.task)
        if not running:
            return MpcheckError(f"a pool is deadlocked: {deadlock.what} (proved); what to do: {deadlock.remedy}")
        report = _report_of_all(running, Stuck(0, deadlock))
        what = f"{ending(report.outcome)}; its task: {running[0].task or '(none)'}; all workers have been ended"
        return ChildStuck(message(what, report, deadlock.remedy), report)

    def kill(self) -> None:
        """Kill every worker; whoever collects their exit statuses goes on doing so."""
        for member in list(self.running()):
            member.process.kill()

    def end(self, timeout: float) -> None:
        """Kill and join every worker; nobody else may be collecting exit statuses any more."""
        self.kill()
        for member in list(self.running()):
            member.process.join(timeout)

    def _enlist(
        self, make: Callable[..., BaseProcess], *, target: Any, args: tuple[Any, ...], **kwargs: Any
    ) -> BaseProcess:
        station = self._new_station()
        tasks, *rest = args
        call = Call(serve, (station, target, tasks, *rest), self._modules)
        process = make(
            target=run_worker, args=(station, call, look_around(self.start_method, station.folder)), **kwargs
        )
        if self.start_method == "fork":
            process.start = functools.partial(_start_quietly, process.start)  # type: ignore[method-assign]
        self._echo.add(station)
        self.members.append(Member(process, station, self._origin, self._recollection))
        return process


def _report_of_all(members: list[Member], stuck: Stuck) -> ChildReport:
    """Report the first of some workers, with the processes of all."""
    first, *others = (member.report(stuck=stuck) for member in members)
    return replace(first, processes=sum((other.processes for other in others), first.processes))


def _start_quietly(start: Callable[[], None]) -> None:
    with quiet_fork(for_pool=True):
        start()
