"""The history of a run as a picture: drawings of tests made by hand, and traces of runs."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from pytest_mpcheck._history._chronicle import Chronicle, Event, EventId, EventKind, Link, LinkKind, Source
from pytest_mpcheck._records import ProcessId
from pytest_mpcheck._trace._drawing import draw, identified, names_of
from pytest_mpcheck._trace._life import Life, TracedTest
from pytest_mpcheck._trace._parts import Part, merge
from pytest_mpcheck._trace._run import RunTrace
from tests.trace_format import Trace, read_trace

MS = 1_000_000
"""A millisecond of the clock of events."""

PYTEST, CHILD, OTHER = ProcessId(100, "a"), ProcessId(200, "b"), ProcessId(300, "c")

SOURCES = (Source(PYTEST, "MainProcess"), Source(CHILD, "one", "fork"), Source(OTHER, "two", "spawn"))

TEST = TracedTest("test_it.py::test_it", PYTEST, 1, 10 * MS, 90 * MS)


class Scribe:
    """Writes a chronicle by hand, a millisecond for each event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.links: list[Link] = []
        self._sequences = [itertools.count() for _ in SOURCES]
        self._now = TEST.begin

    def __call__(
        self,
        source: int,
        name: str,
        kind: EventKind = "point",
        *,
        thread: int = 1,
        begin: Event | None = None,
        **data: object,
    ) -> Event:
        self._now += MS
        place = EventId(source, next(self._sequences[source]))
        event = Event(
            SOURCES[source].process,
            place.sequence,
            name,
            data,
            self._now,
            kind,
            place,
            thread,
            begin.sequence if begin else None,
        )
        self.events.append(event)
        return event

    def link(self, kind: LinkKind, before: Event, after: Event) -> None:
        self.links.append(Link(kind, before.id, after.id))

    def chronicle(self, sources: Sequence[Source] = SOURCES) -> Chronicle:
        return Chronicle(tuple(sources), tuple(self.events), tuple(self.links))


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


def trace_of(folder: Path, *tests: tuple[TracedTest, Chronicle, Sequence[Life]]) -> Trace:
    part = Part(str(folder / "main.part"))
    for test, chronicle, lives in tests:
        part.add({test.process: "pytest"} | names_of(chronicle, lives), draw(test, chronicle, lives))
    merge([str(folder / "main.part")], str(folder / "trace.json"), {})
    return read_trace(folder / "trace.json")


def test_what_was_recorded_lies_in_the_slice_of_its_process(scribe: Scribe, tmp_path: Path) -> None:
    scribe(0, "asked", of="one")
    begin = scribe(1, "work", "begin", item=3)
    scribe(1, "half", raw=b"x", much="m" * 5000)
    scribe(1, "work", "end", begin=begin, result=9)
    scribe(2, "other", thread=7)
    trace = trace_of(tmp_path, (TEST, scribe.chronicle(), ()))
    assert trace.names == {100: "pytest", 200: "one (fork)", 300: "two (spawn)"}
    assert trace.labels[200] == "pid 200"
    (asked,) = trace.find("asked", "i")
    assert (trace.process_of(asked), trace.around(asked)) == ("pytest", ["test_it.py::test_it"])
    (half,) = trace.find("half", "i")
    assert (trace.process_of(half), trace.around(half)) == ("one (fork)", ["one (fork)", "work"])
    assert half["args"]["raw"] == "b'x'"
    assert len(half["args"]["much"]) < 1100
    (work,) = trace.find("work")
    assert (work["ts"], work["dur"], work["args"]) == (12_000, 2_000, {"item": 3, "result": 9})
    (test,) = trace.find("test_it.py::test_it")
    assert (test["ts"], int(test["dur"])) == (10_000, 80_000)


def test_arrows_lead_from_what_came_before_to_what_came_after(scribe: Scribe, tmp_path: Path) -> None:
    started, first = scribe(0, "started"), scribe(1, "first")
    sent = scribe(1, "put", "begin")
    end = scribe(1, "put", "end", begin=sent)
    got = scribe(2, "get", "begin")
    received = scribe(2, "get", "end", begin=got)
    joined = scribe(0, "joined")
    scribe.link("start", started, first)
    scribe.link("message", end, received)
    scribe.link("join", received, joined)
    scribe.links.append(Link("message", end.id, received.id))  # noted twice on its way
    scribe.links.append(Link("hold", EventId(2, -1), joined.id))  # what it leads from has had to make room
    scribe.links.append(Link("hold", joined.id, EventId(1, 99)))  # what it leads to has
    scribe.links.append(
        Link("message", first.id, EventId(0, 99), at=joined.at + 5, thread=1)
    )  # it records nothing then
    trace = trace_of(tmp_path, (TEST, scribe.chronicle(), ()))
    assert trace.arrows("start") == [("pytest", "one (fork)")]
    assert trace.arrows("message") == [("one (fork)", "pytest"), ("one (fork)", "two (spawn)")]
    assert trace.arrows("join") == [("two (spawn)", "pytest")]
    assert trace.arrows("hold") == [("two (spawn)", "pytest")]
    assert trace.around(trace.find("message", "s")[1])[-1] == "put"
    assert trace.around(trace.find("message", "f")[0])[-1] == "get"


def test_process_without_an_event_has_its_life(tmp_path: Path) -> None:
    lives = (
        Life(CHILD, 20 * MS, 1, "one", "fork", "test_it.py:3", 30 * MS, 1, 0),
        Life(OTHER, 21 * MS, 1, "", "", "test_it.py:4"),
    )
    trace = trace_of(tmp_path, (TEST, Chronicle(SOURCES[:1]), lives))
    (one,) = trace.find("one (fork)")
    assert (one["ts"], int(one["dur"])) == (20_000, 10_000)
    assert one["args"] == {"test": TEST.name, "started at": "test_it.py:3", "end": "exit code 0"}
    (other,) = trace.find("process")
    assert other["args"]["end"] == "the test was over before anybody saw it end"
    assert trace.arrows("start") == [("pytest", "one (fork)"), ("pytest", "process")]
    assert trace.arrows("join") == [("one (fork)", "pytest")]


def test_life_of_a_process_that_ended_at_once_is_told_from_others(scribe: Scribe) -> None:
    """Nobody could ask for its start token; what it has recorded has it. One that recorded nothing gets another one."""
    scribe(1, "here")
    nameless = [Life(ProcessId(pid, ""), 11 * MS, 1) for pid in (CHILD.pid, CHILD.pid, 400)]
    known = Life(OTHER, 12 * MS, 1)
    processes = [life.process for life in identified([*nameless, known], scribe.chronicle())]
    assert processes[0] == CHILD
    assert processes[3] == OTHER
    assert [process.pid for process in processes] == [CHILD.pid, CHILD.pid, 400, OTHER.pid]
    assert len(set(processes)) == 4


def test_life_and_links_do_not_tell_the_same_twice(scribe: Scribe, tmp_path: Path) -> None:
    started, first, joined = scribe(0, "started"), scribe(1, "first"), scribe(0, "joined")
    scribe.link("start", started, first)
    scribe.link("join", first, joined)
    life = Life(CHILD, started.at, 1, "one", "fork", "", joined.at - 1, 1, -9)
    trace = trace_of(tmp_path, (TEST, scribe.chronicle(), (life,)))
    assert trace.arrows("start") == [("pytest", "one (fork)")]
    assert trace.arrows("join") == [("one (fork)", "pytest")]


def test_span_of_a_killed_process_is_closed_and_says_so(scribe: Scribe, tmp_path: Path) -> None:
    begin = scribe(1, "work", "begin", item=3)
    scribe(2, "work", "begin")
    life = Life(CHILD, begin.at - 10, 1, "one", "fork", "", begin.at + 20 * MS, 1, -9)
    sources = (*SOURCES[:2], Source(OTHER, "two", "spawn", dropped=4, torn=1))
    trace = trace_of(tmp_path, (TEST, scribe.chronicle(sources), (life,)))
    killed, unknown = trace.find("work")
    assert killed["args"] == {"item": 3, "no end": "ended by SIGKILL"}
    assert killed["dur"] == 20_000
    assert unknown["args"] == {"no end": "the test was over before anybody saw it end"}
    assert trace.find("two (spawn)")[0]["args"]["dropped"] == 4


def test_end_whose_begin_had_to_make_room_is_an_instant(scribe: Scribe, tmp_path: Path) -> None:
    scribe.events.append(Event(CHILD, 7, "work", {}, 11 * MS, "end", EventId(1, 7), 1, 3))
    assert trace_of(tmp_path, (TEST, scribe.chronicle(), ())).find("end of work", "i")


def test_spans_that_do_not_nest_have_lanes(scribe: Scribe, tmp_path: Path) -> None:
    first = scribe(1, "first", "begin")
    second = scribe(1, "second", "begin")
    scribe(1, "first", "end", begin=first)
    third = scribe(1, "third", "begin")
    scribe(1, "third", "end", begin=third)
    scribe(1, "second", "end", begin=second)
    trace = trace_of(tmp_path, (TEST, scribe.chronicle(), ()))
    names = {name: trace.threads[trace.find(name)[0]["tid"]] for name in ("first", "second", "third")}
    assert names == {"first": "thread 1", "second": "thread 1, lane 2", "third": "thread 1"}


def test_tests_are_kept_apart_and_processes_are_not_mistaken(scribe: Scribe, tmp_path: Path) -> None:
    """A process that two tests share is one; one that got the pid of another is another."""
    scribe(1, "of first", thread=4)
    again = ProcessId(CHILD.pid, "later")
    later = TracedTest("test_it.py::test_later", PYTEST, 1, 100 * MS, 110 * MS)
    lives = (Life(again, 101 * MS, 1, "one", "spawn", "", 102 * MS, 1, 0),)
    shared = Event(OTHER, 9, "shared", {}, 105 * MS, "point", EventId(2, 9), 5)
    scribe_later = Chronicle(SOURCES, (shared,))
    trace = trace_of(tmp_path, (TEST, scribe.chronicle(), ()), (later, scribe_later, lives))
    assert sorted(trace.names.values()) == ["one (fork)", "one (spawn)", "pytest", "two (spawn)"]
    assert sorted(trace.labels.values()) == ["pid 100", "pid 200", "pid 200", "pid 300"]
    assert [trace.process_of(event) for event in trace.find(later.name)] == ["pytest"]


BROKEN = {
    "a key is missing": lambda events: events["X"].pop("dur"),
    "one key too many": lambda events: events["i"].update(dur=1),
    "an unknown phase": lambda events: events["X"].update(ph="Y"),
    "a pid that is a text": lambda events: events["X"].update(pid="100"),
    "a thread of two processes": lambda events: events["i"].update(pid=200),
    "a process without a name": lambda events: events["X"].update(pid=999),
    "time that goes back": lambda events: events["f"].update(ts=Decimal(1)),
    "a slice that ends too late": lambda events: events["inner"].update(dur=Decimal(10_000_000)),
    "an arrow without a tip": lambda events: events["f"].update(id=77),
    "an arrow that becomes another": lambda events: events["f"].update(cat="join"),
    "an arrow from nowhere": lambda events: events["X"].update(dur=Decimal(0)),
    "a name told twice": lambda events: events["other name"].update(pid=100, tid=100),
}


@pytest.mark.parametrize("what", BROKEN)
def test_rules_refuse_what_breaks_them(what: str, scribe: Scribe, tmp_path: Path) -> None:
    sent = scribe(0, "sent")
    begin = scribe(1, "work", "begin")
    scribe.link("message", sent, begin)
    inner = scribe(1, "inner", "begin")
    scribe(1, "point")
    scribe(1, "inner", "end", begin=inner)
    scribe(1, "work", "end", begin=begin)
    trace_of(tmp_path, (TEST, scribe.chronicle(), ()))
    whole = json.loads((tmp_path / "trace.json").read_text(), parse_float=Decimal)
    events = whole["traceEvents"]
    Trace(whole)
    named = {event["ph"]: event for event in reversed(events)}
    named["inner"] = next(event for event in events if event["name"] == "inner")
    named["other name"] = next(e for e in events if e["name"] == "process_name" and e["pid"] == CHILD.pid)
    BROKEN[what](named)
    with pytest.raises((AssertionError, KeyError)):
        Trace(whole)


def random_test(number: int, begin: int, chance: random.Random) -> tuple[TracedTest, Chronicle, list[Life]]:
    """Make a test of anything: spans that nest, cross and never end, in several threads, and links."""
    at = itertools.count(begin + 1, chance.choice((1, 500, MS)))
    sources = (SOURCES[0], *(Source(ProcessId(chance.randrange(200, 203), f"{n}"), f"child{n}") for n in range(3)))
    events: list[Event] = []
    opened: list[Event] = []
    for sequence in range(60):
        source = chance.randrange(4)
        place, process, thread = EventId(source, sequence), sources[source].process, chance.randrange(1, 3)
        mine = [event for event in opened if event.id.source == source]
        now = next(at) if chance.random() < 0.8 or not events else events[-1].at
        if mine and chance.random() < 0.4:
            start = chance.choice(mine)
            opened.remove(start)
            events.append(Event(process, sequence, start.name, {}, now, "end", place, thread, start.sequence))
        else:
            kind: EventKind = chance.choice(("point", "begin"))
            events.append(Event(process, sequence, f"e{sequence}", {"n": sequence}, now, kind, place, thread))
            opened += events[-1:] if kind == "begin" else []
    pairs = [sorted(chance.sample(range(60), 2)) for _ in range(10)]
    links = tuple(Link("message", events[a].id, events[b].id) for a, b in pairs)
    lives = [Life(sources[1].process, begin, 1, "child0", "fork", "", next(at), 1, 0)]
    test = TracedTest(f"test{number}", PYTEST, 1, begin, next(at))
    return test, Chronicle(sources, tuple(events), links), lives


@pytest.mark.parametrize("seed", range(20))
def test_whatever_was_recorded_the_format_is_kept(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    begin = MS
    tests = []
    for number in range(3):
        tests.append(random_test(number, begin, chance))
        begin = tests[-1][0].end + 2
    trace = trace_of(tmp_path, *tests)
    assert len(trace.find("message", "s")) == sum(len(set(chronicle.links)) for _, chronicle, _ in tests)


def test_parts_of_several_workers_become_one_trace(scribe: Scribe, tmp_path: Path) -> None:
    """Their processes may have had the same pid, one after the other; a part may end in the middle of a line.

    A process that both have met is one.
    """
    first, second = scribe(0, "first"), scribe(1, "second")
    scribe.link("message", first, second)
    paths = [str(tmp_path / f"gw{number}") for number in range(2)]
    for number, path in enumerate(paths):
        worker, child = ProcessId(100, f"gw{number}"), ProcessId(200, f"gw{number}")
        sources = Source(worker, "MainProcess"), Source(child, "child"), Source(OTHER, "service")
        events = [replace(event, process=sources[event.id.source].process) for event in scribe.events]
        events.append(Event(OTHER, 0, "asked", {}, second.at + 1 + number, "point", EventId(2, 0), 1))
        test = TracedTest(f"test{number}", worker, 1, TEST.begin + number, TEST.end)
        chronicle = Chronicle(sources, tuple(events), tuple(scribe.links))
        names = {worker: f"pytest gw{number}"} | names_of(chronicle, ())
        Part(path).add(names, draw(test, chronicle, ()))
    with open(paths[1], "a", encoding="ascii") as file:
        file.write("90000000\t100 gw1\t1\t0\t{cut")
    merge(paths, str(tmp_path / "trace.json"), {"made by": "test"})
    trace = read_trace(tmp_path / "trace.json")
    assert sorted(trace.names.values()) == ["child", "child", "pytest gw0", "pytest gw1", "service"]
    assert sorted(trace.arrows("message")) == [("pytest gw0", "child"), ("pytest gw1", "child")]


def test_folder_that_is_gone_is_trouble_and_no_error(tmp_path: Path) -> None:
    run = RunTrace(str(tmp_path / "gone"))
    run.add("test", 1, run.begin(), Chronicle(), ())
    assert not run.write(str(tmp_path / "trace.json"), "test")
    assert "No such file or directory" in run.trouble
    assert os.listdir(tmp_path) == []


def test_disk_that_was_full_for_a_while_spoils_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parts").mkdir()
    run = RunTrace(str(tmp_path / "parts"))
    run.add("first", 1, run.begin(), Chronicle(), ())
    with monkeypatch.context() as patch:

        def half(*_: object) -> None:
            with open(tmp_path / "parts" / "main", "a", encoding="ascii") as file:
                file.write("90000000\t100 ")
            raise OSError("no room")

        patch.setattr(Part, "add", half)
        run.add("second", 1, run.begin(), Chronicle(), ())
    run.add("third", 1, run.begin(), Chronicle(), ())
    assert run.write(str(tmp_path / "trace.json"), "test")
    assert [one["name"] for one in read_trace(tmp_path / "trace.json").events if one["ph"] == "X"] == ["first"]
    assert run.trouble == "no room"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "nan"),
        (1.5, 1.5),
        (True, True),
        (None, None),
        (2**60, str(2**60)),
        ((1, [2, "x"]), [1, [2, "x"]]),
        ({1: {2: 3}}, {"1": {"2": 3}}),
        ("\ud800", "\\ud800"),
        ([[[[[[1]]]]]], [[[[["[1]"]]]]]),
        (ProcessId, repr(ProcessId)),
    ],
    ids=repr,
)
def test_data_become_what_json_can_hold(value: object, told: object, scribe: Scribe, tmp_path: Path) -> None:
    scribe(0, "here", value=value)
    assert trace_of(tmp_path, (TEST, scribe.chronicle(), ())).find("here", "i")[0]["args"] == {"value": told}
