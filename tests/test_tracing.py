"""``--mp-trace``: the history of a run in a file, as a user gets it."""

from __future__ import annotations

import os
import sys

import pytest

from tests.trace_format import Trace, read_trace

PLAIN = """
    import multiprocessing
    import os
    import signal
    import subprocess
    import sys

    import pytest

    def double(number):
        return 2 * number

    def kill_oneself():
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def test_child(mp_process):
        assert mp_process(double, 2).result() == 4
        child = mp_process(kill_oneself)
        child.join()
        assert child.exitcode < 0

    def test_pool(mp_pool):
        assert mp_pool(2).map(double, [1, 2]) == [2, 4]

    @pytest.mark.mp
    def test_program():
        subprocess.run([sys.executable, "-c", ""], check=True)

    def test_of_nobody():
        subprocess.run([sys.executable, "-c", ""], check=True)
"""


def ends(trace: Trace) -> list[str]:
    """Return how the processes ended that the run has started."""
    slices = [event for event in trace.events if event["cat"] == "process"]
    return sorted(event["args"]["end"] for event in slices if "end" in event["args"])


@pytest.mark.parametrize("workers", ["0", "2"])
def test_suite_that_records_nothing_shows_the_lives_of_its_processes(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(PLAIN)
    result = pytester.runpytest_subprocess("--mp-trace=it.json", f"-n{workers}")
    result.assert_outcomes(passed=8)
    path = pytester.path / "it.json"
    result.stdout.fnmatch_lines([f"*- trace: {path} -*"])
    trace = read_trace(path)
    assert ends(trace) == ["ended by SIGKILL"] * 3 + ["exit code 0"] * 10
    tests = {event["name"].partition("::")[2] for event in trace.events if event["cat"] == "test"}
    assert tests == {f"test_{name}[{method}]" for name in ("child", "pool") for method in METHODS} | {"test_program"}
    workers_seen = {name for name in trace.names.values() if name.startswith("pytest")}
    assert workers_seen == {"pytest"} if workers == "0" else workers_seen <= {"pytest gw0", "pytest gw1"}
    starts, joins = trace.arrows("start"), trace.arrows("join")
    assert sorted(starts) == sorted((after, before) for before, after in joins)
    assert len(starts) == 13
    assert not [name for name in os.listdir(pytester.path) if name.startswith(".it.json")]


METHODS = ("fork", "spawn", "forkserver")


def test_without_it_nothing_is_paid(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_it(mp_process):
            assert mp_process(abs, -1).result() == 1
            assert not [name for name in sys.modules if "_trace._run" in name or "_lives" in name]
        """
    )
    pytester.runpytest_subprocess("--mp-start-methods=spawn").assert_outcomes(passed=1)


def test_trace_of_an_earlier_run_is_replaced_as_a_whole(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mp_process): assert mp_process(abs, -1).result() == 1")
    path = pytester.path / "it.json"
    path.write_text("from before")
    pytester.runpytest_subprocess("--mp-trace=it.json", "--collect-only")
    assert path.read_text() == "from before"
    pytester.runpytest_subprocess("--mp-trace=it.json", "--mp-start-methods=spawn").assert_outcomes(passed=1)
    assert ends(read_trace(path)) == ["exit code 0"]
    assert [name for name in os.listdir(pytester.path) if "it.json" in name] == ["it.json"]


def test_interrupted_run_leaves_what_it_has(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import time
        def test_first(mp_process): assert mp_process(abs, -1).result() == 1
        def test_second(mp_process):
            mp_process(abs, -1).join()
            raise KeyboardInterrupt
        def test_third(mp_process): assert mp_process(abs, -1).result() == 1
        """
    )
    result = pytester.runpytest_subprocess("--mp-trace=it.json", "--mp-start-methods=spawn")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    trace = read_trace(pytester.path / "it.json")
    assert ends(trace) == ["exit code 0", "exit code 0"]
    assert not trace.find("test_interrupted_run_leaves_what_it_has.py::test_third[spawn]")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_worker_that_crashes_leaves_its_earlier_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os
        def test_first(mp_process): assert mp_process(abs, -1).result() == 1
        def test_second(mp_process):
            mp_process(abs, -1).join()
            os.kill(os.getpid(), 9)
        """
    )
    pytester.runpytest_subprocess("--mp-trace=it.json", "--mp-start-methods=spawn", "-n1")
    assert ends(read_trace(pytester.path / "it.json")) == ["exit code 0"]


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="no folder that nobody may write to")
def test_folder_that_cannot_be_written_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--mp-trace=/proc/it.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: file '/proc/it.json' from command line --mp-trace cannot be written (*): give the path of a file *"]
    )


@pytest.mark.parametrize("workers", ["0", "1"])
def test_trouble_with_the_file_is_told_and_ends_no_test(pytester: pytest.Pytester, workers: str) -> None:
    """The folder of the parts is deleted under the run's feet."""
    pytester.makepyfile(
        """
        import shutil
        from pytest_mpcheck._tracing import TRACE
        def test_first(mp_process, pytestconfig):
            assert mp_process(abs, -1).result() == 1
            shutil.rmtree(pytestconfig.stash[TRACE].folder)
        def test_second(mp_process):
            assert mp_process(abs, -1).result() == 1
        """
    )
    result = pytester.runpytest_subprocess("--mp-trace=it.json", "--mp-start-methods=spawn", f"-n{workers}")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*- no trace was written: *No such file or directory*"])
    assert [name for name in os.listdir(pytester.path) if "it.json" in name] == []


@pytest.mark.parametrize("workers", ["0", "1"])
def test_trace_that_lacks_a_test_says_so(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(
        """
        from pytest_mpcheck._tracing import TRACE
        def test_first(mp_process):
            assert mp_process(abs, -1).result() == 1
        def test_second(mp_process, pytestconfig):
            pytestconfig.stash[TRACE]._part._path += "/nowhere"
            assert mp_process(abs, -1).result() == 1
        """
    )
    result = pytester.runpytest_subprocess("--mp-trace=it.json", "--mp-start-methods=spawn", f"-n{workers}")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*- trace: */it.json, without all of it: *Not a directory*"])
    assert ends(read_trace(pytester.path / "it.json")) == ["exit code 0"]


RECORDING = """
    import os
    import signal
    import threading

    from pytest_mpcheck import ChildDied, checkpoint, span

    def work(item):
        checkpoint("got", item=item)
        with span("work", item=item) as working:
            working.note(result=2 * item)

    def in_two_threads(item):
        work(item)
        thread = threading.Thread(target=work, args=(item + 1,))
        thread.start()
        thread.join()

    def be_killed():
        with span("never ends"):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def put(queue):
        queue.put("thing")

    def arrive():
        checkpoint("arrived")

    def test_spans(mp_process):
        checkpoint("here")
        child = mp_process(in_two_threads, 3)
        child.join()
        assert [event.name for event in child.events] == ["got", "work", "work"] * 2

    def test_killed(mp_process):
        child = mp_process(be_killed)
        try:
            child.result()
        except ChildDied as error:
            assert "last of what it recorded, before its end was seen:" in str(error)
            assert "never ends begins" in str(error)
            assert [event.name for event in error.report.events] == ["never ends"]

    def test_message(mp_process, mp_context, mp_history):
        queue = mp_history.recorded(mp_context.SimpleQueue(), "queue")
        child = mp_process(put, queue)
        assert queue.get() == "thing"
        child.join()

    def test_hold(mp_process, mp_history):
        with mp_history.hold("arrived") as held:
            child = mp_process(arrive)
            held.wait()
        child.join()
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_was_recorded_is_there_under_every_start_method(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(RECORDING)
    result = pytester.runpytest_subprocess("--mp-trace=it.json", f"-n{workers}")
    result.assert_outcomes(passed=12)
    trace = read_trace(pytester.path / "it.json")
    assert sorted(event["args"]["result"] for event in trace.find("work")) == [6, 6, 6, 8, 8, 8]
    assert {trace.around(event)[0].partition("::")[2] for event in trace.find("here", "i")} == {
        f"test_spans[{method}]" for method in METHODS
    }
    assert len({event["tid"] for event in trace.find("work")}) == 6
    assert [event["args"]["no end"] for event in trace.find("never ends")] == ["ended by SIGKILL"] * 3
    for arrows in (trace.arrows("message"), trace.arrows("hold")):
        assert len(arrows) >= 3
        assert all(before.startswith("pytest") != after.startswith("pytest") for before, after in arrows)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_copy_of_pytest_adds_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, sys, pytest

        @pytest.mark.mp
        def test_forking():
            pid = os.fork()
            if pid == 0:
                sys.exit(0)  # through all of pytest
            os.waitpid(pid, 0)
            assert not os.path.exists("it.json")
        """
    )
    assert "1 passed" in pytester.runpytest_subprocess("--mp-trace=it.json").stdout.str()
    trace = read_trace(pytester.path / "it.json")
    assert len([event for event in trace.events if event.get("cat") == "test"]) == 1
