"""`Holds`: how a test takes hold of those who arrive at a checkpoint.

Guarantees: no wait is without a deadline. Whatever becomes of the test, `close` lets everybody go on; what was never
reached, or never let go, is told. What the test has waited for, and what it did before it let somebody go, is recorded
as the cause of what came after.
"""

from __future__ import annotations

import itertools
import marshal
import math
import mmap
import os
import threading
from collections.abc import Iterator
from typing import Any, Protocol

from .._autopsy._origin import origin
from .._clock import Deadline, wait_until
from .._errors import MpcheckError
from .._excerpts import repr_of
from .._records import ProcessId
from ._chronicle import Chronicle, Event
from ._hold_words import Wanted, never_reached, never_released, not_reached_in_time, still_held
from ._layout import CONTROL
from ._rules import EVERY, FOLDER, RULES, claim_path, go_path
from ._taken import Taker, taker_of

__all__ = ["Hold", "Holds", "held_words"]


class _Recording(Protocol):
    @property
    def folder(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def timeout(self) -> float: ...
    def chronicle(self) -> Chronicle: ...


class _Rule:
    """A rule, and the files that say what became of it."""

    def __init__(self, recording: _Recording, number: int, wanted: Wanted, process: object, child: Any) -> None:
        self.wanted = wanted
        self.child = child
        self.claim = claim_path(recording.folder, recording.epoch, number)
        self.facts: dict[str, object] = {
            "number": number,
            "kind": wanted.kind,
            "name": wanted.name,
            "process": process,
            "seconds": wanted.seconds,
            "origin": wanted.origin,
            "maker": (os.getpid(), threading.get_ident()),
        }

    @property
    def taker(self) -> Taker | None:
        """Who has taken it."""
        return taker_of(self.claim)

    @property
    def is_let_go(self) -> bool:
        """Whether who has taken it, or will, may go on."""
        return os.path.exists(go_path(self.claim))

    def let_go(self) -> None:
        """Let go on whoever has taken it, or will."""
        from ._log import here

        path = go_path(self.claim)
        with open(f"{path}.new", "wb") as file:
            marshal.dump(here(), file)
        os.replace(file.name, path)


class Hold:
    """Stops the next one that arrives at a checkpoint, or at the begin of a span. Made by `mp_history.hold`."""

    def __init__(self, recording: _Recording, rule: _Rule) -> None:
        self._recording = recording
        self._rule = rule

    def __repr__(self) -> str:
        taker = self._rule.taker
        state = f"reached by {taker.name!r} (pid {taker.pid})" if taker else "not reached"
        return f"<Hold at {self._rule.wanted.name!r}, {state}{', let go' if self._rule.is_let_go else ''}>"

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def wait(self, timeout: float | None = None) -> Event:
        """Wait until somebody has arrived and is held.

        Args:
            timeout: Deadline in seconds; ``--mp-timeout`` when it is ``None``.

        Returns:
            The event of the arrival; without its data when the log has dropped it meanwhile.

        Raises:
            MpcheckError: Nobody has arrived by the deadline, or the child that alone was meant has ended.
        """
        __tracebackhide__ = True
        from ._log import follow

        rule, deadline = self._rule, Deadline(self._recording.timeout if timeout is None else timeout)
        wait_until(lambda: rule.taker is not None or self._nobody_will_come(), deadline, EVERY)
        taker = rule.taker
        if taker is None:
            seconds = deadline.seconds if deadline.passed() else 0
            raise MpcheckError(not_reached_in_time(rule.wanted, seconds, self._recording.chronicle()))
        follow("hold", taker.key, taker.sequence)
        for event in self._recording.chronicle().events:
            if (event.process.pid, event.sequence, event.name) == (taker.pid, taker.sequence, rule.wanted.name):
                return event
        return Event(taker.process, taker.sequence, rule.wanted.name, {}, taker.at, thread=taker.thread)

    def release(self) -> None:
        """Let go on whoever is held; who arrives later is not stopped. Idempotent."""
        if not self._rule.is_let_go:
            self._rule.let_go()

    def _nobody_will_come(self) -> bool:
        child = self._rule.child
        return child is not None and not child.is_alive() and self._rule.taker is None


class Holds:
    """All that one test wants of those who arrive at a checkpoint.

    Args:
        recording: The recording of the test.
    """

    def __init__(self, recording: _Recording) -> None:
        self._recording = recording
        self._rules: list[_Rule] = []
        self._watched: list[str] = []
        self._numbers = itertools.count(1)
        _open.append(self)

    def hold(self, name: str, process: object = None) -> Hold:
        """Stop the next one that arrives at a checkpoint, or at the begin of a span.

        The thread that calls this is not stopped. Several holds of one name stop one each, in the order in which they
        were made.

        Args:
            name: The name of the checkpoint or span.
            process: Who is meant: a `Child` or another process that was started, a pid, or the name of a process;
                ``None`` for anybody.

        Returns:
            The hold; as a context manager it lets go at its end.

        Raises:
            MpcheckError: That is no name, or no process.
        """
        __tracebackhide__ = True
        return Hold(self._recording, self._add("hold", name, process))

    def kill_at(self, name: str, process: object = None) -> None:
        """Let the next process that arrives at a checkpoint, or at the begin of a span, be killed there by SIGKILL.

        Its event is recorded. The process of the test, its threads and its interpreters are spared.

        Args:
            name: As for `hold`.
            process: As for `hold`.

        Raises:
            MpcheckError: As for `hold`.
        """
        __tracebackhide__ = True
        self._add("kill", name, process)

    def delay(self, name: str, seconds: float, process: object = None) -> None:
        """Let everybody who arrives at a checkpoint, or at the begin of a span, wait there, each time.

        The thread that calls this does not wait.

        Args:
            name: As for `hold`.
            seconds: For how long.
            process: As for `hold`.

        Raises:
            MpcheckError: As for `hold`; or that is no time.
        """
        __tracebackhide__ = True
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
            raise MpcheckError(
                f"delay({repr_of(name)}, {repr_of(seconds)}): that is no time to wait; "
                "what to do: give seconds, such as 0.1"
            )
        self._add("delay", name, process, float(seconds))

    def watch(self, name: str) -> None:
        """Make each call of a function, in any process, a span with this name, until the end of the test.

        The processes are those that start from now on; who runs already hears of it at its next checkpoint. The module
        is imported here, so that a wrong name is told here. The span of a generator or a coroutine begins with its
        first step and ends with its last. Arguments are not recorded.

        Args:
            name: ``package.module:function`` or ``package.module:Class.method``.

        Raises:
            MpcheckError: There is no such function.
        """
        __tracebackhide__ = True
        from ._watch import import_watched, watch_only

        import_watched(name)
        watch_only([*self._watched, name], strict=True)
        self._watched.append(name)
        self._publish()

    def let_go(self) -> None:
        """Let everybody go on whom the test, now that its own code is through, still holds, or would.

        Raises:
            MpcheckError: Somebody was held.
        """
        __tracebackhide__ = True
        held = list(self._held())
        for rule in self._rules:
            if rule.wanted.kind == "hold" and not rule.is_let_go:
                rule.let_go()
        if held:
            raise MpcheckError(never_released([(rule.wanted, taker) for rule, taker in held]))

    def settle(self) -> None:
        """Ask of a test that has passed, and whose processes have ended, that none of its rules was in vain.

        Raises:
            MpcheckError: Nobody has arrived where somebody was to be held, killed or delayed.
        """
        __tracebackhide__ = True
        missed = [rule.wanted for rule in self._rules if rule.taker is None]
        if missed:
            raise MpcheckError(never_reached(missed, self._recording.chronicle()))

    def close(self) -> None:
        """Let everybody go on, take back the watches, and want nothing any more. Idempotent."""
        if self not in _open:
            return
        _open.remove(self)
        if self._watched:
            from ._watch import watch_only

            watch_only(())
        rules, self._rules, self._watched = self._rules, [], []
        if rules or self._watched:
            self._publish()

    def held(self, process: ProcessId) -> Iterator[str]:
        """Tell where a process is held; a line for each of its threads that is."""
        for rule, taker in self._held():
            if process == taker.process or process == ProcessId(taker.pid, f"thread {taker.thread}"):
                yield still_held(rule.wanted)

    def _held(self) -> Iterator[tuple[_Rule, Taker]]:
        for rule in self._rules:
            if rule.wanted.kind == "hold" and not rule.is_let_go:
                taker = rule.taker
                if taker is not None and taker.is_alive:
                    yield rule, taker

    def _add(self, kind: Any, name: object, process: object, seconds: float = 0.0) -> _Rule:
        if not isinstance(name, str) or not name:
            raise MpcheckError(
                f"{repr_of(name)} is no name of a checkpoint; what to do: give the text that checkpoint() or span() has"
            )
        who, child, words = _who(process)
        wanted = Wanted(kind, name, words, origin(), seconds)
        rule = _Rule(self._recording, next(self._numbers), wanted, who, child)
        self._rules.append(rule)
        self._publish()
        return rule

    def _publish(self) -> None:
        """Tell all processes what is wanted now."""
        folder = self._recording.folder
        os.makedirs(os.path.join(folder, FOLDER), exist_ok=True)
        wanted = {
            "epoch": self._recording.epoch,
            "limit": float(self._recording.timeout),
            "rules": [rule.facts for rule in self._rules],
            "watched": self._watched,
        }
        path = os.path.join(folder, RULES)
        with open(f"{path}.new", "wb") as file:
            marshal.dump(wanted, file)
        os.replace(file.name, path)
        with open(os.path.join(folder, CONTROL), "r+b") as file, mmap.mmap(file.fileno(), 8) as mapped:
            with memoryview(mapped) as view, view.cast("Q") as word:
                word[0] += 1 << 32


def _who(process: object) -> tuple[object, Any, str]:
    """Return how a rule names who is meant, the child if it is one, and who it is in words; nobody: ``None``."""
    known: Any = process
    if process is None:
        return None, None, ""
    if isinstance(process, str) and process:
        return process, None, f"process {process!r}"
    pid = process if isinstance(process, int) else getattr(process, "pid", None)
    if isinstance(pid, bool) or not isinstance(pid, int):
        raise MpcheckError(
            f"{repr_of(process)} is no process that has started; "
            "what to do: give a Child, a pid, or the name that a process is going to have"
        )
    if process is pid:
        return pid, None, f"process {pid}"
    is_child = hasattr(process, "start_method")
    words = f"{'child' if is_child else 'process'} {str(getattr(process, 'name', ''))!r} (pid {pid})"
    thread = known.process.ident if is_child and known.start_method in ("thread", "interpreter") else None
    return (pid if thread is None else (pid, thread)), (known if is_child else None), words


_open: list[Holds] = []


def held_words(process: ProcessId) -> tuple[str, ...]:
    """Return a sentence for each hold at which a process of the running test is held."""
    return tuple(line for holds in _open for line in holds.held(process))
