"""Each assertion about the history: a specimen that breaks it and a twin that holds it, by chronicles made by hand.

No process is needed for that: the rules are pure. `test_history.py` has them with processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from pytest_mpcheck import History, ProcessId, models
from pytest_mpcheck._history._chronicle import Chronicle, Event, EventId, EventKind, Link, LinkKind, Source
from pytest_mpcheck._ordering._happens_before import HappensBefore
from pytest_mpcheck._ordering._timeline import timeline

MS = 1_000_000


class Story:
    """A chronicle in the making; a recording, to a `History`.

    Processes are numbers: their places in the chronicle.
    """

    folder, epoch, timeout = "", 1, 1.0

    def __init__(self, processes: int = 3, *, clock_is_shared: bool = True, dropped: int = 0, torn: int = 0) -> None:
        names = ["MainProcess", *(f"Process-{number}" for number in range(1, processes))]
        self.sources = [Source(ProcessId(100 + number, "token"), name) for number, name in enumerate(names)]
        self.sources[-1] = Source(self.sources[-1].process, names[-1], "spawn", dropped, torn)
        self.clock_is_shared = clock_is_shared
        self.events: list[Event] = []
        self.links: list[Link] = []
        self.sequences = [0] * processes

    def at(
        self,
        ms: float,
        process: int,
        name: str,
        kind: EventKind = "point",
        *,
        thread: int = 1,
        begin: Event | None = None,
        **data: object,
    ) -> Event:
        """Let a process record an event."""
        sequence = self.sequences[process]
        self.sequences[process] += 1
        event = Event(
            self.sources[process].process,
            sequence,
            name,
            data,
            int(ms * MS),
            kind,
            EventId(process, sequence),
            thread,
            begin.sequence if begin else None,
        )
        self.events.append(event)
        return event

    def span(self, start: float, end: float | None, process: int, name: str, *, thread: int = 1, **data: Any) -> Event:
        """Let a process record a span; `result` and `raised` are of its end."""
        noted = {key: data.pop(key) for key in ("result", "raised") if key in data}
        begin = self.at(start, process, name, "begin", thread=thread, **data)
        if end is not None:
            self.at(end, process, name, "end", thread=thread, begin=begin, **noted)
        return begin

    def link(self, kind: LinkKind, before: Event | tuple[int, int], after: Event | tuple[int, int]) -> None:
        self.links.append(Link(kind, _place(before), _place(after)))

    def chronicle(self) -> Chronicle:
        events = sorted(self.events, key=lambda event: (event.at, event.id))
        return Chronicle(tuple(self.sources), tuple(events), tuple(self.links), self.clock_is_shared)

    def history(self, *, colour: bool = False) -> History:
        return History(self, colour=colour)


def _place(place: Event | tuple[int, int]) -> EventId:
    return place.id if isinstance(place, Event) else EventId(*place)


def fails(*parts: str) -> Any:
    """Expect an assertion to fail with a message that has these parts, in this order, and says what to do."""
    return pytest.raises(AssertionError, match="(?s)(?=.*what to do: )" + ".*".join(map(re.escape, parts)))


def test_cause_goes_along_processes_and_links_and_never_through_the_clock() -> None:
    story = Story(4)
    a = story.at(1, 0, "a")
    b = story.at(2, 1, "b")
    c = story.at(3, 1, "c")
    d = story.at(4, 2, "d")
    e = story.at(5, 0, "e")
    f = story.at(6, 3, "f")
    story.link("start", a, b)
    story.link("message", b, d)
    story.link("join", (2, -1), e)
    before = HappensBefore(story.chronicle())
    assert [before.by_cause(a, other) for other in (b, c, d, e, f)] == ["before"] * 4 + ["concurrent"]
    assert before.by_cause(e, d) == before.by_cause(e, b) == "after"
    assert before.by_cause(c, d) == before.by_cause(c, e) == "concurrent"
    assert before.order(c, d) == "before"
    assert before.order(f, a) == "after"
    assert before.order(f, story.at(6, 2, "g")) == "concurrent"


def test_links_in_a_circle_do_not_run_forever() -> None:
    story = Story(2)
    a, b, c, d = (story.at(number, number % 2, "x") for number in range(4))
    story.link("message", d, a)
    story.link("message", c, b)
    before = HappensBefore(story.chronicle())
    assert before.by_cause(a, d) in ("before", "after")


def test_many_links_are_followed() -> None:
    """A chain of messages that is far longer than the stack of Python is deep."""
    story = Story(2)
    events = [story.at(number, number % 2, "ping") for number in range(20_000)]
    for one, other in pairwise(events):
        story.link("message", one, other)
    before = HappensBefore(story.chronicle())
    assert before.by_cause(events[0], events[-1]) == "before"


def test_order_holds_and_breaks() -> None:
    story = Story()
    sent = [story.at(1, 0, "sent", item=1), story.at(2, 0, "sent", item=2)]
    story.at(3, 1, "received", item=1)
    story.at(4, 2, "received", item=2)
    history = story.history()
    history.assert_order("sent", "received")
    history.assert_order(sent, "received")
    with fails(
        "assert_order: every 'received' has to come before every 'sent', and did not",
        "'received' (item=1) of 'Process-1' (pid 101) at 2.000 ms did not come before 'sent' (item=1) of 'MainProcess' "
        "(pid 100) at 0.000 ms, but after it, by the clock",
        "the timeline, a column for each process, what broke the rule is marked by >:",
        "MainProcess 100",
        "> ",
        "sent item=1",
    ):
        history.assert_order("received", "sent")


def test_order_by_cause_is_told_as_such() -> None:
    story = Story(clock_is_shared=False)
    first, second = story.at(9, 0, "first"), story.at(1, 1, "second")
    with fails("'first' of 'MainProcess' (pid 100) did not come before 'second'", "they are concurrent"):
        story.history().assert_order("first", "second")
    story.link("start", first, second)
    story.history().assert_order("first", "second")
    with fails("but after it, by cause"):
        story.history().assert_order("second", "first")


def test_what_only_the_clock_orders_is_not_caused() -> None:
    story = Story()
    first, second = story.at(1, 0, "first"), story.at(2, 1, "second")
    history = story.history()
    history.assert_order("first", "second")
    with fails(
        "'first' has to cause every 'second'", "concurrent, neither caused the other, only the clock puts the first"
    ):
        history.assert_happens_before("first", "second")
    story.link("message", first, second)
    history.assert_happens_before("first", "second")
    history.assert_happens_before(first, [second])
    with fails("the second caused the first"):
        history.assert_happens_before("second", "first")
    story.at(1, 2, "first")
    story.clock_is_shared = False
    with fails("neither caused the other\n"):
        history.assert_happens_before("first", "second")


def test_span_causes_by_its_end_and_its_begin_by_itself() -> None:
    story = Story()
    put = story.span(1, 3, 0, "put", item=1)
    got = story.at(2, 1, "got", item=1)
    story.link("message", put, got)
    history = story.history()
    with fails("the end of 'put'", "neither caused the other", "where a span need not have ended", "give its `begin`"):
        history.assert_happens_before("put", "got")
    history.assert_happens_before([span.begin for span in history.spans("put")], "got")


def test_order_of_less_than_two_is_refused() -> None:
    story = Story()
    story.at(1, 0, "a")
    history = story.history()
    with pytest.raises(ValueError, match="orders at least two: give more names"):
        history.assert_order("a")
    with pytest.raises(ValueError, match="an event 'a' would have to come before itself"):
        history.assert_order("a", "a")


def test_overlap_holds_and_breaks() -> None:
    story = Story()
    story.span(1, 5, 1, "work")
    story.span(4, 8, 2, "work")
    story.history().assert_overlap("work")
    story = Story()
    story.span(1, 50, 1, "work", item=1)
    story.span(51, 100, 2, "work", item=2)
    with fails(
        "two spans 'work' have to overlap, and none did: serialised, each began only when another had ended "
        "(spans of 49.000 ms with gaps of 1.000 ms, on average)",
        "'work' (item=1) of 'Process-1' (pid 101) at 0.000 ms, for 49.000 ms",
        "[ work item=1",
        "] work",
    ):
        story.history().assert_overlap("work")
    story = Story()
    story.span(1, 2, 1, "work")
    story.span(51, 52, 2, "work")
    with fails("too short to tell, each was over before another had the chance (spans of 1.000 ms with gaps of 49.000"):
        story.history().assert_overlap("work")


def test_spans_of_one_thread_do_not_overlap() -> None:
    story = Story()
    outer = story.at(1, 1, "work", "begin")
    story.span(2, 3, 1, "work")
    story.at(4, 1, "work", "end", begin=outer)
    history = story.history()
    with fails("none did: all are of one thread of 'Process-1' (pid 101)", "coroutines do not count"):
        history.assert_overlap("work")
    with fails("assert_exclusive: all 2 spans 'work' are of one thread of one process", "nothing to judge"):
        history.assert_exclusive("work")
    other = story.at(5, 1, "work", "begin", thread=2)
    third = story.span(6, 7, 1, "work", thread=3)
    story.at(8, 1, "work", "end", thread=2, begin=other)
    history.assert_overlap("work")
    with fails("at 4.000 ms, for 3.000 ms, overlaps 'work' of 'Process-1' (pid 101) at 5.000", "t2: [ work", "t3: ["):
        history.assert_exclusive("work")
    assert story.history().spans(third)[0].begin == third


def test_overlap_without_a_clock_is_by_cause() -> None:
    story = Story(clock_is_shared=False)
    one, other = story.span(1, 10, 1, "work"), story.span(1, 10, 2, "work")
    ends = {event.id.source: event for event in story.events if event.kind == "end"}
    history = story.history()
    with fails("cannot tell, some may have: nothing orders them, neither a cause nor the clock"):
        history.assert_overlap("work")
    with fails("may overlap, and nothing says that none did", "may have overlapped (neither a cause nor"):
        history.assert_exclusive("work")
    story.link("message", one, ends[2])
    story.link("message", other, ends[1])
    history.assert_overlap("work")
    with fails("may overlap, and some did"):
        history.assert_exclusive("work")
    story.links.clear()
    story.link("message", ends[1], other)
    history.assert_exclusive("work")
    with fails("serialised, each began because another had ended"):
        history.assert_overlap("work")


def test_exclusion_holds_and_breaks() -> None:
    story = Story()
    story.span(1, 2, 1, "read")
    story.span(2, 3, 2, "write")  # at the same moment: each event is within the section that the lock guards
    story.span(4, 5, 1, "write")
    history = story.history()
    history.assert_exclusive("read", "write")
    history.assert_exclusive("write")
    story.span(4.5, 6, 2, "read")
    with fails(
        "assert_exclusive: no two spans 'read', 'write' may overlap, and some did",
        "'write' of 'Process-1' (pid 101) at 3.000 ms, for 1.000 ms, overlaps 'read' of 'Process-2' (pid 102) at 3.500",
    ):
        history.assert_exclusive("read", "write")
    with pytest.raises(ValueError, match="of nothing proves nothing: give the name of a span"):
        history.assert_exclusive()


def test_span_without_an_end_lasts_until_its_process_is_joined() -> None:
    story = Story()
    story.span(1, None, 1, "work")
    story.at(2, 1, "still there")
    joined = story.at(5, 0, "joined")
    story.span(6, 7, 2, "work")
    history = story.history()
    with fails("without an end, overlaps"):
        history.assert_exclusive("work")
    history.assert_overlap("work")
    story.link("join", (1, -1), joined)
    history.assert_exclusive("work")
    with fails("too short to tell"):
        history.assert_overlap("work")


@pytest.mark.parametrize(("start", "is_sure"), [(2, True), (4, False)])
def test_killed_process_was_alive_at_its_last_event(start: float, is_sure: bool) -> None:
    story = Story()
    story.span(1, None, 1, "work")
    story.at(3, 1, "still there")
    story.span(start, start + 1, 2, "work")
    story.link("join", (1, -1), story.at(6, 0, "joined"))
    history = story.history()
    with fails(" overlaps " if is_sure else " may have overlapped "):
        history.assert_exclusive("work")
    if is_sure:
        history.assert_overlap("work")
    else:
        with fails("cannot tell, some may have"):
            history.assert_overlap("work")


def test_join_that_nothing_follows_orders_by_cause_alone() -> None:
    story = Story(clock_is_shared=False)
    story.span(1, None, 1, "work")
    story.link("join", (1, -1), (0, 5))
    after = story.span(2, 3, 2, "work")
    with fails("nothing says that none did"):
        story.history().assert_exclusive("work")
    story.link("start", (0, 6), after)
    story.history().assert_exclusive("work")


Sends = list[tuple[float, float, int, object]]

QUEUES: dict[str, tuple[Sends, Sends, str]] = {
    "one producer": ([(1, 2, 1, "a"), (3, 4, 1, "b")], [(5, 6, 2, "a"), (7, 8, 2, "b")], ""),
    "overtaken": ([(1, 2, 1, "a"), (3, 4, 1, "b")], [(5, 6, 2, "b"), (7, 8, 2, "a")], "one was overtaken by another"),
    "sends overlap": (
        [(1, 4, 1, "a"), (3, 5, 2, "b"), (6, 7, 1, "c")],
        [(6, 7, 0, "b"), (8, 9, 0, "a"), (9, 10, 0, "c")],
        "",
    ),
    "two producers who take turns": (
        [(1, 2, 1, "a"), (3, 4, 2, "b")],
        [(5, 6, 0, "b"), (7, 8, 0, "a")],
        "'a' was sent before 'b' and received after it: the begin of 'get' of 'MainProcess' (pid 100) at 4.000 ms came",
    ),
    "receives overlap": (
        [(1, 2, 1, "a"), (3, 4, 1, "b"), (5, 6, 1, "c")],
        [(5, 9, 0, "b"), (6, 8, 2, "a"), (10, 11, 0, "c")],
        "",
    ),
    "lost": ([(1, 2, 1, "a"), (3, 4, 1, "b")], [(5, 6, 2, "a")], "1 got lost\n  lost, sent and not received: 'b'"),
    "doubled": (
        [(1, 2, 1, "a"), (3, 4, 1, "b")],
        [(5, 6, 2, "a"), (6, 7, 2, "a"), (7, 8, 2, "b")],
        "1 came too often\n  received and never sent, or more often than sent: 'a'",
    ),
    "lost and made up": (
        [(1, 2, 1, 1)],
        [(5, 6, 2, True)],
        "1 came too often and 1 got lost",
    ),
    "lists, and the same thing twice": (
        [(1, 2, 1, [1]), (3, 4, 1, [2]), (5, 6, 1, 0), (7, 8, 1, 0)],
        [(2, 3, 2, [1]), (4, 5, 2, [2]), (6, 7, 2, 0), (8, 9, 2, 0)],
        "",
    ),
    "nothing but the same thing": (
        [(1, 2, 1, 0), (3, 4, 1, 0)],
        [(5, 6, 2, 0), (7, 8, 2, 0)],
        "nothing was sent just once and received: nothing to judge",
    ),
    "only receives that overlap": (
        [(1, 2, 1, "a"), (3, 4, 1, "b")],
        [(5, 9, 0, "b"), (6, 8, 2, "a")],
        "no two of the 2 have an order of their sends and one of their receives: nothing to judge",
    ),
    "nothing has an order": (
        [(1, 4, 1, "a"), (3, 5, 2, "b")],
        [(6, 7, 0, "b"), (8, 9, 0, "a")],
        "no two of the 2 have an order of their sends and one of their receives: nothing to judge",
    ),
}


@pytest.mark.parametrize(("sends", "receives", "message"), QUEUES.values(), ids=QUEUES.keys())
def test_fifo_holds_and_breaks(sends: Sends, receives: Sends, message: str) -> None:
    story = Story()
    for start, end, process, item in sends:
        story.span(start, end, process, "put", item=item)
    for start, end, process, item in receives:
        story.span(start, end, process, "get", result=item)
    history = story.history()
    if message:
        with fails("assert_fifo: all that 'put' sends has to come to 'get', once and in that order; ", message):
            history.assert_fifo("put", "get")
    else:
        history.assert_fifo("put", "get")


def test_fifo_of_operations_that_did_nothing() -> None:
    story = Story()
    story.span(1, 2, 1, "put", item=1)
    story.span(3, 4, 1, "put", item=2)
    story.span(5, 6, 1, "put", item=3, raised="Full")
    story.span(5, 6, 2, "get", raised="Empty")
    story.span(7, 8, 2, "get", result=1)
    story.span(9, 10, 2, "get", result=2)
    story.span(11, None, 1, "put", item=4)  # killed within: it may have been sent
    history = story.history()
    history.assert_fifo("put", "get")
    story.span(11, 12, 2, "get", result=4)
    history.assert_fifo("put", "get")
    story.span(13, 14, 0, "put", item=5)
    with fails("1 got lost"):
        history.assert_fifo("put", "get")
    story.span(13, None, 2, "get")  # killed within: it may have taken something
    history.assert_fifo("put", "get")


def test_fifo_of_checkpoints() -> None:
    story = Story()
    sent = [story.at(number, 0, "sent", number=number) for number in range(3)]
    for number in (0, 2, 1):
        story.at(9 - number, 1, "received", number=number)
    history = story.history()
    with fails("1 was sent before 2 and received after it"):
        history.assert_fifo("sent", "received", key="number")
    with pytest.raises(
        ValueError, match="key='item': an event 'sent' has no such data; it has 'number': give the name"
    ):
        history.assert_fifo("sent", "received")
    del story.events[3:]
    for number in range(3):
        story.at(10 + number, 1, "received", number=number)
    history.assert_fifo(sent, "received", key="number")


def test_checkpoints_of_different_threads_have_an_order_by_cause_alone() -> None:
    """Where a checkpoint lies, before the send or after it, nobody knows."""
    story = Story(4)
    first = story.at(1, 1, "sent", item="a")
    second = story.at(2, 2, "sent", item="b")
    story.at(2, 1, "sent", thread=2, item="c")
    for number, item in enumerate("cba"):
        story.at(5 + number, 3, "received", item=item)
    history = story.history()
    with fails("no two of the 3 have an order"):
        history.assert_fifo("sent", "received")
    story.link("message", first, second)
    with fails("'a' was sent before 'b' and received after it"):
        history.assert_fifo("sent", "received")


def test_linearizability_holds_and_breaks() -> None:
    story = Story()
    story.span(1, 5, 1, "counter.add", n=1)
    story.span(2, 4, 2, "counter.add", n=1)
    story.span(6, 7, 0, "counter.read", result=2)
    story.span(6, 7, 1, "other.thing")
    history = story.history()
    history.assert_linearizable(models.Counter, "counter")
    with fails("cannot tell, none of the 2 has a result that could show anything", "operation.note(result=...)"):
        history.assert_linearizable(models.Counter, history.spans("counter.add"))
    story.span(6, 7, 2, "shop.stock:read", result=0)
    history.assert_linearizable(models.Counter, "shop.stock")
    story.span(8, 9, 0, "counter.read", result=1)
    with fails(
        "the operations on 'counter' have to be possible one after the other, as on a Counter, and are not\n",
        "  read() -> 2, by 'MainProcess' (pid 100) from 5.000 ms to 6.000 ms\n",
        "  read() -> 1, by 'MainProcess' (pid 100) from 7.000 ms to 8.000 ms\n",
        "\n>      7.000  [ counter.read\n",
        "or, where the object is right, give the model that it is",
    ):
        history.assert_linearizable(models.Counter(), "counter")
    with pytest.raises(Exception, match="knows no operation 'thing'"):
        history.assert_linearizable(models.Counter)
    with fails("there is no span 'count.<operation>'", "the nearest: 'counter."):
        history.assert_linearizable(models.Counter, "count")
    with fails("gave up after"):
        history.assert_linearizable(models.Counter, "counter", limit=0)


def test_operations_of_the_killed_and_of_threads() -> None:
    story = Story(2)
    story.span(1, None, 1, "add")
    story.span(1, 2, 1, "add", thread=2, raised="OSError")
    story.span(3, 4, 1, "read", thread=2, result=2)
    history = story.history()
    history.assert_linearizable(models.Counter)
    story.clock_is_shared = False
    history.assert_linearizable(models.Counter)
    with fails("read() -> 2, by 'Process-1' (pid 101)\n"):
        history.assert_linearizable(models.Counter(5))
    story.span(3, 4, 0, "read", result=2)
    with fails("cannot tell, this platform has no clock for all processes"):
        history.assert_linearizable(models.Counter)


def test_what_was_got_before_it_was_put() -> None:
    story = Story()
    story.span(1, 2, 1, "get", result="a")
    story.span(3, None, 2, "put", item="a")
    with fails("put(item='a'), which never ended, by 'Process-2' (pid 102) from 2.000 ms\n"):
        story.history().assert_linearizable(models.Queue)


ASSERTIONS: dict[str, Callable[[History, str], None]] = {
    "order": lambda history, name: history.assert_order(name, "sent"),
    "happens before": lambda history, name: history.assert_happens_before("sent", name),
    "overlap": lambda history, name: history.assert_overlap(name),
    "exclusive": lambda history, name: history.assert_exclusive("work", name),
    "fifo": lambda history, name: history.assert_fifo("sent", name),
    "linearizable": lambda history, name: history.assert_linearizable(models.Counter, name),
}


@pytest.mark.parametrize("assertion", ASSERTIONS.values(), ids=ASSERTIONS.keys())
def test_nothing_to_judge_is_a_failure(assertion: Callable[[History, str], None]) -> None:
    story = Story()
    history = story.history()
    with fails("nothing to judge", "no event was recorded in this test at all"):
        assertion(history, "sennt")
    story.at(1, 0, "sent", item=1)
    story.at(1, 1, "sent", item=2)
    story.span(2, 3, 2, "work")
    with fails("nothing to judge\nnames seen: 'sent' (2), 'work' (2)\nthe nearest: 'sent'"):
        assertion(history, "sentt")


def test_what_the_filters_leave_is_nothing() -> None:
    story = Story()
    story.at(1, 1, "sent", item=1)
    story.at(2, 1, "received")
    history = story.history()
    with fails(
        "there is no event 'sent' of process 'Process-1' with item=2: nothing to judge\n"
        "the filters leave out all events 'sent' (1); the last one: item=1\n"
    ):
        history.assert_order("sent", "received", process="Process-1", where={"item": 2})
    with fails("there is no event 'received' with item=1", "the last one: without data"):
        history.assert_order("sent", "received", where={"item": 1})
    with fails("there is no event 'sent' for which <lambda> is true"):
        history.assert_order("sent", "received", where=lambda event: event.name == "received")
    with fails("process=7: this process has recorded nothing; those that have: 'MainProcess' (pid 100), 'Process-1'"):
        history.assert_order("sent", "received", process=7)
    with fails("there is no span 'sent': nothing to judge\n'sent' is the name of a checkpoint (1 times)"):
        history.assert_overlap("sent")
    with fails(
        "there is no event of an empty sequence: nothing to judge\nnames seen: 'sent' (1), 'received' (1)\nwhat"
    ):
        history.assert_order([], "sent")
    story.span(3, 4, 2, "work", item=5)
    with fails("there is no span 'work' with item=6", "the last one: item=5"):
        history.assert_overlap("work", where={"item": 6})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"process": 1.5}, "process=1.5: give a name, a pid or a child"),
        ({"where": 3}, "where=3: give a mapping of data, or a function of an event"),
        ({"name": [3]}, "3 is no event: give a name, an event or a span, or a sequence of these"),
        ({"name": 3}, "3 is no event: give a name, an event or a span, or a sequence of these"),
        ({"name": Story().at(1, 0, "elsewhere")}, "the event 'elsewhere' of pid 100 is none of this history"),
    ],
)
def test_bad_filters_are_refused(arguments: Any, message: str) -> None:
    story = Story()
    story.at(1, 0, "sent")
    with pytest.raises(ValueError, match=re.escape(message)):
        story.history().events(**arguments)


def test_events_and_spans_are_found() -> None:
    story = Story()
    work = story.span(1, 4, 1, "work", item=1, result=2)
    sent = story.at(2, 2, "sent", item=1)
    end = story.events[1]
    history = story.history()
    assert history.names == ("work", "sent")
    assert history.events() == (work, sent, end)
    assert history.events("work", where={"item": 1}) == (work, end)
    assert history.events(where=lambda event: event.kind == "point") == (sent,)
    assert history.events("nothing") == history.events(process="nobody") == ()
    assert history.spans("sent") == ()
    (span,) = history.spans()
    assert (span.begin, span.end, span.data) == (work, end, {"item": 1, "result": 2})
    assert history.spans(work) == history.spans(span) == history.spans(where={"result": 2}) == (span,)
    assert history.events(span) == (work, end)
    for process in ("Process-2", 102, ProcessId(102, "token"), story.sources[2].process):
        assert history.events(process=process) == (sent,)
    assert repr(history) == "<History of test number 1>"


def test_process_is_whatever_has_a_pid() -> None:
    class Child:
        pid = 101
        name = "child"

    story = Story()
    event = story.at(1, 1, "a")
    assert story.history().events(process=Child()) == (event,)
    Child.pid = 7
    with fails("process='child': this process has recorded nothing"):
        story.history().assert_order("a", "b", process=Child())


UNIVERSAL: dict[str, Callable[[History], None]] = {
    "order": lambda history: history.assert_order("put", "get"),
    "happens before": lambda history: history.assert_happens_before("put", "get"),
    "exclusive": lambda history: history.assert_exclusive("put", "get"),
    "fifo": lambda history: history.assert_fifo("put", "get"),
    "linearizable": lambda history: history.assert_linearizable(models.Queue),
}


@pytest.mark.parametrize("assertion", UNIVERSAL.values(), ids=UNIVERSAL.keys())
def test_what_was_lost_may_have_broken_the_rule(assertion: Callable[[History], None]) -> None:
    def story(**lost: int) -> Story:
        story = Story(2, dropped=lost.get("dropped", 0), torn=lost.get("torn", 0))
        story.span(1, 2, 0, "put", item=1)
        story.span(3, 4, 0, "put", item=2)
        first = story.span(5, 6, 1, "get", result=1)
        story.span(7, 8, 1, "get", result=2)
        story.link("message", story.events[3], first)
        return story

    assertion(story().history())
    assertion(story(torn=1).history())
    with fails(
        "cannot tell whether ",
        "what is there says so, but events are missing\nlost: the 12,345 oldest events of 'Process-1' (pid 101)",
        "mp_history_limit",
    ):
        assertion(story(dropped=12345).history())


def test_what_was_lost_does_not_matter_to_what_is_there() -> None:
    story = Story(2, dropped=3, torn=1)
    a = story.span(1, 4, 0, "work")
    b = story.span(2, 3, 1, "work")
    history = story.history()
    history.assert_overlap("work")
    history.assert_order(a, b)
    with fails(
        "lost: the 3 oldest events of 'Process-1' (pid 101): they had to make room for later ones\n"
        "lost: 1 events of 'Process-1' (pid 101) are not there as a whole: it was killed meanwhile\n"
    ):
        history.assert_exclusive("work")
    assert [(source.dropped, source.torn) for source in history.sources] == [(0, 0), (3, 1)]
    assert history.timeline().endswith(
        "  lost: 3 older events, which had to make room and 1 that are not there as a whole"
    )
    assert len(history.timeline(lines=8).splitlines()) <= 8
    with fails("there is no span 'play': nothing to judge", "lost: the 3 oldest events of 'Process-1' (pid 101)"):
        history.assert_overlap("play")


def test_timeline_has_a_column_for_each_process() -> None:
    story = Story()
    story.at(0, 0, "start", child=1)
    story.span(1, 3, 1, "work")
    story.at(2, 2, "a\nb")
    story.at(4, 0, "end", text="x" * 100)
    assert story.history().timeline().splitlines() == [
        "          ms  MainProcess 100                 Process-1 101                   Process-2 102",
        "       0.000  start child=1",
        "       1.000                                  [ work",
        "       2.000                                  |                               'a\\nb'",
        "       3.000                                  ] work",
        "       4.000  end text='xxxxxxxxxxxxxxxxxxx..",
    ]
    assert Story().history().timeline() == "(no events)"
    for number in range(30):
        story.at(5 + number, 1, "later")
    drawn = story.history().timeline(lines=8).splitlines()
    assert len(drawn) == 8
    assert drawn[4] == "  ... 29 events"
    with pytest.raises(ValueError, match=r"timeline\(lines=7\): give at least 8"):
        story.history().timeline(lines=7)


@pytest.mark.parametrize("marks", [0, 1, 7, 500])
def test_timeline_is_never_too_long(marks: int) -> None:
    story = Story(20)
    events = [story.at(number, number % 20, "event", number=number) for number in range(2000)]
    marked = {event.id for event in events[:: 2000 // marks]} if marks else set()
    drawn = timeline(story.chronicle(), marked)
    assert len(drawn) <= 40
    assert drawn[-1] == "  ... 12 processes more"
    assert 1 <= drawn[0].count("rocess") <= 8
    left_out = sum(int(found[1]) for line in drawn if (found := re.fullmatch(r"  \.\.\. (\d+) events?", line)))
    assert left_out + sum("event" in line and "..." not in line for line in drawn) == 800
    if marks:
        assert any(line.startswith("> ") for line in drawn)


def test_timeline_has_colours_where_pytest_has() -> None:
    story = Story()
    story.span(1, 5, 1, "work")
    story.span(4, 8, 2, "work")
    story.at(9, 0, "end")
    for colour in (False, True):
        with pytest.raises(AssertionError) as caught:
            story.history(colour=colour).assert_exclusive("work")
        assert ("\x1b" in str(caught.value)) is colour
        if colour:
            assert "\n\x1b[31m\x1b[1m> " in str(caught.value)
            assert "\n\x1b[0m       8.000  end\x1b[0m\n" in str(caught.value)
