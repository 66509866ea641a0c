"""`Holds`: how a test takes hold of those who arrive at a checkpoint.

Guarantees: no wait is without a deadline. Whatever becomes of the test, `close` lets everybody go on; what was never
reached, or never let go, is told. What the test has waited for, and what it did before it let somebody go, is recorded
as the cause of what came after.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from typing import Literal

from .._autopsy._origin import origin
from .._clock import Deadline, wait_until
from .._errors import MpcheckError
from .._excerpts import repr_of
from .._records import ProcessId
from ._chronicle import Event
from ._held import holders
from ._hold_words import Wanted, never_reached, never_released, not_reached_in_time, still_held
from ._rules import EVERY
from ._taken import Taker
from ._wanted import Recording, Rule, publish, who_is

__all__ = ["Hold", "Holds"]


class Hold:
    """Stops the next one that arrives at a checkpoint, or at the begin of a span. Made by `mp_history.hold`."""

    def __init__(self, recording: Recording, rule: Rule) -> None:
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
            rule.is_told = True
            seconds = None if self._nobody_will_come() else deadline.seconds
            raise MpcheckError(not_reached_in_time(rule.wanted, seconds, self._recording.chronicle()))
        follow("hold", taker.key, taker.sequence)
        for event in self._recording.chronicle().events:
            arrival = event.process.pid, event.thread, event.sequence, event.name  # interpreters share the pid
            if arrival == (taker.pid, taker.thread, taker.sequence, rule.wanted.name):
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

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._rules: list[Rule] = []
        self._watched: list[str] = []
        self._numbers = itertools.count(1)
        self._pid = os.getpid()
        holders.append(self)

    def hold(self, name: str, process: object = None) -> Hold:
        """See `History.hold`."""
        __tracebackhide__ = True
        return Hold(self._recording, self._add("hold", name, process))

    def kill_at(self, name: str, process: object = None) -> None:
        """See `History.kill_at`."""
        __tracebackhide__ = True
        self._add("kill", name, process)

    def delay(self, name: str, seconds: float, process: object = None) -> None:
        """See `History.delay`."""
        __tracebackhide__ = True
        given: object = seconds
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given < math.inf:
            raise MpcheckError(
                f"delay({repr_of(name)}, {repr_of(seconds)}): that is no time to wait; "
                "what to do: give seconds, such as 0.1"
            )
        self._add("delay", name, process, float(seconds))

    def watch(self, name: str) -> None:
        """See `History.watch`."""
        __tracebackhide__ = True
        from ._watch import import_watched, watch_only

        import_watched(name)
        watch_only([*self._watched, name], strict=True)
        self._watched.append(name)
        publish(self._recording, self._rules, self._watched)

    def let_go(self) -> None:
        """Let everybody go on whom the test, now that its own code is through, still holds, or would.

        Raises:
            MpcheckError: Somebody was held.
        """
        __tracebackhide__ = True
        held = list(self._held())
        self._let_everybody_go()
        if held:
            raise MpcheckError(never_released([(rule.wanted, taker) for rule, taker in held]))

    def settle(self) -> None:
        """Ask of a test that has passed, and whose processes have ended, that none of its rules was in vain.

        Raises:
            MpcheckError: Nobody has arrived where somebody was to be held, killed or delayed.
        """
        __tracebackhide__ = True
        missed = [rule for rule in self._rules if not rule.is_told and rule.taker is None]
        for rule in missed:
            rule.is_told = True
        if missed:
            raise MpcheckError(never_reached([rule.wanted for rule in missed], self._recording.chronicle()))

    def close(self) -> None:
        """Let everybody go on, take back the watches, and want nothing any more. Idempotent.

        A forked child of pytest that comes this far changes nothing.
        """
        if self not in holders:
            return
        holders.remove(self)
        if os.getpid() != self._pid:
            return
        self._let_everybody_go()
        if self._watched:
            from ._watch import watch_only

            watch_only(())
        if self._watched or self._rules:
            publish(self._recording, (), ())
        self._rules.clear()
        self._watched.clear()

    def _let_everybody_go(self) -> None:
        for rule in self._rules if os.getpid() == self._pid else ():
            if rule.wanted.kind == "hold" and not rule.is_let_go:
                rule.let_go()

    def held(self, process: ProcessId) -> Iterator[str]:
        """Tell where a process is held; a line for each of its threads that is."""
        for rule, taker in self._held():
            if process == taker.process or process == ProcessId(taker.pid, f"thread {taker.thread}"):
                yield still_held(rule.wanted)

    def _held(self) -> Iterator[tuple[Rule, Taker]]:
        for rule in self._rules:
            if rule.wanted.kind == "hold" and not rule.is_let_go:
                taker = rule.taker
                if taker is not None and taker.is_alive:
                    yield rule, taker

    def _add(self, kind: Literal["hold", "kill", "delay"], name: object, process: object, seconds: float = 0.0) -> Rule:
        if not isinstance(name, str) or not name:
            raise MpcheckError(
                f"{repr_of(name)} is no name of a checkpoint; what to do: give the text that checkpoint() or span() has"
            )
        who, child, words = who_is(process)
        wanted = Wanted(kind, name, words, origin(), seconds)
        rule = Rule(self._recording, next(self._numbers), wanted, who, child)
        self._rules.append(rule)
        publish(self._recording, self._rules, self._watched)
        return rule
