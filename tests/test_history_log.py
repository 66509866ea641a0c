"""The log of the history: what is recorded is read, whatever becomes of the process, and nothing else is."""

from __future__ import annotations

import array
import enum
import io
import itertools
import mmap
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import MpcheckError, _platforms, assert_exited, checkpoint, span
from pytest_mpcheck._history import _log, _ring, _slots
from pytest_mpcheck._history._chronicle import Chronicle, Event, EventId, Link
from pytest_mpcheck._history._control import Control
from pytest_mpcheck._history._data import Unreadable, read, write
from pytest_mpcheck._history._layout import FIRST_SLOT, LENGTH_MAX, POINT, SLOT, TALLY
from pytest_mpcheck._history._reading import _in_order, read_chronicle
from pytest_mpcheck._history._slots import read_source
from pytest_mpcheck.fixtures import ProcessFactory

SMALL = FIRST_SLOT + 512 * SLOT


def can_populate() -> bool:
    """Return whether the system knows `MADV_POPULATE_WRITE`, as Linux does since 5.14."""
    page: Any = mmap.mmap(-1, mmap.PAGESIZE)
    try:
        page.madvise(23, 0, mmap.PAGESIZE)
    except (AttributeError, OSError):
        return False
    return sys.platform == "linux"


def resident(file: Path) -> int:
    """Return how much of a mapped file this process has in memory, in bytes."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    assert any(line.endswith(str(file)) for line in lines)
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


"""The smallest limit: a ring of 512 slots."""


class Log:
    """A log of its own, apart from that of the plugin: children listen to it by its folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = str(folder)
        self.control = Control(self.folder)
        self.control.epoch = 1

    def read(self, epoch: int = 1) -> Chronicle:
        return read_chronicle(self.folder, epoch)

    def names(self, epoch: int = 1) -> list[str]:
        return [event.name for event in self.read(epoch).events]

    def files(self) -> list[Path]:
        return [path for path in Path(self.folder).iterdir() if path.name != "control"]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


class Role(enum.StrEnum):
    """What somebody may name processes by."""

    WORKER = "worker"


class Place:
    """Something to pickle."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and other.number == self.number

    __hash__ = None  # type: ignore[assignment]


class Sulky:
    """Something that neither pickles nor tells what it is."""

    def __reduce__(self) -> Any:
        raise RuntimeError("not me")

    def __repr__(self) -> str:
        raise RuntimeError("never")


class Text(str):
    """A text that is more than one."""

    __slots__ = ()


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else []


DATA: tuple[dict[str, Any], ...] = (
    {},
    {"n": 5},
    {"worker": 2, "n": 5},
    {"worker": array.array("i", range(3))},
    {"raw": b"abc", "s": 5},
    {"n": -1, "big": 2**70, "yes": True, "no": None, "x": 0.5, "text": "täxt \udc80", "raw": b"bytes\0\0"},
    {"nested": [1, ("two", {"three": [3.0, None]})]},
    {"array": array.array("i", [1, 2]), "buffer": bytearray(b"s"), "text": Text("s")},
    {"set": {1, 2}, "place": Place(3), "deep": [Place(4)]},
    {"long": "x" * 5000},
    {Text("key"): 1},
    {"deep": deep(30)},
)
"""What is read as it was recorded."""


def record_everything(folder: str) -> None:
    _log.listen(folder)
    for data in DATA:
        checkpoint("point", **data)
    with span("outer", n=1) as outer:
        with pytest.raises(ValueError, match="no"), span("inner"):
            raise ValueError("no")
        outer.note(result=5)
    checkpoint("a name that is longer than the fifty-eight bytes of a slot, ä", n=1)
    checkpoint("sulky", lock=threading.Lock(), sulky=Sulky(), many=[Sulky()])
    checkpoint("cut", text="x" * 10**6, raw=b"y" * 10**6, items=[1] * 10**5, pickle=set(range(10**5)), n=1)
    checkpoint("cut", **{f"key {number}": number for number in range(5000)})


def test_what_was_recorded_is_read(mp_process: ProcessFactory, log: Log, mp_start_method: str) -> None:
    child = mp_process(record_everything, log.folder, name="writer")
    child.result()
    chronicle = log.read()
    points = [event for event in chronicle.events if event.name == "point"]
    assert [event.data for event in points] == list(DATA)
    assert type(points[7].data["buffer"]) is bytearray
    assert type(points[7].data["text"]) is Text
    outer, inner = chronicle.spans()
    assert outer.data == {"n": 1, "result": 5}
    assert inner.data == {"raised": "ValueError"}
    assert outer.end is not None
    assert outer.end.begin == outer.begin.sequence
    assert chronicle.spans("inner") == (inner,)
    named, sulky, cut, cuts = chronicle.events[-4:]
    assert named.name == "a name that is longer than the fifty-eight bytes of a slot, ä"
    assert str(sulky.data["lock"]).endswith(">>")
    assert ": <unlocked _thread.lock object" in str(sulky.data["lock"])
    assert sulky.data["sulky"] == "<not picklable (RuntimeError): <repr() of it raised RuntimeError>>"
    assert cut.data["text"] == "x" * 200 + "<cut: 1,000,000 characters>"
    assert cut.data["raw"] == b"y" * 200 + b"<cut: 1,000,000 bytes>"
    assert str(cut.data["items"]).startswith("<cut: a list of ")
    assert str(cut.data["pickle"]).startswith("<cut: a pickle of ")
    assert cut.data["n"] == 1
    assert cuts.data == {"cut": "<cut: 5,000 values>"}
    assert [event.sequence for event in chronicle.events] == sorted(event.sequence for event in chronicle.events)
    assert {event.process for event in chronicle.events} == {chronicle.sources[1].process}
    assert chronicle.sources[0].process.pid == os.getpid()
    writer = chronicle.source_of(named)
    assert (writer.process.pid, writer.name, writer.dropped, writer.torn) == (child.pid, "writer", 0, 0)


def test_what_a_child_cannot_pickle_here_is_told(log: Log) -> None:
    written, is_packed = write({"place": Place(1)})
    assert read(written, is_packed) == {"place": Place(1)}
    other = written.replace(b"Place", b"Plate")
    assert str(read(other, is_packed)["place"]).startswith("<cannot be unpickled here (AttributeError: ")
    for damaged in (b"", b"i\0", written[:-9], b"["):
        with pytest.raises(Unreadable):
            read(damaged, is_packed)
    with pytest.raises(Unreadable):
        read(written, False)


def record(folder: str | None, count: int, name: str = "point", limit: int | None = None) -> None:
    if folder:
        _log.listen(folder, limit=limit)
    for number in range(count):
        checkpoint(name, n=number)


class TestListening:
    def test_who_does_not_listen_leaves_no_file(self, mp_process: ProcessFactory, log: Log) -> None:
        log.control.epoch = 0
        mp_process(record, log.folder, 2).result()
        mp_process(record, None, 2).result()
        mp_process(record, os.path.join(log.folder, "missing"), 2).result()
        assert log.files() == []
        assert log.read() == Chronicle(log.read().sources, (), (), True)

    def test_tests_are_kept_apart(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_in_turn, log.folder).result()
        assert log.names(1) == ["that outlives its test", "one", "one again", "bound"]
        assert log.names(2) == ["two", "that goes on when nobody listens", "last"]
        assert log.names(3) == []
        assert log.control.generation == 0
        assert log.control.epoch == 2

    def test_folder_that_has_gone_is_nobody_who_listens(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_without_a_folder, log.folder).result()
        assert log.read().events == ()

    def test_name_has_to_be_a_text(self, mp_process: ProcessFactory, log: Log) -> None:
        with pytest.raises(MpcheckError, match=r"checkpoint\(5\): the name of an event is a text, not of type int"):
            mp_process(record, log.folder, 1, 5).result()
        with pytest.raises(MpcheckError, match=r"span\(5\): the name of an event is a text, not of type int"):
            mp_process(record_span, log.folder, 5).result()

    @pytest.mark.parametrize(
        ("name", "told"), [(Role.WORKER, "worker"), (7, "7"), ("long" * 500, "long" * 50 + " ... (1,600 characters")]
    )
    def test_process_may_have_any_name(self, mp_process: ProcessFactory, log: Log, name: Any, told: str) -> None:
        mp_process(record_as, log.folder, name).result()
        (source,) = log.read().sources[1:]
        assert (type(source.name), source.torn) == (str, 0)
        assert source.name.startswith(told)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
    @pytest.mark.skipif(sys.version_info < (3, 13), reason="a mapping keeps its descriptor here")
    def test_file_with_the_number_of_one_of_ours_stays_open(self, log: Log) -> None:
        program = (
            "import os, sys\n"
            "from pytest_mpcheck import checkpoint\n"
            "from pytest_mpcheck._history import _log\n"
            "_log.listen(sys.argv[1])\n"
            "checkpoint('before')\n"
            "os.closerange(3, 256)\n"  # as a daemon does
            "files = [os.open(os.devnull, os.O_WRONLY) for _ in range(8)]\n"
            "if not os.fork():\n"
            "    checkpoint('forked')\n"
            "    assert all(os.write(file, b'.') for file in files)\n"
            "    checkpoint('written')\n"
            "    os._exit(0)\n"
            "os.wait()\n"
        )
        subprocess.run([sys.executable, "-c", program, log.folder], check=True)
        assert log.names() == ["before", "forked", "written"]

    def test_names_without_end_cost_no_room_for_names(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_many_names, log.folder).result()
        assert log.names() == [f"name {number}" for number in range(400)] * 2

    def test_first_checkpoint_imports_nothing_heavy(self, log: Log) -> None:
        program = (
            "import sys; before = set(sys.modules)\n"
            "from pytest_mpcheck import checkpoint, span\n"
            "checkpoint('nobody listens')\n"
            "with span('nor here'): pass\n"
            "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('pytest_mpcheck.')))"
        )
        environment = {name: value for name, value in os.environ.items() if name != "MPCHECK_HISTORY"}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        heavy = {"dataclasses", "typing", "multiprocessing", "pickle", "mmap", "enum", "re", "psutil", "pytest"}
        assert heavy.isdisjoint(done.stdout.split())


def record_span(folder: str, name: Any) -> None:
    _log.listen(folder)
    with span(name):
        pass


def record_as(folder: str, name: Any) -> None:
    multiprocessing.current_process()._name = name  # type: ignore[attr-defined]  # as `Process(name=...)` does
    record(folder, 1)


def record_in_turn(folder: str) -> None:
    control = Control(folder)
    _log.listen(folder)
    with span("that outlives its test"):
        control.epoch = 1
        checkpoint("one")
        checkpoint("one again")
        control.epoch = 2
        checkpoint("two")
    _log.set_epoch(1)
    checkpoint("bound")
    _log.set_epoch(None)
    control.generation += 1
    control.generation = 0
    begun = span("that goes on when nobody listens")
    with begun:
        control.epoch = 0
        checkpoint("nobody")
    control.epoch = 2
    checkpoint("last")
    _log.listen(None)
    checkpoint("nobody")


def record_without_a_folder(folder: str) -> None:
    _log.listen(folder)
    os.rename(folder, f"{folder}-gone")
    checkpoint("lost")
    os.rename(f"{folder}-gone", folder)
    checkpoint("lost")


def record_many_names(folder: str) -> None:
    _log.listen(folder)
    for _ in range(2):
        for number in range(400):
            checkpoint(f"name {number}")


class TestRoom:
    def test_oldest_make_room_and_are_told(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record, log.folder, 2000, "point", SMALL).result()
        chronicle = log.read()
        assert [event.data["n"] for event in chronicle.events] == list(range(2000 - 512, 2000))
        assert chronicle.sources[1].dropped == 2000 - 512 + 1  # and the mark at the beginning

    def test_what_did_not_have_to_make_room_is_not_told(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record, log.folder, 510, "point", SMALL).result()
        assert len(log.names()) == 510
        assert log.read().sources[1].dropped == 0

    def test_earlier_tests_make_room_for_later_ones(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_in_two_tests, log.folder).result()
        chronicle = log.read(2)
        assert [event.data.get("n") for event in chronicle.events] == list(range(300))
        assert chronicle.sources[1].dropped == 0
        assert log.read(1).sources[1].dropped > 0

    def test_long_records_count_once(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_long_ones, log.folder).result()
        chronicle = log.read()
        (source,) = chronicle.sources[1:]
        assert source.dropped + len(chronicle.events) == 100 + 1
        assert [event.data["n"] for event in chronicle.events] == list(range(100))[-len(chronicle.events) :]

    def test_full_disk_makes_the_ring_small(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_on_a_full_disk, log.folder).result()
        chronicle = log.read()
        assert [event.data["n"] for event in chronicle.events] == list(range(5000 - 1024, 5000))
        assert chronicle.sources[1].dropped == 5000 - 1024 + 1

    def test_no_room_at_all_is_no_error(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_without_room, log.folder).result()
        assert log.files() == []

    def test_room_is_reserved_step_by_step(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record, log.folder, 100).result()
        (file,) = log.files()
        assert file.stat().st_size == _log.LIMIT // SLOT * SLOT
        if hasattr(os.stat_result, "st_blocks"):  # pragma: always on Linux
            assert file.stat().st_blocks * 512 < 128 * 1024

    @pytest.mark.skipif(not can_populate(), reason="this system has no way to have many pages of a mapping at once")
    def test_what_is_reserved_is_in_memory(self, tmp_path: Path) -> None:
        ring = _ring.Ring(str(tmp_path), "name", "", FIRST_SLOT + 4096 * SLOT)
        for _ in range(512 + 1):  # one more than there is room for at first, so as much again is reserved
            ring.record(POINT, "event", {}, 1)
        assert resident(tmp_path / ring.key) >= 2 * 512 * SLOT
        ring.discard()


def record_in_two_tests(folder: str) -> None:
    record(folder, 1000, limit=SMALL)
    Control(folder).epoch = 2
    record(None, 300)


def record_long_ones(folder: str) -> None:
    _log.listen(folder, limit=SMALL)
    for number in range(100):
        checkpoint("long", n=number, text="x" * (number * 10))


def full(file: int, start: int, length: int) -> None:
    if start >= FIRST_SLOT + 1024 * SLOT:
        raise OSError(28, "No space left on device")


def record_on_a_full_disk(folder: str) -> None:
    _platforms.reserve = full
    record(folder, 5000)


def no_room(file: int, start: int, length: int) -> None:
    raise OSError(28, "No space left on device")


def record_without_room(folder: str) -> None:
    _platforms.reserve = no_room
    record(folder, 2)


class TestInterruptions:
    @pytest.mark.parametrize("number", range(4))
    def test_nothing_acknowledged_is_lost_by_sigkill(
        self, mp_process: ProcessFactory, log: Log, mp_context: Any, number: int
    ) -> None:
        acknowledged = mp_context.RawValue("Q", 0)
        child = mp_process(record_and_acknowledge, log.folder, acknowledged)
        while acknowledged.value < 500 * (number + 1):
            assert child.is_alive()
        child.kill()
        assert_exited(child, signal="SIGKILL")
        chronicle = log.read()
        numbers = [event.data["n"] for event in chronicle.events]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged.value
        assert chronicle.sources[1].torn <= 1

    def test_threads_lose_nothing(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_in_threads, log.folder).result()
        chronicle = log.read()
        recorded = sorted((str(event.data["who"]), int(str(event.data["n"]))) for event in chronicle.events)
        assert recorded == [(str(who), number) for who in range(4) for number in range(500)]
        assert len({event.thread for event in chronicle.events}) == 4
        for who in range(4):
            of_thread = [event.data["n"] for event in chronicle.events if event.data["who"] == who]
            assert of_thread == list(range(500))

    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers that interrupt")
    def test_signal_handler_records_while_a_record_is_written(self, mp_process: ProcessFactory, log: Log) -> None:
        handled = mp_process(record_in_a_handler, log.folder).result()
        chronicle = log.read()
        counts = [sum(event.name == name for event in chronicle.events) for name in ("outside", "handler")]
        assert counts == [3001, handled]
        assert chronicle.sources[1].torn == 0

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    def test_fork_while_a_thread_records(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(fork_while_a_thread_records, log.folder).result()
        chronicle = log.read()
        children = [event for event in chronicle.events if event.name == "child"]
        assert len({event.process for event in children}) == 5
        (parent,) = {event.process for event in chronicle.events if event.name == "thread"}
        recorded = [event.data["n"] for event in chronicle.events if event.process == parent and event.name == "thread"]
        assert recorded == list(range(len(recorded)))
        starts = [link for link in chronicle.links if link.kind == "start"]
        assert len(starts) == 5
        assert {chronicle.sources[link.before.source].process for link in starts} == {parent}
        assert {chronicle.sources[link.after.source].start_method for link in starts} == {"fork"}

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    @pytest.mark.parametrize("text", ["", "x" * 100], ids=["short", "long"])
    def test_signal_handler_forks_while_a_record_is_written(
        self, mp_process: ProcessFactory, log: Log, text: str
    ) -> None:
        mp_process(fork_in_the_midst, log.folder, (_ring if text else _log).__name__, text).result()
        chronicle = log.read()
        parent, child = chronicle.sources[1:]
        of = {
            source: [event for event in chronicle.events if event.process == source.process]
            for source in (parent, child)
        }
        assert [(event.name, event.kind, event.data.get("n")) for event in of[parent]] == [
            ("point", "point", 0),
            ("point", "point", 1),
            ("span", "begin", None),
            ("span", "end", None),
        ]
        assert [(event.name, event.kind) for event in of[child]] == [("point", "point")]
        assert parent.torn == child.torn == 0


def record_and_acknowledge(folder: str, acknowledged: Any) -> None:
    _log.listen(folder)
    for number in range(1, 20_000):
        checkpoint("point", n=number)
        acknowledged.value = number
    threading.Event().wait(100)  # to be killed


def record_in_threads(folder: str) -> None:
    _log.listen(folder)
    barrier = threading.Barrier(4)

    def work(who: int) -> None:
        barrier.wait()
        for number in range(500):
            checkpoint("point", who=who, n=number)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def record_in_a_handler(folder: str) -> int:
    _log.listen(folder)
    handled = itertools.count()
    checkpoint("outside", n=-1)  # a handler that takes longer than its period would never end
    signal.signal(signal.SIGALRM, lambda *_: checkpoint("handler", n=next(handled), text="x" * 50))
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    for number in range(3000):
        checkpoint("outside", n=number)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return next(handled)


def fork_while_a_thread_records(folder: str) -> None:
    _log.listen(folder)
    checkpoint("parent")
    stop = threading.Event()

    def work() -> None:
        for number in itertools.count():
            checkpoint("thread", n=number)
            if stop.is_set():
                return

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(5):
        fork(lambda: checkpoint("child"))
    stop.set()
    thread.join()


def fork(do: Callable[[], None]) -> None:
    """Fork, and let the child do something."""
    pid = os.fork()
    if not pid:
        try:
            do()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def fork_in_the_midst(folder: str, module: str, text: str) -> None:
    """Fork where a signal handler could: after the ticket was taken, before the record is written."""
    _log.listen(folder)
    checkpoint("point", n=0)
    pids: list[int] = []
    original: Any = vars(sys.modules[module])["get_ident"]

    def forking(*args: Any) -> int:
        if not pids:
            pids.append(os.fork())
        result: int = original(*args)
        return result

    vars(sys.modules[module])["get_ident"] = forking
    checkpoint("point", n=1, text=text)
    vars(sys.modules[module])["get_ident"] = original
    if not pids[0]:
        return  # as the child that this is a copy of
    os.waitpid(pids[0], 0)
    with span("span"):
        pid = os.fork()
    if pid:
        os.waitpid(pid, 0)


class TestSources:
    @pytest.mark.skipif(not find_spec("concurrent.interpreters"), reason="there are no interpreters")
    def test_interpreters_have_files_of_their_own(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(record_in_an_interpreter, log.folder).result()
        chronicle = log.read()
        assert [event.name for event in chronicle.events] == ["outside", "inside", "outside again"]
        assert len({event.process for event in chronicle.events}) == 1
        assert len({event.id.source for event in chronicle.events}) == 2

    def test_threads_that_open_the_file_at_once_have_one(self, mp_process: ProcessFactory, log: Log) -> None:
        mp_process(open_twice, log.folder).result()
        assert sorted(log.names()) == ["first", "second"]
        assert len(log.files()) == 1

    def test_log_within_a_log(self, mp_process: ProcessFactory, log: Log, tmp_path: Path) -> None:
        inner = Log(tmp_path / "inner")
        mp_process(record_into_both, log.folder, inner.folder).result()
        assert log.names() == ["outer", "outer again"]
        assert inner.names() == ["inner"]
        assert len(log.files()) == 1


def record_in_an_interpreter(folder: str) -> None:
    interpreters = import_module("concurrent.interpreters")
    _log.listen(folder)
    checkpoint("outside")
    interpreter = interpreters.create()
    interpreter.exec(f"""if True:
        from pytest_mpcheck import checkpoint
        from pytest_mpcheck._history import _log
        _log.listen({folder!r}, {_log.here()!r})
        checkpoint("inside")
        """)
    interpreter.close()
    checkpoint("outside again")


def open_twice(folder: str) -> None:
    _log.listen(folder)
    original = vars(_log)["_new_ring"]

    def interrupted(*args: Any) -> Any:
        vars(_log)["_new_ring"] = original
        ring = original(*args)
        checkpoint("first")  # as a signal handler, or another thread
        return ring

    vars(_log)["_new_ring"] = interrupted
    checkpoint("second")


def record_into_both(outer: str, inner: str) -> None:
    _log.listen(outer)
    checkpoint("outer")
    _log.listen(inner)
    checkpoint("inner")
    _log.listen(outer)
    checkpoint("outer again")


@pytest.fixture
def written(mp_process: ProcessFactory, log: Log) -> tuple[str, bytes, Chronicle]:
    """The name and the bytes of a file with a few events of each kind, and what is read of it."""
    mp_process(record_for_damage, log.folder).result()
    (path,) = log.files()
    return path.name, path.read_bytes()[:SMALL], log.read()


def record_for_damage(folder: str) -> None:
    _log.listen(folder, limit=SMALL)
    for number in range(12):
        checkpoint(f"point {number % 3}", n=number)
    with span("span", place=Place(1)) as spanned:
        spanned.note(text="x" * 90)
    checkpoint("a name that is longer than the fifty-eight bytes that a slot has", n=1)
    _log.follow("start", "1-2", 3)


class TestDamage:
    @staticmethod
    def read_all(key: str, data: bytes) -> Any:
        return read_source(key, io.BytesIO(data), 1)

    @pytest.mark.mp(start_methods=["spawn"])
    def test_no_damage_invents_an_event(self, written: tuple[str, bytes, Chronicle], mp_start_method: str) -> None:
        key, data, _ = written
        whole = self.read_all(key, data)
        assert len(whole.records) == 17
        known = {repr((r.sequence, r.kind, r.name, vars_of(r.data), r.at, r.thread)) for r in whole.records}
        chance = random.Random(1)
        used = len(data.rstrip(b"\0")) // SLOT * SLOT + SLOT
        lost = 0
        for _ in range(20_000):
            found = self.read_all(key, damaged(data, used, chance))
            records = found.records if found else ()
            told = [repr((r.sequence, r.kind, r.name, vars_of(r.data), r.at, r.thread)) for r in records]
            assert known.issuperset(told)
            assert len(set(told)) == len(told)
            lost += len(told) < len(known)
        assert lost > 1000

    @pytest.mark.mp(start_methods=["spawn"])
    def test_record_that_is_torn_anywhere_is_counted(
        self, written: tuple[str, bytes, Chronicle], mp_start_method: str
    ) -> None:
        key, data, _ = written
        whole = self.read_all(key, data)
        place = FIRST_SLOT + 6 * SLOT
        record = data[place : place + SLOT]
        for before in (bytes(SLOT), data[place - SLOT : place]):  # what was there: nothing, or an older record
            for length in range(1, SLOT - 7):
                copy = bytearray(data)
                copy[place : place + SLOT] = record[:length] + before[length:]
                found = self.read_all(key, bytes(copy))
                assert (len(found.records), found.torn) == (len(whole.records) - 1, 1)

    @pytest.mark.mp(start_methods=["spawn"])
    def test_damage_is_told(self, written: tuple[str, bytes, Chronicle], mp_start_method: str, log: Log) -> None:
        _, data, chronicle = written
        (path,) = log.files()
        named = chronicle.sources[1].name
        half = bytearray(data)
        end = -(-len(data.rstrip(b"\0")) // SLOT) * SLOT
        half[end : end + 20] = half[end - SLOT : end - SLOT + 20]  # killed while it wrote the next one
        for copy, torn, source in (
            (bytes(half), 1, named),
            (b"\0" * 16 + data[16:], 1, ""),  # the head is gone
            (data[:16] + bytes(TALLY - 16) + data[TALLY:], 1, ""),  # killed while it wrote the head
            (data[:TALLY] + bytes(SLOT) + data[TALLY + SLOT :], 0, named),
            (data[: end + SLOT], 1, named),  # cut where nothing is yet
        ):
            path.write_bytes(copy)
            found = log.read()
            assert [event.data for event in found.events] == [event.data for event in chronicle.events]
            assert found.sources[1].torn == torn
            assert found.sources[1].name == source
        path.write_bytes(data[:100])
        path.with_name("another file").write_bytes(data)
        path.with_name("1-1").mkdir()
        assert log.read().events == ()
        os.rename(log.folder, f"{log.folder}-gone")
        assert log.read().events == ()

    @pytest.mark.mp(start_methods=["spawn"])
    def test_slot_that_changes_is_read_again(
        self, written: tuple[str, bytes, Chronicle], mp_start_method: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key, data, _ = written
        found = read_source(key, Changing(data), 1)
        assert found is not None
        assert (len(found.records), found.torn) == (17, 0)
        monkeypatch.setattr(_slots, "read", unreadable)
        found = self.read_all(key, data)
        assert (len(found.records), found.torn) == (1, 16)

    def test_reading_while_others_write(self, mp_process: ProcessFactory, log: Log, mp_context: Any) -> None:
        acknowledged = mp_context.RawValue("Q", 0)
        child = mp_process(record_and_acknowledge, log.folder, acknowledged)
        for goal in range(100, 1000, 100):
            while acknowledged.value < goal:
                assert child.is_alive()
            known = acknowledged.value
            numbers = [event.data["n"] for event in log.read().events]
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) >= known
        child.kill()
        assert_exited(child, signal="SIGKILL")


class Changing(io.BytesIO):
    """A file in which a record is being written when its slots are read first."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        half = FIRST_SLOT + 5 * SLOT + 20
        if size and size > SLOT and self.tell() - len(found) >= FIRST_SLOT:
            place = half - (self.tell() - len(found))
            return found[:place] + bytes(SLOT - 20) + found[place + SLOT - 20 :]
        return found


def unreadable(*_: object) -> None:
    raise Unreadable


def vars_of(data: dict[Any, Any]) -> Any:
    return {key: value.number if isinstance(value, Place) else value for key, value in data.items()}


def damaged(data: bytes, used: int, chance: random.Random) -> bytes:
    """Return a copy that was damaged in ways of which kills and full disks have some, and disks that fail others."""
    copy = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        way = chance.randrange(6)
        place, other = chance.randrange(used), chance.randrange(used)
        if place >= len(copy) - SLOT or other >= len(copy) - SLOT:
            continue  # that is gone
        slot, another = place // SLOT * SLOT, other // SLOT * SLOT
        if way == 0:
            copy[slot : slot + 8] = chance.randbytes(8)
        elif way == 1:
            copy[place : slot + SLOT] = bytes(slot + SLOT - place)
        elif way == 2:
            copy[slot : slot + SLOT], copy[another : another + SLOT] = (
                copy[another : another + SLOT],
                copy[slot : slot + SLOT],
            )
        elif way == 3:
            copy[slot : slot + place % SLOT] = copy[another : another + place % SLOT]  # as half a record
        elif way == 4:
            copy[: chance.randrange(64)] = chance.randbytes(chance.randrange(64))
            copy = copy[: len(data)].ljust(len(data), b"\0")
        else:
            del copy[place:]
    return bytes(copy)


def event(source: int, sequence: int, at: int) -> Event:
    from pytest_mpcheck import ProcessId

    return Event(ProcessId(source, ""), sequence, f"{source}.{sequence}", {}, at, "point", EventId(source, sequence))


def order(times: list[list[int]], links: list[tuple[int, int, int, int]]) -> list[str]:
    """Return the names of events in their order, of sources that have some at these times each."""
    events = [[event(source, number, at) for number, at in enumerate(ats)] for source, ats in enumerate(times)]
    made = [Link("message", EventId(a, b), EventId(c, d)) for a, b, c, d in links]
    return [found.name for found in _in_order(events, made)]


class TestOrder:
    def test_clock_orders_what_nothing_else_does(self) -> None:
        assert order([[1, 4], [2, 3]], []) == ["0.0", "1.0", "1.1", "0.1"]

    def test_sequence_numbers_come_before_the_clock(self) -> None:
        assert order([[5, 1], [3]], []) == ["1.0", "0.0", "0.1"]

    def test_links_come_before_the_clock(self) -> None:
        assert order([[5, 6], [1, 2]], [(0, 0, 1, 1)]) == ["1.0", "0.0", "1.1", "0.1"]
        assert order([[5], [3], [1]], [(0, 0, 1, 0), (1, 0, 2, 0)]) == ["0.0", "1.0", "2.0"]
        assert order([[5, 6], [1]], [(0, 9, 1, 0)]) == ["0.0", "0.1", "1.0"]  # up to more than there is
        assert order([[5], [1]], [(1, -1, 0, 0), (0, 0, 0, 0)]) == ["1.0", "0.0"]

    def test_links_that_contradict_each_other_order_nothing(self) -> None:
        assert order([[2, 5], [1, 3]], [(0, 0, 1, 0), (1, 0, 0, 0)]) == ["1.0", "0.0", "1.1", "0.1"]

    def test_links_of_the_log(self, mp_process: ProcessFactory, log: Log) -> None:
        place = mp_process(record_here, log.folder).result()
        mp_process(record_after, log.folder, place).result()
        chronicle = log.read()
        assert [link.kind for link in chronicle.links] == ["start", "join"]
        assert [event.name for event in chronicle.events] == ["here", "later", "after"]
        start, join = chronicle.links
        here, later, after = chronicle.events
        assert start.before == here.id
        assert join.before == later.id
        assert start.after.source == after.id.source
        assert start.after.sequence < join.after.sequence < after.sequence


def record_here(folder: str) -> Any:
    _log.listen(folder)
    assert _log.here() is None
    checkpoint("here")
    place = _log.here()
    checkpoint("later")
    return place


def record_after(folder: str, place: tuple[str, int]) -> None:
    _log.listen(folder, place, start_method="by hand")
    assert _log.here() == place
    _log.follow("join", place[0])
    _log.follow("message", "1-1", 5)  # nobody
    _log.follow("rumour", place[0], 1)
    checkpoint("after")


def test_clock_of_events_is_the_same_everywhere() -> None:
    before = time.monotonic_ns()
    assert _platforms.event_clock()() >= before
    assert _platforms.clock_is_shared()
    assert LENGTH_MAX > SLOT
