"""What a block leaves behind: a specimen that is told and a twin that is not, for each kind and start method."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.pool import ThreadPool
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import psutil
import pytest

from pytest_mpcheck import ResourcesLeaked, assert_no_leaks
from pytest_mpcheck._clock import Deadline, wait_until
from pytest_mpcheck._finding import Finding
from pytest_mpcheck._leaks import _block

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

files: list[Any] = []

kept = contextlib.ExitStack()
"""What specimens keep, and how it ends."""


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    kept.close()
    gc.collect()


@pytest.fixture
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for what will stay anyway."""
    monkeypatch.setattr(_block, "_MOMENT", 0.25)


def keep(thing: Any, *end: Callable[[], object]) -> Any:
    """Keep something alive until the test has told of it; then end it."""
    for callback in (lambda: thing, *reversed(end)):
        kept.callback(callback)
    return thing


def left_by(leave: Callable[[], object]) -> tuple[Finding, ...]:
    """Return what is told to be left; forked children have a standard output that holds back, as others have."""
    with tempfile.TemporaryFile("w", encoding="utf-8") as stream, contextlib.redirect_stdout(stream):
        try:
            with assert_no_leaks():
                leave()
        except ResourcesLeaked as error:
            return error.findings
    return ()


def kill(process: Any) -> None:
    process.kill()
    process.join()


def process(context: Any) -> None:
    process = context.Process(target=time.sleep, args=(600,), daemon=True)
    process.start()
    keep(process, lambda: kill(process))


def process_joined(context: Any) -> None:
    process = context.Process(target=time.sleep, args=(600,), daemon=True)
    process.start()
    kill(process)


def zombie(context: Any) -> None:
    process = context.Process(target=abs, args=(1,))
    process.start()
    if context.get_start_method() == "forkserver":  # it is the server that waits for them
        process.join()
        process = subprocess.Popen([sys.executable, "-c", ""])
    assert wait_until(lambda: bool(psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE), Deadline(20))
    keep(process, getattr(process, "join", getattr(process, "wait", None)))  # type: ignore[arg-type]


def thread() -> None:
    event = threading.Event()
    thread = threading.Thread(target=event.wait, name="reader")
    keep(thread, event.set, thread.join)
    thread.start()


def thread_joined() -> None:
    thread = threading.Thread(target=abs, args=(1,))
    thread.start()
    thread.join()


def queue(context: Any) -> None:
    queue = keep(context.Queue())
    queue.put(1)
    keep(queue, queue.close, queue.join_thread)
    assert queue.get() == 1


def queue_dropped(context: Any) -> None:
    queue = context.Queue()
    queue.put(1)
    assert queue.get() == 1


def pipe() -> None:
    reader, writer = multiprocessing.Pipe(duplex=False)
    keep((reader, writer), reader.close, writer.close)


def pipe_in_a_cycle() -> None:
    ends: list[Any] = [*multiprocessing.Pipe(), socket.socket(), os.dup(0)]
    os.close(ends.pop())
    ends[-1].close()
    ends.append(ends)


def raw_pipe() -> None:
    for end in os.pipe():
        keep(end, partial(os.close, end))


def file() -> None:
    files.append(open(__file__, encoding="utf-8"))  # noqa: SIM115
    keep(files, files[-1].close, files.clear)


def file_closed() -> None:
    with open(__file__, encoding="utf-8"):
        pass


def sockets() -> None:
    for one in socket.socketpair():
        keep(one, one.close)


def sockets_closed() -> None:
    for one in socket.socketpair():
        one.close()


def memory() -> None:
    memory = SharedMemory(create=True, size=8)
    memory.close()
    keep(memory, memory.unlink)


def memory_of_a_child(context: Any) -> None:
    name = f"mpcheck_{os.getpid()}"
    resource_tracker.ensure_running()  # a forked child has one of its own otherwise, which ends with it and unlinks
    child = context.Process(target=SharedMemory, args=(name, True, 8))
    child.start()
    child.join()
    keep(name, lambda: SharedMemory(name).unlink())


def memory_unlinked() -> None:
    with contextlib.closing(SharedMemory(create=True, size=8)) as memory:
        attached = SharedMemory(memory.name)
        attached.close()
        memory.unlink()


def semaphore(context: Any) -> None:
    keep(context.Event())


def semaphore_dropped(context: Any) -> None:
    context.Event()


def pool(context: Any) -> None:
    pool = context.Pool(1)
    keep(pool, pool.terminate, pool.join)


def pool_closed(context: Any) -> None:
    with context.Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
        pool.close()
        pool.join()
    keep(pool)  # its pipes stay open with it, and are no leak of their own


def thread_pool() -> None:
    pool = ThreadPool(1)
    keep(pool, pool.terminate, pool.join)


def executor(context: Any) -> None:
    executor = ProcessPoolExecutor(1, mp_context=context)
    assert executor.submit(abs, -1).result() == 1
    keep(executor, executor.shutdown)


def thread_executor() -> None:
    executor = ThreadPoolExecutor(1)
    assert executor.submit(abs, -1).result() == 1
    keep(executor, executor.shutdown)


def executor_shut_down(context: Any) -> None:
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        assert executor.submit(abs, -1).result() == 1
    keep(executor)
    keep(ThreadPoolExecutor(1))  # that has started nobody


def manager(context: Any) -> None:
    manager = context.Manager()
    keep(manager, manager.shutdown)


def manager_shut_down(context: Any) -> None:
    with context.Manager() as manager:
        manager.list()


def make_folder_and_die() -> None:
    multiprocessing.util.get_temp_dir()
    os.kill(os.getpid(), signal.SIGKILL)


def folder(context: Any) -> None:
    child = context.Process(target=make_folder_and_die)
    child._config.pop("tempdir", None)  # children share that of their parent, if it has made one
    child.start()
    child.join()


def print_and_wait(ready: Connection, how: str) -> None:
    print("printed", end="", flush=how == "flushed")
    ready.send_bytes(b"")
    if how != "left":
        signal.pause()


def output(context: Any, how: str = "killed") -> None:
    ready, theirs = context.Pipe(duplex=False)
    child = context.Process(target=print_and_wait, args=(theirs, how), name="printer")
    child.start()
    ready.recv_bytes()
    if how != "left":
        child.kill()
    child.join()


def output_flushed(context: Any) -> None:
    output(context, "flushed")


def output_at_exit(context: Any) -> None:
    output(context, "left")


SPECIMENS: list[tuple[str, Callable[..., None], str]] = [
    ("process-leak", process, "still runs"),
    ("zombie", zombie, "has ended, and nobody has waited for it"),
    ("shared-memory-leak", memory_of_a_child, "was never unlinked"),
    ("pool-leak", pool, "Pool was never closed"),
    ("executor-leak", executor, "ProcessPoolExecutor was never shut down"),
    ("manager-leak", manager, "SyncManager at "),
    ("socket-folder-leak", folder, "of sockets is left"),
    ("lost-output", output, "ended with 7 bytes of output that it had printed and not written yet"),
]

TWINS = [process_joined, pool_closed, executor_shut_down, manager_shut_down, output_flushed, output_at_exit]

SPECIMENS_WITHOUT_CHILDREN: list[tuple[str, Callable[..., None], str]] = [
    ("thread-leak", thread, "thread 'reader' still runs"),
    ("descriptor-leak", pipe, "2 descriptors are still open"),
    ("descriptor-leak", raw_pipe, "2 descriptors are still open"),
    ("descriptor-leak", file, f"({__file__}) is still open"),
    ("socket-leak", sockets, "2 sockets are still open"),
    ("shared-memory-leak", memory, "was never unlinked"),
    ("pool-leak", thread_pool, "ThreadPool was never closed"),
    ("executor-leak", thread_executor, "ThreadPoolExecutor was never shut down"),
]

TWINS_WITHOUT_CHILDREN = [thread_joined, pipe_in_a_cycle, file_closed, sockets_closed, memory_unlinked]


@pytest.fixture(params=multiprocessing.get_all_start_methods())
def context(request: pytest.FixtureRequest) -> Any:
    return multiprocessing.get_context(request.param)


def check(kind: str, what: str, leave: Callable[..., None], findings: tuple[Finding, ...]) -> None:
    assert [finding.kind for finding in findings] == [kind]
    assert what in findings[0].what
    assert findings[0].remedy
    if leave is not file:  # nobody stands at that door
        assert re.search(rf"test_leaks\.py:\d+ in {leave.__name__}$", findings[0].where)


@linux
@pytest.mark.parametrize(("kind", "leave", "what"), SPECIMENS, ids=[leave.__name__ for _, leave, _ in SPECIMENS])
@pytest.mark.usefixtures("_in_a_hurry")
def test_specimen_is_told_with_its_line(kind: str, leave: Callable[..., None], what: str, context: Any) -> None:
    check(kind, what, leave, left_by(lambda: leave(context)))


@linux
@pytest.mark.parametrize("leave", TWINS)
def test_twin_is_not_told(leave: Callable[..., None], context: Any) -> None:
    assert left_by(lambda: leave(context)) == ()


@linux
@pytest.mark.parametrize(
    ("kind", "leave", "what"),
    SPECIMENS_WITHOUT_CHILDREN,
    ids=[leave.__name__ for _, leave, _ in SPECIMENS_WITHOUT_CHILDREN],
)
@pytest.mark.usefixtures("_in_a_hurry")
def test_specimen_without_children_is_told(kind: str, leave: Callable[[], None], what: str) -> None:
    check(kind, what, leave, left_by(leave))


@linux
@pytest.mark.parametrize("leave", TWINS_WITHOUT_CHILDREN)
def test_twin_without_children_is_not_told(leave: Callable[[], None]) -> None:
    assert left_by(leave) == ()


@linux
def test_queue_that_is_kept_is_told_once_for_each_sort(context: Any) -> None:
    kinds = [finding.kind for finding in left_by(lambda: queue(context))]
    assert sorted(kinds) == ["descriptor-leak", "thread-leak"]
    assert left_by(lambda: queue_dropped(context)) == ()


@linux
def test_semaphores_have_names_but_under_fork(context: Any) -> None:
    told = [finding.kind for finding in left_by(lambda: semaphore(context))]
    assert told == ([] if context.get_start_method() == "fork" else ["semaphore-leak"])
    assert left_by(lambda: semaphore_dropped(context)) == ()
