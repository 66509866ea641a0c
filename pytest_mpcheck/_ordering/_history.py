"""`History`: what a test has of its history.

Guarantees: every question is answered from what is recorded at that moment. Nothing of what takes hold of processes is
loaded before a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .._history._chronicle import Event, Source, Span
from ._assertions import Assertions
from ._broken import lost_in_short
from ._selection import Process, Selection, What, Where
from ._timeline import FEWEST_LINES, LINES, timeline

if TYPE_CHECKING:
    from .._history._holds import Hold, Holds
    from .._history._recorded import Recorder
    from .._history._wanted import Recording

__all__ = ["History"]

Shared = TypeVar("Shared")


class History(Assertions):
    """All that the processes of a test have recorded, and what may be asked of it.

    Events are given by name, or by themselves: an `Event`, a `Span`, or a sequence of these. Filters are of all
    methods alike:

    * ``process``: what this process has recorded; a `Child` or another process, a pid, or a name. A child that is a
      thread or an interpreter means that one alone;
    * ``where``: what has these data, as a mapping; or that of which a function of an `Event` says so. The end of a span
      has the data of its begin, too.

    Args:
        recording: The recording of the test.
        colour: Whether timelines are coloured.
    """

    def __init__(self, recording: Recording, *, colour: bool = False) -> None:
        super().__init__(recording, colour=colour)
        self._holds: Holds | None = None
        self._recorder: Recorder | None = None

    def __repr__(self) -> str:
        return f"<History of test number {self._recording.epoch}>"  # to read it all may take a while

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all events, in the order of their first ones."""
        return tuple(dict.fromkeys(event.name for event in self._recording.chronicle().events))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Who has recorded something: processes, and interpreters in them; and how much of it was lost."""
        return self._recording.chronicle().sources

    def events(
        self, name: What | None = None, *, process: Process | None = None, where: Where | None = None
    ) -> tuple[Event, ...]:
        """Return events, earlier ones first: by cause, then by the clock.

        Args:
            name: Their name; ``None`` for all.
            process: Who recorded them.
            where: What their data are.
        """
        return Selection(self._recording.chronicle(), process, where, may_be_nobody=True).events(name)

    def spans(
        self, name: What | None = None, *, process: Process | None = None, where: Where | None = None
    ) -> tuple[Span, ...]:
        """Return spans, those that began earlier first.

        Args:
            name: Their name; ``None`` for all.
            process: Who recorded them.
            where: What their data are, those of the end among them; a function is given the begin.
        """
        return Selection(self._recording.chronicle(), process, where, may_be_nobody=True).spans(name)

    def timeline(self, *, lines: int = LINES) -> str:
        """Draw the history: a line for each event, a column for each process; and tell how much was lost.

        Args:
            lines: How many lines, at most; of a longer history the first and the last events are shown.

        Raises:
            ValueError: That is too few for anything.
        """
        if lines < FEWEST_LINES:
            raise ValueError(f"timeline(lines={lines}): give at least {FEWEST_LINES}")
        chronicle = self._recording.chronicle()
        lost = lost_in_short(chronicle)
        return "\n".join([*timeline(chronicle, lines=lines - len(lost), colour=self._colour), *lost])

    def hold(self, name: str, process: Process | None = None) -> Hold:
        """Stop the next one that arrives at a checkpoint, or at the begin of a span.

        ``held.wait()`` returns its event once it is there, ``held.release()`` lets it go on; so does the end of a
        ``with`` block. The thread that calls this is not stopped. Several holds of one name stop one each, in the order
        in which they were made.

        Args:
            name: The name of the checkpoint or span.
            process: Who is meant; ``None`` for anybody.

        Raises:
            MpcheckError: That is no name, or no process.
        """
        __tracebackhide__ = True
        return self._taking_hold().hold(name, process)

    def kill_at(self, name: str, process: Process | None = None) -> None:
        """Let the next process that arrives at a checkpoint, or at the begin of a span, be killed there by SIGKILL.

        Its event is recorded. The process of the test, its threads and its interpreters are spared.

        Args:
            name: As for `hold`.
            process: As for `hold`.

        Raises:
            MpcheckError: As for `hold`.
        """
        __tracebackhide__ = True
        self._taking_hold().kill_at(name, process)

    def delay(self, name: str, seconds: float, process: Process | None = None) -> None:
        """Let everybody who arrives at a checkpoint, or at the begin of a span, wait there, each time.

        Args:
            name: As for `hold`.
            seconds: For how long.
            process: As for `hold`.

        Raises:
            MpcheckError: As for `hold`; or that is no time.
        """
        __tracebackhide__ = True
        self._taking_hold().delay(name, seconds, process)

    def watch(self, name: str) -> None:
        """Make each call of a function, in any process that starts from now on, a span of this name.

        A process that runs already hears of it with its next event. The module is imported here, so that a wrong name
        is told here. The span of a generator or a coroutine begins with its first step and ends with its last.
        Arguments are not recorded.

        Args:
            name: ``package.module:function`` or ``package.module:Class.method``.

        Raises:
            MpcheckError: There is no such function.
        """
        __tracebackhide__ = True
        self._taking_hold().watch(name)

    def recorded(self, shared: Shared, name: str | None = None) -> Shared:
        """Make a stand-in that records what is done to an object, each call as a span, in whatever process.

        Args:
            shared: A queue, a connection, a value or array in shared memory, a lock and its like, a manager's proxy, or
                any other object that has methods. It is not changed.
            name: What comes before the dot in the names of its spans; by default its kind, such as ``queue``, with a
                number when that is taken.

        Returns:
            The stand-in, to be used and handed to children in place of the object.

        Raises:
            MpcheckError: That is nothing whose calls could be recorded, is a stand-in already, or this is no name.
        """
        __tracebackhide__ = True
        if self._recorder is None:
            from .._history._recorded import Recorder

            self._recorder = Recorder()
        return self._recorder.recorded(shared, name)

    def let_go(self) -> None:
        """Let everybody go on who is still held. The plugin asks this when the test's own code is through.

        Raises:
            MpcheckError: Somebody was held.
        """
        __tracebackhide__ = True
        if self._holds is not None:
            self._holds.let_go()

    def settle(self) -> None:
        """See that no hold, kill or delay was in vain. The plugin asks this when the test's children have ended.

        Raises:
            MpcheckError: Nobody has arrived where somebody was awaited.
        """
        __tracebackhide__ = True
        if self._holds is not None:
            self._holds.settle()

    def close(self) -> None:
        """Let everybody go on, and watch nothing any more. The plugin does this at the end of the test."""
        if self._holds is not None:
            self._holds.close()

    def _taking_hold(self) -> Holds:
        if self._holds is None:
            from .._history._holds import Holds

            self._holds = Holds(self._recording)
        return self._holds
