"""A child past its deadline is ended and shown, and a test owes its children a look; `endings/` tells who is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_mpcheck import ChildStuck
from pytest_mpcheck._clock import Deadline, wait_until
from pytest_mpcheck.fixtures import ProcessFactory


def wait_for_ever(started: Any) -> None:
    started.set()
    os.read(os.pipe()[0], 1)


def test_child_past_its_deadline_is_ended_with_its_stack(mp_process: ProcessFactory, mp_context: Any) -> None:
    started = mp_context.Event()
    child = mp_process(wait_for_ever, started, name="sleeper")
    started.wait()
    with pytest.raises(ChildStuck, match=r"child 'sleeper' \(pid \d+, \w+\) was still running after 0\.1 s") as caught:
        child.result(timeout=0.1)
    assert "in wait_for_ever" in caught.value.report.stacks
    assert not child.is_alive()
    assert not psutil.pid_exists(child.pid)


def test_stopped_child_is_told_and_ended(mp_process: ProcessFactory, mp_context: Any) -> None:
    started = mp_context.Event()
    child = mp_process(wait_for_ever, started)
    started.wait()
    child.suspend()
    assert wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_STOPPED, Deadline(20))
    with pytest.raises(ChildStuck, match="the process is stopped and cannot answer"):
        child.join(timeout=0.1)
    assert not psutil.pid_exists(child.pid)


def test_stopped_child_may_go_on(mp_process: ProcessFactory, mp_context: Any) -> None:
    started, go_on = mp_context.Event(), mp_context.Event()

    def target(started: Any, go_on: Any) -> str:
        started.set()
        go_on.wait()
        return "done"

    child = mp_process(target, started, go_on)
    started.wait()
    child.suspend()
    assert wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_STOPPED, Deadline(20))
    child.resume()
    go_on.set()
    assert child.result() == "done"


def test_child_is_joined_though_its_own_child_holds_its_pipes(mp_process: ProcessFactory) -> None:
    """The sentinel of `multiprocessing` is a pipe that a forked grandchild keeps open."""

    def target() -> int:
        read, _ = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(read, 1)
        return pid

    if not hasattr(os, "pidfd_open"):
        pytest.skip("without pidfd_open a grandchild that holds the sentinel keeps the child's end from being seen")
    child = mp_process(target)
    grandchild = child.result(timeout=20)
    os.kill(grandchild, signal.SIGKILL)


OWED = """
    import multiprocessing.util, os, signal, sys
    import pytest

    def fail():
        raise ValueError("unseen")

    def stay():
        os.read(os.pipe()[0], 1)

    def test_failed_unseen(mp_process):
        mp_process(fail)

    def test_killed_unseen(mp_process):
        child = mp_process(signal.raise_signal, signal.SIGKILL)
        child.join()

    def test_several(mp_process):
        mp_process(fail)
        mp_process(os._exit, 9)

    def test_returned_and_failed_after_that(mp_process):
        mp_process(multiprocessing.util.Finalize, None, os._exit, (7,), None, 0)

    def test_failed_and_seen(mp_process):
        child = mp_process(fail)
        with pytest.raises(ValueError):
            child.result()

    def test_exit_code_was_read(mp_process):
        child = mp_process(fail)
        child.join()
        assert child.exitcode == 1

    def test_report_was_read(mp_process):
        child = mp_process(fail)
        child.join()
        child.report()

    def test_ended_by_the_test(mp_process):
        mp_process(stay).terminate()
        mp_process(stay).kill()

    def test_daemon_ends_with_the_test(mp_process):
        mp_process(stay, daemon=True)

    def test_exit_zero(mp_process):
        mp_process(sys.exit)
        mp_process(os._exit, 0)

    @pytest.mark.mp(timeout=0.5)
    def test_stuck(mp_process):
        mp_process(stay)

    @pytest.fixture
    def failing_service(mp_process):
        child = mp_process(fail)
        child.join()

    def test_of_fixture(failing_service):
        pass

    @pytest.fixture
    def service(mp_process):
        child = mp_process(stay)
        yield child
        child.terminate()

    def test_service(service):
        assert service.is_alive()
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_failure_of_a_child_that_nobody_looked_at_fails_the_test(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(OWED)
    result = pytester.runpytest_subprocess("--mp-start-methods=fork", f"-n{workers}", "-rA")
    result.assert_outcomes(passed=8, failed=5, errors=1)
    text = result.stdout.str()
    for name in ("failed_unseen", "returned_and_failed_after_that", "killed_unseen", "several", "stuck"):
        assert f"FAILED test_failure_of_a_child_that_nobody_looked_at_fails_the_test.py::test_{name}[fork]" in text
    assert "ERROR test_failure_of_a_child_that_nobody_looked_at_fails_the_test.py::test_of_fixture[fork]" in text
    result.stdout.fnmatch_lines_random(
        [
            "*UnseenFailure: child 'ForkProcess-*' (pid *, fork) raised ValueError: unseen, and nobody looked",
            "*UnseenFailure: child 'ForkProcess-*' (pid *, fork) was ended by SIGKILL, and nobody looked",
            "*UnseenFailure: child * returned, then ended with exit code 7, and nobody looked",
            "*ExceptionGroup: 2 of the test's workers ended badly (2 sub-exceptions)",
            "*ChildStuck: child 'ForkProcess-*' (pid *, fork) * and has been ended",
            "*what to do: call result() or assert_exited() on every child whose end matters*",
        ]
    )


def test_children_files_are_gone_with_the_test(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    pytester.makepyfile("def test_it(mp_process): assert mp_process(abs, -1).result() == 1")
    # not under forkserver: its socket would stand there too, and so long a path is too long for a socket
    pytester.runpytest_subprocess("--mp-start-methods=fork,spawn").assert_outcomes(passed=2)
    assert [path.name for path in Path(folder).iterdir() if path.name.startswith("mpcheck-")] == []
