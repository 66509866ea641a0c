"""Every check has a specimen that it must catch and a twin that it must pass, under every start method."""

from __future__ import annotations

import array
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import assert_exited, assert_isolated, assert_joined, assert_lines
from pytest_mpcheck._clock import Deadline, wait_until
from pytest_mpcheck._probes._frozen import frozen
from pytest_mpcheck.fixtures import ProcessFactory

GLOBAL: dict[str, Any] = {"list": [1, 2], "number": 3}


class Slotted:
    __slots__ = ("left", "unset")

    def __init__(self) -> None:
        self.left = [1]


OBJECT = Slotted()


def change_everything() -> None:
    GLOBAL["list"].append(3)
    GLOBAL["new"] = 4
    del GLOBAL["number"]
    OBJECT.left.append(2)
    os.environ["MPCHECK_TEST"] = "changed"
    os.chdir("/")


def change_nothing() -> None: ...


def raise_to_exactly(value: Any, number: int) -> None:
    value.value = number


@pytest.fixture
def _restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(f"{__name__}.GLOBAL", {"list": [1, 2], "number": 3})
    monkeypatch.setattr(f"{__name__}.OBJECT", Slotted())
    monkeypatch.setenv("MPCHECK_TEST", "before")
    monkeypatch.chdir(tmp_path)


WATCHED: dict[str, Callable[[], tuple[object, str]]] = {
    "module": lambda: (__name__, f"{__name__}\\['GLOBAL'\\]\\['list'\\]\\[2\\]: was \\(not there\\), is 3"),
    "attribute": lambda: (f"{__name__}:GLOBAL", r":GLOBAL\['number'\]: was 3, is \(not there\)"),
    "attribute of an attribute": lambda: (f"{__name__}:OBJECT.left", r":OBJECT.left\[1\]: was \(not there\), is 2"),
    "dictionary": lambda: (GLOBAL, r"dict #1\['new'\]: was \(not there\), is 4"),
    "object": lambda: (OBJECT, r"Slotted #1\.left: was list of 1, is list of 2"),
    "environment": lambda: (os.environ, r"environ\['MPCHECK_TEST'\]: was 'before', is 'changed'"),
    "word environ": lambda: ("environ", r"environ\['MPCHECK_TEST'\]: was 'before', is 'changed'"),
    "word cwd": lambda: ("cwd", r"cwd: was '.+', is '/'"),
}


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("what", WATCHED.values(), ids=WATCHED.keys())
def test_isolation_of_processes_and_its_absence_in_threads(
    mp_backend: str, mp_process: ProcessFactory, what: Callable[[], tuple[object, str]], request: pytest.FixtureRequest
) -> None:
    watched, change = what()
    with assert_isolated(watched):
        mp_process(change_nothing).result()
    shared = mp_backend == "thread" or (mp_backend == "interpreter" and "cwd" in request.node.name)
    before = os.getcwd()
    try:
        if shared:
            with pytest.raises(AssertionError, match=change) as caught, assert_isolated(watched):
                mp_process(change_everything).result()
            assert str(caught.value).startswith("changed in this process while children worked:\n  ")
        else:
            with assert_isolated(watched):
                mp_process(change_everything).result()
    finally:
        os.chdir(before)


def test_shared_memory_is_not_isolated(mp_process: ProcessFactory, mp_context: Any) -> None:
    """The specimen for processes: what they share on purpose."""
    value = mp_context.Value("i", 1)
    with assert_isolated(value):
        mp_process(change_nothing).result()
    with pytest.raises(AssertionError, match=r"was .*c_int\(1\)>, is .*c_int\(2\)>"), assert_isolated(value):
        mp_process(raise_to_exactly, value, 2).result()


def test_nothing_to_watch_is_refused() -> None:
    with pytest.raises(ValueError, match="proves nothing: name a module or an object"), assert_isolated():
        pass
    for name in ("no.such.module", f"{__name__}:NOTHING", ""):
        with pytest.raises(ValueError, match=f"nothing to watch under {name!r} .*one of 'cwd', 'environ'"):
            assert_isolated(name).__enter__()


def test_everything_can_be_taken_down() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    facts = frozen({"loop": loop, "bytes": b"ab", "array": array.array("i", [1]), "set": {2}, "function": frozen}, "x")
    assert facts["x"] == "dict of 5"
    assert facts["x['loop'][1]"] == "list of 2"
    assert facts["x['set']{2}"] == "2"
    assert facts["x['bytes']"].startswith("bytes of 2 bytes, SHA-256 ")
    assert facts["x['array']"].startswith("array of 4 bytes, SHA-256 ")
    assert re.fullmatch("function at 0x[0-9a-f]+", facts["x['function']"])
    assert frozen(bytearray(b"ab"), "x") != frozen(bytearray(b"ac"), "x")


def stay() -> None:
    os.read(os.pipe()[0], 1)


def test_exit_is_as_expected(mp_process: ProcessFactory) -> None:
    assert_exited(mp_process(change_nothing))
    assert_exited(mp_process(os._exit, 3), code=3)
    assert_exited(mp_process(signal.raise_signal, signal.SIGKILL), signal="SIGKILL")
    assert_exited(mp_process(signal.raise_signal, signal.SIGKILL), signal=9)


def test_exit_of_a_process_of_multiprocessing(mp_context: Any) -> None:
    process = mp_context.Process(target=os._exit, args=(3,), name="raw")
    process.start()
    assert_exited(process, code=3)
    with pytest.raises(AssertionError, match=r"child 'raw' \(pid \d+, \w+\): exit code 3, expected: ended by SIGKILL"):
        assert_exited(process, signal="SIGKILL")


def test_process_that_does_not_exit_is_told(mp_context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mpcheck._checks._joining._DEFAULT_TIMEOUT", 0.0)
    process = mp_context.Process(target=signal.pause, daemon=True)
    process.start()
    with pytest.raises(AssertionError, match=r": still running, expected: exit code 0"):
        assert_exited(process)
    process.kill()
    process.join()


def test_exit_that_is_not_as_expected_is_told(mp_process: ProcessFactory, mp_start_method: str) -> None:
    def complain() -> None:
        os.write(2, b"complaint")
        os._exit(3)

    with pytest.raises(
        AssertionError, match=rf"child '\S+' \(pid \d+, {mp_start_method}\): exit code 3, expected: exit code 0"
    ):
        assert_exited(mp_process(os._exit, 3))
    with pytest.raises(AssertionError, match="exit code 3, expected: ended by SIGTERM\nlast of its stderr:\ncomplaint"):
        assert_exited(mp_process(complain), signal="SIGTERM")
    with pytest.raises(AssertionError, match=r"ended by SIGKILL, expected: exit code 0"):
        assert_exited(mp_process(signal.raise_signal, signal.SIGKILL))
    with pytest.raises(ValueError, match="unknown signal 'SIGNOTHING': there is SIG"):
        assert_exited(mp_process(change_nothing), signal="SIGNOTHING")


def test_exit_is_by_code_or_by_signal(mp_process: ProcessFactory) -> None:
    with pytest.raises(ValueError, match="code=3 and signal='SIGTERM': a child ends by one of them"):
        assert_exited(mp_process(change_nothing), 3, signal="SIGTERM")


def test_joined_is_ended_and_waited_for(mp_process: ProcessFactory) -> None:
    child = mp_process(change_nothing)
    child.join()
    assert_joined(child, child.process)
    child.process.close()
    assert_joined(child.process)


def test_not_joined_is_told(mp_process: ProcessFactory, mp_start_method: str) -> None:
    running, ended = mp_process(stay, daemon=True), mp_process(change_nothing)
    assert wait_until(lambda: has_ended(ended.pid), Deadline(20))
    state = "still running, or it has ended and nobody has waited for it; call join"
    with pytest.raises(AssertionError) as caught:
        assert_joined(running, ended)
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[2] for line in lines] == [f"{state}()"] * 2
    assert lines[0].startswith(f"child {running.name!r} (pid {running.pid}, {mp_start_method})")
    ended.join()
    assert_joined(ended)
    with pytest.raises(ValueError, match="of no children proves nothing"):
        assert_joined()


def has_ended(pid: int) -> bool:
    """Look without collecting anything."""
    import psutil  # not above: interpreters that import this module cannot have it

    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.mp(backends=["thread"])
def test_thread_that_runs_is_not_joined(mp_backend: str, mp_process: ProcessFactory) -> None:
    read, write = os.pipe()
    child = mp_process(os.read, read, 1)
    with pytest.raises(AssertionError, match="still running"):
        assert_joined(child)
    os.write(write, b"x")
    child.join()
    assert_joined(child)
    os.close(read)
    os.close(write)


@pytest.mark.mp
def test_process_of_the_default_context_is_named_so() -> None:
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0,), name="raw")
    process.start()
    with pytest.raises(AssertionError, match=r"child 'raw' \(pid \d+, fork\): still running, or"):
        assert_joined(process)
    process.join()
    assert_joined(process)


TEXT = "one\ntwo\ntwo\n"


def test_lines_are_as_expected() -> None:
    assert_lines(TEXT, ["two", "one", "two"])
    assert_lines(TEXT, ["one", "two", "two"], order="given")
    assert_lines("", [])


@pytest.mark.parametrize(
    ("expected", "order", "message"),
    [
        (["one", "two"], "any", "the lines differ, in whatever order:\n  'two': expected 1 times, found 2 times\n"),
        (["one", "two", "two", "three"], "any", "  'three': expected 1 times, found 0 times\n"),
        (["two", "one", "two"], "given", "the lines differ:\n- two\n  one\n  two\n+ two"),
    ],
)
def test_lines_that_are_not_as_expected_are_told(expected: list[str], order: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        assert_lines(TEXT, expected, order=order)


def test_order_is_one_of_two_words() -> None:
    wrong: Any = "random"
    with pytest.raises(ValueError, match="order='random': give 'any' or 'given'"):
        assert_lines(TEXT, [], order=wrong)
