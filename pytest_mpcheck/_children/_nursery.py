"""`Nursery`: all workers of one test, of one kind.

Guarantees: whatever a nursery started has ended when `close` returns. `settle` is what a test that passed owes its
workers: join them, and hear of their failures.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from multiprocessing import get_context
from multiprocessing.pool import Pool
from typing import Any, NoReturn, Protocol

from .._autopsy._examination import Known
from .._clock import Deadline
from .._errors import MpcheckError, NoSuchWorkers, NotPicklable
from .._excerpts import repr_of
from .._history._recollection import Recollection
from .._keeper._scope import Scope
from .._records import ScriptRun
from .._words import output_sections
from ._asserts import Assertions, RewrittenCode
from ._child import GRACE, Child, Worker
from ._echo import Echo, Place
from ._executor import WatchedExecutor
from ._grounds import Grounds
from ._interpreter import InterpreterWorker
from ._modules import Modules
from ._outcomes import judge
from ._pool import WatchedPool
from ._process import ProcessWorker
from ._roster import Roster
from ._script import run_script
from ._station import EVIDENCE_LIMIT, Station
from ._thread import ThreadWorker
from ._threads import WatchedThreadPool, WatchedThreads, thread_executor

__all__ = ["Nursery"]


class _Member(Protocol):
    def settle(self) -> None: ...
    def end(self) -> None: ...


class Nursery:
    """The workers of one test.

    Args:
        kind: A start method, ``thread`` or ``interpreter``.
        timeout: Deadline of every wait, in seconds.
        modules: Names of the modules that the test's own functions may stand in.
        echo: Says where the children's output is passed on to, at each look.
        assertions: How pytest rewrites assertions; ``None`` when it does not.
        new_scope: Makes the scope of the test in that of its run; ``None`` for a test that belongs to no run.
        recollection: What is remembered of its processes; ``None`` for a test without a history.
    """

    def __init__(
        self,
        kind: str,
        timeout: float,
        modules: Iterable[str],
        *,
        echo: Callable[[], Place],
        assertions: Assertions | None = None,
        new_scope: Callable[[], Scope] | None = None,
        recollection: Recollection | None = None,
    ) -> None:
        self.kind = kind
        self.timeout = timeout
        self.echo = Echo(echo)
        self.members: list[_Member] = []
        self.recollection = recollection or Recollection()
        codes = None if assertions is None else RewrittenCode(assertions, self._home)
        self._modules = Modules(modules, codes)
        self._rosters: list[Roster] = []
        self._scripts: list[tuple[str, Station]] = []
        self._new_scope = new_scope
        self._grounds: Grounds | None = None
        self._stations = 0

    @property
    def is_of_processes(self) -> bool:
        """Whether the workers are processes."""
        return self.kind not in ("thread", "interpreter")

    def start(
        self, target: Callable[..., object], args: tuple[object, ...], name: str | None, daemon: bool | None
    ) -> Child:
        """Start a worker.

        Args:
            target: Any callable.
            args: Its arguments.
            name: Its name.
            daemon: As `multiprocessing.Process.daemon`; threads and interpreters take no notice.

        Returns:
            The started child.

        Raises:
            NotPicklable: The target or an argument cannot be handed to a worker of this kind.
        """
        if not callable(target):
            raise MpcheckError(
                f"target {repr_of(target)} is not callable; what to do: give a function, and its arguments after it"
            )
        worker = self._worker(target, args, name, daemon)
        try:
            worker.start()
        except NotPicklable as error:
            raise error.with_traceback(None) from None  # the way through multiprocessing says nothing
        child = Child(worker, self.timeout, self.echo, self.recollection)
        self.members.append(child)
        return child

    def pool(
        self,
        processes: int | None,
        initializer: Callable[..., object] | None,
        initargs: Iterable[Any],
        maxtasksperchild: int | None,
    ) -> Pool:
        """Make a pool; the arguments are those of `multiprocessing.Pool`.

        Raises:
            NoSuchWorkers: There is no such pool of workers of this kind.
        """
        if self.kind == "interpreter":
            raise NoSuchWorkers(
                "the standard library has no Pool of interpreters; mp_executor gives an executor of them"
            )
        pool: WatchedPool | WatchedThreadPool
        if self.is_of_processes:
            pool = WatchedPool(
                self._roster(initializer), self.timeout, processes, initializer, initargs, maxtasksperchild
            )
        else:
            pool = WatchedThreadPool(self.timeout, processes, initializer, initargs)
        self.members.append(pool)
        return pool

    def executor(
        self,
        max_workers: int | None,
        initializer: Callable[..., object] | None,
        initargs: Iterable[Any],
        max_tasks_per_child: int | None,
    ) -> Executor:
        """Make an executor; the arguments are those of `concurrent.futures.ProcessPoolExecutor`."""
        executor: WatchedExecutor | WatchedThreads
        if self.is_of_processes:
            executor = WatchedExecutor(
                self._roster(initializer), self.timeout, max_workers, initializer, initargs, max_tasks_per_child
            )
        else:
            executor = thread_executor(self.kind, self.timeout, max_workers, initializer, initargs, self._modules)
        self.members.append(executor)
        return executor

    def script(self, path: str | os.PathLike[str], args: tuple[str | os.PathLike[str], ...]) -> ScriptRun:
        """Run a script to its end; see `run_script`."""
        __tracebackhide__ = True
        station = self._new_station()
        self.echo.add(station)
        self._scripts.append((os.fspath(path), station))
        return run_script(path, args, self.kind, station, self.timeout, self.echo, self.recollection)

    def settle(self, since: int = 0) -> None:
        """See the members off that were made after the first `since` ones, at the end of a test that passed.

        Raises:
            ExceptionGroup: Several of them did not end in time, or failed unseen.
            MpcheckError: One did.
            BaseException: None failed, and one said unseen that the test is to be skipped, to fail as expected or to
                end the run.
        """
        __tracebackhide__ = True
        errors: list[Exception] = []
        for member in reversed(self.members[since:]):
            try:
                member.settle()
            except MpcheckError as error:
                errors.append(error)
        self.echo.pump(everybody=True)
        outcome, failures = judge(errors[::-1])
        if outcome is not None:
            raise outcome
        if len(failures) == 1:
            raise failures[0]
        if failures:
            _raise_together(failures)

    def close(self) -> None:
        """End whatever still runs, and give back all that was taken. Idempotent.

        Whoever interrupts it (Ctrl-C once more) gets everything killed at once.
        """
        try:
            self._end_members()
            if self._grounds is not None:
                self._grounds.clear()
        except BaseException:
            self._kill_everybody()
            raise
        self._grounds = None

    def _end_members(self) -> None:
        children = [member for member in self.members if isinstance(member, Child)]
        for child in children:
            child.ask_to_end()
        grace = Deadline(GRACE)  # for all of them together
        for child in children:
            child.end(grace)
        for roster in self._rosters:  # all at once: forked workers hold the pipes of each other's pools
            roster.kill()
        for member in self.members:
            member.end()
        self.members.clear()
        self.echo.pump(everybody=True)

    def _kill_everybody(self) -> None:
        for member in self.members:
            if isinstance(member, Child):
                with contextlib.suppress(MpcheckError):  # a thread cannot be ended
                    member.kill()
        for roster in self._rosters:
            roster.kill()
        if self._grounds is not None:
            self._grounds.clear_at_once()

    def sections(self) -> Iterator[tuple[str, str]]:
        """Yield a heading and a text for what the workers have written and the test itself does not read."""
        if self.echo.is_the_tests:
            return
        for member in self.members:
            if isinstance(member, Child):
                yield from output_sections(member.sections())
        for path, station in self._scripts:
            for stream in ("stdout", "stderr"):
                if text := station.read(stream, EVIDENCE_LIMIT):
                    yield f"{stream} of script {path}", text
        for roster in self._rosters:
            for worker in roster.members:
                yield from output_sections(worker.report(recall=False))

    def known(self) -> dict[int, Known]:
        """Return, by pid, what is known of the workers without looking at them."""
        found: dict[int, Known] = {}
        for member in self.members:
            if isinstance(member, Child):
                found |= member.known()
        for roster in self._rosters:
            for worker in roster.running():
                found |= worker.known()
        return found

    def _worker(
        self, target: Callable[..., object], args: tuple[object, ...], name: str | None, daemon: bool | None
    ) -> Worker:
        if self.kind == "thread":
            return ThreadWorker(target, args, name=name)
        station = self._new_station()
        self.echo.add(station)
        if self.kind == "interpreter":
            return InterpreterWorker(station, target, args, modules=self._modules, name=name)
        context = get_context(self.kind)
        return ProcessWorker(context, station, target, args, modules=self._modules, name=name, daemon=daemon)

    def _roster(self, initializer: Callable[..., object] | None) -> Roster:
        roster = Roster(self.kind, self._new_station, self._modules, self.echo, self.recollection)
        roster.check_initializer(initializer)
        self._rosters.append(roster)
        return roster

    def _new_station(self) -> Station:
        self._stations += 1
        return Station(self._home(), self._stations)

    def _home(self) -> str:
        if self._grounds is None:
            self._grounds = Grounds(self._new_scope and self._new_scope())
        return self._grounds.folder


def _raise_together(errors: list[Exception]) -> NoReturn:
    # not hidden from tracebacks: pytest 8.4 fails to show a group without a single frame
    raise ExceptionGroup(f"{len(errors)} of the test's workers ended badly", errors)
