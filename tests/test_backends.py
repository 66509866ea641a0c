"""The same test over every kind of worker: the control group that shows what processes isolate."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from multiprocessing.dummy import DummyProcess
from multiprocessing.pool import Pool, ThreadPool

import pytest

from pytest_mpcheck import ChildStuck, MpcheckError, NotPicklable, Raised, assert_exited, assert_joined
from pytest_mpcheck.fixtures import ProcessFactory

COUNT = 0
LABEL = ""
SHARES_MEMORY = ("thread",)
IN_THIS_PROCESS = ("thread", "interpreter")

threads_only = pytest.mark.mp(backends=["thread"])
in_this_process = pytest.mark.mp(backends=["thread", "interpreter"])


def bump() -> int:
    global COUNT
    COUNT += 1
    return COUNT


def label(text: str) -> None:
    global LABEL
    LABEL = text


def read_label() -> str:
    return LABEL


def fail() -> None:
    raise LookupError("as told")


def is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.COUNT", 0)
    monkeypatch.setattr(f"{__name__}.LABEL", "")


def test_child_of_every_kind(mp_backend: str, mp_process: ProcessFactory) -> None:
    child = mp_process(bump, name="counter")
    assert child.result() == 1
    assert (COUNT == 1) == (mp_backend in SHARES_MEMORY)
    assert (child.pid == os.getpid()) == (mp_backend in IN_THIS_PROCESS)
    assert isinstance(child.process, DummyProcess) == (mp_backend in IN_THIS_PROCESS)
    assert (child.name, child.start_method, child.exitcode) == ("counter", mp_backend, 0)
    assert not child.is_alive()
    assert_exited(child)
    assert_joined(child)


def test_exception_of_every_kind(mp_backend: str, mp_process: ProcessFactory) -> None:
    child = mp_process(fail)
    with pytest.raises(LookupError, match="as told"):
        child.result()
    assert child.exitcode == 1
    report = child.report()
    assert isinstance(report.outcome, Raised)
    assert report.outcome.type_name == "LookupError"
    assert "in fail" in report.outcome.traceback


def test_local_function_of_every_kind(mp_backend: str, mp_process: ProcessFactory) -> None:
    factor = 2
    assert mp_process(lambda number: factor * number, 21).result() == 42


def test_pool_of_every_kind(mp_backend: str, mp_pool: Callable[..., Pool]) -> None:
    if mp_backend == "interpreter":
        with pytest.raises(pytest.skip.Exception, match="no Pool of interpreters; mp_executor gives"):
            mp_pool(1)
        pytest.skip("there is no pool of interpreters, which was to be shown")
    pool = mp_pool(1, label, ("set",))
    assert isinstance(pool, ThreadPool) == (mp_backend == "thread")
    assert pool.map(abs, [-1, -2]) == [1, 2]
    assert pool.apply(read_label) == "set"
    assert (LABEL == "set") == (mp_backend in SHARES_MEMORY)


def test_executor_of_every_kind(mp_backend: str, mp_executor: Callable[..., Executor]) -> None:
    executor = mp_executor(1, label, ("set",))
    assert isinstance(executor, ThreadPoolExecutor) == (mp_backend in IN_THIS_PROCESS)
    assert executor.submit(read_label).result() == "set"
    assert (LABEL == "set") == (mp_backend in SHARES_MEMORY)
    with pytest.raises(LookupError, match="as told"):
        executor.submit(fail).result()
    assert isinstance(executor.submit(fail).exception(), LookupError)


@pytest.mark.parametrize("action", ["terminate", "kill", "suspend", "resume"])
@in_this_process
def test_nothing_can_end_a_thread(mp_backend: str, mp_process: ProcessFactory, action: str) -> None:
    child = mp_process(bump)
    with pytest.raises(
        MpcheckError, match=rf"nothing can (end|stop) a thread .* leave '{mp_backend}' out of the backends"
    ):
        getattr(child, action)()
    child.join()


@threads_only
def test_thread_past_its_deadline_is_told(mp_backend: str, mp_process: ProcessFactory) -> None:
    go_on = threading.Event()

    def wait_here() -> None:
        go_on.wait()

    child = mp_process(wait_here)
    assert "wait_here" in child.report().stacks
    with pytest.raises(ChildStuck, match=r"was still running after 0.1 s") as caught:
        child.join(timeout=0.1)
    assert "in wait_here" in caught.value.report.stacks
    go_on.set()
    child.join()
    assert child.report().stacks == ""
    assert child._worker.stacks() == "(none: the thread has just ended)"


@pytest.mark.mp(backends=["thread"], timeout=0.5)
def test_tasks_past_their_deadline_are_told(
    mp_backend: str, mp_pool: Callable[..., Pool], mp_executor: Callable[..., Executor]
) -> None:
    go_on = threading.Event()
    pool, executor = mp_pool(1), mp_executor(1)
    what = "had a task that was not done after 0.5 s; nothing can end a thread"
    try:
        with pytest.raises(ChildStuck, match=what):
            pool.apply(go_on.wait)
        with pytest.raises(ChildStuck, match=what):
            executor.submit(go_on.wait).result()
        with pytest.raises(ChildStuck, match=what):
            pool.settle()  # type: ignore[attr-defined]
        with pytest.raises(ChildStuck, match=what):
            executor.settle()  # type: ignore[attr-defined]
    finally:
        go_on.set()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="there are interpreters from Python 3.14 on")
@pytest.mark.mp(backends=["interpreter"])
class TestInterpreter:
    def test_argument_that_does_not_pickle_is_named(self, mp_backend: str, mp_process: ProcessFactory) -> None:
        with pytest.raises(NotPicklable, match=r"^args\[0\]: lambda does not pickle"):
            mp_process(bump, lambda: None)
        assert mp_process(bump).result() == 1

    def test_executor_needs_no_initializer(self, mp_backend: str, mp_executor: Callable[..., Executor]) -> None:
        assert mp_executor(1).submit(bump).result() == 1

    def test_trouble_of_the_interpreter_itself_is_raised(
        self, mp_backend: str, mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pytest_mpcheck._children._interpreter._BOOT", "raise OSError('no start')")
        child = mp_process(bump)
        with pytest.raises(Exception, match="OSError: no start"):
            child.result()
        assert child.exitcode == 1


def test_kinds_are_those_that_there_are(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        def test_all(mp_backend): ...
        @pytest.mark.mp(backends=["thread", "fork"])
        def test_some(mp_backend): ...
        @pytest.mark.mp(start_methods=["spawn"])
        def test_one_method(mp_backend): ...
        def test_both(mp_start_method): ...
        """
    )
    result = pytester.runpytest("--collect-only", "-q", "--mp-start-methods=fork,forkserver")
    interpreter = ["*test_all?interpreter]"] if sys.version_info >= (3, 14) else []
    result.stdout.fnmatch_lines(
        [
            "*test_all?fork]",
            "*test_all?forkserver]",
            "*test_all?thread]",
            *interpreter,
            "*test_some?thread]",
            "*test_some?fork]",
            "*test_one_method?spawn]",
            "*test_one_method?thread]",
        ],
        consecutive=not interpreter,
    )


def test_backend_and_start_method_do_not_go_together(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mp_backend, mp_context, mp_process): ...")
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(
        ["*usage error: *::test_it asks for mp_backend and for mp_context, mp_start_method, which*"]
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
