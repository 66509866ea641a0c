"""What differs between platforms: the file of this one, and those of the others as far as they can run here."""

from __future__ import annotations

import errno
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from pytest_mpcheck import ProcessId, _platforms
from pytest_mpcheck._autopsy import _stacks
from pytest_mpcheck._clock import Deadline, wait_until
from pytest_mpcheck._platform_offers import CURRENT, OFFERS
from pytest_mpcheck._platforms import (
    _anywhere,
    _brand,
    _holdings,
    _linux,
    _macos,
    _membership,
    _proc_self,
    _stat,
    _watcher,
    _windows,
)
from pytest_mpcheck.fixtures import ProcessFactory

CONTRACT = [name for name in _platforms.__all__ if name not in ("MARK", "Kin", "available_kinds")]

FOLLOW = """
import importlib, os, sys
module = importlib.import_module("pytest_mpcheck._platforms." + sys.argv[1])
read, write = os.pipe()
if os.fork() == 0:
    os.close(write)
    if len(sys.argv) > 2:
        os.read(read, 1)  # until the parent is gone
    module.follow_parent(read)
    print(os.getpid(), flush=True)
    os.read(os.pipe()[0], 1)
os.close(read)
if len(sys.argv) == 2:
    sys.stdin.read()
"""


@pytest.mark.parametrize("module", [_linux, _macos, _windows])
def test_each_platform_keeps_the_contract(module: ModuleType) -> None:
    assert sorted(module.__all__) == sorted(CONTRACT)
    for name in CONTRACT:
        assert hasattr(module, name)


def test_this_platform_is_one_of_those() -> None:
    assert CURRENT in OFFERS
    assert set(_platforms.available_kinds()) >= {"spawn", "thread"}
    assert ("interpreter" in _platforms.available_kinds()) == (sys.version_info >= (3, 14))


BRANDED = """
import subprocess, sys
from pytest_mpcheck._platforms import _brand
print(_brand.set_brand(None), _brand.new_brand() != _brand.new_brand())
brand = _brand.new_brand()
print(_brand.set_brand(brand), _brand.set_brand(brand) == brand)
child = subprocess.Popen(["sh", "-c", "echo .; read line"], env={}, stdin=-1, stdout=-1)
child.stdout.readline()
print(_brand.brand_of(child.pid) == brand, _brand.set_brand(None) == brand)
child.communicate(b".")
print(_brand.brand_of(child.pid))
import os, resource
print(_brand.brand_of(os.getpid()))
resource.setrlimit(15, (1000, resource.RLIM_INFINITY))
print(_brand.set_brand(brand), resource.getrlimit(15)[0], _brand.brand_of(os.getpid()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is a limit that Linux alone has")
def test_brand_is_inherited_by_whoever_descends() -> None:
    told = subprocess.run([sys.executable, "-c", BRANDED], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert told.splitlines() == ["None True", "None True", "True True", "None", "None", "None 1000 None"]


def test_brand_may_be_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (_anywhere.new_brand(), _anywhere.set_brand(1)) == (None, None)
    assert (_anywhere.start_clock(), _windows.uncollected(os.getpid())) == (None, None)
    assert _holdings.thread_count() == threading.active_count()

    def refuse(*_: object) -> None:
        raise OSError("not here")

    monkeypatch.setattr("resource.getrlimit", refuse)
    assert _brand.set_brand(_brand.new_brand()) is None


@pytest.mark.parametrize("module", ["_linux", "_watcher"])
def test_process_ends_with_its_parent(module: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", FOLLOW, module], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdin is not None
    pid = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: is_gone(pid), Deadline(20))
    parent.stdin.close()
    parent.stdout.close()


@pytest.mark.parametrize("module", ["_linux", "_watcher"])
def test_process_whose_parent_is_gone_already_ends(module: str) -> None:
    parent = subprocess.run(
        [sys.executable, "-c", FOLLOW, module, "late"], stdout=subprocess.PIPE, timeout=60, check=True
    )
    assert module == "_watcher" or parent.stdout == b""  # the thread may have let it get that far


def test_watcher_ends_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: queue.Queue[int] = queue.Queue()
    monkeypatch.setattr(os, "_exit", codes.put)
    read, write = os.pipe()
    _watcher.follow_parent(read)
    assert codes.empty()
    os.close(write)
    assert codes.get(timeout=20) == 1
    os.close(read)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("module", [_linux, _anywhere])
def test_start_token_tells_processes_apart(module: Any, mp_process: ProcessFactory) -> None:
    child = mp_process(int)
    child.join()
    assert module.start_token(os.getpid()) == module.start_token(os.getpid()) != ""
    assert module.start_token(child.pid) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="it takes a program that ends nobody whom it has not started")
def test_only_zombies_of_this_process_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # who never waits for the one that has ended, and ends with its standard input
    shell = subprocess.Popen(["sh", "-c", "true & exec cat"], stdin=subprocess.PIPE)
    me = psutil.Process(shell.pid)
    assert wait_until(lambda: any(is_gone(child.pid) for child in me.children()), Deadline(20))
    (zombie,) = me.children()
    since = ProcessId(os.getpid(), _linux.start_token(os.getpid()))
    assert zombie.pid not in {one.process.pid for one in _anywhere.family("", "", since, None, set())[1]}
    with monkeypatch.context() as patch:  # it ends while somebody looks
        patch.setattr(_membership, "stat_of", lambda pid: (stat := _stat.stat_of(pid)) and stat._replace(state="S"))
        living, zombies = _membership.family("", "", since, None, set())
    assert zombie.pid not in {one.process.pid for one in (*living, *zombies)}
    shell.communicate()


def test_exit_handle_of_nobody_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert _linux.exit_handle(os.getpid()) is None
    assert _macos.exit_handle(os.getpid()) is None
    assert _windows.exit_handle(os.getpid()) is None


def test_child_is_waited_for_without_an_exit_handle(
    mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_platforms, "exit_handle", lambda pid: None)
    assert mp_process(abs, -1).result() == 1


def test_group_is_seen_and_ended() -> None:
    code = "import os; os.fork(); os.write(1, b'ready\\n'); os.read(os.pipe()[0], 1)"
    leader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert leader.stdout is not None
    assert [leader.stdout.readline(), leader.stdout.readline()] == [b"ready\n"] * 2
    assert [code in command for command in _platforms.group_members(leader.pid)] == [True, True]
    _platforms.end_group(leader.pid)
    assert leader.wait(20) == -signal.SIGKILL
    assert wait_until(lambda: _platforms.group_members(leader.pid) == (), Deadline(20))
    _platforms.end_group(leader.pid)  # nobody there any more
    leader.stdout.close()


def test_tree_is_ended_where_there_are_no_groups() -> None:
    code = "import os; os.write(1, b'%d\\n' % (os.fork() or os.getpid())); os.read(os.pipe()[0], 1)"
    leader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert leader.stdout is not None
    pids = {int(leader.stdout.readline()), int(leader.stdout.readline())}
    assert _windows.group_members(leader.pid) == ()
    _windows.end_group(leader.pid)
    leader.wait(20)
    for pid in pids:
        assert wait_until(lambda pid=pid: is_gone(pid), Deadline(20))  # type: ignore[misc]
    _windows.end_group(leader.pid)
    leader.stdout.close()


def test_tree_that_ends_meanwhile_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    leader = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert leader.stdin is not None

    def end_too_late(process: psutil.Process) -> None:
        leader.communicate(b"\n")
        raise psutil.NoSuchProcess(process.pid)

    monkeypatch.setattr(psutil.Process, "kill", end_too_late)
    _windows.end_group(leader.pid)
    assert leader.returncode == 0


def test_stacks_are_none_where_no_signal_asks(mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_platforms, "STACK_SIGNAL", None)
    monkeypatch.setattr(_stacks, "look", lambda pid: ("", "", "and nobody looks"))
    child = mp_process(signal.pause, daemon=True)
    assert child.report().stacks == "(none: this platform has no signal to ask a process by; and nobody looks)"


def test_stacks_are_none_before_the_target(mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(path: str) -> int:
        raise FileNotFoundError(path)

    child = mp_process(signal.pause, daemon=True)
    assert child._worker.station is not None
    monkeypatch.setattr("os.path.getsize", no_file)
    monkeypatch.setattr(_stacks, "look", lambda pid: ("", "", "and nobody looks"))
    assert child._worker.stacks() == "(none: the child has not come as far as its target; and nobody looks)"


def test_spawn_is_all_that_windows_offers(pytester: pytest.Pytester) -> None:
    """What Windows users will see: the whole of the surface by spawn alone."""
    pytester.makepyfile(
        """
        def square(number):
            return number * number

        def test_process(mp_process, mp_start_method):
            assert mp_start_method == "spawn"
            assert mp_process(lambda: square(3)).result() == 9

        def test_pool_and_executor(mp_pool, mp_executor):
            assert mp_pool(1).map(square, [3]) == list(mp_executor(1).map(square, [3])) == [9]

        def test_backend(mp_backend, mp_process):
            assert mp_process(square, 3).result() == 9
            assert mp_backend in ("spawn", "thread", "interpreter")

        def test_script(mp_script, tmp_path):
            path = tmp_path / "script.py"
            path.write_text("import multiprocessing; print(multiprocessing.get_start_method())")
            assert mp_script(path).stdout == "spawn\\n"
        """
    )
    interpreters = int(sys.version_info >= (3, 14))
    pytester.runpytest_subprocess("--mp-platform=windows").assert_outcomes(passed=5 + interpreters)


@pytest.mark.parametrize("module", [_holdings, _proc_self])
def test_descriptors_of_this_process(module: ModuleType) -> None:
    read, write = os.pipe()
    again = os.dup(read)
    folder = os.open(".", os.O_RDONLY)
    try:
        found = module.descriptors()
    finally:
        for number in (read, write, again, folder):
            os.close(number)
    assert found[read] == found[again]
    assert "pipe" in found[read]
    assert "pipe" in found[write]
    assert found[folder] == f"{os.getcwd()} (read)" or found[folder].startswith("folder ")
    assert not {read, write, again, folder}.intersection(module.descriptors())


def test_descriptors_where_nobody_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise FileNotFoundError("no such folder")

    read, write = os.pipe()
    monkeypatch.setattr(os, "listdir", refuse)
    assert {read, write} <= set(_holdings.descriptors())
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("module", [_holdings, _proc_self])
def test_umask_of_this_process(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o027)
    try:
        assert module.umask() == 0o027
        monkeypatch.setattr(_proc_self, "_read", lambda _: "")  # as with Linux before 4.7
        assert module.umask() == 0o027
    finally:
        os.umask(before)


def test_ignored_signals() -> None:
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        assert signal.SIGUSR2 in _proc_self.ignored_signals()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert signal.SIGUSR2 not in _proc_self.ignored_signals()
    assert _holdings.ignored_signals() == frozenset()


@pytest.mark.parametrize("module", [_linux, _macos, _windows])
def test_clock_of_events_goes_on(module: Any) -> None:
    clock = module.event_clock()
    first = clock()
    assert isinstance(first, int)
    assert clock() >= first
    assert module.clock_is_shared()


@pytest.mark.parametrize("module", [_linux, _macos, _windows])
def test_room_is_reserved_or_refused(module: Any, tmp_path: Path) -> None:
    with open(tmp_path / "file", "w+b") as file:
        module.reserve(file.fileno(), 0, 4096)
        if module is not _windows:  # which gives memory that is mapped its room at once
            with pytest.raises(OSError):  # noqa: PT011  # whatever the system says
                module.reserve(file.fileno(), 0, 1 << 60)


def test_room_is_refused_by_a_number_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.posix_fallocate", lambda *_: errno.ENOSPC)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        _linux.reserve(1, 0, 1)


def test_windows_process_ends_itself_as_multiprocessing_would(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("os.kill", lambda pid, number: told.append((pid, number)))
    _windows.end_self()
    assert told == [(os.getpid(), 0x10000)]
