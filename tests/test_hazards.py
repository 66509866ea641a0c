"""Hazards of forking: each has a specimen that is told, and a twin that is not; under the other start methods none is.

Most of it runs without a second pytest: the guard is put on around a few lines, as the plugin puts it on around a test.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import random
import socket
import sqlite3
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pytest_mpcheck._finding import Finding
from pytest_mpcheck._guard._doors import aside
from pytest_mpcheck._guard._guard import Guard
from pytest_mpcheck._guard._watcher import Made, Span
from pytest_mpcheck._hazards import _fork, _hazards, _lookout, _streams
from pytest_mpcheck._hazards._forked import Forked
from pytest_mpcheck._hazards._hazards import Hazards
from pytest_mpcheck._hazards._lookout import Belonging, Lookout
from pytest_mpcheck._hazards._notes import Notes
from pytest_mpcheck._hazards._preflight import Preflight
from pytest_mpcheck._hazards._reach import Part, reach_of_process
from pytest_mpcheck._hazards._sorts import sorter
from pytest_mpcheck._hazards._threads import is_of_a_pool
from pytest_mpcheck.fixtures import ProcessFactory

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing can be forked here")

Start: TypeAlias = Callable[..., list[int | None]]


class Found(list[Finding]):
    """What was told of a span."""

    def kinds(self) -> list[str]:
        return sorted(
            finding.kind for finding in self if finding.kind != "unpicklable"
        )  # local functions are no hazard

    def of(self, kind: str) -> Finding:
        (finding,) = (finding for finding in self if finding.kind == kind)
        return finding


@contextmanager
def watched() -> Iterator[Found]:
    """Watch the block as a test is watched."""
    troubles: list[str] = []
    guard = Guard([Hazards()], lambda: Span("test", "function", "test"), troubles.append)
    guard.open()
    found = Found()
    try:
        yield found
    finally:
        found += guard.leave_test(None, has_failed=False)
        guard.close()
    assert troubles == []


@pytest.fixture
def start() -> Start:
    """Fork a process for each target, and wait for all."""
    context = multiprocessing.get_context("fork")

    def start(*targets: Callable[..., object], args: tuple[object, ...] = (), process: Any = None) -> list[int | None]:
        processes = [(process or context.Process)(target=target, args=args) for target in targets]
        for one in processes:
            one.start()
        for one in processes:
            one.join()
        return [one.exitcode for one in processes]

    return start


@pytest.fixture
def beside() -> Iterator[Callable[..., threading.Thread]]:
    """Run threads until the test is over."""
    over = threading.Event()
    threads = []

    def run(name: str, held: Any = None, target: Callable[[], object] = over.wait) -> threading.Thread:
        started = threading.Event()

        def feed() -> None:
            if held is not None:
                held.acquire()
            started.set()
            target()
            if held is not None:
                held.release()

        threads.append(threading.Thread(target=feed, name=name))
        threads[-1].start()
        started.wait()
        return threads[-1]

    yield run
    over.set()
    for thread in threads:
        thread.join()


def idle(*args: object) -> None: ...


# --- threads


def test_thread_beside_a_fork_is_told_once(start: Start, beside: Callable[..., threading.Thread]) -> None:
    beside("feeder")
    beside("pytest_timeout of a test")
    with watched() as found:
        assert start(idle, idle) == [0, 0]
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    assert found.kinds() == ["fork-with-threads"]
    finding = found[0]
    assert finding.what == "a process was forked while another thread ran"
    assert finding.where.startswith("process 'ForkProcess-")
    assert "test_hazards.py:" in finding.where
    assert finding.evidence.startswith("thread 'feeder', target beside.<locals>.run.<locals>.feed of ")
    assert "; it is at " in finding.evidence
    assert "in feed" in finding.evidence
    assert finding.remedy.startswith("start processes before threads")


def test_thread_that_has_done_its_work_is_not_told(start: Start, beside: Callable[..., threading.Thread]) -> None:
    thread: Any = beside("about to end")
    target = vars(thread).pop("_target")  # as `Thread.run` does, after it has called it
    with watched() as found:
        start(idle)
        thread._target = target
        start(idle)
    assert len(found) == 1


def test_threads_that_forking_knows_of_are_not_told(start: Start) -> None:
    context = multiprocessing.get_context("fork")
    with watched() as found:
        queue = context.Queue()
        queue.put(1)  # its feeder runs now
        with context.Pool(1, maxtasksperchild=1) as pool:
            assert pool.map(abs, [-1, -2, -3], 1) == [1, 2, 3]  # the pool's thread forks
            start(idle)
        with ProcessPoolExecutor(1, context) as executor:
            assert executor.submit(abs, -1).result() == 1
            start(idle)
        assert queue.get() == 1
    assert found.kinds() == []


def test_timer_that_was_cancelled_is_about_to_end(start: Start) -> None:
    class Timer(threading.Timer):
        def run(self) -> None:
            over.wait()

    over = threading.Event()
    timer = Timer(60, idle)
    timer.start()
    timer.cancel()
    with watched() as found:
        start(idle)
    over.set()
    timer.join()
    assert found.kinds() == []


def test_several_threads_are_told_in_one(beside: Callable[..., threading.Thread]) -> None:
    over = threading.Event()
    beside("one")
    with ThreadPoolExecutor(1, "worker") as executor, watched() as found:
        executor.submit(over.wait)
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        over.set()
    assert found.of("fork-with-threads").what == "a process was forked while 2 other threads ran"
    assert f"a process (pid {pid}), forked at " in found[0].where
    assert "thread 'worker_0', target _worker of " in found[0].evidence


def test_forks_of_one_test_are_told_in_one(start: Start, beside: Callable[..., threading.Thread]) -> None:
    with watched() as found:
        for name in ("one", "two", "three", "four"):
            beside(name)
            start(idle)
    finding = found.of("fork-with-threads")
    assert finding.what == "4 processes were forked while 4 other threads ran"
    assert len(finding.evidence.splitlines()) == 4
    assert finding.where.endswith("; and 1 more")


def test_process_that_becomes_a_program_takes_no_hazard_along(beside: Callable[..., threading.Thread]) -> None:
    beside("feeder")
    with watched() as found:
        pid = os.fork()
        if pid == 0:
            os.execv(sys.executable, [sys.executable, "-IS", "-c", ""])
        assert os.waitpid(pid, 0)[1] == 0
    assert found.kinds() == []


def test_threads_of_an_installed_package_that_forks_are_its_own(beside: Callable[..., threading.Thread]) -> None:
    namespace: dict[str, Any] = {"__name__": "some_pool.process", "os": os}
    exec(
        compile("def fork():\n    return os.fork()\ndef loop(wait): wait()\n", "/site-packages/some_pool.py", "exec"),
        namespace,
    )
    over = threading.Event()
    thread = threading.Thread(target=namespace["loop"], args=(over.wait,))
    thread.start()
    with watched() as found:
        pid = namespace["fork"]()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    over.set()
    thread.join()
    assert found.kinds() == []


@pytest.mark.parametrize(
    ("module", "known"),
    [
        ("multiprocessing.pool", True),
        ("billiard.pool", True),
        ("multiprocess.queues", True),
        ("joblib.externals.loky.process_executor", True),
        ("concurrent.futures.process", True),
        ("concurrent.futures.thread", False),
        ("shop.pool", False),
        (None, False),
    ],
)
def test_threads_of_pools_are_known_by_their_module(module: str | None, known: bool) -> None:
    def run() -> None: ...

    run.__module__ = module  # type: ignore[assignment]
    assert is_of_a_pool(threading.Thread(target=run)) == known


# --- locks

LOCK: Any = None


def take_lock() -> None:
    def inner() -> None:
        if LOCK.acquire(blocking=False):
            LOCK.release()

    inner()


def renew_lock() -> None:
    global LOCK
    LOCK = threading.Lock()


@pytest.mark.parametrize(
    ("make", "holder", "target", "told"),
    [
        pytest.param(threading.Lock, "thread", take_lock, True, id="by a thread"),
        pytest.param(threading.RLock, "thread", take_lock, True, id="RLock by a thread"),
        pytest.param(threading.Lock, "test", take_lock, True, id="by the one that forks"),
        pytest.param(threading.RLock, "test", take_lock, False, id="RLock by the one that forks"),
        pytest.param(threading.Lock, "nobody", take_lock, False, id="not held"),
        pytest.param(threading.Lock, "thread", idle, False, id="never named by the target"),
    ],
)
def test_lock_that_nobody_will_release(
    start: Start,
    beside: Callable[..., threading.Thread],
    make: Callable[[], Any],
    holder: str,
    target: Callable[[], object],
    told: bool,
) -> None:
    global LOCK
    LOCK = make()
    if holder == "thread":
        beside("holder", LOCK)
    elif holder == "test":
        LOCK.acquire()
    with watched() as found:
        assert start(target) == [0]
    assert ("fork-with-lock" in found.kinds()) == told
    if told:
        finding = found.of("fork-with-lock")
        assert f"global LOCK of {__name__} (_thread." in finding.what
        assert finding.where.startswith("process 'ForkProcess-")


def test_lock_that_is_new_in_the_child_is_not_told(start: Start) -> None:
    global LOCK
    LOCK = threading.Lock()
    LOCK.acquire()
    multiprocessing.util.register_after_fork(renew_lock, lambda renew: renew())
    with watched() as found:
        assert start(take_lock) == [0]
    assert found.kinds() == []


# --- what both sides use

OUTSIDE: Any = None


def use_outside() -> None:
    OUTSIDE.execute("select 1")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "stock.db")
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


@pytest.mark.mp(start_methods=["fork"])
def test_connection_that_a_child_uses_is_told(
    start: Start, database: sqlite3.Connection, mp_process: ProcessFactory
) -> None:
    global OUTSIDE
    OUTSIDE = database
    with watched() as found:
        assert start(use_outside, lambda: database.commit()) == [0, 0]
        mp_process(use_outside).join()
    finding = found.of("shared-connection")
    assert f"global OUTSIDE of {__name__}" in finding.what
    assert [line.rpartition(": ")[2] for line in finding.evidence.splitlines()] == [
        "execute()",
        "commit()",
        "execute()",
    ]


def test_connections_that_do_no_harm_are_not_told(start: Start, database: sqlite3.Connection, tmp_path: Path) -> None:
    memory = sqlite3.connect(":memory:")

    def child() -> None:
        memory.execute("select 1")
        database.close()
        own = sqlite3.connect(tmp_path / "stock.db")
        own.execute("select 1")
        own.close()

    with watched() as found:
        assert start(child) == [0]
    memory.close()
    assert found.kinds() == []


def test_connection_of_another_library_is_known_by_its_class(start: Start) -> None:
    class Connection:
        def execute(self) -> None: ...

    Connection.__module__ = "psycopg.connection"
    connection = Connection()
    with watched() as found:
        assert start(lambda: connection.execute()) == [0]
    assert "(psycopg.connection." in found.of("shared-connection").what


def test_file_that_two_children_read_is_told(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "stock"
    path.write_text("pear\n" * 9)
    with path.open() as file, watched() as found:
        assert start(lambda: file.readline(), lambda: file.read(1)) == [0, 0]
    finding = found.of("shared-descriptor")
    assert "an open file came through a fork unasked" in finding.what
    assert ": file, closed over by <lambda> (_io.TextIOWrapper)" in finding.what
    assert finding.evidence.endswith("read()")


def test_files_that_do_no_harm_are_not_told(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "stock"
    path.write_text("pear\n" * 9)
    closed = path.open()
    closed.close()
    with path.open() as one, path.open() as given, path.open("a") as log, watched() as found:

        def child() -> None:
            log.write("x")
            sys.__stderr__.write("")  # type: ignore[union-attr]

        def own() -> None:
            with path.open() as file:
                file.read()

        start(lambda: one.readline(), own, own)  # one child alone
        start(idle, idle, args=(given,))  # asked
        start(child, child)  # each appends
        assert closed.closed
        log.write("x")
    assert found.kinds() == []


def test_socket_is_told_that_a_child_and_its_parent_use(start: Start) -> None:
    near, far = socket.socketpair()
    unconnected = socket.socket()
    context = multiprocessing.get_context("fork")
    has_sent, goes_on = context.Event(), context.Event()

    def child() -> None:
        near.send(b"x")
        unconnected.fileno()
        has_sent.set()
        goes_on.wait()

    with watched() as found:
        process = context.Process(target=child)
        process.start()
        has_sent.wait()
        near.send(b"y")
        goes_on.set()
        process.join()
        start(lambda: far.recv(2))  # each has an end of its own
    near.close()
    far.close()
    unconnected.close()
    finding = found.of("shared-descriptor")
    assert ": near, closed over by child (socket.socket)" in finding.what
    assert finding.evidence.endswith("send(), and send() in the process of the test")


def test_event_loop_is_told_that_both_sides_run(start: Start) -> None:
    async def nothing() -> None: ...

    with watched() as twin:
        loop = asyncio.new_event_loop()
        assert start(lambda: loop.run_until_complete(nothing()), lambda: asyncio.run(nothing())) == [0, 0]
        loop.close()
        start(lambda: loop.is_closed())
    with watched() as found:
        loop = asyncio.new_event_loop()
        assert start(lambda: loop.run_until_complete(nothing())) == [0]
        loop.run_until_complete(nothing())
        loop.close()
    assert twin.kinds() == []
    assert ": loop, closed over by <lambda> (asyncio." in found.of("shared-event-loop").what


# --- random numbers

STREAM = random.Random(7)


def draw(*args: object) -> float:
    return STREAM.random()


def draw_much() -> None:
    for _ in range(2000):
        STREAM.random()


def seed_and_draw() -> None:
    STREAM.seed()
    STREAM.random()
    random.random()


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        pytest.param((draw, draw_much), True, id="both draw"),
        pytest.param((seed_and_draw, seed_and_draw), False, id="both seed"),
        pytest.param((draw, idle), False, id="one draws"),
        pytest.param((random.random, random.random), False, id="random itself"),
    ],
)
def test_stream_that_two_children_draw_from(
    start: Start, targets: tuple[Callable[[], object], ...], told: bool
) -> None:
    with watched() as found:
        start(*targets)
    assert found.kinds() == (["equal-random"] if told else [])
    if told:
        assert found[0].what == f"2 forked children drew the same random numbers from global STREAM of {__name__}"


def test_child_that_began_elsewhere_in_the_stream_drew_other_numbers(start: Start) -> None:
    with watched() as found:
        start(draw)
        STREAM.random()
        start(draw)
    assert found.kinds() == []


def test_workers_of_a_pool_draw_alike() -> None:
    context = multiprocessing.get_context("fork")
    with watched() as found, context.Pool(2, initializer=draw) as pool:
        pool.map(draw, range(8), 1)
        pool.close()
        pool.join()
    assert found.kinds() == ["equal-random"]


class Numpy(types.ModuleType):
    """As much of `numpy.random` as matters; its global generator is the one that `random` has, too."""

    class RandomState(random.Random):
        def get_state(self) -> tuple[object, ...]:
            *key, position = self.getstate()[1]
            return "MT19937", key, position, 0, 0.0

    class Generator:
        def __init__(self) -> None:
            self.bit_generator = types.SimpleNamespace(state={"state": 1})

        def random(self) -> None:
            self.bit_generator.state = {"state": self.bit_generator.state["state"] + 1}

    def __init__(self) -> None:
        super().__init__("numpy.random")
        self.state = self.RandomState(3)
        self.get_state = self.state.get_state
        self.rand = self.state.random


def test_what_numpy_draws_from_is_not_seeded_anew(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    numpy = Numpy()
    monkeypatch.setitem(sys.modules, "numpy.random", numpy)
    other, generator = numpy.RandomState(), numpy.Generator()

    def child() -> None:
        numpy.rand()
        other.random()
        generator.random()

    with watched() as found:
        assert start(child, child) == [0, 0]
    assert found.kinds() == ["equal-random"] * 3
    assert any("drew the same random numbers from numpy.random" in finding.what for finding in found)


@pytest.mark.parametrize(
    ("change", "follows"),
    [
        (lambda stream: stream.random(), True),
        (lambda stream: stream.randbytes(100_000), True),
        (lambda stream: stream.seed(8), False),
        (lambda stream: stream.setstate((3, (*stream.getstate()[1][:-1], 1), None)), False),
    ],
)
def test_last_state_is_followed_back_to_the_first(
    change: Callable[[random.Random], object], follows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_streams, "_TURNS", 50)
    stream = random.Random(7)
    stream.random()
    (only,) = _streams.streams([(Part("stream", stream), "random")])
    assert only.was_drawn_from() is None
    change(stream)
    assert only.was_drawn_from() is follows


def test_streams_of_numpy_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy = Numpy()
    monkeypatch.setitem(sys.modules, "numpy.random", numpy)
    state, generator = numpy.RandomState(), numpy.Generator()
    found = _streams.streams([(Part("state", state), "numpy"), (Part("generator", generator), "numpy")])
    found += _streams.streams([(Part("random", random._inst), "random")])
    assert [stream.name for stream in found] == ["numpy.random", "state", "generator", "numpy.random"]
    assert not any(stream.was_drawn_from() for stream in found)
    generator.random()
    assert found[2].was_drawn_from()
    del numpy.get_state  # as long as it is just being imported
    assert _streams.streams([]) == []


def test_stream_of_an_unknown_kind_is_known_by_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([("PCG64", 1), ("PCG64", 1), ("PCG64", 2)])
    numpy = types.SimpleNamespace(get_state=lambda: (*next(states), 0))
    monkeypatch.setitem(sys.modules, "numpy.random", numpy)
    (only,) = _streams.streams([])
    assert not only.was_drawn_from()
    assert only.was_drawn_from()


# --- what would not pickle


class Job:
    def __init__(self, callback: object) -> None:
        self.callback = callback


class Sly:
    """Says itself how it pickles; nobody is to ask it."""

    def __reduce__(self) -> Any:
        raise AssertionError("this is the business of whoever pickles it")


class SlyList(list[int]):
    def __iter__(self) -> Iterator[int]:
        raise AssertionError("as above")


class Worker(multiprocessing.get_context("fork").Process if hasattr(os, "fork") else object):  # type: ignore[misc]
    def __init__(self, job: object) -> None:
        super().__init__()
        self.job = job

    def run(self) -> None: ...


def process(target: Any = idle, *args: object, **kwargs: object) -> Any:
    return multiprocessing.get_context("fork").Process(target=target, args=args, kwargs=kwargs)


def local_worker() -> Any:
    class LocalWorker(Worker):
        pass

    return LocalWorker(None)


def elsewhere() -> Any:
    def function() -> None: ...

    function.__module__ = "not_imported_here"
    function.__qualname__ = "function"
    return function


@pytest.mark.parametrize(
    ("make", "obstacle"),
    [
        (lambda: process(lambda: None), "target: lambda does not pickle ("),
        (lambda: process(idle, 1, [Job(threading.Lock())]), "args[1][0].callback: _thread.lock does not pickle ("),
        (lambda: process(idle, key=(x for x in "ab")), "kwargs['key']: generator does not pickle ("),
        (
            lambda: process(functools.partial(idle, threading.Lock())),
            "target.args[0]: _thread.lock does not pickle (",
        ),
        (lambda: Worker({"a": threading.Lock()}), "Worker.job['a']: _thread.lock does not pickle ("),
        (local_worker, "LocalWorker: local class LocalWorker does not pickle ("),
        (lambda: process(idle, Sly(), SlyList([1]), Job([1, "two", {3: None}]), Job), ""),
        (lambda: process(idle, multiprocessing.get_context("fork").Queue(), socket.socket), ""),
        (lambda: process(idle, [b"x" * 1_000_000, threading.Lock()]), ""),
        (lambda: process(idle, [*(Job(n) for n in range(3000)), threading.Lock()]), ""),
        (lambda: process(elsewhere()), ""),
        (lambda: Worker(3), ""),
    ],
)
def test_what_would_fail_under_spawn(make: Callable[[], Any], obstacle: str) -> None:
    preflight = Preflight()
    one = make()
    found = preflight.look(one, sys._getframe())
    assert found.startswith(obstacle)
    assert bool(found) == bool(obstacle)
    assert preflight.look(one, sys._getframe()) == ""  # told once


def test_process_whose_class_pickles_by_itself_is_left_alone() -> None:
    class Careful(Worker):
        def __reduce__(self) -> Any:
            raise AssertionError

    assert Preflight().look(Careful(threading.Lock()), sys._getframe()) == ""


def frame_of(module: str) -> types.FrameType:
    namespace: dict[str, Any] = {"__name__": module, "sys": sys}
    frame: types.FrameType = eval("sys._getframe()", namespace)
    return frame


def test_library_that_asks_for_fork_may_do_otherwise_under_spawn() -> None:
    class Process:
        def __init__(self, target: Any) -> None:
            self._target = target

        def run(self) -> None: ...

    asked = process(lambda: None)
    unasked = multiprocessing.Process(target=lambda: None)
    assert Preflight().look(asked, frame_of("some_pool.process")) == ""
    assert Preflight().look(asked, frame_of("tests.test_it")) != ""
    assert Preflight().look(asked, frame_of("it_test")) != ""
    assert Preflight().look(unasked, frame_of("some_pool.process")) != ""
    assert Preflight().look(Process(lambda: None), frame_of("tests.test_it")) == ""  # a library that pickles otherwise


@pytest.mark.mp(start_methods=["fork"])
def test_what_would_fail_under_spawn_is_told_while_the_test_forks(start: Start, mp_process: ProcessFactory) -> None:
    with watched() as found:
        assert start(idle, idle, args=(threading.Lock(),)) == [0, 0]
        assert mp_process(lambda: 1).result() == 1  # that goes through, whatever the start method
    (finding,) = found
    assert finding.kind == "unpicklable"
    assert finding.what.startswith("would fail under spawn: args[0]: _thread.lock does not pickle (")


# --- under other start methods, and when nobody watches


@pytest.mark.mp(start_methods=["spawn", "forkserver"])
def test_nothing_is_told_of_what_is_not_forked(
    mp_context: BaseContext, beside: Callable[..., threading.Thread], database: sqlite3.Connection
) -> None:
    global LOCK, OUTSIDE
    LOCK, OUTSIDE = threading.Lock(), database
    beside("holder", LOCK)
    with watched() as found:
        processes = [mp_context.Process(target=draw) for _ in range(2)]  # type: ignore[attr-defined]
        for one in processes:
            one.start()
        for one in processes:
            one.join()
    assert found == []


def test_nothing_is_seen_while_nobody_watches(start: Start, beside: Callable[..., threading.Thread]) -> None:
    with watched():
        pass
    beside("feeder")
    assert start(idle) == [0]
    watcher = Hazards()
    assert list(watcher.end(Span("test", "function", "test"), ())) == []
    watcher.close()
    with watched() as found:
        pass
    assert found == []


def test_a_child_tells_of_its_own_forks_nothing(start: Start) -> None:
    def child() -> None:
        assert _hazards._watching == []  # what it found would stay in its memory, but its notes have a place in ours
        over = threading.Event()
        threading.Thread(target=over.wait).start()
        assert start(idle) == [0]
        over.set()

    with watched() as found:
        assert start(child) == [0]
    assert found.kinds() == []


def test_what_goes_wrong_is_told_and_breaks_nothing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> Any:
        raise LookupError("a lock has no name")

    monkeypatch.setattr(_fork, "held_locks", fail)
    troubles: list[str] = []
    guard = Guard([Hazards()], lambda: Span("test", "function", "test"), troubles.append)
    guard.open()
    assert start(idle, idle) == [0, 0]
    assert guard.leave_test(None, has_failed=False) == []
    guard.close()
    (trouble,) = troubles
    assert trouble.endswith("LookupError: a lock has no name")


def test_fork_that_came_by_no_door_is_nobodys(beside: Callable[..., threading.Thread]) -> None:
    beside("feeder")
    with watched() as found:
        with aside():
            pid = os.fork()
            if pid == 0:
                os._exit(0)
        os.waitpid(pid, 0)
    assert found == []


def test_few_of_many_forks_that_are_alike_are_looked_at(
    start: Start, database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fork, "_ALIKE", 2)

    def use() -> None:
        database.execute("select 1")

    with watched() as found:
        assert start(use, use, use) == [0] * 3
    assert len(found.of("shared-connection").evidence.splitlines()) == 2


# --- the parts that run where no debugger and no coverage looks


def belonging(value: Any, sort: Any) -> Belonging:
    return Belonging("token", sort, "path", id(value), lambda: value)


def test_lookout_sees_uses_alone(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    with (tmp_path / "file").open("w") as file, (tmp_path / "other").open("w") as other:
        lookout = Lookout([belonging(file, "file")], lambda token, name: told.append((token, name)))
        frame = sys._getframe()
        for event, what in (("c_call", file.fileno), ("c_call", other.write), ("return", None), ("call", None)):
            lookout._profile(frame, event, what)
        assert told == []
        lookout._profile(frame, "c_call", file.write)
        lookout._profile(frame, "c_call", file.write)
    assert told == [("token", "write")]


def test_lookout_sees_methods_in_python() -> None:
    class Connection:
        def execute(self, test: Callable[[Any], None]) -> None:
            test(sys._getframe())

        def cursor(*arguments: Any) -> None:
            arguments[1](sys._getframe())

    told: list[str] = []
    connection = Connection()
    lookout = Lookout([belonging(connection, "database")], lambda token, name: told.append(name))
    connection.cursor(lambda frame: lookout._profile(frame, "call", None))
    assert told == []
    connection.execute(lambda frame: lookout._profile(frame, "call", None))
    assert told == ["execute"]


def test_lookout_tells_of_what_leads_out_of_the_process(database: sqlite3.Connection) -> None:
    told: list[str] = []
    memory = sqlite3.connect(":memory:")
    lookout = Lookout(
        [belonging(database, "database"), belonging(memory, "database")._replace(token="memory")],
        lambda token, name: told.append(token),
    )
    for connection in (memory, database):
        lookout._profile(sys._getframe(), "c_call", connection.execute)
    memory.close()
    assert told == ["token"]


def test_standard_streams_are_shared_by_design() -> None:
    stream = types.SimpleNamespace(closed=False, fileno=lambda: 2)
    assert not _lookout.is_shared(Part("stream", stream), "file")
    assert not _lookout.is_shared(Part("stream", None), "file")


def test_lookout_ends_after_a_number_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lookout, "CALLS", 200)
    value = Job(None)
    lookout = Lookout([belonging(value, "file")], idle)
    before = sys.getprofile()
    lookout.begin()
    assert sys.getprofile() == (lookout._profile if before is None else before)
    lookout.end()
    assert sys.getprofile() is before
    lookout = Lookout([belonging(value, "file")], idle)
    lookout.begin()
    for _ in range(200):
        lookout._profile(sys._getframe(), "return", None)
    assert sys.getprofile() is before
    Lookout([], idle).begin()
    assert sys.getprofile() is before


def test_lookout_leaves_another_profile_alone() -> None:
    before = sys.getprofile()
    sys.setprofile(idle)
    try:
        lookout = Lookout([belonging(Job(None), "file")], idle)
        lookout.begin()
        assert sys.getprofile() is idle
        lookout.end()
        assert sys.getprofile() is idle
    finally:
        sys.setprofile(before)


def test_connection_to_a_file_leads_out(database: sqlite3.Connection) -> None:
    memory = sqlite3.connect(":memory:")
    assert _lookout._leads_out(database)
    assert not _lookout._leads_out(memory)
    memory.close()
    assert not _lookout._leads_out(memory)
    assert _lookout._leads_out(Job(None))


def test_raw_fork_is_looked_at_until_it_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(os, "execv", lambda *args: left.append(args))
    monkeypatch.setattr(os, "execve", lambda *args: left.append(args))
    notes, stream = Notes(str(tmp_path), 1), random.Random(7)
    Forked(notes, [], [], [(Part("a stream", stream), "random")], may_exec=True).begin(None)
    os.execv("program", ["arg"])
    stream.random()
    os._exit(3)
    os._exit(4)
    (exec_, (drew, name, _)) = notes.read()
    assert (exec_, drew, bytes.fromhex(name).decode()) == (["exec"], "drew", "a stream")
    assert left == [("program", ["arg"]), 3, 4]


def test_both_sides_of_a_fork_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "_exit", os._exit)
    monkeypatch.setattr(_hazards, "_watching", [])
    made = Made("fork", "test_it.py:1 in test_it")
    made.pid = os.getpid()
    span = Span("test", "function", "test")
    span.made.append(made)
    monkeypatch.setattr(_hazards, "making", lambda: made)
    watcher = Hazards()
    watcher.open()
    before = sys.getprofile()
    with (tmp_path / "file").open("w") as file, (tmp_path / "log").open("w") as log:
        watcher.before_fork(sys._getframe())
        watcher.in_parent()
        forks = watcher._forks
        assert forks is not None
        belongings = {path: token for token, (_, path, _) in forks._seen[0].belongings.items()}
        token = belongings["local file of test_both_sides_of_a_fork_in_one_process"]
        forks._is_used(token, "write")
        forks._is_used("another", "write")
        watcher.before_fork(sys._getframe())
        _hazards._in_child()
        sys.setprofile(before)
        watcher.in_child()  # of a fork that nobody has looked at
        watcher.in_parent()
        Hazards().in_child()
        Hazards().in_parent()
        assert _hazards._watching == []
        Notes(watcher._folder, 1).write("used", token, "write")
        assert not file.closed
        assert not log.closed
    (finding,) = watcher.end(span, ())
    assert finding.where == f"a process (pid {os.getpid()}), forked at test_it.py:1 in test_it"
    watcher.close()
    assert not os.path.exists(watcher._folder)


def test_process_is_looked_at_until_it_is_through(tmp_path: Path) -> None:
    one = process(idle)
    Forked(Notes(str(tmp_path), 1), [], [], [], may_exec=True).begin(one)
    assert one.run() is None
    Forked(Notes(str(tmp_path), 1), [], [], [], may_exec=False).begin(None)
    assert os.listdir(tmp_path) == []


def test_notes_of_a_run_that_is_over_are_lost(tmp_path: Path) -> None:
    notes = Notes(str(tmp_path / "gone"), 1)
    notes.write("held", "0")
    assert notes.read() == []


def test_reach_comes_to_an_end() -> None:
    class Node:
        def __init__(self) -> None:
            self.children: list[Any] = []
            self.me = self

    root = Node()
    for _ in range(400):
        root.children.append(Node())
        root.children[-1].children.append(root)
    default = Job(5)
    this = sys.modules[__name__]

    def target(at: object = default) -> object:
        return never, this.STREAM, os.path, OUTSIDE

    if default.callback != 5:
        never = 1
    one = process(target, root, {"key": [root], 1: ("x", b"y"), (): Job(3)}, types.SimpleNamespace(a=1))
    found = list(reach_of_process(one))
    assert len(found) <= 200
    paths = {part.path for part in found}
    assert {"target", "args[0]", "args[0].children", "args[1]['key']", "args[1][...]"} <= paths
    assert {"default 0 of target", f"global STREAM of {__name__}", "this, closed over by target"} <= paths
    assert not any(path.startswith(("args[2].", "never")) for path in paths)
    paths = {part.path for part in reach_of_process(process(functools.partial(Job(root).__init__, 1, callback=2)))}  # type: ignore[misc]
    assert {"target.func.__self__.callback", "target.func", "target.args", "target.keywords"} <= paths
    paths = {part.path for part in reach_of_process(Worker(Job(root)))}
    assert {"run", "self.job.callback.children"} <= paths


def test_what_a_base_class_has_is_its_own_business(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader(threading.Thread):
        def __init__(self) -> None:
            super().__init__()
            self.public = threading.Lock()

    module = types.ModuleType("some_pool")
    module.__file__ = "/site-packages/some_pool.py"
    monkeypatch.setitem(sys.modules, "some_pool", module)
    Installed = type("Installed", (), {"__module__": "some_pool"})  # noqa: N806
    installed: Any = Installed()
    installed.lock = threading.Lock()
    parts = {part.path: part for part in reach_of_process(process(idle, Reader(), installed, threading.Condition()))}
    assert [path for path in parts if path.startswith("args[0].")] == ["args[0].public"]
    assert parts["args[0].public"].is_near
    assert not parts["args[1].lock"].is_near
    assert not any(path.startswith("args[2].") for path in parts)


def test_sorts_ask_no_class_for_its_own_account() -> None:
    class Meta(type):
        @property
        def __module__(cls) -> str:  # type: ignore[override]
            raise AssertionError

    sort_of = sorter()
    assert sort_of(Meta("Connection", (), {})()) is None
    assert sort_of(random.SystemRandom()) is None
    assert sort_of(random.Random()) == "random"
    assert sort_of(threading.Lock()) == "lock"
    assert sort_of(Job(3)) is None
