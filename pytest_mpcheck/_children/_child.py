"""`Child`: what a test holds of a worker that it started.

Guarantees: every wait has a deadline; a child that is past it is ended, its stacks are in the error. A child that
failed is remembered as unseen until somebody asks how it ended. All waiting happens in the thread that asks:
`multiprocessing` may lose an exit status when two threads join one process (cpython#130895).
"""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

from .._autopsy._examination import Known, stacks_words
from .._clock import Deadline
from .._deadlocks import Vigil, names_of_children
from .._errors import ChildDied, ChildStuck, MpcheckError, UnseenFailure
from .._excerpts import repr_of
from .._history._chronicle import Event
from .._history._held import held_words
from .._history._recollection import LAST, Recollection
from .._process_facts import ProcessFacts
from .._records import ChildReport, Outcome, ProcessId, Raised, Returned, Stuck
from .._words import RAISE_THE_LIMIT, ending, exit_words, message
from ._echo import Echo
from ._station import EVIDENCE_LIMIT, TEXT_LIMIT, Station

__all__ = ["GRACE", "Child", "Worker"]

GRACE = 1.0
"""How long a child has between SIGTERM and SIGKILL to flush what it holds, in seconds."""

_ECHO_INTERVAL = 0.1


class Worker(Protocol):
    """What runs a target: a process, a thread, an interpreter."""

    @property
    def kind(self) -> str: ...
    @property
    def station(self) -> Station | None: ...
    @property
    def process(self) -> Any: ...
    @property
    def identity(self) -> ProcessId: ...
    @property
    def ends_with_test(self) -> bool: ...
    @property
    def exitcode(self) -> int | None: ...
    def start(self) -> None: ...
    def wait(self, timeout: float) -> bool: ...
    def is_alive(self) -> bool: ...
    def outcome(self) -> Outcome: ...
    def take(self, report: ChildReport) -> object: ...
    def stacks(self) -> str: ...
    def known(self) -> dict[int, Known]: ...
    def examine(self) -> tuple[ProcessFacts, ...]: ...
    def facts(self) -> tuple[str, ...]: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    def suspend(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


class Child:
    """A worker that a test started: by default a process.

    Made by the `mp_process` fixture, already started.
    """

    def __init__(self, worker: Worker, timeout: float, echo: Echo, recollection: Recollection) -> None:
        self._worker = worker
        self._timeout = timeout
        self._echo = echo
        self._recollection = recollection
        self._ended_at = 0
        self._seen = False
        self._asked_to_end = False

    def __repr__(self) -> str:
        return f"<Child {repr_of(self.name)} pid={self.pid} {self.start_method} {ending(self._worker.outcome())}>"

    @property
    def name(self) -> str:
        """The child's name, as `multiprocessing.Process.name`."""
        return str(self._worker.process.name)

    @property
    def pid(self) -> int:
        """The process id; that of the test itself for a thread or an interpreter."""
        return self._worker.identity.pid

    @property
    def start_method(self) -> str:
        """``fork``, ``spawn`` or ``forkserver``; ``thread`` or ``interpreter`` under `mp_backend`."""
        return self._worker.kind

    @property
    def process(self) -> Any:
        """The `multiprocessing.Process` itself (`multiprocessing.dummy.DummyProcess` for a thread)."""
        return self._worker.process

    @property
    def exitcode(self) -> int | None:
        """The exit code, ``-N`` after signal N, ``None`` while the child runs; who reads it has looked."""
        code = self._worker.exitcode
        self._seen = self._seen or code is not None
        return code

    @property
    def stdout(self) -> str:
        """What the child, C code in it, and its own children wrote to descriptor 1 so far."""
        return self._output("stdout")

    @property
    def stderr(self) -> str:
        """What the child, C code in it, and its own children wrote to descriptor 2 so far."""
        return self._output("stderr")

    @property
    def events(self) -> tuple[Event, ...]:
        """What the child has recorded so far (`checkpoint`, `span`), where its test has a history; else nothing."""
        return self._recollection.events(self._worker.identity)

    def is_alive(self) -> bool:
        """Return whether the child has not ended."""
        return self._worker.is_alive()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the child to end, however it does.

        Args:
            timeout: Deadline in seconds; ``--mp-timeout`` when it is ``None``.

        Raises:
            ChildStuck: The child was still running at the deadline. It has been ended.
        """
        __tracebackhide__ = True
        deadline = Deadline(self._timeout if timeout is None else timeout)
        stuck = self._wait(deadline)
        if stuck is not None:
            report = self._report(stuck, examine=True, recall=True)
            self.end()
            self._seen = True
            left = "and is left behind: nothing can end a thread" if self._worker.is_alive() else "and has been ended"
            remedy = stuck.deadlock.remedy if stuck.deadlock else f"let it end in time, or {RAISE_THE_LIMIT}"
            raise ChildStuck(message(f"{ending(report.outcome)} {left}", report, remedy), report)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the child to end, and return what its target returned or raise what it raised.

        An exception arrives with the child's own frames in its traceback, with cause, context and notes.

        Args:
            timeout: Deadline in seconds; ``--mp-timeout`` when it is ``None``.

        Returns:
            The value; each call gives a new copy.

        Raises:
            BaseException: What the target raised.
            ChildDied: The child ended without a result, or with an exception that does not pickle.
            ChildStuck: The child was still running at the deadline. It has been ended.
        """
        __tracebackhide__ = True
        self.join(timeout)
        self._seen = True
        outcome = self._worker.outcome()
        returned_or_raised = isinstance(outcome, Returned) or (isinstance(outcome, Raised) and outcome.exception)
        return self._worker.take(self._report(outcome, recall=not returned_or_raised))

    def report(self) -> ChildReport:
        """Return all that is known of the child now; while it runs, what it and its descendants are doing."""
        outcome = self._worker.outcome()
        alive = isinstance(outcome, Stuck)
        self._seen = self._seen or not alive
        return self._report(outcome, examine=alive, recall=True)

    def terminate(self) -> None:
        """Ask the child to end (SIGTERM). However it ends then, it has not failed."""
        self._worker.terminate()
        self._asked_to_end = True

    def kill(self) -> None:
        """End the child at once (SIGKILL). It has not failed then."""
        self._worker.kill()
        self._asked_to_end = True

    def suspend(self) -> None:
        """Stop the child where it is (SIGSTOP), until `resume`."""
        self._worker.suspend()

    def resume(self) -> None:
        """Let a stopped child go on (SIGCONT)."""
        self._worker.resume()

    def settle(self) -> None:
        """See the child off at the end of a test that passed: join it, or end it when it is a daemon.

        Raises:
            ChildStuck: It did not end in time.
            UnseenFailure: It failed, and nobody looked.
        """
        __tracebackhide__ = True
        if self._worker.ends_with_test:
            self.end()
        self.join()
        if self._worker.exitcode == 0 or self._seen or self._asked_to_end:
            return
        outcome = self._worker.outcome()
        self._seen = True
        report = self._report(outcome, recall=True)
        remedy = (
            "call result() or assert_exited() on every child whose end matters, terminate() on those whose does not"
        )
        error = self._error(report)
        cause = None if isinstance(error, ChildDied) else error  # that one would say the same once more
        end = ending(outcome) if error else f"returned, then ended with {exit_words(report.exitcode)}"
        raise UnseenFailure(message(f"{end}, and nobody looked", report, remedy), report) from cause

    def ask_to_end(self) -> None:
        """Send the child SIGTERM if it runs."""
        with contextlib.suppress(MpcheckError):  # a thread cannot be ended
            if self._worker.is_alive():
                self.terminate()

    def end(self, grace: Deadline | None = None) -> None:
        """End the child if it runs: SIGTERM, a moment to flush, SIGKILL. Idempotent.

        Args:
            grace: When the moment is over; it begins now when it is ``None``.
        """
        self.ask_to_end()
        if self._asked_to_end and not self._worker.wait((grace or Deadline(GRACE)).remaining()):
            self.kill()
            self._worker.wait(self._timeout)
        self._worker.close()

    def sections(self) -> ChildReport:
        """Return what a failing test shows of the child; nobody has looked by that."""
        return self._report(self._worker.outcome())

    def known(self) -> dict[int, Known]:
        """Return, by pid, what is known of the child without looking at it."""
        return self._worker.known()

    def _wait(self, deadline: Deadline) -> Stuck | None:
        """Wait for the end; return how it is stuck: past the deadline, or in a deadlock that was proved before."""
        if not self._worker.wait(min(_ECHO_INTERVAL, deadline.remaining())):
            stuck = self._keep_watch(deadline)
            if stuck is not None:
                return stuck
        self._ended_at = self._ended_at or self._recollection.now()
        self._echo.pump()
        self._echo.rest(self._worker.station)
        return None

    def _keep_watch(self, deadline: Deadline) -> Stuck | None:
        """Wait on, now that it takes long enough to be looked at."""
        vigil = Vigil(self.pid, 0, names_of_children)
        interval = _ECHO_INTERVAL if self._echo.wanted else float("inf")
        while not self._worker.wait(min(interval, vigil.pause(), deadline.remaining())):
            self._echo.pump()
            if deadline.passed():
                return Stuck(deadline.seconds)
            deadlock = vigil.look()
            if deadlock is not None:
                return Stuck(deadline.seconds - deadline.remaining(), deadlock)
        return None

    def _error(self, report: ChildReport) -> BaseException | None:
        try:
            self._worker.take(report)
        except BaseException as error:  # what the target raised
            return error
        return None

    def _output(self, stream: str, limit: int = TEXT_LIMIT) -> str:
        station = self._worker.station
        return "" if station is None else station.read(stream, limit)

    def _report(self, outcome: Outcome, *, examine: bool = False, recall: bool = False) -> ChildReport:
        seen_at = self._ended_at or self._recollection.now()
        processes = self._recollection.tell(self._worker.examine()) if examine else ()
        stacks = stacks_words(processes) if processes else self._worker.stacks() if examine else ""
        return ChildReport(
            process=self._worker.identity,
            name=self.name,
            start_method=self.start_method,
            outcome=outcome,
            exitcode=self._worker.exitcode,
            stdout=self._output("stdout", EVIDENCE_LIMIT),
            stderr=self._output("stderr", EVIDENCE_LIMIT),
            stacks=stacks,
            processes=processes,
            events=self.events[-LAST:] if recall else (),
            seen_at=seen_at,
            facts=(*self._worker.facts(), *held_words(self._worker.identity)),
        )
