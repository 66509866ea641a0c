"""The keeper's parts: who belongs to a scope, how they are ended, and what it does when pytest is gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from pytest_mpcheck import ProcessId, _platforms
from pytest_mpcheck._children._nursery import Nursery
from pytest_mpcheck._clock import Deadline, wait_until
from pytest_mpcheck._keeper import _launch, _main, _run, _sweep
from pytest_mpcheck._keeper._descriptor import Descriptor
from pytest_mpcheck._keeper._doors import NOTES, Doors
from pytest_mpcheck._keeper._launch import Keeper
from pytest_mpcheck._keeper._order import Order
from pytest_mpcheck._keeper._run import Run
from pytest_mpcheck._keeper._scope import Scope
from pytest_mpcheck._keeper._sweep import kill_all, sweep
from pytest_mpcheck._platforms import _anywhere, _linux, _posix, _windows
from pytest_mpcheck._process_facts import Straggler, Swept
from pytest_mpcheck._words import keeper_lines, swept_lines

STAY = "import os; os.write(1, b'ready\\n'); os.read(0, 1)"

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + STAY

LEAVE_ALONE = (
    "what to do: nothing, if that is on purpose; mp_keep names those that are not to be told, "
    "--mp-guard=strict ends them"
)

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program that stays until its standard input closes."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str = STAY, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-c", code]
        env = {name: value for name, value in os.environ.items() if name != _platforms.MARK} | (env or {})
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, **options)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return os.path.realpath(tmp_path)


def identity(process: subprocess.Popen[bytes], module: Any = _platforms) -> ProcessId:
    return ProcessId(process.pid, module.start_token(process.pid))


def straggler(pid: int, command: str, parent: int = 1, session: int = 1) -> Straggler:
    return Straggler(ProcessId(pid, "1"), parent, session, "name", command)


@pytest.mark.parametrize("module", [_linux, _anywhere])
def test_marks_tell_who_belongs_to_a_scope(start: Start, folder: str, module: Any) -> None:
    me = ProcessId(os.getpid(), module.start_token(os.getpid()))
    deep = os.path.join(folder, "deep")
    os.mkdir(deep)
    by_environment = [start(env={"MARK": folder}), start(env={"MARK": deep})]
    with open(os.path.join(deep, "file"), "wb") as file:
        by_file = start(stderr=file)
        parent = start(
            "import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', "
            f"{STAY!r}], env={{}}, stderr=subprocess.DEVNULL)",
            stderr=file,
        )
    noted = start()
    others = [start(), start(env={"MARK": folder + "-other"})]
    found = {one.process.pid: one for one in module.find(folder, "MARK", me, {identity(noted, module)})}
    expected = {process.pid for process in (*by_environment, by_file, parent, noted)}
    child = psutil.Process(parent.pid).children()[0].pid
    assert set(found) == expected | {child}
    assert not {process.pid for process in others}.intersection(found)
    assert found[child].parent == parent.pid
    assert found[noted.pid].session == os.getsid(0)
    assert STAY in found[noted.pid].command
    assert found[noted.pid].name
    later = ProcessId(1, str(int(float(identity(noted, module).start_token)) + 1_000_000))
    assert module.find(folder, "MARK", later) == ()


@pytest.mark.parametrize("module", [_linux, _anywhere])
@pytest.mark.parametrize("has_pidfd", [True, False])
def test_process_is_ended_but_no_later_one_with_its_pid(
    start: Start, monkeypatch: pytest.MonkeyPatch, module: Any, has_pidfd: bool
) -> None:
    if not has_pidfd:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    process = start(STUBBORN)
    process_id = identity(process, module)
    other = ProcessId(process.pid, process_id.start_token + "1")
    assert module.is_alive(process_id)
    assert not module.is_alive(other)
    module.end(other, kill=True)
    module.end(process_id, kill=False)
    assert module.is_alive(process_id)
    module.end(process_id, kill=True)
    assert wait_until(lambda: not module.is_alive(process_id), Deadline(20))  # a zombie is not alive
    module.end(process_id, kill=True)
    process.wait()
    module.end(process_id, kill=True)
    assert not module.is_alive(process_id)


@pytest.mark.parametrize("module", [_posix, _windows])
@pytest.mark.parametrize("has_pidfd", [True, False])
def test_keeper_waits_for_a_word_or_an_end(
    start: Start, monkeypatch: pytest.MonkeyPatch, module: Any, has_pidfd: bool
) -> None:
    if not has_pidfd:
        monkeypatch.setattr(_platforms, "exit_handle", lambda pid: None)
    process = start()
    process_id = identity(process, _anywhere if module is _windows else _platforms)
    read, write = os.pipe()
    os.write(write, b".")
    assert module.first_end(read, [process_id]) is None
    os.close(write)  # that alone means nothing
    ended: list[ProcessId | None] = []
    waiting = threading.Thread(target=lambda: ended.append(module.first_end(read, [process_id])))
    waiting.start()
    process.kill()
    waiting.join(20)
    assert ended == [process_id]
    assert module.first_end(read, [process_id]) == process_id  # it had ended before
    for thread in threading.enumerate():
        if thread.name == "mpcheck-pipe":
            thread.join(20)
    os.close(read)
    last_words, write = os.pipe()
    os.write(write, b".")
    assert module.first_end(last_words, [process_id]) is None  # it had said so before it ended
    os.close(last_words)
    os.close(write)


def test_start_apart_hands_over_a_pipe(tmp_path: Path) -> None:
    told = tmp_path / "told"
    read, write = os.pipe()
    code = f"import os, sys; os.write(2, os.read(int(sys.argv[1]), 9)); open({str(told)!r}, 'w').close()"
    with open(tmp_path / "stderr", "wb") as stderr:
        for module in (_posix, _windows):
            start_apart: Any = module.start_apart
            start_apart([sys.executable, "-I", "-c", code, "{pipe}"], read, stderr.fileno(), dict(os.environ))
            os.write(write, b"word ")
            assert wait_until(told.exists, Deadline(20))
            told.unlink()
    assert (tmp_path / "stderr").read_text() == "word word "
    os.close(read)
    os.close(write)


def test_doors_tell_pids() -> None:
    assert [name for _, name, _ in _posix.doors()] == ["fork_exec", "_fork_exec", "posix_spawn", "posix_spawnp"]
    ((module, name, pid_of),) = _windows.doors()
    assert (module, name, pid_of((0, 0, 5, 6))) == ("_winapi", "CreateProcess", 5)


@pytest.mark.parametrize("controller", [None, ProcessId(2, "3.5")])
@pytest.mark.parametrize("strict", [True, False])
def test_order_survives_the_command_line(controller: ProcessId | None, strict: bool) -> None:
    order = Order(Scope("/folder", ProcessId(1, "2"), 3, strict, ("*a b*", "c")), controller)
    assert Order.of(order.words()) == order


def test_helpers_are_told_from_children_of_the_fork_server() -> None:
    server = "python -c from multiprocessing.forkserver import main; main(1)"
    scope = Scope.here("/folder")
    everybody = (
        straggler(1000001, server, parent=os.getpid()),
        straggler(1000002, server, parent=1000001),
        straggler(1000003, "python -c from multiprocessing.resource_tracker import main;main(5)"),
        straggler(1000004, "sleep"),
        straggler(1000005, server, parent=1),
        straggler(1000006, server, parent=1000004),
        straggler(1000007, "python -c from billiard.semaphore_tracker import main;main(5)"),
    )
    assert [scope.is_helper(one, everybody) for one in everybody] == [True, False, True, False, False, True, True]
    after_pytest = Scope("/folder", ProcessId(0, ""), 0)
    assert after_pytest.is_helper(everybody[4], everybody)


def test_process_that_does_not_end_is_told(start: Start, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start(STUBBORN, env={_platforms.MARK: folder})
    monkeypatch.setattr(_platforms, "end", lambda process, kill: None)
    monkeypatch.setattr(_sweep, "_PATIENCE", 0.05)
    swept = sweep(Scope.here(folder), helpers=False, moment=0.05)
    assert swept.ended == ()
    assert len(swept.undead) == 1
    assert "1 process still there at the end, even after SIGKILL:" in swept_lines(swept, "at the end")


def test_interrupted_sweep_kills_at_once(start: Start, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start(STUBBORN, env={_platforms.MARK: folder})

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_sweep, "_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(Scope.here(folder), helpers=True)
    assert process.wait(20) == -signal.SIGKILL


def test_resource_tracker_gets_its_time_and_is_not_told(start: Start, folder: str) -> None:
    tracker = start(f"# resource_tracker import main\n{STUBBORN}", env={_platforms.MARK: folder})
    assert sweep(Scope.here(folder), helpers=False) == Swept()
    assert tracker.poll() is None
    assert sweep(Scope.here(folder), helpers=True) == Swept()
    assert tracker.wait(20) == -signal.SIGKILL


def test_what_is_kept_is_no_member(start: Start, folder: str) -> None:
    process = start(env={_platforms.MARK: folder})
    kill_all(Scope.here(folder, keep=("*os.read(0*",)))
    assert process.poll() is None
    kill_all(Scope.here(folder))
    assert process.wait(20) == -signal.SIGKILL


def run_keeper(order: Order, **options: Any) -> subprocess.CompletedProcess[str]:
    read, write = os.pipe()
    os.close(write)
    env = {name: value for name, value in os.environ.items() if name != _platforms.MARK}
    command = [sys.executable, "-I", _main.__file__, str(read), *order.words()]
    try:
        return subprocess.run(
            command, pass_fds=(read,), env=env, timeout=60, capture_output=True, text=True, check=True, **options
        )
    finally:
        os.close(read)


@pytest.mark.parametrize("code", [STAY, STUBBORN])
def test_worker_ends_with_its_controller(start: Start, tmp_path: Path, code: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    controller, worker = start(), start(code)
    scope = Scope(str(folder), identity(worker), os.getsid(0))
    order = Order(scope, identity(controller))
    controller.kill()
    controller.wait()
    told = run_keeper(order).stderr
    assert worker.wait(20) == -(signal.SIGTERM if code == STAY else signal.SIGKILL)
    assert told == (
        f"pytest-mpcheck: pytest (pid {worker.pid}) ended before its run was over, because its controller "
        f"(pid {controller.pid}) had ended; no process of the run was left\n"
    )
    assert not folder.exists()


def test_worker_that_notices_by_itself_is_not_signalled(start: Start, tmp_path: Path) -> None:
    worker = start()
    gone = ProcessId(worker.pid, identity(worker).start_token + "1")
    told = run_keeper(Order(Scope(str(tmp_path / "run"), gone, 0), gone)).stderr
    assert f"pytest (pid {worker.pid}) ended before its run was over" in told
    assert worker.poll() is None


def test_keeper_tells_whom_it_ended() -> None:
    swept = Swept(ended=(straggler(5, "x" * 300),), left=(straggler(6, "daemon"), straggler(7, "daemon")))
    assert keeper_lines(ProcessId(4, ""), swept, ProcessId(4, "")) == [
        "pytest-mpcheck: pytest (pid 4) ended before its run was over, by a signal, a crash or os._exit:",
        "1 process still running after it, ended now:",
        f"    pid 5: {'x' * 200}...",
        "what to do: join or terminate them where they are started; mp_keep names those that are to stay",
        "2 processes in a session of their own after it, left alone:",
        "    pid 6: daemon",
        "    pid 7: daemon",
        LEAVE_ALONE,
    ]


def test_descriptor_of_somebody_else_is_not_closed() -> None:
    read, write = os.pipe()
    ours = Descriptor(os.open(os.devnull, os.O_RDONLY))
    os.dup2(read, ours.number)
    ours.close()
    os.close(ours.number)  # it was open
    ours = Descriptor(read)
    os.close(read)
    ours.close()
    os.close(write)


def test_keeper_that_is_gone_is_let_go(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr(_platforms, "start_apart", lambda *args: None)
    keeper = Keeper(Order(Scope.here(folder), None), 2)
    keeper.let_go()
    keeper.let_go()
    assert not _launch.is_at_work()


DOORS = """
import sys
import _posixsubprocess
from pytest_mpcheck._keeper._doors import Doors

sys.modules.pop("subprocess", None)  # what measures coverage may have imported it
before = _posixsubprocess.fork_exec
first, second = Doors(sys.argv[1]), Doors(sys.argv[1])
first.open()
second.open()
import subprocess
subprocess.run([sys.executable, "-I", "-c", ""], check=True)
second.close()
first.close()
assert subprocess._fork_exec is _posixsubprocess.fork_exec is before
"""


def test_doors_are_watched_before_subprocess_is_imported(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DOORS, str(tmp_path)], check=True, timeout=60)
    pids = {line.split()[0] for line in (tmp_path / NOTES).read_text().splitlines()}
    assert len(pids) == 1


def test_doors_note_nothing_once_the_folder_is_gone(tmp_path: Path) -> None:
    Doors(str(tmp_path / "gone")).note(os.getpid())
    assert not (tmp_path / "gone").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="processes alone tell there when they started")
def test_start_is_noted_without_a_look_at_the_process(
    monkeypatch: pytest.MonkeyPatch, start: Start, tmp_path: Path
) -> None:
    looked: list[int] = []
    doors = Doors(str(tmp_path))
    doors.open()
    with monkeypatch.context() as patch:
        patch.setattr(_platforms, "start_token", looked.append)
        process = start()
        doors.note(os.getpid(), since=0)  # so long ago that the clock does not tell
    doors.close()
    assert looked == [os.getpid()]
    started = identity(process)
    assert f"{started.pid} {started.start_token}" in (tmp_path / NOTES).read_text().splitlines()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
def test_start_goes_on_though_there_is_no_room_for_its_note(tmp_path: Path) -> None:
    (tmp_path / NOTES).symlink_to("/dev/full")
    Doors(str(tmp_path)).note(os.getpid())


def test_damaged_notes_are_left_out(start: Start, folder: str) -> None:
    process = start()
    Path(folder, NOTES).write_bytes(b"\xff 1\nx 2\n7\n")
    Doors(folder).note(process.pid)
    assert [one.process.pid for one in Scope.here(folder).members()] == [process.pid]


def test_start_that_is_not_to_be_noted_is_not(tmp_path: Path) -> None:
    doors = Doors(str(tmp_path), lambda: False)
    doors.open()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    subprocess.run([sys.executable, "-I", "-c", ""], check=True)
    doors.close()
    assert list(tmp_path.iterdir()) == []


def new_run(guard: str = "warn") -> Run:
    return Run(guard, (), lambda: os.dup(2), has_controller=True)


def test_run_without_a_process_leaves_no_trace(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    monkeypatch.setenv(_platforms.MARK, "/nowhere")
    monkeypatch.setattr(Keeper, "__init__", None)  # whoever makes one fails
    before = os.environ.copy()
    run = new_run()
    assert os.listdir(folder) == []
    run.close()
    run.close()
    run = new_run()
    run.watch()
    assert os.listdir(folder) != []
    assert run.sweep() == Swept()
    run.close()
    assert os.listdir(folder) == []
    assert os.environ.copy() == before


def test_run_ends_what_is_left_though_nobody_has_swept(
    start: Start, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    monkeypatch.delenv(_platforms.MARK, raising=False)
    monkeypatch.setattr(_run, "_runs", [])  # the run that this test is part of is to go on
    run = new_run()
    run.watch()
    process = start(STUBBORN)
    _run._close_all()  # as the end of the interpreter does
    assert process.wait(20) == -signal.SIGKILL
    assert os.listdir(folder) == []


def test_folder_that_a_test_has_deleted_is_made_again(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    run = new_run()
    shutil.rmtree(os.path.dirname(run.new_scope().folder))
    scope = run.new_scope()
    assert os.path.isdir(scope.folder)
    run.close()
    assert not os.path.isdir(scope.folder)


def test_forked_child_changes_nothing(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    run = new_run()
    scope = run.new_scope()
    pid = os.fork()
    if pid == 0:
        run.close()
        os._exit(run.sweep() != Swept() or not os.path.isdir(scope.folder))
    assert os.waitpid(pid, 0)[1] == 0
    run.close()
    assert not os.path.isdir(scope.folder)


def test_process_that_is_about_to_end_is_no_leftover(
    start: Start, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    monkeypatch.delenv(_platforms.MARK, raising=False)
    run = new_run()
    run.watch()
    process = start()
    assert process.stdin is not None
    os.write(process.stdin.fileno(), b".")
    monkeypatch.setattr(_run, "_ABOUT_TO_END", 20)
    assert run.sweep() == Swept()
    run.close()
    shutil.rmtree(folder)


def test_door_that_is_not_there_or_replaced_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_platforms, "doors", lambda: (("os", "no_such_door", int), ("os", "getppid", int)))
    monkeypatch.setattr(os, "getppid", os.getppid)
    doors = Doors(str(tmp_path))
    doors.open()
    replacement: Any = lambda: 1  # noqa: E731
    os.getppid = replacement
    monkeypatch.delitem(sys.modules, "subprocess")
    doors.close()
    assert os.getppid is replacement


@pytest.mark.parametrize("is_to_be_noted", [True, False])
def test_forked_child_notes_itself(tmp_path: Path, is_to_be_noted: bool) -> None:
    doors = Doors(str(tmp_path), lambda: is_to_be_noted)
    doors.before_fork()
    doors.in_forked_child()  # called here: a forked child would not tell that it was
    assert (tmp_path / NOTES).exists() == is_to_be_noted


def test_forked_child_starts_no_keeper(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    monkeypatch.setattr(Keeper, "__init__", None)  # whoever makes one fails
    run = new_run()
    run.watch()
    monkeypatch.setattr(run, "_pid", 0)
    assert run._before_start()
    monkeypatch.setattr(run, "_pid", os.getpid())
    run.close()


def test_run_within_a_run_leaves_the_pools_of_the_outer_one_alone(
    start: Start, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    outer, inner = new_run(), new_run()
    outer.watch()
    process_of_outer = start(env={_platforms.MARK: os.environ[_platforms.MARK]})
    inner.watch()
    process = start(STUBBORN, env={_platforms.MARK: os.environ[_platforms.MARK]})
    monkeypatch.setattr(_run, "_finalize", None)  # whoever calls it fails
    monkeypatch.setattr(_run, "_ABOUT_TO_END", 0)
    assert [one.process.pid for one in inner.sweep().ended] == [process.pid]
    inner.close()
    assert process_of_outer.poll() is None
    outer.close()
    assert process_of_outer.wait(20) == -signal.SIGKILL


def test_finalizers_run_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "multiprocessing.util", raising=False)
    _run._finalize()


def test_command_line_of_nobody_is_empty() -> None:
    assert _linux.command_of(2**30) == ""


def test_interrupt_while_threads_are_ended_goes_on() -> None:
    nursery = Nursery("thread", 30, [], echo=lambda: "nowhere")
    child = nursery.start(int, (), None, None)
    child.join()
    assert nursery.known() == {}

    def interrupted() -> None:
        raise KeyboardInterrupt

    nursery.members.append(SimpleNamespace(end=interrupted, settle=int))
    with pytest.raises(KeyboardInterrupt):
        nursery.close()


def test_start_goes_on_though_no_keeper_can_be_had(start: Start, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    monkeypatch.delenv(_platforms.MARK, raising=False)
    starts: list[object] = []

    def scarce(*args: object) -> None:
        starts.append(args)
        raise BlockingIOError

    monkeypatch.setattr(_platforms, "start_apart", scarce)
    run = new_run()
    run.watch()
    process = start(STUBBORN)
    assert starts
    run.close()
    assert process.wait(20) == -signal.SIGKILL


def test_keeper_gets_a_new_stderr_where_a_test_has_closed_it(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", folder)
    run = new_run()
    run.watch()
    assert run._told_on is not None
    os.close(run._told_on.number)
    run.new_scope()
    assert run._told_on.is_ours()
    run.close()
