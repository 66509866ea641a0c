"""A deadlock is told when it is proved, by its kind; what only looks like one is left alone."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import Child, ChildStuck, _platforms
from pytest_mpcheck.fixtures import ProcessFactory

pytestmark = pytest.mark.skipif(_platforms.kin() is None, reason="nothing is proved on this platform")

LARGE = b"x" * 1_000_000
"""More than a pipe takes."""


def put(queue: Any) -> None:
    queue.put(LARGE)


def get(queue: Any) -> object:
    return queue.get()


def receive(end: Any) -> object:
    return end.recv()


def take_both(first: Any, second: Any, barrier: Any) -> None:
    with first:
        barrier.wait()
        with second:
            pass


def take(lock: Any) -> None:
    lock.acquire()


def lock_twice() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def wait_for_grandchild(method: str, queue: Any) -> None:
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=get, args=(queue,), daemon=True)
    process.start()
    process.join()


def wait_for_event(event: Any) -> None:
    event.wait()


SCRIPT = """
import multiprocessing

def put(queue):
    queue.put(b"x" * 1_000_000)

if __name__ == "__main__":
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=put, args=(queue,))
    process.start()
    process.join()
    queue.get()
"""


def message_of(child: Child, timeout: float | None = None) -> str:
    with pytest.raises(ChildStuck) as caught:
        child.join(timeout)
    return str(caught.value)


class TestProved:
    """Each of these never ends; without a proof it would be ended by the deadline, and not be called a deadlock."""

    def test_join_before_get(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        queue = mp_context.Queue()
        message = message_of(mp_process(put, queue, name="putter"))
        assert "child 'putter'" in message
        assert "is deadlocked: it cannot end: the feeder thread of its queue waits to write to the full pipe" in message
        assert "which the test could read, but it waits as well (proved after" in message
        assert "who waits for what:\n    child 'putter'" in message
        assert "alive at that moment:" in message
        assert "what to do: read before you wait" in message

    def test_full_pipe(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        here, there = mp_context.Pipe(duplex=False)
        message = message_of(mp_process(there.send_bytes, LARGE))
        assert "is deadlocked: it waits to write to the full pipe" in message
        here.close()
        there.close()

    def test_locks_in_opposite_order(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        a, b, barrier = mp_context.Lock(), mp_context.Lock(), mp_context.Barrier(2)
        one = mp_process(take_both, a, b, barrier)
        other = mp_process(take_both, b, a, barrier, name="other")
        message = message_of(one)
        assert "is deadlocked: it and child 'other'" in message
        assert "wait for different locks" in message
        assert "what to do: take locks in the same order everywhere" in message
        other.kill()

    def test_lock_that_the_test_holds(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        lock = mp_context.Lock()
        lock.acquire()
        message = message_of(mp_process(take, lock))
        assert "is deadlocked: it waits for a lock, semaphore or condition that nobody is awake to release" in message

    def test_event_that_nobody_sets(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        event = mp_context.Event()
        assert "is deadlocked: " in message_of(mp_process(wait_for_event, event))

    def test_queue_into_which_nobody_puts(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        queue = mp_context.Queue()
        message = message_of(mp_process(get, queue))
        assert "is deadlocked: it waits to read from pipe" in message
        assert "into which only the test could write, and it waits as well" in message

    def test_connection_into_which_nobody_sends(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        here, there = mp_context.Pipe()
        message = message_of(mp_process(receive, there))
        assert "is deadlocked: it waits to read from socket" in message
        here.close()
        there.close()

    def test_own_lock(self, mp_process: ProcessFactory) -> None:
        message = message_of(mp_process(lock_twice))
        assert "is deadlocked: it waits for a lock of its own that no thread of it can release" in message

    def test_grandchild(self, mp_process: ProcessFactory, mp_context: Any, mp_start_method: str) -> None:
        queue = mp_context.Queue()
        message = message_of(mp_process(wait_for_grandchild, mp_start_method, queue, daemon=False))
        assert "is deadlocked: process " in message
        assert "waits to read from pipe" in message

    def test_limit_of_the_caller_is_not_waited_for(self, mp_process: ProcessFactory) -> None:
        assert "is deadlocked: " in message_of(mp_process(lock_twice), timeout=100)

    def test_pool(self, mp_pool: Any) -> None:
        with pytest.raises(ChildStuck, match=r"is deadlocked: .*; its task: lock_twice\(\); all workers") as caught:
            mp_pool(2).apply(lock_twice)
        assert caught.value.report.stacks

    def test_executor(self, mp_executor: Any) -> None:
        with pytest.raises(ChildStuck, match=r"is deadlocked: .*; its task: lock_twice\(\); all workers"):
            mp_executor(2).submit(lock_twice).result()

    def test_script(self, mp_script: Any, tmp_path: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text(SCRIPT)
        with pytest.raises(ChildStuck, match=r"is deadlocked: process \d+ cannot end: the feeder thread of its queue"):
            mp_script(script)

    def test_end_of_the_test(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            def get(queue):
                queue.get()

            def test(mp_process, mp_context):
                global queue
                queue = mp_context.Queue()
                mp_process(get, queue)
            """
        )
        result = pytester.runpytest_subprocess("--mp-start-methods=fork", "--timeout=100")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*ChildStuck: child 'ForkProcess-1' (pid *, fork) is deadlocked: *"])

    @pytest.mark.parametrize("method", ["fork", "forkserver"])
    def test_in_a_worker_of_xdist(self, pytester: pytest.Pytester, method: str) -> None:
        pytester.makepyfile(
            """
            def get(queue):
                queue.get()

            def test(mp_process, mp_context):
                queue = mp_context.Queue()
                mp_process(get, queue).join()
            """
        )
        result = pytester.runpytest_subprocess(f"--mp-start-methods={method}", "-n1", "--timeout=100")
        result.stdout.fnmatch_lines(["*is deadlocked: it waits to read from pipe *"])


def sleep_on(queue: Any) -> None:
    time.sleep(100)


def work(queue: Any) -> None:
    while True:
        os.getpid()


def get_for_a_time(queue: Any) -> None:
    queue.get(timeout=100)


def poll_for_a_time(queue: Any) -> None:
    select.select([queue._reader], [], [], 100)


def get_until_alarm(queue: Any) -> None:
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 100)
    queue.get()


def get_until_signal(queue: Any) -> None:
    signal.signal(signal.SIGUSR1, lambda *_: None)
    queue.get()


def get_beside_a_timer(queue: Any) -> None:
    threading.Timer(100, queue.put, (1,)).start()
    queue.get()


def get_beside_a_sleeper(queue: Any) -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    queue.get()


def wait_for_signal(queue: Any) -> None:
    signal.pause()


def wait_for_file_lock(queue: Any) -> None:
    import tempfile

    with tempfile.TemporaryFile() as file, open(f"/proc/self/fd/{file.fileno()}", "w") as again:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.flock(again, fcntl.LOCK_EX)


def wait_for_network(queue: Any) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.accept()


ALIKE = (
    sleep_on,
    work,
    get_for_a_time,
    poll_for_a_time,
    get_until_alarm,
    get_until_signal,
    get_beside_a_timer,
    get_beside_a_sleeper,
    wait_for_signal,
    wait_for_file_lock,
    wait_for_network,
)


class TestNotProved:
    """Each of these might go on by itself, or by what somebody outside does: here the deadline decides."""

    @pytest.mark.parametrize("target", ALIKE)
    def test_what_might_go_on(self, mp_process: ProcessFactory, mp_context: Any, target: Callable[[Any], None]) -> None:
        queue = mp_context.Queue()
        assert "was still running after 2 s" in message_of(mp_process(target, queue), timeout=2)

    def test_stopped(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        queue = mp_context.Queue()
        child = mp_process(get, queue)
        child.suspend()
        with pytest.raises(ChildStuck, match="was still running after 1 s"):
            child.join(1)

    def test_writer_outside(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        here, there = mp_context.Pipe(duplex=False)
        command = ["sh", "-c", "setsid sleep 1000 & echo $!"]
        outside = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[there.fileno()])
        assert outside.stdout is not None
        sleeper = int(outside.stdout.readline())
        try:
            assert "was still running after 2 s" in message_of(mp_process(receive, here), timeout=2)
        finally:
            os.kill(sleeper, signal.SIGKILL)
            outside.wait()
            outside.stdout.close()
            here.close()
            there.close()

    def test_thread_of_the_test_gives_later(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        queue = mp_context.SimpleQueue()
        child = mp_process(get, queue)
        giver = threading.Timer(1.5, queue.put, ("given",))
        giver.start()
        assert child.result() == "given"
        giver.join()

    def test_thread_of_the_test_kills_later(self, mp_process: ProcessFactory) -> None:
        child = mp_process(lock_twice)
        killer = threading.Timer(1.5, child.kill)
        killer.start()
        child.join()
        killer.join()
        assert child.exitcode == -signal.SIGKILL

    def test_signal_handler_of_the_test_gives_later(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        queue = mp_context.SimpleQueue()
        previous = signal.signal(signal.SIGUSR1, lambda *_: queue.put("given"))
        child = mp_process(get, queue)
        helper = subprocess.Popen(["sh", "-c", f"sleep 1.5; kill -USR1 {os.getpid()}"])
        try:
            assert child.result() == "given"
        finally:
            helper.wait()
            signal.signal(signal.SIGUSR1, previous)

    def test_sibling_gives_later(self, mp_process: ProcessFactory, mp_context: Any) -> None:
        queue = mp_context.SimpleQueue()
        child = mp_process(get, queue)
        mp_process(give_late, queue)
        assert child.result() == "given"

    def test_limit_of_the_test_gives_later(self, mp_executor: Any, mp_context: Any) -> None:
        event = mp_context.Event()
        future = mp_executor(1, initializer=take_event, initargs=(event,)).submit(wait_for_taken_event)
        with pytest.raises(TimeoutError):
            future.result(timeout=1.5)
        event.set()
        assert future.result() == "given"


taken: Any = None


def take_event(event: Any) -> None:
    global taken
    taken = event


def wait_for_taken_event() -> str:
    taken.wait()
    return "given"


def give_late(queue: Any) -> None:
    time.sleep(1.5)
    queue.put("given")
