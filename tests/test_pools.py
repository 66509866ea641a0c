"""Pools and executors are the standard library's own, and no wait for them lasts for ever."""

from __future__ import annotations

import multiprocessing
import multiprocessing.pool
import os
import re
import signal
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.pool import Pool
from typing import Any

import psutil
import pytest

from pytest_mpcheck import ChildDied, ChildStuck, Deadlock, MpcheckError, NotPicklable, Signalled, Stuck
from pytest_mpcheck._children._executor import _close_apart
from pytest_mpcheck._children._roster import Roster
from pytest_mpcheck._children._worker import _short
from pytest_mpcheck._clock import Deadline, wait_until

PoolFactory = Callable[..., Pool]
ExecutorFactory = Callable[..., Executor]

GREETING = ""


def square(number: int) -> int:
    return number * number


def die_by_kill(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def exit_silently(_: object) -> None:
    os._exit(7)


def greet(greeting: str) -> None:
    global GREETING
    GREETING = greeting


def greeting_of_worker() -> str:
    return GREETING


def fail(_: object) -> None:
    raise LookupError("task failed")


def stay(started: Any) -> None:
    started.set()
    os.read(os.pipe()[0], 1)  # for ever


_started: Any = None


def hand_over(started: Any) -> None:
    global _started
    _started = started


def stay_with_what_was_handed_over() -> None:
    stay(_started)


def wait_for_one_handed_over(number: int) -> int:
    begun, go_on = _started[number]
    begun.set()
    go_on.wait()
    return os.getpid()


def test_pool_is_the_real_one(mp_pool: PoolFactory) -> None:
    pool = mp_pool(2, greet, ("hello",), 5)
    assert isinstance(pool, multiprocessing.pool.Pool)
    assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]
    assert pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
    assert list(pool.imap(square, range(3))) == [0, 1, 4]
    assert list(pool.imap(square, range(3), chunksize=2)) == [0, 1, 4]
    assert sorted(pool.imap_unordered(square, range(3))) == [0, 1, 4]
    assert pool.apply(greeting_of_worker) == "hello"
    with pytest.raises(LookupError, match="task failed"):
        pool.map(fail, [1])


def test_pool_is_closed_and_joined_at_the_end(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os
        import psutil
        made = []

        def pid():
            return os.getpid()

        def wait_for(gate, mark):
            while not gate.exists():
                os.sched_yield()
            with open(mark, "a") as file:
                file.write("done")

        def test_one(mp_pool, tmp_path, tmp_path_factory):
            pool = mp_pool(1)
            made.append((pool, pool.apply(pid), tmp_path_factory.getbasetemp() / "mark"))
            pool.apply_async(wait_for, (gate := tmp_path / "gate", made[-1][2]))  # nobody waits for it
            close = pool.close
            pool.close = lambda: (close(), gate.touch())

        def test_two():
            for pool, pid, mark in made:
                assert "TERMINATE" in repr(pool)
                assert not psutil.pid_exists(pid)
            assert mark.read_text() == "done" * len(made) != ""
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=4)


WAITS: dict[str, Callable[[Pool], object]] = {
    "apply": lambda pool: pool.apply(die_by_kill, (1,)),
    "apply_async": lambda pool: pool.apply_async(die_by_kill, (1,)).get(),
    "map": lambda pool: pool.map(die_by_kill, [1, 2, 3]),
    "starmap": lambda pool: pool.starmap(die_by_kill, [(1,), (2,)]),
    "imap": lambda pool: list(pool.imap(die_by_kill, [1, 2])),
    "imap_unordered": lambda pool: list(pool.imap_unordered(die_by_kill, [1, 2])),
    "imap of chunks": lambda pool: list(pool.imap(die_by_kill, [1, 2], chunksize=2)),
}


@pytest.mark.parametrize("wait_in", WAITS.values(), ids=WAITS.keys())
def test_death_of_a_pool_worker_ends_the_wait(mp_pool: PoolFactory, wait_in: Callable[[Pool], object]) -> None:
    pool = mp_pool(2)
    with pytest.raises(ChildDied, match=r"was ended by SIGKILL during the task die_by_kill") as caught:
        wait_in(pool)
    assert re.search(r"child '\w+PoolWorker-[\d:]+' \(pid \d+, \w+\)", str(caught.value))
    assert str(caught.value).endswith("without this plugin a multiprocessing.Pool waits for ever (cpython#66587)")
    assert caught.value.report.outcome == Signalled(signal.SIGKILL)
    assert not psutil.pid_exists(caught.value.report.process.pid)
    with pytest.raises(ValueError, match="Pool not running"):
        pool.map(square, [1])


def test_silent_exit_of_a_pool_worker_ends_the_wait(mp_pool: PoolFactory) -> None:
    with pytest.raises(ChildDied, match=r"exited with code 7 without returning a result during the task exit_silently"):
        mp_pool(1).map(exit_silently, [1])


class Unspeakable(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class Unprintable(metaclass=Unspeakable):
    """Not even `reprlib` can show it."""


def test_task_that_cannot_be_shown_is_told_all_the_same(mp_pool: PoolFactory) -> None:
    with pytest.raises(ChildDied, match=r"during the task die_by_kill\(<repr\(\) of it raised RuntimeError>\)"):
        mp_pool(1).apply(die_by_kill, (Unprintable(),))
    assert _short(Unprintable()) == "<repr() of it raised RuntimeError>"  # in the worker, which does not live to tell


def test_pool_joins_after_a_death(mp_pool: PoolFactory) -> None:
    pool = mp_pool(2)
    result = pool.map_async(die_by_kill, [1, 2])
    pool.close()
    pool.join()
    with pytest.raises(ChildDied):
        result.get()
    pool.terminate()


def test_pool_whose_initializer_fails_ends_the_wait(mp_pool: PoolFactory) -> None:
    with pytest.raises(ChildDied, match=r"exited with code 1 .* while it had no task") as caught:
        mp_pool(1, fail, (1,)).map(square, [1])
    assert "LookupError: task failed" in str(caught.value)


def kill_idle_worker(pool: Pool) -> None:
    """Kill the only worker of a pool with the lock of the task queue in its hands."""
    pid = pool.apply(os.getpid)
    queue: Any = pool._inqueue  # type: ignore[attr-defined]
    while queue._rlock.acquire(block=False):  # until the worker has it, and waits for its next task
        queue._rlock.release()
    psutil.Process(pid).kill()


def test_death_of_an_idle_worker_ends_the_next_wait(mp_pool: PoolFactory) -> None:
    """It dies with the lock of the task queue in its hands; its successor would wait for that for ever."""
    pool = mp_pool(1)
    kill_idle_worker(pool)
    with pytest.raises(ChildDied, match="was ended by SIGKILL while it had no task, and the pool was waiting"):
        pool.apply(os.getpid)


def test_pool_whose_idle_worker_died_comes_to_its_end_with_the_test(mp_pool: PoolFactory) -> None:
    """Its successor never hears that the pool is closed; but nothing is pending, so nothing is lost."""
    kill_idle_worker(mp_pool(1))


@pytest.mark.parametrize("replaced", [True, False])
def test_pool_whose_idle_worker_died_can_be_closed_and_joined(mp_pool: PoolFactory, replaced: bool) -> None:
    pool = mp_pool(1)
    workers: list[Any] = pool._pool  # type: ignore[attr-defined]
    first = workers[0]
    kill_idle_worker(pool)
    if replaced:
        assert wait_until(lambda: workers not in ([first], []), Deadline(20))
    pool.close()
    pool.join()


def test_pool_can_be_joined_though_the_lock_of_its_results_has_died(mp_pool: PoolFactory) -> None:
    pool = mp_pool(1)
    kill_idle_worker(pool)
    lock: Any = pool._outqueue._wlock  # type: ignore[attr-defined]
    if lock is not None:  # there is none on Windows
        lock.acquire()  # as a worker does that dies while it sends a result
    pool.close()
    pool.join()


def test_executor_that_is_closed_does_not_wait_for_a_lock_that_died(
    mp_executor: ExecutorFactory, mp_context: Any
) -> None:
    """A worker dies with the lock of the task queue in its hands, when the executor has stopped looking."""
    events = [(mp_context.Event(), mp_context.Event()) for _ in range(2)]
    executor: Any = mp_executor(2, hand_over, (events,))
    last = executor.submit(wait_for_one_handed_over, 0)
    events[0][0].wait()  # else the other worker might take this task too
    first = executor.submit(wait_for_one_handed_over, 1)
    go_on = threading.Event()
    first.add_done_callback(lambda future: go_on.wait())  # in the executor's own thread
    events[1][1].set()
    pid = first.result()
    lock = executor._call_queue._rlock
    while lock.acquire(block=False):  # until the idle worker has it
        lock.release()
    psutil.Process(pid).kill()
    events[0][1].set()
    assert wait_until(executor._results._reader.poll, Deadline(20))
    closing = threading.Thread(target=executor.shutdown)
    closing.start()
    assert wait_until(lambda: executor._shutdown_thread, Deadline(20))
    go_on.set()
    closing.join()
    assert last.result() != pid


def test_pool_that_the_test_terminates_is_no_finding(mp_pool: PoolFactory, mp_context: Any) -> None:
    started = mp_context.Event()
    with mp_pool(1, hand_over, (started,)) as pool:
        pool.apply_async(stay_with_what_was_handed_over)
        started.wait()
    watching: threading.Thread = pool._watch._thread  # type: ignore[attr-defined]
    assert wait_until(lambda: not watching.is_alive(), Deadline(20))


def test_pool_replaces_workers_after_their_tasks(mp_pool: PoolFactory) -> None:
    pool = mp_pool(1, maxtasksperchild=1)
    assert len({pool.apply(os.getpid) for _ in range(3)}) == 3


def test_task_past_its_deadline_ends_the_wait(mp_pool: PoolFactory, mp_context: Any) -> None:
    started = mp_context.Event()
    pool: Any = mp_pool(1, hand_over, (started,))
    result = pool.apply_async(stay_with_what_was_handed_over)
    started.wait()
    pool._timeout = pool._watch._timeout = 0.1  # not before the worker has started, which may take longer
    pool._watch._deadlines.clear()
    with pytest.raises(ChildStuck, match=r"after 0.1 s with the task stay_with_what_was_handed_over\(\)") as caught:
        result.get()
    assert "in stay" in caught.value.report.stacks
    assert caught.value.report.outcome == Stuck(0.1)
    assert not psutil.pid_exists(caught.value.report.process.pid)


def test_initializer_that_does_not_pickle_is_named(
    mp_pool: PoolFactory, mp_executor: ExecutorFactory, mp_start_method: str
) -> None:
    if mp_start_method == "fork":
        assert mp_pool(1, lambda: greet("local")).apply(greeting_of_worker) == "local"
        return
    for make in (mp_pool, mp_executor):
        with pytest.raises(NotPicklable, match=r"^initializer: lambda does not pickle"):
            make(1, lambda: None)
    assert mp_pool(1).apply(square, (2,)) == 4


def test_executor_is_the_real_one(mp_executor: ExecutorFactory) -> None:
    executor = mp_executor(2, greet, ("hello",))
    assert isinstance(executor, ProcessPoolExecutor)
    assert list(executor.map(square, range(5))) == [0, 1, 4, 9, 16]
    future = executor.submit(greeting_of_worker)
    assert isinstance(future, Future)
    assert future.result(30) == "hello"
    assert future.exception() is None
    with pytest.raises(LookupError, match="task failed"):
        executor.submit(fail, 1).result()
    assert isinstance(executor.submit(fail, 1).exception(), LookupError)


def test_executor_passes_max_tasks_on(mp_executor: ExecutorFactory, mp_start_method: str) -> None:
    if mp_start_method == "fork":
        with pytest.raises(ValueError, match="max_tasks_per_child is incompatible"):
            mp_executor(1, max_tasks_per_child=1)
        assert mp_executor(1).submit(square, 2).result() == 4
        return
    executor = mp_executor(1, max_tasks_per_child=1)
    assert len({executor.submit(os.getpid).result() for _ in range(2)}) == 2


FUTURES: dict[str, Callable[[Executor], object]] = {
    "result": lambda executor: executor.submit(die_by_kill, 1).result(),
    "result in time": lambda executor: executor.submit(die_by_kill, 1).result(30),
    "map": lambda executor: list(executor.map(die_by_kill, [1, 2])),
}


@pytest.mark.parametrize("wait_in", FUTURES.values(), ids=FUTURES.keys())
def test_death_of_an_executors_worker_is_told(
    mp_executor: ExecutorFactory, wait_in: Callable[[Executor], object]
) -> None:
    with pytest.raises(BrokenProcessPool, match=r"was ended by SIGKILL during the task die_by_kill") as caught:
        wait_in(mp_executor(2))
    assert str(caught.value).endswith("what to do: see what the worker did last")  # an executor does not hang by itself
    assert isinstance(caught.value, ChildDied)
    assert caught.value.report.outcome == Signalled(signal.SIGKILL)
    assert caught.value.__cause__ is None


def stay_whatever_comes(started: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stay(started)


def stay_whatever_comes_with_what_was_handed_over() -> None:
    stay_whatever_comes(_started)


def test_broken_executor_is_not_held_up_by_a_worker_that_ignores_sigterm(
    mp_executor: ExecutorFactory, mp_context: Any
) -> None:
    """The executor would join it for ever, with its own lock in its hands."""
    started = mp_context.Event()
    executor = mp_executor(2, hand_over, (started,))
    staying = executor.submit(stay_whatever_comes_with_what_was_handed_over)
    started.wait()
    for future in (executor.submit(die_by_kill, 1), staying):
        with pytest.raises(ChildDied):
            future.result()
    executor.shutdown()


def test_broken_executor_takes_no_more_tasks(mp_executor: ExecutorFactory) -> None:
    executor = mp_executor(1)
    wait([executor.submit(die_by_kill, 1)])
    with pytest.raises(ChildDied, match=r"was ended by SIGKILL during the task die_by_kill"):
        executor.submit(square, 2)


def test_executor_may_be_left_to_shut_down_by_itself(mp_executor: ExecutorFactory) -> None:
    executor = mp_executor(1)
    future = executor.submit(square, 2)
    executor.shutdown(wait=False)
    assert future.result() == 4
    executor.shutdown()
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(square, 2)


def test_executor_that_gets_no_task_owes_nothing(mp_executor: ExecutorFactory) -> None:
    unused = mp_executor(1)
    assert mp_executor(1).submit(square, 2).result() == 4
    unused.shutdown()


def test_executor_is_ended_in_the_middle_of_a_message(mp_executor: ExecutorFactory) -> None:
    """A worker that was killed while it wrote leaves half a result in the pipe, and the executor waits for the rest."""
    executor: Any = mp_executor(1)
    assert executor.submit(square, 2).result() == 4
    os.write(executor._result_queue._writer.fileno(), struct.pack("!i", 100) + b"half")
    executor.timeout = 0.1
    with pytest.raises(ChildStuck, match=r"after 0.1 s with the task \(none\)"):
        executor.shutdown()
    assert not executor._closing.is_alive()


def test_end_of_a_pipe_is_closed_once() -> None:
    """The executor closes it too, in a thread that wakes up from the first time."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    _close_apart(writer)
    with pytest.raises(EOFError):
        reader.recv()
    _close_apart(writer)
    writer.close()
    reader.close()


def test_death_of_an_executors_worker_is_told_as_exception(mp_executor: ExecutorFactory) -> None:
    future = mp_executor(1).submit(die_by_kill, 1)
    wait([future])
    assert isinstance(future.exception(), ChildDied)


def test_future_past_the_deadline_ends_the_wait(mp_executor: ExecutorFactory, mp_context: Any) -> None:
    started = mp_context.Event()
    executor: Any = mp_executor(1, hand_over, (started,))
    future = executor.submit(stay_with_what_was_handed_over)
    started.wait()
    executor.timeout = 0.1
    with pytest.raises(ChildStuck, match=r"after 0.1 s with the task stay_with_what_was_handed_over\(\)") as caught:
        future.result()
    assert "; all workers have been ended\n" in str(caught.value)
    assert "in stay" in caught.value.report.stacks
    assert not psutil.pid_exists(caught.value.report.process.pid)
    assert executor.late() is caught.value  # what a second wait would raise


def test_timeout_of_the_caller_is_the_callers(mp_executor: ExecutorFactory, mp_context: Any) -> None:
    started = mp_context.Event()
    executor = mp_executor(1, hand_over, (started,))
    future = executor.submit(stay_with_what_was_handed_over)
    started.wait()
    with pytest.raises(TimeoutError):
        future.result(timeout=0)
    assert future.running()
    for process in list(executor._processes.values()):  # type: ignore[attr-defined]
        process.kill()
    with pytest.raises(ChildDied):
        future.result()


OWED = """
    import os
    from concurrent.futures import as_completed, wait
    import pytest

    def for_ever(ready):
        ready.touch()
        os.read(os.pipe()[0], 1)

    @pytest.fixture
    def ready(tmp_path):
        class Ready:
            path = tmp_path / "ready"
            def wait(self):
                while not self.path.exists():
                    os.sched_yield()
        return Ready()

    @pytest.fixture
    def busy_pool(mp_pool, ready):
        pool = mp_pool(1)
        result = pool.apply_async(for_ever, (ready.path,))
        ready.wait()
        pool._timeout = pool._watch._timeout = 0.2
        pool._watch._deadlines.clear()
        return pool, result

    @pytest.fixture
    def busy_executor(mp_executor, ready):
        executor = mp_executor(1)
        future = executor.submit(for_ever, ready.path)
        ready.wait()
        executor.timeout = executor._watch._timeout = 0.2
        executor._watch._deadlines.clear()
        return executor, future

    def test_stuck_pool(busy_pool): ...
    def test_stuck_executor(busy_executor): ...

    def test_stuck_in_join(busy_pool):
        busy_pool[0].close()
        busy_pool[0].join()

    def test_stuck_in_shutdown(busy_executor):
        with busy_executor[0]:
            pass

    def test_stuck_in_wait(busy_executor):
        wait([busy_executor[1]])

    def test_stuck_in_as_completed(busy_executor):
        list(as_completed([busy_executor[1]]))

    def test_dead_and_unseen_pool(mp_pool):
        mp_pool(1).apply_async(os._exit, (7,))

    def test_dead_and_unseen_executor(mp_executor):
        mp_executor(1).submit(os._exit, 7)

    def test_failing(busy_pool, busy_executor):
        assert False, "of its own"

    def test_dead_and_seen(mp_pool, mp_executor):
        for waiting in (lambda: mp_pool(1).apply(os._exit, (7,)), lambda: mp_executor(1).submit(os._exit, 7).result()):
            with pytest.raises(Exception, match="exited with code 7"):
                waiting()
"""


def test_what_a_pool_owes_at_the_end_is_reported(pytester: pytest.Pytester) -> None:
    """Each by an error of its own: of the test where the pool was made in it, of its teardown where before it."""
    pytester.makepyfile(OWED)
    result = pytester.runpytest_subprocess("--mp-start-methods=fork,forkserver", "-n2", "--mp-timeout=20")
    text = result.stdout.str()
    for name, word in (
        ("stuck", "was still running after 0.2 s with the task for_ever("),
        ("dead", "exited with code 7"),
    ):
        assert text.count(word) >= 4, name
    lines = "\n".join(line for line in result.outlines if line.startswith(("FAILED", "ERROR")))
    for method in ("fork", "forkserver"):
        for name in ("pool", "executor", "in_join", "in_wait", "in_as_completed"):
            assert f"ERROR test_what_a_pool_owes_at_the_end_is_reported.py::test_stuck_{name}[{method}]" in lines
        for name in ("stuck_in_shutdown", "dead_and_unseen_pool", "dead_and_unseen_executor", "failing"):
            assert f"FAILED test_what_a_pool_owes_at_the_end_is_reported.py::test_{name}[{method}]" in lines
    assert "seen[" not in lines.replace("unseen", "")


def test_pool_without_a_worker_left_says_so(mp_pool: PoolFactory) -> None:
    pool: Any = mp_pool(1)
    assert pool.apply(square, (2,)) == 4
    pool.close()
    pool.join()
    error = pool._roster.stuck(pool, 3.0)
    assert type(error) is MpcheckError
    assert "was not done after 3 s, and has no worker left; what to do: let its tasks end" in str(error)
    error = pool._roster.deadlocked(Deadlock("nobody writes", "write", ()))
    assert type(error) is MpcheckError
    assert str(error) == "a pool is deadlocked: nobody writes (proved); what to do: write"


def test_pool_that_cannot_be_looked_after_ends(mp_pool: PoolFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise LookupError("a mistake of ours")

    monkeypatch.setattr(Roster, "fallen", break_down)
    pool = mp_pool(1)
    with pytest.raises(MpcheckError, match=r"nobody could look after it any more \(LookupError: a mistake of ours\)"):
        pool.apply(signal.pause)
    monkeypatch.undo()


def test_watching_leaves_no_thread(mp_pool: PoolFactory, mp_executor: ExecutorFactory) -> None:
    before = set(threading.enumerate())
    pool, executor = mp_pool(1), mp_executor(1)
    assert pool.apply(square, (2,)) == executor.submit(square, 2).result()
    pool.settle()  # type: ignore[attr-defined]
    executor.settle()  # type: ignore[attr-defined]
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()
