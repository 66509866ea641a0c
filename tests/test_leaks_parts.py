"""The parts of which the watchers of leaks are made: pure functions, the agents, what stays, and what is not there."""

from __future__ import annotations

import _thread
import contextlib
import io
import os
import pickle
import queue
import socket
import subprocess
import sys
import threading
import time
import types
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import MpcheckError, ProcessId, ResourcesLeaked, _platforms, assert_no_leaks
from pytest_mpcheck._clock import Deadline, wait_until
from pytest_mpcheck._excerpts import repr_of
from pytest_mpcheck._guard._passage import place
from pytest_mpcheck._guard._watcher import Made, Span
from pytest_mpcheck._keeper._scope import Scope
from pytest_mpcheck._leaks import _block, _reach, _threads
from pytest_mpcheck._leaks._births import Births
from pytest_mpcheck._leaks._descriptors import Descriptors
from pytest_mpcheck._leaks._estate import Estate
from pytest_mpcheck._leaks._holders import find_holders
from pytest_mpcheck._leaks._names_agent import note_names
from pytest_mpcheck._leaks._output import Output
from pytest_mpcheck._leaks._output_agent import note_output
from pytest_mpcheck._leaks._parts import Parts, is_open, workers_of
from pytest_mpcheck._leaks._processes import Processes
from pytest_mpcheck._leaks._reach import Reach
from pytest_mpcheck._leaks._stay import helper_descriptors, reusable_executors
from pytest_mpcheck._leaks._threads import Threads
from pytest_mpcheck._platforms import _anywhere, _holdings, _linux, _membership
from pytest_mpcheck._process_facts import Straggler

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

NOBODYS = 1 << 23
"""Added to a number it gives a pid that nobody has: in a container the pids of this suite are small numbers too."""

GONE = NOBODYS + 1


class Thing:
    """Anything that has attributes."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def made(kind: str, thing: Any = None, *, where: str = "", **more: Any) -> Made:
    one = Made(kind, where or f"test_it.py:1 in {kind}")
    one.object = None if thing is None else weakref.ref(thing)
    for name, value in more.items():
        setattr(one, name, value)
    return one


def span(*made: Made, **more: Any) -> Span:
    one = Span("test_it.py::test_it", "function", "test_it.py::test_it")
    one.made += made
    for name, value in more.items():
        setattr(one, name, value)
    return one


def alive() -> Any:
    return Thing(is_alive=lambda: True, ident=7, name="worker")


# -- who has made what -------------------------------------------------------------------------------------------------


def test_births_end_with_their_things() -> None:
    births = Births()
    thing = Thing()
    births.remember(thing, "test_it.py:1")
    number = births.number_of(thing)
    assert births.place_of(thing) == "test_it.py:1"
    births.remember(thing, "test_it.py:2")  # it was started again: the first memory must not take the second away
    assert births.number_of(thing) != number
    del thing
    other = Thing()
    assert births.place_of(other) == ""
    assert births.number_of(other) == births.number_of(other) != number


def test_thread_of_a_library_has_no_line() -> None:
    found: list[str] = []
    namespace: dict[str, Any] = {"__name__": "multiprocessing.pool", "place": place, "found": found}
    exec("def work(): found.append(place(0))", namespace)
    thread = threading.Thread(target=namespace["work"])
    thread.start()
    thread.join()
    namespace["work"]()
    assert found[0] == ""
    assert found[1].endswith(" in test_thread_of_a_library_has_no_line")


# -- what belongs to what ----------------------------------------------------------------------------------------------


def test_what_is_open() -> None:
    worker, running = Thing(pid=5), Thing(pid=6, _popen=Thing(returncode=None))
    things = {
        ("pool", True): Thing(_state="RUN"),
        ("pool", False): Thing(_state="CLOSE"),
        ("thread pool", True): Thing(_state=0),  # as billiard tells it
        ("thread pool", False): Thing(_state=1),
        ("manager", True): Thing(_state=Thing(value=1), _process=running),
        ("manager", False): Thing(_state=Thing(value=1), _process=Thing(_popen=Thing(returncode=0))),
        ("thread executor", True): Thing(_shutdown=False, _threads={alive()}),
        ("thread executor", False): Thing(_shutdown=False, _threads=set()),
        ("executor", True): Thing(_shutdown_thread=False, _broken=False, _processes={5: worker}),
        ("executor", False): Thing(_shutdown_thread=False, _broken="died", _processes={5: worker}),
        ("executor", None): Thing(_flags=Thing(shutdown=True, broken=None), _processes={5: worker}),
        ("executor", ""): Thing(_flags=Thing(shutdown=False, broken=None), _processes=3),
    }
    for (kind, expected), thing in things.items():
        assert is_open(made(kind, thing)) is bool(expected), (kind, expected)
    assert not is_open(made("pool"))
    assert not is_open(made("pool", things["pool", True], failed=True))


def test_parts_of_what_is_open_or_of_others() -> None:
    pool = Thing(_state="RUN", _pool=[Thing(pid=5)], _task_handler=alive())
    closed = Thing(_state="CLOSE", _pool=[Thing(pid=6)])
    queue = Thing(_thread=Thing(ident=9))
    parts = Parts(span(made("pool", pool), made("queue", queue), made("process"), made("queue")))
    assert (parts.pids, parts.threads, parts.feeders) == ({5}, {7}, {9})
    assert parts.places == {"test_it.py:1 in pool", "test_it.py:1 in queue"}
    assert Parts(span(made("thread pool", closed))).pids == set()
    assert Parts(span(wider=(span(made("pool", closed)),))).pids == {6}


def test_words_for_workers() -> None:
    assert workers_of(Thing(_pool=[Thing(pid=5), Thing(pid=6)])) == "it keeps 2 processes alive: pid 5, 6"
    assert workers_of(Thing(_process=Thing(pid=5))) == "it keeps 1 process alive: pid 5"
    assert workers_of(Thing(_pool=[alive()])) == "it keeps 1 thread alive: 'worker'"
    assert workers_of(Thing()) == ""


def test_thread_that_python_has_not_started_stays() -> None:
    seen: queue.Queue[threading.Thread] = queue.Queue()
    _thread.start_new_thread(lambda: seen.put(threading.current_thread()), ())
    assert _threads._stays(seen.get(timeout=20))


def test_what_stays_is_known_by_what_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executor = Thing(_shutdown_thread=False, _broken=False, _processes={5: Thing(pid=5)})
    monkeypatch.setitem(sys.modules, "loky.reusable_executor", Thing(_executor=executor))
    assert list(reusable_executors()) == [executor]
    assert not is_open(made("executor", executor))
    with open(tmp_path / "log", "w") as log, socket.socket() as listening, socket.socket() as connection:
        closed = open(tmp_path / "closed", "w")  # noqa: SIM115
        closed.close()
        fakes = {
            "billiard.resource_sharer": Thing(
                _resource_sharer=Thing(_listener=Thing(_listener=Thing(_socket=listening)))
            ),
            "billiard.forkserver": Thing(_forkserver=Thing(_forkserver_alive_fd=1_000)),
            "billiard.managers": Thing(
                BaseProxy=Thing(_address_to_local={"address": (Thing(connection=connection), set())})
            ),
            "logging": Thing(_handlerList=[lambda: Thing(stream=log), Thing(stream=closed), lambda: None]),
        }
        for name, fake in fakes.items():
            monkeypatch.setitem(sys.modules, name, fake)
        found = set(helper_descriptors())
        assert {log.fileno(), listening.fileno(), connection.fileno(), 1_000} <= found
        monkeypatch.undo()


# -- agents ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def reach(tmp_path: Path) -> Iterator[Reach]:
    reach = Reach(str(tmp_path / "word"))
    reach.open()
    yield reach
    reach.close()


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Any]:
    """Give a stream that holds back."""
    with open(tmp_path / "output", "w", encoding="utf-8") as stream:
        yield stream


def begin(reach: Reach, stream: Any) -> None:
    """Let the agent see a stream as the standard output."""
    with contextlib.redirect_stdout(stream):
        note_output(reach.folder)


def told(reach: Reach) -> tuple[int, int, bytes]:
    """Return what this process has told of its output: how much it holds, whether all is told, and what is told."""
    data = (Path(reach.folder) / f"output-{os.getpid()}").read_bytes()
    count = int.from_bytes(data[:7], "little")
    return count, data[7], data[8:][: min(count, 20)]


def test_output_is_told_while_it_is_held(reach: Reach, stream: Any, tmp_path: Path) -> None:
    begin(reach, stream)
    begin(reach, stream)  # once is enough
    assert not os.listdir(reach.folder)
    print("häuser", end="", file=stream)
    assert told(reach) == (7, 1, "häuser".encode())
    stream.flush()
    assert told(reach)[0] == 0
    print("x" * 5_000, file=stream)
    assert told(reach)[:2] == (5_001, 1)
    stream.flush()
    for _ in range(100):  # until some of it is out, and some is not: buffers have 4 to 128 KiB
        print("y" * 3_000, end="", file=stream)
        if not told(reach)[1]:
            break
    lets_out_all_or_nothing = sys.implementation.name == "pypy" or sys.version_info[:2] == (3, 13)
    assert not told(reach)[1] or lets_out_all_or_nothing
    stream.flush()
    print("again", end="", file=stream)
    assert told(reach) == (5, 1, b"again")
    print("z" * 300_000, end="", file=stream)
    assert told(reach)[0] == 0  # more than a buffer holds goes out at once
    with pytest.raises(TypeError):
        stream.write(b"bytes")
    with pytest.raises(UnicodeEncodeError):
        stream.write("\ud800")
    assert told(reach)[0] == 0
    print("again", end="", file=stream)
    assert told(reach) == (5, 1, b"again")
    stream.buffer.write(b"past it")
    stream.flush()
    assert (tmp_path / "output").read_text(encoding="utf-8").endswith("zpast itagain")
    assert type(stream) is io.TextIOWrapper


def test_output_of_several_threads_is_not_told(reach: Reach, stream: Any) -> None:
    begin(reach, stream)
    stream.write("here")
    thread = threading.Thread(target=stream.write, args=("there",))
    thread.start()
    thread.join()
    assert told(reach)[0] == 0
    stream.write("here")
    assert told(reach)[0] == 0


def test_output_is_not_told_where_nothing_holds_it(reach: Reach, stream: Any, tmp_path: Path) -> None:
    with open(os.devnull, "w", encoding="utf-8") as device, open(tmp_path / "through", "wb", buffering=0) as through:
        for other in (None, io.StringIO(), through, device):
            begin(reach, other)
        device.write("x")
    os.rmdir(reach.folder)
    begin(reach, stream)
    print("printed", file=stream)
    stream.flush()
    assert (tmp_path / "output").read_text() == "printed\n"


def test_copy_of_who_prints_tells_for_itself(reach: Reach, stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(reach, stream)
    stream.write("parent")
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: GONE)
        stream.flush()
        stream.write("child")
    assert dict(reach.words("output"))[GONE].startswith(b"\x05\0\0\0\0\0\0\x01child\0")
    assert not (Path(reach.folder) / f"output-{GONE}").exists()


def test_lines_end_as_the_platform_has_it(reach: Reach, stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(reach, stream)
    with monkeypatch.context() as patch:
        patch.setattr(os, "linesep", "\r\n")
        print("x", file=stream)
    assert told(reach) == (3, 1, b"x\r\n")


def test_lost_output_is_told_of_whom_it_belongs_to(reach: Reach) -> None:
    def leave(pid: int, head: bytes, text: bytes = b"") -> None:
        (Path(reach.folder) / f"output-{pid}").write_bytes(head + text)

    watcher = Output(reach)
    assert watcher.begin() == ()
    leave(GONE, b"\x05\0\0\0\0\0\0\x01", b"child\0\0\0")
    leave(GONE - 1, b"\x05\0\0\0\0\0\0\0", b"part")
    leave(GONE - 2, bytes(8))
    leave(os.getpid(), b"\x05\0\0\0\0\0\0\x01", b"alive")
    worker = made("process", pid=GONE, name="Worker-1", start_method="spawn", through=("multiprocessing.pool",))
    of_fixture = span(wider=(span(worker),))
    (first,) = watcher.end(of_fixture, ())
    assert first.what.startswith(f"process {GONE - 1} ended with 5 bytes of output")
    assert first.evidence == "more than its buffer holds was printed"
    (second,) = watcher.end(span(worker), ())
    assert second.what.startswith(f"process 'Worker-1' (pid {GONE}, spawn) ended with 5 bytes of output")
    assert (second.where, second.evidence) == ("test_it.py:1 in process", "what it had printed: 'child'")
    assert "close() and join() the pool" in second.remedy
    assert list(watcher.end(span(worker), ())) == []


def test_names_are_noted(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    def register(name: str, rtype: str) -> str:
        return f"registered {name}"

    def attach(create: bool) -> str:
        return str(sys.modules["multiprocessing.resource_tracker"].register("/segment", "shared_memory"))

    util: Any = Thing(get_temp_dir=lambda: "/folder")
    config: dict[str, str] = {}
    process = Thing(current_process=lambda: Thing(_config=config))
    monkeypatch.setitem(sys.modules, "multiprocessing.resource_tracker", Thing(register=register))
    monkeypatch.setitem(sys.modules, "multiprocessing.util", util)
    monkeypatch.setitem(sys.modules, "multiprocessing.process", process)
    note_names(reach.folder)
    note_names(reach.folder)
    tracker = sys.modules["multiprocessing.resource_tracker"]
    assert tracker.register("/lock", "semaphore") == "registered /lock"
    assert tracker.register("/file", "other") == "registered /file"
    assert attach(False) == attach(True) == "registered /segment"
    assert util.get_temp_dir() == "/folder"
    config["tempdir"] = "/folder"
    assert util.get_temp_dir() == "/folder"
    noted = (Path(reach.folder) / f"made-{os.getpid()}").read_text().splitlines()
    assert noted == ["semaphore /lock", "shared_memory /segment", "folder /folder"]
    note_names(str(Path(reach.folder) / "nowhere"))
    monkeypatch.delitem(sys.modules, "multiprocessing.resource_tracker")
    monkeypatch.delitem(sys.modules, "multiprocessing.util")
    note_names(reach.folder)
    monkeypatch.undo()


def test_names_that_cannot_be_noted_break_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker: Any = Thing(register=lambda name, rtype: None)
    monkeypatch.setitem(sys.modules, "multiprocessing.resource_tracker", tracker)
    monkeypatch.delitem(sys.modules, "multiprocessing.util", raising=False)
    note_names(str(tmp_path / "nowhere"))
    tracker.register("/lock", "semaphore")
    monkeypatch.undo()


def test_reach_gives_way_to_the_one_around_it(reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import multiprocessing
    import multiprocessing.spawn

    config: Any = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    inner = Reach(str(tmp_path / "inner"))
    inner.open()
    inner.close()
    assert config[_reach._KEY]._folder == reach.folder
    sent = pickle.dumps(config[_reach._KEY])
    assert b"note_names" in sent
    assert b"note_output" in sent
    monkeypatch.setattr(multiprocessing.spawn, "get_executable", lambda: "another/python")
    assert pickle.loads(pickle.dumps(config[_reach._KEY])) == ()  # it may not be able to read the code
    monkeypatch.delitem(sys.modules, "multiprocessing.process")
    without = Reach(str(tmp_path / "without"))
    without.open()
    without.close()


def test_word_of_a_folder_that_is_gone_is_none(reach: Reach) -> None:
    os.rmdir(reach.folder)
    assert list(reach.words("output")) == []


def test_forked_children_are_reached(reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    visited: list[str] = []
    monkeypatch.setattr(_reach, "note_names", lambda folder: 1 / 0)  # it does not keep the other one off
    monkeypatch.setattr(_reach, "note_output", visited.append)
    _reach._in_forked_child()
    monkeypatch.setattr(_reach, "_open", [])
    _reach._in_forked_child()
    assert visited == [reach.folder]


# -- watchers ----------------------------------------------------------------------------------------------------------


@linux
def test_things_of_a_child_are_its_span_s(reach: Reach, tmp_path: Path) -> None:
    watcher = Estate(reach)
    lock, segment = f"mpcheck_{os.getpid()}_lock", f"mpcheck_{os.getpid()}"
    paths = [Path(f"/dev/shm/sem.{lock}"), Path(f"/dev/shm/{segment}")]
    with contextlib.ExitStack() as stack:
        for path in paths:
            path.touch()
            stack.callback(path.unlink)
        lines = f"semaphore /{lock}\nshared_memory /{segment}\nfolder {tmp_path}\nfolder {tmp_path / 'gone'}\n"
        (Path(reach.folder) / f"made-{GONE}").write_text(lines)
        found = {finding.kind: finding for finding in watcher.end(span(), ())}
        assert set(found) == set(watcher.kinds)
        assert all(f"process {GONE}, which has ended, has made it" == one.evidence for one in found.values())
        assert list(watcher.end(span(), watcher.begin())) == []
        child = made("process", pid=GONE)
        assert {finding.where for finding in watcher.end(span(child), ())} == {child.where}
        assert list(watcher.end(span(wider=(span(child),)), ())) == []
        here = made("shared memory", name=f"/{segment}")
        assert [
            one.where for one in watcher.end(span(here), {("semaphore", f"/{lock}"), ("folder", str(tmp_path))})
        ] == [here.where]
        thing = Thing(_semlock=Thing(name=f"/{lock}"))
        mine = made("semaphore", thing)
        library = made("semaphore", thing, where="/site-packages/bar.py:1 in lock")
        before = watcher.begin()
        assert [one.kind for one in watcher.end(span(mine), before)] == ["semaphore-leak"]
        pool = Thing(_state="CLOSE")
        of_pool = made("semaphore", thing, where=made("pool", pool).where)
        for other in (library, made("semaphore"), made("semaphore", thing, inside=mine)):
            assert list(watcher.end(span(other), before)) == []
        assert list(watcher.end(span(of_pool, made("pool", pool)), before)) == []
        assert list(watcher.end(span(mine, has_failed=True), before)) == []
    assert list(watcher.end(span(here), ())) == [
        finding for finding in watcher.end(span(here), ()) if finding.kind == "socket-folder-leak"
    ]


def test_processes_of_others_and_helpers_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def one(number: int, parent: int | None = None, command: str = "python") -> Straggler:
        above = os.getpid() if parent is None else NOBODYS + parent
        return Straggler(ProcessId(NOBODYS + number, str(number)), above, scope.session, "python", command)

    scope = Scope.here("")
    living = [
        one(10),  # was there before
        one(11, 10),  # and its child, and the child of that
        one(12, 11),
        one(13, command="-c from multiprocessing.forkserver import main; main()"),
        one(14, 13),  # of the server: whoever asked for it
        one(15, command="-c from multiprocessing.resource_tracker import main; main()"),
        one(16),  # of loky's reusable executor
        one(17),  # of a pool of a wider fixture
        one(18),  # of a pool that is closed
        replace(one(19), session=scope.session + 1),
        one(20, 21),  # an orphan
        one(22, 22),
    ]
    zombies = [one(30), one(31), one(32)]
    monkeypatch.setattr(Scope, "family", lambda scope, outsiders: (tuple(living), tuple(zombies)))
    executor = Thing(_processes={16: Thing(pid=NOBODYS + 16)})
    monkeypatch.setitem(sys.modules, "loky.reusable_executor", Thing(_executor=executor))
    pool = Thing(_pool=[Thing(pid=NOBODYS + 17)])
    worker = made("process", pid=NOBODYS + 18, through=("multiprocessing.context", "multiprocessing.pool"))
    watcher = Processes(scope)
    watcher.open()
    before = {ProcessId(NOBODYS + number, str(number)) for number in (10, 13, 31)}
    named = made("process", pid=NOBODYS + 30, name="Process-1", start_method="fork")
    findings = list(watcher.end(span(worker, named, wider=(span(made("pool", pool)),)), before))
    watcher.close()
    monkeypatch.undo()
    assert [finding.what for finding in findings] == [
        f"process {NOBODYS + 14} (python) still runs",
        f"process {NOBODYS + 20} (python) still runs",
        f"process {NOBODYS + 22} (python) still runs",
        f"process 'Process-1' (pid {NOBODYS + 30}, fork) has ended, and nobody has waited for it",
        f"process {NOBODYS + 32} (python) has ended, and nobody has waited for it",
    ]
    assert [finding.remedy for finding in findings[3:]] == ["join() it", "collect it by os.waitpid()"]


@linux
def test_process_that_ends_meanwhile_is_a_zombie(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    for is_alive in (False, True):
        monkeypatch.setattr(_membership, "command_of", lambda pid: "")
        monkeypatch.setattr(_membership, "is_alive", lambda process, is_alive=is_alive: is_alive)
        living, zombies = _platforms.family("", "MPCHECK_NOBODY", ProcessId(os.getpid(), ""), None, set())
        assert (process.pid in _pids(living), process.pid in _pids(zombies)) == (is_alive, not is_alive)
    process.communicate()


def test_threads_of_others_and_of_services_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Threads()
    watcher.open()
    go, started = threading.Event(), threading.Barrier(2)
    inner: list[threading.Thread] = []

    def outer() -> None:
        started.wait()
        started.wait()
        inner.append(threading.Thread(target=go.wait))
        inner[0].start()
        started.wait()

    serving = threading.Thread(target=outer)
    serving.start()
    started.wait()
    before = watcher.begin()
    started.wait()
    started.wait()
    serving.join()
    monkeypatch.setitem(sys.modules, "loky.reusable_executor", Thing(_executor=Thing(_threads=[])))
    started_here = [
        threading.Thread(target=go.wait, name="told"),
        threading.Thread(target=go.wait, name="mpcheck-something"),
        threading.Thread(target=partial(go.wait), name="pytest_timeout test"),
        threading.Thread(target=go.wait, name="debugger"),
        type("Monitor", (threading.Thread,), {"__module__": "tqdm._monitor", "run": lambda self: go.wait()})(),
        type("Manager", (threading.Thread,), {"__module__": "loky.process_executor", "run": lambda self: go.wait()})(),
        type("Feeder", (threading.Thread,), {"__module__": "multiprocessing.queues", "run": lambda self: go.wait()})(),
    ]
    started_here[3].is_pydev_daemon_thread = True
    for thread in started_here:
        thread.start()
    dummies = []
    foreign = threading.Event()

    def be_foreign() -> None:
        dummies.append(threading.current_thread())
        foreign.set()
        go.wait()

    _thread.start_new_thread(be_foreign, ())
    foreign.wait()
    findings = list(watcher.end(span(), before))
    go.set()
    for thread in (*started_here, *inner):
        thread.join()
    watcher.close()
    assert [finding.what for finding in findings] == ["thread 'told' still runs"]
    assert findings[0].where.endswith(" in test_threads_of_others_and_of_services_are_not_told")


def test_descriptors_are_not_told_after_a_failure() -> None:
    assert Descriptors().end(span(has_failed=True), ()) == ()


held: list[Any] = []


@linux
def test_holders_are_found_from_the_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        open(tmp_path / "text", "w") as text,
        open(tmp_path / "raw", "wb", buffering=0) as raw,
        open(tmp_path / "deep", "wb", buffering=0) as deep,
        socket.socket() as sock,
        open(raw.fileno(), "wb", closefd=False) as other,
    ):
        closed = open(tmp_path / "closed", "w")  # noqa: SIM115
        closed.close()
        holder = Thing(sock=sock, closed=closed, slot=types.SimpleNamespace(), inner={"too far": (deep,)})
        monkeypatch.setattr(f"{__name__}.held", [text, other, (raw,), holder, held, [[[[object()]]]]])
        found = find_holders({one.fileno() for one in (text, raw, deep, sock)})
        assert found == {one.fileno(): repr_of(one) for one in (text, raw, sock)}  # `other` holds nothing


@linux
def test_orphans_programs_and_forks_are_told_with_what_is_known() -> None:
    with pytest.raises(ResourcesLeaked) as caught, assert_no_leaks():  # noqa: PT012
        program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "x" * 300])
        pid = os.fork()
        if pid == 0:  # pragma: ends by SIGKILL
            subprocess.Popen(["sleep", "600"])
            time.sleep(600)
        assert wait_until(lambda: bool(_children(pid)), Deadline(20))
        orphan = _orphan()
    for number in (program.pid, pid, *_children(pid), orphan):
        _platforms.end(ProcessId(number, _platforms.start_token(number)), kill=True)
    program.wait()
    os.waitpid(pid, 0)
    told = {finding.what: finding for finding in caught.value.findings}
    assert told[f"program {os.path.basename(sys.executable)!r} (pid {program.pid}) still runs"].evidence.endswith("...")
    assert "os.waitpid" in told[f"forked process {pid} still runs"].remedy
    assert len(told) == 4
    assert str(caught.value).startswith("4 things are left behind:\n[1] process-leak: ")
    assert f"its parent is process {pid}, started at tests" in str(caught.value).replace(os.getcwd(), "")


def _children(pid: int) -> list[int]:
    return [
        facts.process.pid
        for facts in _platforms.tree_of(pid)
        if facts.process.pid != pid and "sleep 600" in facts.command
    ]


def _orphan() -> int:
    shell = subprocess.run(["sh", "-c", "sleep 600 >&- & echo $!"], stdout=subprocess.PIPE, check=True)
    return int(shell.stdout)


def test_what_cannot_be_looked_at_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError("no such right")

    monkeypatch.setattr(_platforms, "open_descriptors", refuse)
    with (
        pytest.raises(
            MpcheckError, match=r"could not look at everything: .*Descriptors .*PermissionError: no such right"
        ),
        assert_no_leaks(),
    ):
        pass


def test_error_of_the_block_goes_on() -> None:
    with pytest.raises(ZeroDivisionError), assert_no_leaks():
        1 / 0  # noqa: B018


@pytest.mark.parametrize("brand", [None, 5])
def test_block_takes_the_scope_of_the_run(brand: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scope = replace(Scope.here(str(tmp_path), keep=("*kept*",)), brand=brand)
    monkeypatch.setattr(_block, "innermost_scope", lambda: scope)
    given: list[int | None] = []

    def take(brand: int | None) -> int:
        given.append(brand)
        return 7

    monkeypatch.setattr(_platforms, "set_brand", take)
    with _block._scope("folder") as found:
        assert (found.folder, found.keep, found.brand) == (str(tmp_path), ("*kept*",), brand)
    assert given[1:] == ([] if brand else [7])


# -- platforms ---------------------------------------------------------------------------------------------------------


def test_family_is_the_same_by_any_platform(tmp_path: Path) -> None:
    since = ProcessId(os.getpid(), "")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    try:
        for family in (_platforms.family, _anywhere.family):
            assert wait_until(partial(_is_zombie, family, ended.pid), Deadline(20))
            living, _ = family(str(tmp_path), "MPCHECK_NOBODY", since, None, set())
            assert process.pid in _pids(living)
    finally:
        process.communicate()
        ended.wait()


def _is_zombie(family: Any, pid: int) -> bool:
    return pid in _pids(family("", "MPCHECK_NOBODY", ProcessId(os.getpid(), ""), None, set())[1])


def _pids(found: Any) -> list[int]:
    return [one.process.pid for one in found]


def test_what_a_platform_does_not_list_is_not_there() -> None:
    assert not _anywhere.named_memory_exists("semaphore", "/lock")
    assert not _linux.named_memory_exists("shared_memory", "/mpcheck-nothing")
    assert set(_holdings.open_descriptors()) >= {0, 1, 2}
