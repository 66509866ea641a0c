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

START_EVERYTHING = """
    import os, signal, time
    import pytest

    PIDS = os.environ["MPCHECK_TEST_PIDS"]

    def for_ever(ready):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with open(PIDS, "a") as file:
            file.write(f"{os.getpid()}\\n")
        ready.touch()
        os.read(os.pipe()[0], 1)

    SCRIPT = f"import os, pathlib; pathlib.Path({PIDS!r}).write_text(str(os.getpid())); os.read(os.pipe()[0], 1)"

    @pytest.fixture
    def started(mp_process, mp_pool, mp_executor, tmp_path):
        mp_process(for_ever, tmp_path / "child")
        mp_process(for_ever, tmp_path / "daemon", daemon=True)
        mp_pool(1).apply_async(for_ever, (tmp_path / "pool",))
        mp_executor(1).submit(for_ever, tmp_path / "executor")
        while len(list(tmp_path.iterdir())) < 4:
            os.sched_yield()

    def test_failing(started):
        assert False

    @pytest.fixture
    def broken(started):
        raise RuntimeError

    def test_erring(broken):
        pass

    def test_leaving(started):
        os._exit(3)

    def test_staying(started):
        print("ready", flush=True)
        os.read(os.pipe()[0], 1)

    def test_script(mp_script, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(SCRIPT)
        mp_script(script)
"""


TIMEOUT = ("--timeout=1", "-o", "timeout_func_only=true")  # what sets the test up may take its time


def alive(pids: list[int]) -> list[int]:
    """Return those that have not ended, zombies apart: their parent may be gone, and nobody there to reap them."""
    return [pid for pid in pids if not is_gone(pid)]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Run:
    """A run of pytest that starts children which end for no SIGTERM and no SIGINT."""

    def __init__(self, process: subprocess.Popen[Any], pids_file: Path) -> None:
        self.process = process
        self.pids_file = pids_file

    def wait_for_children(self, count: int) -> None:
        assert wait_until(lambda: len(self.pids()) >= count, Deadline(60))

    def pids(self) -> list[int]:
        return [int(line) for line in self.pids_file.read_text().split()] if self.pids_file.exists() else []

    def output(self) -> str:
        return str(self.process.communicate(timeout=90)[0])

    def assert_nothing_left(self, count: int) -> None:
        assert len(self.pids()) >= count
        assert wait_until(lambda: not alive(self.pids()), Deadline(20)), f"left: {alive(self.pids())}"


Start = Callable[..., Run]


@pytest.fixture
def start(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    runs: list[Run] = []

    def start(*args: str) -> Run:
        monkeypatch.setenv("MPCHECK_TEST_PIDS", str(pytester.path / "pids"))
        pytester.makepyfile(START_EVERYTHING)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
        process = pytester.popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        runs.append(Run(process, pytester.path / "pids"))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.wait()
        assert run.process.stdout is not None
        run.process.stdout.close()


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def method(request: pytest.FixtureRequest) -> str:
    return f"--mp-start-methods={request.param}"


def test_no_child_outlives_its_test(start: Start) -> None:
    run = start("-k", "failing or erring")
    assert re.search(r"\b3 failed\b.*\b3 errors\b", run.output())
    run.assert_nothing_left(24)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_no_child_outlives_a_timeout(start: Start, workers: str) -> None:
    run = start("-k", "staying", f"-n{workers}", "--timeout-method=signal", *TIMEOUT)
    assert "3 failed" in run.output()
    run.assert_nothing_left(12)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_no_child_outlives_a_timeout_that_ends_pytest(start: Start, method: str, workers: str) -> None:
    run = start(method, "-k", "staying", f"-n{workers}", "--timeout-method=thread", *TIMEOUT)
    assert re.search(r"\+ Timeout \+" if workers == "0" else r"worker 'gw\d' crashed", run.output())
    run.assert_nothing_left(4)


def test_no_child_outlives_an_interrupt(start: Start, method: str) -> None:
    run = start(method, "-k", "test_staying", "-s")
    run.wait_for_children(4)
    stream: Any = run.process.stdout
    while "ready" not in stream.readline():
        pass
    run.process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in run.output()
    assert run.process.returncode == pytest.ExitCode.INTERRUPTED
    run.assert_nothing_left(4)


@pytest.mark.parametrize("ending", ["os._exit", "SIGKILL"])
def test_no_child_outlives_pytest_itself(start: Start, method: str, ending: str) -> None:
    run = start(method, "-k", "test_leaving" if ending == "os._exit" else "test_staying")
    if ending == "SIGKILL":
        run.wait_for_children(4)
        run.process.kill()
    run.output()
    assert run.process.returncode == (3 if ending == "os._exit" else -signal.SIGKILL)
    run.assert_nothing_left(4)


@pytest.mark.parametrize("ending", ["deadline", "SIGKILL"])
def test_no_script_outlives_its_test(start: Start, ending: str) -> None:
    args = ["--mp-start-methods=fork", "-k", "test_script", *(["--mp-timeout=1"] if ending == "deadline" else [])]
    run = start(*args)
    run.wait_for_children(1)
    if ending == "SIGKILL":
        run.process.kill()
    output = run.output()
    assert ("and has been ended with all its children" in output) == (ending == "deadline")
    run.assert_nothing_left(1)


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
    import os, signal, sys
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
    result.assert_outcomes(passed=8, failed=4, errors=1)
    text = result.stdout.str()
    for name in ("failed_unseen", "killed_unseen", "several", "stuck"):
        assert f"FAILED test_failure_of_a_child_that_nobody_looked_at_fails_the_test.py::test_{name}[fork]" in text
    assert "ERROR test_failure_of_a_child_that_nobody_looked_at_fails_the_test.py::test_of_fixture[fork]" in text
    result.stdout.fnmatch_lines_random(
        [
            "*UnseenFailure: child 'ForkProcess-*' (pid *, fork) raised ValueError: unseen, and nobody looked",
            "*UnseenFailure: child 'ForkProcess-*' (pid *, fork) was ended by SIGKILL, and nobody looked",
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
