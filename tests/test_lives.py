"""When processes begin and end, as noted for a trace."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mpcheck._children._lives import LifeLog, record_lives
from pytest_mpcheck._children._starts import DOORS
from pytest_mpcheck._trace._life import Life

pytestmark = pytest.mark.mp

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture
def log() -> Iterator[LifeLog]:
    with record_lives() as log:
        yield log


def told(life: Life) -> tuple[str, str, int | None]:
    return life.name, life.start_method, life.exitcode


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("collect", ["join", "is_alive", "exitcode"])
def test_process_begins_and_ends(log: LifeLog, method: str, collect: str) -> None:
    process = multiprocessing.get_context(method).Process(target=os._exit, args=(3,), name="one")  # type: ignore[attr-defined]
    before = log.clock()
    process.start()
    assert log.lives()[-1].end is None
    multiprocessing.connection.wait([process.sentinel])
    if collect == "join":
        process.join()
    while process.is_alive() if collect == "is_alive" else process.exitcode is None:
        pass
    (life,) = log.lives()
    assert told(life) == ("one", method, 3)
    assert life.process.pid == process.pid
    assert "test_process_begins_and_ends" in life.origin
    assert life.end is not None
    assert before <= life.begin < life.end <= log.clock()


@pytest.mark.parametrize("method", METHODS)
def test_workers_of_pools_and_executors(log: LifeLog, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        pool.map(abs, [1])
        pool.close()
        pool.join()
    with ProcessPoolExecutor(1, context) as executor:
        assert executor.submit(abs, -1).result() == 1
    assert [life.exitcode for life in log.lives()] == [0, 0, 0]
    assert {life.start_method for life in log.lives()} == {method}


def test_programs(log: LifeLog, tmp_path: Path) -> None:
    name = os.path.basename(sys.executable)
    subprocess.run([sys.executable, "-c", "raise SystemExit(3)"], check=False)
    subprocess.run(sys.executable, stdin=subprocess.DEVNULL, check=True)
    killed = subprocess.Popen([Path(sys.executable), "-c", "input()"], stdin=subprocess.PIPE)
    killed.kill()
    while killed.poll() is None:
        pass
    killed.communicate()
    code = 1 if sys.platform == "win32" else -signal.SIGKILL
    assert [told(life) for life in log.lives()] == [(name, "", 3), (name, "", 0), (name, "", code)]
    with pytest.raises(OSError, match="nothing"):
        subprocess.Popen([tmp_path / "nothing"])
    assert len(log.lives()) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork")
def test_forked_by_hand(log: LifeLog) -> None:
    pid = os.fork()
    if not pid:
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(4)
    os.waitpid(pid, os.WUNTRACED)
    (life,) = log.lives()
    assert told(life) == ("", "", None)
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    (life,) = log.lives()
    assert told(life) == ("", "", 4)


@pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="no os.posix_spawn")
def test_spawned_by_hand(log: LifeLog) -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
    os.waitpid(pid, 0)
    (life,) = log.lives()
    assert told(life) == (os.path.basename(sys.executable), "", 0)


def test_pid_that_two_processes_have_had_is_that_of_two(log: LifeLog) -> None:
    start = log.starting(lambda _: os.getpid())
    start("first")
    start("second")
    log.starting(lambda _: 0)("in a forked child")
    log.collecting(lambda _: None)(SimpleNamespace(pid=os.getpid(), returncode=7))
    assert [told(life) for life in log.lives()] == [("first", "", None), ("second", "", 7)]
    subprocess.run([sys.executable, "-c", ""], check=True)  # the test says that it starts one


def test_doors_are_as_they_were() -> None:
    names = [(owner, name) for owner, name in DOORS if hasattr(owner, name)]
    before = [getattr(owner, name) for owner, name in names], os.waitpid, subprocess.Popen.poll
    with record_lives():
        assert os.waitpid is not before[1]
        subprocess.run([sys.executable, "-c", ""], check=True)
    assert ([getattr(owner, name) for owner, name in names], os.waitpid, subprocess.Popen.poll) == before
