"""A stuck child, and all that descends from it, tells what it is doing; a dead one tells why."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mpcheck import ChildDied, ChildStuck, ProcessFacts, ProcessId, _platforms
from pytest_mpcheck._autopsy import _examination, _stacks
from pytest_mpcheck._autopsy import _time_limit as time_limit
from pytest_mpcheck._autopsy._memory import MemoryWatch
from pytest_mpcheck._autopsy._origin import origin
from pytest_mpcheck._autopsy._time_limit import looking_first
from pytest_mpcheck._clock import Deadline, wait_until
from pytest_mpcheck._deadlocks._last_look import prove
from pytest_mpcheck._platforms import _anywhere, _lineage, _linux, _procfs
from pytest_mpcheck._process_words import MOST_GROUPS, MOST_LINES, process_line, process_lines, time_limit_words
from pytest_mpcheck.fixtures import ProcessFactory

CAN_LOOK = bool(
    find_spec("_remote_debugging")
    or shutil.which("py-spy")
    or shutil.which("py-spy", path=os.path.dirname(sys.executable))
)
"""Whether this interpreter can read the stacks of a process that was never armed."""

PROGRAM = """
import sys
def wait_outside():
    print("ready", flush=True)
    sys.stdin.read()
wait_outside()
"""


def stay(*args: object) -> None:
    os.read(os.pipe()[0], 1)


def wait_here(ready: Any) -> None:
    ready.set()
    stay()


def family(ready: Any) -> None:
    """Have two forked children, which do different things, and a program; all of them end with this process."""
    read, write = os.pipe()

    def left() -> None:
        os.read(read, 1)

    def right() -> None:
        os.read(read, 1)

    for do in (left, right):
        if os.fork() == 0:
            os.close(write)
            ready.release()
            do()
            os._exit(0)
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        ready.release()
        stay()


def wait_for_family(ready: Any, pid: int) -> None:
    """Wait until each member waits for a pipe."""
    for _ in range(3):
        assert ready.acquire(timeout=60)

    def waiting() -> bool:
        waits = [_platforms.waits_of(facts.process.pid) for facts in _platforms.tree_of(pid)]
        return len(waits) == 4 and all("waits to read from pipe" in of_threads[0].what for of_threads in waits)

    assert wait_until(waiting, Deadline(60))


@pytest.fixture
def facts() -> ProcessFacts:
    return ProcessFacts(ProcessId(11, "a"), 10, "python x.py", "sleeping", 2.04, 0.5, "spawn")


def test_stuck_family_is_told_whole(mp_process: ProcessFactory, mp_context: Any) -> None:
    ready = mp_context.Semaphore(0)
    child = mp_process(family, ready, name="mother")
    wait_for_family(ready, child.pid)
    with pytest.raises(ChildStuck) as caught:
        child.join(timeout=0.1)
    report = caught.value.report
    mother, left, right, program = report.processes
    assert (mother.name, mother.process.pid, mother.start_method) == ("mother", child.pid, child.start_method)
    assert re.fullmatch(r".*test_autopsy\.py:\d+ in test_stuck_family_is_told_whole", mother.origin)
    assert "in stay" in mother.stacks
    assert report.stacks == mother.stacks
    assert [facts.start_method for facts in (left, right, program)] == ["fork", "fork", ""]
    assert {facts.parent for facts in (left, right, program)} == {child.pid}
    assert {facts.state for facts in report.processes} == {"sleeping"}
    assert all(facts.age >= 0 and facts.cpu >= 0 for facts in report.processes)
    assert "in left" in left.stacks
    assert "in right" not in left.stacks  # both answer into the file of the child that they were forked from
    assert "in right" in right.stacks
    assert "in left" not in right.stacks
    assert "wait_outside" in program.command
    assert ("wait_outside" in program.stacks) == CAN_LOOK
    assert ("nobody has armed the process to tell them" in program.source) == (not sys.platform.startswith("win"))
    text = str(caught.value)
    assert f"'mother' (pid {child.pid}, {child.start_method}), started by the test at " in text
    assert f"process {left.process.pid} (fork), started by 'mother' (pid {child.pid}): sleeping" in text
    assert f"process {program.process.pid}, started by 'mother'" in text


def test_running_child_is_reported_with_its_tree(mp_process: ProcessFactory, mp_context: Any) -> None:
    ready = mp_context.Semaphore(0)
    child = mp_process(family, ready, daemon=True)
    wait_for_family(ready, child.pid)
    assert len(child.report().processes) == 4


def test_ended_child_has_no_processes(mp_process: ProcessFactory) -> None:
    child = mp_process(abs, -1)
    child.join()
    assert child.report().processes == ()
    assert child._worker.examine() == ()
    assert child._worker.stacks() == "(none: the process has just ended)"


@pytest.mark.parametrize("module", [_linux, _anywhere])
def test_each_way_of_looking_sees_the_same(mp_process: ProcessFactory, mp_context: Any, module: Any) -> None:
    ready = mp_context.Semaphore(0)
    child = mp_process(family, ready, daemon=True)
    wait_for_family(ready, child.pid)
    found = module.tree_of(child.pid)
    assert [facts.process.pid for facts in found] == [facts.process.pid for facts in _linux.tree_of(child.pid)]
    assert [facts.parent for facts in found[1:]] == [child.pid] * 3
    assert [facts.start_method for facts in found[1:]] == ["fork", "fork", ""]
    assert {facts.state for facts in found} == {"sleeping"}
    assert "wait_outside" in found[-1].command
    pids = {facts.process.pid for facts in module.tree_of(os.getpid())}
    assert {os.getpid(), child.pid} < pids


def test_nobody_has_no_tree() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert _linux.tree_of(child.pid) == _anywhere.tree_of(child.pid) == ()
    assert _linux.stacks_file(child.pid, 62) is None
    assert _anywhere.stacks_file(child.pid, 62) is None
    assert _linux.command_of(child.pid) == ""


@pytest.mark.parametrize(
    ("command", "is_forked", "parent", "what"),
    [
        ("python -c from multiprocessing.spawn import spawn_main; ...", False, "", "spawn"),
        ("program --multiprocessing-fork ...", False, "", "spawn"),
        ("python -c from multiprocessing.forkserver import main; ...", False, "", "fork server"),
        ("python -c from multiprocessing.forkserver import main; ...", True, "fork server", "forkserver"),
        ("python -c from multiprocessing.forkserver import main; ...", True, "forkserver", "fork"),
        ("python -c from multiprocessing.resource_tracker import main; ...", False, "", "resource tracker"),
        ("python program.py", True, "", "fork"),
        ("python program.py", False, "spawn", ""),
    ],
)
def test_start_method_is_told_by_the_command_line(command: str, is_forked: bool, parent: str, what: str) -> None:
    assert _lineage.start_method_of(command, is_forked=is_forked, parent=parent) == what


def test_signal_goes_only_to_who_has_a_handler(mp_process: ProcessFactory, mp_context: Any) -> None:
    signal_number = _platforms.STACK_SIGNAL
    assert signal_number is not None
    ready = mp_context.Event()
    child = mp_process(wait_here, ready, daemon=True)
    assert ready.wait(60)
    assert child._worker.station is not None
    assert _platforms.stacks_file(child.pid, signal_number) == child._worker.station.path("stacks")
    assert _platforms.stacks_file(child.pid, signal_number - 1) is None
    assert _platforms.stacks_file(os.getpid(), signal_number) is None


def test_file_is_read_though_its_folder_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "mpcheck-x"
    folder.mkdir()
    code = f"""
import sys
sys.path[:] = {sys.path!r}
from pytest_mpcheck._children._arming import arm
arm({str(folder / "1.partial")!r}, {str(folder / "1.stacks")!r})
{PROGRAM}
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        shutil.rmtree(folder)
        (facts,) = _examination.examine(program.pid, {})
    assert "wait_outside" in facts.stacks
    assert facts.source == "told by itself"


def test_process_with_a_handler_but_no_file_is_not_asked() -> None:
    code = "import signal\nfor n in signal.valid_signals() - {9, 19, 32, 33}: signal.signal(n, print)\n" + PROGRAM
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        assert _platforms.STACK_SIGNAL is not None
        assert _platforms.stacks_file(program.pid, _platforms.STACK_SIGNAL) is None


def test_stopped_process_is_looked_at_from_outside(mp_process: ProcessFactory, mp_context: Any) -> None:
    ready = mp_context.Event()
    child = mp_process(wait_here, ready, daemon=True)
    assert ready.wait(60)
    child.suspend()
    assert wait_until(lambda: _linux.tree_of(child.pid)[0].state == "stopped", Deadline(20))
    (facts,) = child.report().processes
    assert bool(facts.stacks) == CAN_LOOK
    assert "the process is stopped and cannot answer" in facts.source


def test_zombie_has_no_stacks() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    assert wait_until(lambda: _linux.tree_of(child.pid)[0].state == "zombie", Deadline(60))
    assert [facts.state for facts in _anywhere.tree_of(child.pid)] == ["zombie"]
    (facts,) = _examination.examine(child.pid, {})
    assert facts.stacks == ""
    assert facts.source.endswith("it has no memory any more")
    child.wait()


def test_process_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: asked.append(pid))
    monkeypatch.setattr(_stacks, "PATIENCE", 0.01)
    path = tmp_path / "1.stacks"
    path.touch()
    assert _stacks.ask(17, str(path)) == ("", "the process did not answer")
    assert asked == [17]


def test_process_that_ends_when_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "1.stacks"
    path.touch()

    def end(pid: int, number: int) -> None:
        path.unlink()
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", end)
    assert _stacks.ask(17, str(path)) == ("", "the process has ended meanwhile")


@pytest.mark.parametrize("version", [(3, 14), (3, 15)])
def test_interpreter_reads_stacks(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]) -> None:
    """Two shapes of what the interpreter tells: Python 3.15 has interpreters around, and ranges of lines."""
    place = {"lineno": 3} if version == (3, 14) else {"location": SimpleNamespace(lineno=3)}
    frames = [
        SimpleNamespace(filename="a.py", funcname="inner", **place),
        SimpleNamespace(filename="<c>", funcname="native", location=None),
    ]
    threads = [SimpleNamespace(thread_id=5, frame_info=frames), SimpleNamespace(thread_id=6, frame_info=[])]
    found = threads if version == (3, 14) else [SimpleNamespace(threads=threads)]
    unwinder = SimpleNamespace(get_stack_trace=lambda: found)
    module = SimpleNamespace(RemoteUnwinder=lambda pid, all_threads: unwinder)
    monkeypatch.setitem(sys.modules, "_remote_debugging", module)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(_stacks, "_READS_ALL", version == (3, 15))
    text, reader, obstacle = _stacks.look(17)
    assert (reader, obstacle) == ("the interpreter", "")
    assert text.splitlines() == [
        "Thread 5 (most recent call first):",
        '  File "a.py", line 3 in inner',
        '  File "<c>", line 0 in native',
        *(["(Python 3.14 reads no further out than to the first call that came through C code)"] * (version < (3, 15))),
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "echo Process 17; echo; echo 'Thread 17 (idle)'; echo '    f (a.py:1)'",
            "Thread 17 (idle)\n    f (a.py:1)",
        ),
        ("echo 'no such process' >&2; exit 1", "py-spy could not read them (RuntimeError: no such process)"),
        ("exit 1", "py-spy could not read them (RuntimeError: exit code 1)"),
    ],
)
def test_py_spy_reads_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: str) -> None:
    monkeypatch.setitem(sys.modules, "_remote_debugging", None)
    program = tmp_path / "py-spy"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    text, reader, obstacle = _stacks.look(17)
    assert (text or obstacle) == expected
    assert reader == ("py-spy" if text else "")


def test_nobody_can_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pid: int) -> str:
        raise PermissionError

    monkeypatch.setitem(sys.modules, "_remote_debugging", None)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    assert _stacks.look(17)[2] == "they cannot be read from outside: that takes CPython 3.14, or py-spy"
    monkeypatch.setattr(_stacks, "_unwind", fail)
    assert _stacks.look(17)[2] == "the interpreter could not read them (PermissionError)"


def test_too_many_processes_are_not_all_asked(
    mp_process: ProcessFactory, mp_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_examination, "MOST", 1)
    ready = mp_context.Semaphore(0)
    child = mp_process(family, ready, daemon=True)
    wait_for_family(ready, child.pid)
    first, *others = child.report().processes
    assert first.stacks
    assert {facts.source for facts in others} == {"too many processes to ask each of them"}


def test_long_stacks_are_cut(mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stacks, "ask", lambda pid, path, state: ("x" * 30, ""))
    monkeypatch.setattr(_examination, "LONGEST", 10)
    child = mp_process(stay, daemon=True)
    assert child.report().stacks == f"{'x' * 10}\n... (20 characters more)"


def test_line_of_a_process(facts: ProcessFacts) -> None:
    assert process_line(facts) == ("process 11 (spawn), started by process 10: sleeping, 2.0 s old, 0.50 s of CPU used")
    ours = replace(facts, name="worker", origin="test_x.py:3 in test_it")
    assert process_line(ours).startswith("'worker' (pid 11, spawn), started by the test at test_x.py:3 in test_it: ")
    below = replace(facts, process=ProcessId(12, "b"), parent=11, start_method="")
    assert process_line(below, (ours, below)).startswith("process 12, started by 'worker' (pid 11): ")
    server = replace(facts, start_method="fork server")
    assert process_line(server).startswith("the fork server of multiprocessing (pid 11), started by process 10: ")


def test_processes_alike_are_told_together(facts: ProcessFacts) -> None:
    many = [
        replace(
            facts,
            process=ProcessId(pid, "a"),
            stacks=f"Current thread 0x{pid:x} (most recent call first):\n  File a",
            source="told by itself",
            waits=("main thread waits",),
        )
        for pid in (20, 21, 22)
    ]
    other = replace(facts, stacks="Thread 0x1:\n  File b", source="told by itself")
    lines = list(process_lines([*many, other]))
    assert lines[0] == "3 processes alike:"
    assert [line[:10] for line in lines[1:4]] == ["process 20", "process 21", "process 22"]
    assert lines[4:8] == [
        "    main thread waits",
        "    stacks of pid 20 (told by itself):",
        "        Current thread 0x14 (most recent call first):",
        "          File a",
    ]
    assert lines[8].startswith("process 11 ")
    assert lines[-1] == "          File b"


def test_process_without_stacks_says_why(facts: ProcessFacts) -> None:
    program = replace(facts, start_method="", source="nobody knows", command="make " + "x" * 300)
    _, why, command = process_lines([program])
    assert why == "    no stacks: nobody knows"
    assert command == f"    command: make {'x' * 195}"
    assert [*process_lines([replace(program, command="")])][1:] == ["    no stacks: nobody knows"]
    with_stacks = replace(program, stacks="Thread 1:\n  File a")
    assert [*process_lines([with_stacks])][1] == f"    command: make {'x' * 195}"


def test_helpers_are_told_in_a_line_or_not_at_all(facts: ProcessFacts) -> None:
    server = replace(facts, start_method="fork server")
    tracker = replace(facts, start_method="resource tracker")
    assert len([*process_lines([server, tracker])]) == 1


def test_long_trees_and_stacks_are_bounded(facts: ProcessFacts) -> None:
    many = [
        replace(facts, process=ProcessId(pid, "a"), stacks=f"Thread:\n  File {pid}")
        for pid in range(100, 103 + MOST_GROUPS)
    ]
    last = f"... and 3 more processes: pids {', '.join(str(100 + MOST_GROUPS + extra) for extra in range(3))}"
    assert [*process_lines(many)][-1] == last
    deep = replace(facts, stacks="\n".join(f"  File {number}" for number in range(MOST_LINES + 5)))
    assert [*process_lines([deep])][-1] == "        ... (5 lines more)"


def test_way_to_the_target_is_left_out(facts: ProcessFacts) -> None:
    stacks = """Thread 0x1:
  File "a.py", line 1 in f
  File "/x/pytest_mpcheck/_children/_call.py", line 2 in __call__
  File "/x/multiprocessing/process.py", line 3 in run
Thread 0x2:
  File "b.py", line 4 in g
"""
    text = "\n".join(process_lines([replace(facts, stacks=stacks)]))
    assert "process.py" not in text
    assert "_call.py" in text
    assert "b.py" in text


def test_time_limit_without_processes_is_not_told(facts: ProcessFacts) -> None:
    assert time_limit_words([]) == ""
    assert time_limit_words([facts]).startswith("alive below the process of the test when its time was up (1):")


def test_origin_is_outside_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(r".*test_autopsy\.py:\d+ in test_origin_is_outside_of_the_package", origin())
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert "test_origin_is_outside" in origin()


def pass_gate(folder: Path, number: int) -> None:
    (folder / str(number)).touch()
    os.close(os.open(folder / "gate", os.O_RDONLY))  # waits for a writer


@pytest.mark.parametrize("kind", ["pool", "executor"])
def test_all_workers_are_told(mp_pool: Any, mp_executor: Any, tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "gate")
    owner = {"pool": mp_pool, "executor": mp_executor}[kind](2)
    start = owner.submit if kind == "executor" else lambda task, *args: owner.apply_async(task, args)
    pending = [start(pass_gate, tmp_path, number) for number in range(2)]
    assert wait_until(lambda: len(list(tmp_path.iterdir())) == 3, Deadline(60))
    error = owner._stuck()
    assert isinstance(error, ChildStuck)
    workers = [facts for facts in error.report.processes if facts.name]
    assert len(workers) == 2
    assert all("in pass_gate" in facts.stacks for facts in workers)
    assert all(re.search(r"test_autopsy\.py:\d+ in \w+, with the task pass_gate", facts.origin) for facts in workers)
    with open(tmp_path / "gate", "wb"):
        for result in pending:
            assert (result.result if kind == "executor" else result.get)() is None


def test_script_past_its_deadline_tells_its_stacks(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        script="""
            import os, sys
            def wait_in_child():
                os.read(os.pipe()[0], 1)
            def wait_in_script():
                os.read(os.pipe()[0], 1)
            if os.fork() == 0:
                wait_in_child()
            wait_in_script()
            """,
        test_it="""
            def test_it(mp_script):
                mp_script("script.py")
            """,
    )
    result = pytester.runpytest_subprocess("--mp-start-methods=fork", "--mp-timeout=3")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *ChildStuck: child 'script.py' (pid *, fork) * and has been ended*",
            "E * 'script.py' (pid *, fork), started by the test at *test_it.py:2 in test_it: sleeping, *",
            "E *in wait_in_script",
            "E *process * (fork), started by 'script.py' (pid *): sleeping, *",
            "E *in wait_in_child",
        ]
    )


TIMED_OUT = """
    import multiprocessing, os, subprocess, sys
    import pytest

    PROGRAM = "import sys; print('ready', flush=True); sys.stdin.read()"

    def wait_in_child(ready):
        print("printed by the child", flush=True)
        ready.set()
        os.read(os.pipe()[0], 1)

    @pytest.fixture
    def started(mp_process, mp_context):
        ready = mp_context.Event()
        mp_process(wait_in_child, ready, name="waiting", daemon=True)
        ready.wait()

    @pytest.fixture
    def foreign():
        command = [sys.executable, "-c", PROGRAM]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            program.stdout.readline()
            yield

    def test_a_in_time(started):
        pass

    def test_b_alone():
        pass

    @pytest.fixture
    def pool(mp_pool, mp_process):
        mp_pool(1).apply(os.getpid)

    @pytest.fixture
    def plain():
        process = multiprocessing.get_context("fork").Process(target=os.read, args=(os.pipe()[0], 1), name="plain")
        process.start()
        yield
        process.kill()
        process.join()
        process.close()

    def test_c_out_of_time(started, pool, plain, foreign):
        print("printed by the test")
        os.read(os.pipe()[0], 1)
"""

# what sets the test up may take its time; the guard, since nothing else would end the plain process where pytest cannot
LIMIT = ("--timeout=1", "-o", "timeout_func_only=true", "--mp-guard=warn")


@pytest.mark.parametrize("capture", ["fd", "sys", "no", "tee-sys"])
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("method", ["signal", "thread"])
def test_processes_are_told_before_the_end(pytester: pytest.Pytester, method: str, workers: str, capture: str) -> None:
    pytester.makepyfile(TIMED_OUT)
    result = pytester.runpytest_subprocess(
        *LIMIT, f"--timeout-method={method}", f"--capture={capture}", f"-n{workers}", "--mp-start-methods=fork"
    )
    text = result.stdout.str() + result.stderr.str()
    lines = re.sub(r"(?m)^E  ?", "", text)
    assert text.count("alive below the process of the test when its time was up (4):") == 1
    assert re.search(r"'waiting' \(pid \d+, fork\), started by the test at \S+:\d+ in started: sleeping", lines)
    assert "in wait_in_child" in lines
    assert re.search(r"'plain' \(pid \d+, fork\), started by the test at \S+:\d+ in plain: sleeping", lines)
    assert re.search(r"process \d+, started by the test at \S+:\d+ in foreign: sleeping", lines)
    assert "command: " in lines
    if method == "signal":  # the test reads from a pipe of its own, which nobody is asked to prove anything of
        assert "or raise the limit of pytest-timeout" in lines
    else:
        assert "or raise the limit of pytest-timeout" in lines or "that is a deadlock, as is proved: " in lines
    assert "printed by the child" in lines
    if method == "signal":
        result.assert_outcomes(passed=2, failed=1)
        assert re.search(r"Failed: Timeout \(?>1\.0s", text)


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
def test_every_start_method_is_told(pytester: pytest.Pytester, start_method: str) -> None:
    pytester.makepyfile(TIMED_OUT)
    result = pytester.runpytest_subprocess(*LIMIT, f"--mp-start-methods={start_method}")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([f"E * 'waiting' (pid *, {start_method}), started by*", "E *in wait_in_child"])


def test_test_without_processes_ends_as_ever(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import os\ndef test_it(): os.read(os.pipe()[0], 1)")
    result = pytester.runpytest_subprocess("--timeout=0.5")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*alive below*")


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_is_told_by_a_dying_process(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(
        """
        import os, subprocess, sys, threading

        def test_it(mp_process, monkeypatch):
            mp_process(print, "printed by the child").join()
            over = threading.Event()
            with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE):
                monkeypatch.setattr(os, "_exit", lambda code: over.set())  # this process lives on
                over.wait()
        """
    )
    result = pytester.runpytest_subprocess(
        "--timeout=3", "--timeout-method=thread", f"-n{workers}", "--mp-start-methods=fork"
    )
    result.assert_outcomes(passed=1)
    (result.stderr if workers == "1" else result.stdout).fnmatch_lines(
        [
            "*processes of *::test_it?fork?*",
            "alive below the process of the test when its time was up (1):",
            "last of stdout of child 'ForkProcess-1' (pid *, fork):",
            "printed by the child",
        ]
    )


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_guard_tells_of_a_deadlock_in_any_test(pytester: pytest.Pytester, method: str) -> None:
    pytester.makepyfile(
        """
        import multiprocessing, time
        import pytest

        def start(name):
            context = multiprocessing.get_context("fork")
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(target=reader.recv, name=name, daemon=True)
            process.start()
            return process, writer

        def test_busy():
            process = start("idle")
            while True:
                time.sleep(0)

        def test_waiting():
            process, writer = start("waiting")
            process.join()
        """
    )
    runs = ["test_busy", "test_waiting"] if method == "thread" else ["test_"]  # where the first one ends them all
    for run in runs:
        result = pytester.runpytest_subprocess("-p", "mpcheck", "--timeout=1", f"--timeout-method={method}", "-k", run)
        text = re.sub(r"(?m)^E? *", "", result.stdout.str() + result.stderr.str())
        if run != "test_waiting":
            busy = text.partition("'idle' (pid ")[2].partition("what to do: ")
            assert re.search(r"^\d+, fork\), started by the test at \S+:\d+ in start: sleeping", busy[0])
            assert "that is a deadlock" not in busy[0]
            assert "or raise the limit of pytest-timeout" in busy[2]
        if run != "test_busy":
            waiting = text.partition("'waiting' (pid ")[2].partition("what to do: ")
            assert "\nwho waits for what:\n" in waiting[0].partition("that is a deadlock, as is proved: ")[2]
            assert not waiting[2].startswith("see what they wait for")


def test_debugger_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, signal, subprocess, sys
        import pytest_timeout

        def test_it(monkeypatch):
            monkeypatch.setattr(pytest_timeout, "SUPPRESS_TIMEOUT", True)
            with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE):
                signal.raise_signal(signal.SIGALRM)
        """
    )
    pytester.runpytest_subprocess("--timeout=60").assert_outcomes(passed=1)


def test_plugin_works_without_pytest_timeout(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mp_process): assert mp_process(abs, -1).result() == 1")
    result = pytester.runpytest_subprocess("-p", "no:timeout", "--mp-start-methods=fork")
    result.assert_outcomes(passed=1)


def test_failed_examination_ends_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def examine(_: object) -> str:
        called.append("examine")
        raise OSError

    def time_is_up(*args: object) -> None:
        called.append("time is up")
        raise TimeoutError

    before = signal.getsignal(signal.SIGALRM)
    with looking_first(examine, called.append, None):
        signal.signal(signal.SIGALRM, time_is_up)
    try:
        with pytest.raises(TimeoutError) as caught:
            signal.raise_signal(signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert called == ["examine", "time is up"]
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("text", ["", "what was seen"])
def test_timer_tells_what_was_seen(text: str) -> None:
    called: list[str] = []
    other = threading.Timer(3600, called.append, ("other",))
    other.start()
    try:
        with looking_first(lambda _: text, called.append, None):
            timer = threading.Timer(0, called.append, ("time is up",))
            hold = threading.Timer(3600, called.append, ("another",))
            hold.start()
    finally:
        other.cancel()
    hold.function(*hold.args)
    hold.cancel()
    assert called == ([text] if text else []) + ["another"]
    assert timer.function == called.append


def test_handler_of_the_limit_is_forgotten_in_a_fork() -> None:
    before = signal.getsignal(signal.SIGALRM)
    try:
        with looking_first(str, print, lambda: None):
            signal.signal(signal.SIGALRM, print)
        thread = threading.Thread(target=time_limit._forget)  # which may not
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGALRM) not in (before, signal.SIG_DFL, print)
        for _ in range(2):
            time_limit._forget()
            assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGALRM, before)


def test_nothing_is_proved_where_nobody_can_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_platforms, "kin", lambda: None)
    assert prove() is None


def test_without_alarms_there_are_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGALRM")
    with looking_first(str, print, None):
        pass


def test_killed_child_out_of_memory(mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = [4]
    monkeypatch.setattr(_platforms, "memory_kills", lambda: kills[0])
    child = mp_process(stay)
    child.kill()
    child.join()
    assert child.report().facts == ()
    kills[0] += 1
    with pytest.raises(ChildDied, match="the kernel killed a process for want of memory") as caught:
        child.result()
    assert len(caught.value.report.facts) == 1


def test_killed_worker_out_of_memory(mp_executor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = iter(range(100))
    monkeypatch.setattr(_platforms, "memory_kills", lambda: next(kills))
    with pytest.raises(ChildDied, match="for want of memory"):
        mp_executor(1).submit(signal.raise_signal, signal.SIGKILL).result()


@pytest.mark.parametrize(
    ("before", "after", "exitcode", "expected"),
    [
        (4, 5, -9, "killed a process for"),
        (4, 7, -9, "killed 3 processes for"),
        (4, 4, -9, ""),
        (4, 5, -15, ""),
        (4, 5, 1, ""),
        (4, None, -9, ""),
        (None, 5, -9, ""),
    ],
)
def test_count_is_told_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
    before: int | None,
    after: int | None,
    exitcode: int,
    expected: str,
) -> None:
    monkeypatch.setattr(_platforms, "memory_kills", lambda: before)
    watch = MemoryWatch()
    monkeypatch.setattr(_platforms, "memory_kills", lambda: after)
    told = " ".join(watch.facts(exitcode))
    assert (expected in told) if expected else told == ""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cgroups/unit/memory.events": "low 0\noom 3\noom_kill 2\n", "proc/vmstat": "oom_kill 9\n"}, 2),
        ({"cgroups/memory/unit/memory.oom_control": "under_oom 0\noom_kill 3\n"}, 3),
        ({"proc/vmstat": "nr_free_pages 1\noom_kill 9\n"}, 9),
        ({"proc/vmstat": "nr_free_pages 1\n"}, None),
        ({"proc/self/cgroup": None}, None),
    ],
)
def test_kernel_counts_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str | None], expected: int | None
) -> None:
    for name, text in ({"proc/self/cgroup": "4:cpu,memory:/unit\n3:cpuset:/\n0::/unit\n"} | files).items():
        if text is not None:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    monkeypatch.setattr(_procfs, "PROC", tmp_path / "proc")
    monkeypatch.setattr(_procfs, "CGROUPS", tmp_path / "cgroups")
    _procfs._counters.cache_clear()
    try:
        assert _procfs.memory_kills() == expected
    finally:
        _procfs._counters.cache_clear()


def test_elsewhere_nobody_counts() -> None:
    assert _anywhere.memory_kills() is None
