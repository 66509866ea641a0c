"""Children that failed unseen: each way to fail and not to look has a twin that looks."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from pytest_mpcheck._guard._failures import Failures
from pytest_mpcheck._guard._watcher import Made

CHILDREN = """
    import asyncio, contextlib, multiprocessing, os, signal, subprocess, sys, threading
    from concurrent.futures import ProcessPoolExecutor
    import pytest

    pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
    METHODS = pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())

    def fail():
        raise ValueError("lost")

    def kill():
        os.kill(os.getpid(), signal.SIGKILL)

    def process(method, target):
        process = multiprocessing.get_context(method).Process(target=target, name="child")
        process.start()
        process.join()
        return process

    @METHODS
    def test_told_process_that_raises(method):
        process(method, fail)

    @METHODS
    def test_exitcode_is_read(method):
        assert process(method, fail).exitcode == 1

    def test_told_process_that_is_killed():
        process(None, kill).is_alive()

    def test_terminated():
        process = multiprocessing.get_context("fork").Process(target=signal.pause)
        process.start()
        process.terminate()
        process.join()

    def raise_in_thread():
        thread = threading.Thread(target=fail, name="reader")
        thread.start()
        thread.join()

    def test_told_thread():
        assert process("spawn", raise_in_thread).exitcode == 0

    def test_output_of_thread_is_read(capfd):
        process("spawn", raise_in_thread)
        assert "ValueError: lost" in capfd.readouterr().err

    def test_told_worker_of_a_pool():
        with multiprocessing.get_context("fork").Pool(1) as pool:
            worker = pool._pool[0]
            pool.apply_async(os._exit, (3,))
            while worker in pool._pool:
                os.sched_yield()

    def test_worker_of_an_executor():
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as executor:
            with pytest.raises(Exception):
                executor.submit(os._exit, 3).result()

    def test_told_run():
        subprocess.run(["false"])

    def test_run_is_used():
        assert subprocess.run(["false"]).returncode

    def test_run_raises():
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["false"], check=True)

    def test_told_call():
        subprocess.call(["false"])

    def test_call_is_used():
        assert subprocess.call(["false"]) == 1

    def test_told_wait():
        with subprocess.Popen(["false"]) as popen:
            popen.wait()

    def test_wait_is_used():
        with subprocess.Popen(["false"]) as popen:
            assert popen.wait() == 1

    def test_returncode_is_read():
        with subprocess.Popen(["false"]) as popen:
            with pytest.raises(AttributeError, match="'Popen' object has no attribute 'retrncode'"):
                popen.retrncode
            del popen.returncode
            with pytest.raises(AttributeError, match="'Popen' object has no attribute 'returncode'"):
                popen.returncode
            popen.returncode = None
            assert popen.poll.__name__ == "poll"
        assert vars(popen)["returncode"] == popen.returncode == 1

    def test_output_is_read():
        subprocess.run(["false"], stdout=subprocess.PIPE)

    def test_told_program_that_is_killed():
        subprocess.run(["sh", "-c", "kill -9 $$"], stdout=subprocess.PIPE)

    def test_killed_by_the_test():
        with subprocess.Popen(["sleep", "60"]) as popen:
            popen.kill()

    def test_killed_by_pid():
        with subprocess.Popen(["sleep", "60"]) as popen:
            os.kill(popen.pid, signal.SIGKILL)

    def test_nobody_wants_its_output():
        with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as popen:
            popen.stdout.close()

    def test_asyncio():
        async def run():
            process = await asyncio.create_subprocess_exec("false")
            await process.wait()
        asyncio.run(run())

    def fork(code=3):
        pid = os.fork()
        if pid == 0:
            os._exit(code)
        return pid

    def test_told_fork():
        os.waitpid(fork(), 0)

    def test_fork_is_used():
        pid, status = os.waitpid(fork(), os.WUNTRACED)

    def test_fork_that_succeeds():
        os.waitpid(fork(0), 0)

    @pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="PyPy has none")
    def test_told_spawn():
        pid = os.posix_spawn("/bin/false", ["false"], {})
        os.waitpid(pid, 0)

    def test_told_fork_that_nobody_has_collected():
        fork()
        if hasattr(os, "waitid"):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)

    def test_fork_that_runs_on():
        pid = os.fork()
        if pid == 0:
            signal.pause()
            os._exit(3)
        request.append(pid)
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)

    request = []

    def test_one_of_another_test():
        os.kill(request[0], signal.SIGKILL)
        os.waitpid(request[0], 0)

    def test_failed_anyway():
        process("fork", fail)
        pytest.xfail("told already")

    def test_by_a_fixture(mp_process):
        mp_process(print).join()
        with pytest.raises(ValueError):
            mp_process(fail).result()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="most of these are no ways of Windows")
def test_failures_that_nobody_sees_are_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CHILDREN)
    result = pytester.runpytest_subprocess("--mp-guard-report=report.json", "-p", "no:cacheprovider", "-vv")
    assert "failed" not in result.parseoutcomes(), result.stdout.str()
    report = json.loads((pytester.path / "report.json").read_text(encoding="utf-8"))
    assert report["troubles"] == []
    found = [one for one in report["findings"] if one["kind"] == "child-failed"]
    told = {one["test"].partition("::")[2] for one in found}
    passed = {line.partition("::")[2].partition(" ")[0] for line in result.outlines if " PASSED " in line}
    wanted = {name for name in passed if name.startswith("test_told_")}
    if sys.implementation.name == "pypy":
        wanted.discard("test_told_fork_that_nobody_has_collected")  # it cannot look and leave it
    assert told == wanted
    assert len(found) == len(wanted)
    by_test = {one["test"].partition("::")[2]: one for one in found}
    spawned = by_test["test_told_process_that_raises[spawn]"]
    assert spawned["what"] == "process 'child' failed unseen: exit code 1, and nobody has looked"
    assert ", spawn, started at test_failures_that_nobody_sees_are_told.py:" in spawned["where"]
    assert spawned["evidence"].startswith("it has printed:\nProcess child:\nTraceback (most recent call last):\n")
    assert spawned["evidence"].endswith("ValueError: lost")
    thread = by_test["test_told_thread"]
    assert thread["what"] == "an exception in thread reader of a child was printed and lost: ValueError: lost"
    assert thread["evidence"].startswith("it has printed:\nException in thread reader:\nTraceback (most")
    killed = by_test["test_told_process_that_is_killed"]
    assert f"ended by {signal.SIGKILL.name}" in killed["what"]
    assert killed["evidence"] == ""
    assert by_test["test_told_run"]["what"].startswith("program 'false' failed unseen: exit code 1")
    assert by_test["test_told_fork"]["what"].startswith("forked process failed unseen: exit code 3")


@pytest.mark.parametrize(
    ("library", "start_method", "code", "is_told"),
    [
        ("billiard.pool", "forkserver", 255, False),
        ("billiard.pool", "forkserver", 1, True),
        ("billiard.pool", "fork", 255, True),
        ("multiprocessing.pool", "forkserver", 255, True),
    ],
)
def test_code_that_billiard_gives_where_it_knows_none(
    library: str, start_method: str, code: int, is_told: bool
) -> None:
    made = Made("process", "test_it.py:1", through=(library,), start_method=start_method)
    assert Failures()._is_unseen(made, code) == is_told
