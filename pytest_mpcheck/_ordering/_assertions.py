"""`Assertions`: the rules, as a test asks for them.

Guarantees: every question is answered from what is recorded at that moment. An assertion holds, or fails with an
`AssertionError`; it never passes because there was nothing to judge, or because what it needs was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._errors import MpcheckError
from ._broken import Broken, broken_words, cannot_tell_words
from ._selection import Process, Selection, What, Where

if TYPE_CHECKING:
    from .._history._wanted import Recording

__all__ = ["Assertions"]


class Assertions:
    """What may be asserted about the history of a test.

    Args:
        recording: The recording of the test.
        colour: Whether timelines are coloured.
    """

    def __init__(self, recording: Recording, *, colour: bool = False) -> None:
        self._recording = recording
        self._colour = colour

    def assert_order(self, *names: What, process: Process | None = None, where: Where | None = None) -> None:
        """Assert that all events of each name came before all events of the next one.

        By cause, and else by the clock, where the platform has one for all processes.

        Args:
            names: At least two.
            process: Only the events of this process.
            where: Only the events with these data.

        Raises:
            AssertionError: They did not, or one of them has no event.
            ValueError: That is no order of events.
        """
        __tracebackhide__ = True
        from ._order import broken_order

        self._judge(lambda selection: broken_order(selection, names), process, where, "each came before the next")

    def assert_happens_before(
        self, first: What, second: What, *, process: Process | None = None, where: Where | None = None
    ) -> None:
        """Assert that all events of one name caused all events of another: that they could come in no other order.

        What only the clock orders is concurrent.

        Args:
            first: What came before.
            second: What came after.
            process: Only the events of this process.
            where: Only the events with these data.

        Raises:
            AssertionError: They could have come otherwise, or there are none.
            ValueError: An event would come before itself.
        """
        __tracebackhide__ = True
        from ._order import broken_cause

        self._judge(
            lambda selection: broken_cause(selection, first, second),
            process,
            where,
            "each of the first caused each of the second",
        )

    def assert_overlap(self, name: What, *, process: Process | None = None, where: Where | None = None) -> None:
        """Assert that at least two spans, of different threads or processes, were at work at the same time.

        Args:
            name: The spans.
            process: Only the spans of this process.
            where: Only the spans with these data.

        Raises:
            AssertionError: None did; says whether they were *serialised*, or *too short to tell*.
        """
        __tracebackhide__ = True
        from ._overlap import broken_overlap

        self._judge(lambda selection: broken_overlap(selection, name), process, where)

    def assert_exclusive(self, *names: What, process: Process | None = None, where: Where | None = None) -> None:
        """Assert that no two spans, of different threads or processes, were at work at the same time.

        Args:
            names: The spans, those of all names together.
            process: Only the spans of this process.
            where: Only the spans with these data.

        Raises:
            AssertionError: Two were; or nothing says that they were not.
            ValueError: No name is given.
        """
        __tracebackhide__ = True
        from ._overlap import broken_exclusion

        self._judge(lambda selection: broken_exclusion(selection, names), process, where, "no two overlapped")

    def assert_fifo(
        self,
        sent: What,
        received: What,
        key: str = "item",
        *,
        process: Process | None = None,
        where: Where | None = None,
    ) -> None:
        """Assert that all that was sent was received, once each, and in the order in which it was sent.

        Sends that overlapped have no order, and neither have receives; checkpoints of different threads have one only
        by cause. Spans that raised have sent or received nothing.

        Args:
            sent: The sends: checkpoints or spans.
            received: The receives.
            key: Under which name the data say what was sent or received; for spans, ``result`` if there is none.
            process: Only the events of this process.
            where: Only the events with these data.

        Raises:
            AssertionError: Something was lost, doubled or overtaken; or there are no two that could have been.
            ValueError: The events have no such data.
        """
        __tracebackhide__ = True
        from ._fifo import broken_fifo

        self._judge(
            lambda selection: broken_fifo(selection, sent, received, key),
            process,
            where,
            "nothing was lost, doubled or overtaken",
        )

    def assert_linearizable(
        self,
        model: object,
        name: What | None = None,
        *,
        process: Process | None = None,
        where: Where | None = None,
        limit: int | None = None,
    ) -> None:
        """Assert that operations that overlapped had the results that they could have had one after the other.

        An operation is a span: its name is what stands after the last dot of the span's name, its arguments are the
        data of the begin, its result is what was noted as ``result``.

        Args:
            model: What the object is to be like: one of `pytest_mpcheck.models`, or a class with ``initial`` and
                ``step(state, operation)``.
            name: Which object: the spans ``name.<operation>``; ``None`` for all spans.
            process: Only the operations of this process.
            where: Only the operations with these data.
            limit: How many states to look at before giving up.

        Raises:
            AssertionError: They had not; or the search gave up; or there is no operation.
            MpcheckError: The model is none, or does not know one of the operations.
        """
        __tracebackhide__ = True
        from ._linearizable import broken_linearizability

        self._judge(
            lambda selection: broken_linearizability(selection, model, name, limit),
            process,
            where,
            "they are linearizable",
        )

    def _judge(
        self,
        rule: Callable[[Selection], Broken | None],
        process: Process | None,
        where: Where | None,
        universal: str = "",
    ) -> None:
        """Fail if a rule is broken; or if it holds for all events, and some that it may have needed were lost.

        Args:
            rule: Finds out what breaks it.
            process: Whose events are judged.
            where: Which of them.
            universal: What should hold of all events, in words; empty for a rule that what is there is enough for.
        """
        __tracebackhide__ = True
        chronicle = self._recording.chronicle()
        try:
            selection = Selection(chronicle, process, where)
            broken = rule(selection)
        except (AssertionError, ValueError, MpcheckError) as error:
            raise error.with_traceback(None)  # noqa: B904  # it is the same one, without the way to it
        if broken is not None:
            raise AssertionError(broken_words(chronicle, broken, colour=self._colour))
        if universal and selection.by_name and any(chronicle.sources[source].dropped for source in selection.sources):
            raise AssertionError(cannot_tell_words(chronicle, universal, selection.sources))
