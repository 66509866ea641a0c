"""What each thread of a process waits for, as Linux tells it."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import _platforms
from pytest_mpcheck._clock import Deadline, wait_until
from pytest_mpcheck._deadlocks._kinds import explain
from pytest_mpcheck._deadlocks._look import Look, look, nobody_else_gives, who_gives
from pytest_mpcheck._platforms import _anywhere, _kin, _proc
from pytest_mpcheck._process_facts import Awaited, ThreadWait

pytestmark = pytest.mark.skipif(_platforms.kin() is None, reason="only Linux tells what a thread waits for")


def seen_when(pid: int, words: str) -> ThreadWait:
    """Wait until a process of one thread waits for what the words say."""
    seen: list[ThreadWait] = []

    def waits() -> bool:
        seen[:] = _proc.waits_of(pid)
        return any(words in wait.what for wait in seen)

    assert wait_until(waits, Deadline(20)), seen
    return seen[0]


@pytest.fixture
def waits_in() -> Iterator[Callable[[Callable[[], object], str], tuple[int, ThreadWait]]]:
    """Fork a process that calls a function which waits; return its pid and its wait."""
    pids: list[int] = []

    def start(function: Callable[[], object], words: str) -> tuple[int, ThreadWait]:
        pid = os.fork()
        if pid == 0:  # pragma: no cover
            os.setpgid(0, 0)
            try:
                function()
            finally:
                os._exit(0)
        pids.append(pid)
        return pid, seen_when(pid, words)

    yield start
    for pid in pids:
        os.killpg(pid, signal.SIGKILL)  # some have a child
        os.waitpid(pid, 0)


def libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def wait_on_pipe() -> None:
    os.read(os.pipe()[0], 1)


def wait_for_group() -> None:
    if os.fork() == 0:
        time.sleep(1000)
    os.waitpid(0, 0)


def wait_for_any_child() -> None:
    if os.fork() == 0:
        time.sleep(1000)
    os.wait()


def wait_for_lock_of_file() -> None:
    import fcntl

    with tempfile.NamedTemporaryFile() as file, open(file.name, "w") as again:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.flock(again, fcntl.LOCK_EX)


def wait_for_epoll() -> None:
    epoll = select.epoll()
    epoll.register(os.pipe()[0])
    epoll.poll(1000)


def wait_for_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.accept()


def wait_for_select() -> None:
    select.select([os.pipe()[0]], [], [], 1000)


def wait_for_poll() -> None:
    poll = select.poll()
    poll.register(os.pipe()[0])
    poll.poll(1_000_000)


def wait_for_reopened_pipe() -> None:
    read, _ = os.pipe()
    os.read(os.open(f"/proc/self/fd/{read}", os.O_RDWR), 1)


CASES: list[tuple[Callable[[], object], str, bool, bool]] = [
    (wait_on_pipe, "waits to read from pipe", False, True),
    (wait_for_reopened_pipe, "waits to read from pipe", False, False),
    (wait_for_group, "waits for the end of a process of a group", False, False),
    (wait_for_any_child, "waits for the end of any of its children", False, True),
    (wait_for_lock_of_file, "waits for the lock of a file", False, False),
    (wait_for_epoll, "for a time", True, True),
    (wait_for_select, "for a time", True, True),
    (wait_for_poll, "for a time", True, True),
    (wait_for_connection, "waits for", False, False),
    (signal.pause, "waits for a signal", False, False),
    (lambda: signal.sigwait([signal.SIGUSR2]), "waits for a signal", False, False),
    (lambda: select.select([], [], [], 1000), "sleeps for a time", True, False),
    (lambda: select.poll().poll(), "waits for a signal", False, False),
    (lambda: time.sleep(1000), "sleeps for a time", True, False),
]

if hasattr(signal, "sigtimedwait"):  # PyPy has none
    CASES.append((lambda: signal.sigtimedwait([signal.SIGUSR2], 1000), "waits for a signal", True, False))


@pytest.mark.parametrize(
    ("function", "words", "timed", "known"), CASES, ids=[str(number) for number in range(len(CASES))]
)
def test_wait_is_told(waits_in: Any, function: Callable[[], object], words: str, timed: bool, known: bool) -> None:
    _, wait = waits_in(function, words)
    assert words in wait.what
    assert wait.timed == timed
    assert bool(wait.awaited) == known


def test_nobody_waits_for_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    assert wait_until(lambda: _kin.KinOfProc().is_zombie(process.pid), Deadline(20))
    assert _proc.waits_of(process.pid) == ()
    process.wait()
    assert _proc.waits_of(process.pid) == ()
    assert _anywhere.waits_of(os.getpid()) == ()
    assert _anywhere.kin() is None


def test_stopped_process_waits_for_nothing(waits_in: Any) -> None:
    pid, _ = waits_in(wait_on_pipe, "waits to read")
    os.kill(pid, signal.SIGSTOP)
    assert wait_until(lambda: [wait.what for wait in _proc.waits_of(pid)] == ["is stopped"], Deadline(20))


def test_unknown_machine_tells_nothing(monkeypatch: pytest.MonkeyPatch, waits_in: Any) -> None:
    pid, _ = waits_in(wait_on_pipe, "waits to read")
    monkeypatch.setattr(_proc, "_machine", lambda pid: 0)
    assert [(wait.what, wait.awaited) for wait in _proc.waits_of(pid)] == [("waits in the kernel", ())]


def test_thread_that_ends_meanwhile_is_left_out() -> None:
    assert _proc._wait_of(os.getpid(), 2**22 - 1, {}) is None


def test_descriptor_that_is_closed_meanwhile_is_no_error() -> None:
    assert _proc._tell(os.getpid(), "S", ["0", "0x3fffffff", *["0x0"] * 5], _proc._NUMBERS[62])[2] == ()


def test_futex_that_is_no_wait_and_memory_that_is_not_there() -> None:
    assert _proc._tell_futex(os.getpid(), "futex", [0, 1, 0, 0]) == ("waits in the kernel", False, ())
    with pytest.raises(ValueError, match="no memory at 1 "):
        _proc._shared_memory(os.getpid(), 1)


def test_thread_that_is_gone_and_file_that_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _proc._wait_of(os.getpid(), 1 << 30, {}) is None
    with monkeypatch.context() as patch:
        patch.setattr(_proc, "read_text", lambda path: "Name:\tpython\nState:\tZ (zombie)\n")
        assert _proc._wait_of(os.getpid(), os.getpid(), {}) is None
    with open(tmp_path / "file", "wb") as file:
        assert _proc._awaited(os.getpid(), file.fileno()) == ((), str(tmp_path / "file"))


def test_waitid_of_a_process_and_of_a_pidfd(tmp_path: Path) -> None:
    here = os.getpid()
    assert _proc._tell_waitid(here, "waitid", [1, 4711])[2] == (Awaited("process", "4711"),)
    assert _proc._tell_waitid(here, "waitid", [0, 0])[2] == (Awaited("children", str(here)),)
    assert _proc._tell_waitid(here, "waitid", [2, 4711])[2] == ()
    handle = _platforms.exit_handle(os.getppid())
    if handle is not None:
        assert _proc._tell_waitid(here, "waitid", [3, handle])[2] == (Awaited("process", str(os.getppid())),)
        os.close(handle)


def test_peers_of_sockets() -> None:
    one, other = socket.socketpair()
    with one, other, socket.socket() as lonely:
        names = [os.readlink(f"/proc/self/fd/{end.fileno()}")[8:-1] for end in (one, other, lonely)]
        assert _kin.KinOfProc().peers(set(names)) == {names[0]: names[1], names[1]: names[0]}


def test_obstacles(waits_in: Any) -> None:
    def with_handler() -> None:
        signal.signal(signal.SIGUSR2, print)
        wait_on_pipe()

    def with_timer() -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        timer = ctypes.c_void_p()
        libc().timer_create(1, None, ctypes.byref(timer))
        wait_on_pipe()

    kin = _kin.KinOfProc()
    assert kin.obstacle(waits_in(with_handler, "waits to read")[0]) == "it has a handler for a signal"
    if Path("/proc/self/timers").exists():
        assert "it has a" in kin.obstacle(waits_in(with_timer, "waits to read")[0])


def test_traced_process_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kin, "read_text", lambda path: "TracerPid:\t4711\n")
    assert _kin.KinOfProc().obstacle(os.getpid()) == "it is traced"


def test_family() -> None:
    kin = _kin.KinOfProc()
    process = subprocess.Popen(["sh", "-c", "sleep 1000 & echo; wait"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    family = kin.descendants(os.getpid())
    assert process.pid in family
    (grandchild,) = kin.descendants(process.pid)
    assert grandchild in family
    assert kin.descendants(grandchild) == ()
    assert process.pid not in kin.outsiders(set(family))
    os.kill(grandchild, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert kin.descendants(process.pid) == ()


LOCK, SHARED = Awaited("lock", "1"), Awaited("shared lock", "m")
READ, WRITE, SOCKET = Awaited("pipe", "7", "read"), Awaited("pipe", "8", "write"), Awaited("socket", "9")


@pytest.mark.parametrize(
    ("members", "givers", "what"),
    [
        ({2: [LOCK]}, {}, "it waits for a lock of its own that no thread of it can release"),
        (
            {2: [SHARED]},
            {SHARED: (1, 2)},
            "it waits for a lock, semaphore or condition that nobody is awake to release",
        ),
        ({2: [READ]}, {READ: ()}, "it waits to read from pipe 7, into which nobody can write"),
        ({2: [READ]}, {READ: (2,)}, "it waits to read from pipe 7, into which nobody else can write"),
        (
            {2: [READ], 3: [LOCK]},
            {READ: (9,)},
            "process 3 waits for a lock of its own that no thread of it can release",
        ),
        (
            {2: [SOCKET], 3: [LOCK]},
            {SOCKET: (1, 3)},
            "it waits to read from socket 9, into which only the test and process 3 could",
        ),
        ({2: [WRITE]}, {WRITE: (2,)}, "it waits to write to the full pipe 8, which nobody else has open"),
        ({2: [WRITE]}, {WRITE: (3, 4)}, "full pipe 8, which process 3 or process 4 could read, but they wait as well"),
        ({2: [Awaited("process", "2")]}, {}, "every process waits for another"),
        ({2: [Awaited("children", "2")]}, {}, "every process waits for another"),
    ],
)
def test_kinds(members: dict[int, list[Awaited]], givers: dict[Awaited, tuple[int, ...]], what: str) -> None:
    seen = [(1, ())] + [(pid, (ThreadWait(pid, "waits", False, tuple(all_)),)) for pid, all_ in members.items()]
    deadlock = explain(seen, givers, {}, 2)
    assert what in deadlock.what
    assert deadlock.remedy
    assert len(deadlock.waits) == len(members)


def test_names_of_children_that_are_closed(mp_process: Any) -> None:
    from pytest_mpcheck._deadlocks import names_of_children

    child = mp_process(int, name="named")
    assert names_of_children().get(child.pid, "named") == "named"
    child.join()
    child.process.close()
    assert child.pid not in names_of_children()


def test_no_proof_where_nothing_is_known(mp_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_platforms, "kin", lambda: None)
    from pytest_mpcheck._deadlocks import Vigil

    vigil = Vigil(1, 0, dict)
    assert vigil.pause() == float("inf")
    assert vigil.look() is None
    assert mp_process(abs, -1).result() == 1
    assert threading.active_count() >= 1


class NoKin:
    """Kin of which nothing may be asked."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def refuse(*args: object) -> Any:
            raise PermissionError

        return refuse


def test_no_look_at_who_may_not_be_looked_at() -> None:
    kin: Any = NoKin()
    assert look(kin, None, 0) is None
    waits = (ThreadWait(2, "waits", False, (SOCKET,)),)
    seen = Look(((os.getpid(), waits),), ())
    assert not nobody_else_gives(kin, seen)
    assert who_gives(kin, seen) == {}


def test_socket_without_a_single_peer_proves_nothing() -> None:
    seen = Look(((os.getpid(), (ThreadWait(2, "waits", False, (SOCKET,)),)),), ())
    assert not nobody_else_gives(_kin.KinOfProc(), seen)


def test_nothing_is_proved_without_descendants() -> None:
    class Alone(_kin.KinOfProc):
        def descendants(self, pid: int) -> tuple[int, ...]:
            return ()

    assert look(Alone(), None, 0) is None


def test_helpers_are_told_from_their_children(mp_process: Any, mp_start_method: str) -> None:
    child = mp_process(signal.pause, daemon=True)
    kin = _kin.KinOfProc()
    assert not kin.is_helper(child.pid)
    helpers = [pid for pid in kin.descendants(os.getpid()) if kin.is_helper(pid)]
    assert bool(helpers) or mp_start_method == "fork"
