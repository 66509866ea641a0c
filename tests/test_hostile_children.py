"""Whatever a child writes, raises, returns, closes or deletes: a right answer or one clear error, and never a hang."""

from __future__ import annotations

import atexit
import io
import marshal
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from pytest_mpcheck import ChildDied, ChildStuck, Exited, MpcheckError, NotPicklable, Raised, Returned
from pytest_mpcheck._children._answers import AnswerQueue, read_with_care
from pytest_mpcheck._children._attempt import without_payload
from pytest_mpcheck._children._echo import Echo
from pytest_mpcheck._children._station import EVIDENCE_LIMIT, TEXT_LIMIT, Station
from pytest_mpcheck._children._worker import _Note
from pytest_mpcheck.fixtures import ProcessFactory

needs_posix = pytest.mark.skipif(os.name != "posix", reason="only POSIX has it")
needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the child finds its files by /proc")


def own_file(what: str) -> str:
    """Return the path of one of the child's own files."""
    return os.readlink("/proc/self/fd/1").replace(".stdout", f".{what}")


# --- output -----------------------------------------------------------------------------------------------------------

FLOOD = """
    import os, pytest

    def peak():
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))

    def flood():
        block = b"x" * 1048575 + b"\\n"
        os.ftruncate(1, 960 << 20)  # what is a hole takes no time of the disk's
        for _ in range(64):
            os.write(1, block)
        os.write(1, b"the end\\n")
        raise ValueError("flooded")

    def test_flood(mp_process):
        before = peak()
        child = mp_process(flood)
        with pytest.raises(ValueError, match="flooded"):
            child.result()
        assert child.stdout.endswith("x\\nthe end\\n")
        assert child.stdout.startswith("[pytest-mpcheck: 1,056,964,616 bytes before this line are left out]\\n")
        assert child.report().stdout.endswith("x\\nthe end\\n")
        assert repr(child)
        print("it took", peak() - before, "MB")
        assert peak() - before < 300
        assert False, "so that the sections are shown"
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="there is no /proc to tell the memory by")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_much_output_stays_out_of_memory(pytester: pytest.Pytester, method: str) -> None:
    pytester.makepyfile(FLOOD)
    result = pytester.runpytest_subprocess(f"--mp-start-methods={method}", "--tb=short")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*so that the sections are shown*"])
    text = result.stdout.str()
    assert f"[pytest-mpcheck: {(1 << 30) + 8 - EVIDENCE_LIMIT:,} bytes before this line are left out]" in text
    assert len(text) < 2 * EVIDENCE_LIMIT


def swell() -> None:
    os.ftruncate(1, 1 << 30)
    print("the end")


def swell_and_die() -> None:
    swell()
    os._exit(3)


@needs_posix
def test_much_output_of_a_worker_stays_out_of_memory(mp_pool: Any) -> None:
    with pytest.raises(ChildDied, match="the end") as caught:
        mp_pool(1).apply(swell_and_die)
    assert len(caught.value.report.stdout) < EVIDENCE_LIMIT + 100
    assert len(str(caught.value)) < 12_000


@needs_posix
def test_much_output_of_a_script_stays_out_of_memory(mp_script: Any, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os; os.ftruncate(1, 1 << 30); print('the end')")
    run = mp_script(script)
    assert run.stdout.endswith("\0the end\n")
    assert len(run.stdout) < TEXT_LIMIT + 100


def write_anything() -> None:
    os.write(1, b"\xff\xfe\0 is no text\n")
    sys.stdout.buffer.write(b"\x80 neither\n")
    print("\ud800 a surrogate")
    raise ValueError("\udcff")


def test_output_that_is_no_text_is_shown(mp_process: ProcessFactory) -> None:
    child = mp_process(write_anything)
    with pytest.raises(ValueError, match="\udcff"):
        child.result()
    assert child.stdout == "\ufffd\ufffd\0 is no text\n\ufffd neither\n\\ud800 a surrogate\n"
    assert isinstance(outcome := child.report().outcome, Raised)
    assert outcome.text == "\\udcff"


def one_long_line() -> None:
    os.write(1, b"y" * 100_000 + b"\n")
    os._exit(1)


def test_messages_stay_short(mp_process: ProcessFactory) -> None:
    with pytest.raises(ChildDied, match=r"\(90,000 characters left out\)") as caught:
        mp_process(one_long_line).result()
    assert len(str(caught.value)) < 12_000


class Terminal(io.StringIO):
    """Takes only what ASCII has."""

    encoding = "ascii"
    widest = 0

    def write(self, text: str) -> int:
        text.encode("ascii")
        self.widest = max(self.widest, len(text))
        return super().write(text)


def test_output_is_passed_on_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    station = Station(str(tmp_path), 1)
    echo = Echo(lambda: "streams")
    echo.add(station)
    with open(station.path("stdout"), "wb") as file:
        file.write(b"x" * (5 << 20) + b"\xe2\x82")
        file.flush()
        echo.pump()
        file.write(b"\xac\n")
    echo.pump()
    echo.pump()
    assert terminal.widest <= 1 << 20
    assert terminal.getvalue() == "x" * (5 << 20) + "\\u20ac\n"


def test_text_of_a_long_file_is_its_end(tmp_path: Path) -> None:
    station = Station(str(tmp_path), 1)
    assert station.read_bytes("stdout") == b""  # there is none
    with open(station.path("stdout"), "wb") as file:
        file.truncate(1 << 40)  # it takes no room
        file.seek(0, os.SEEK_END)
        file.write(b"end")
    text = station.read("stdout")
    assert text.startswith("[pytest-mpcheck: 1,099,494,850,563 bytes before this line are left out]\n")
    assert text.endswith("\0end")
    assert len(text) < TEXT_LIMIT + 100


# --- descriptors ------------------------------------------------------------------------------------------------------


def close_standard_streams() -> str:
    for descriptor in range(3):
        os.close(descriptor)
    return "done"


def take_their_numbers(folder: str) -> list[int]:
    close_standard_streams()
    taken = [os.open(os.path.join(folder, str(number)), os.O_WRONLY | os.O_CREAT) for number in range(3)]
    print("printed into the file")
    return taken


def close_everything() -> str:
    os.closerange(0, 1024)
    return "done"


def close_everything_and_raise() -> None:
    close_everything()
    raise LookupError("after that")


def close_everything_and_stay() -> None:
    reader, writer = os.pipe()
    os.closerange(0, reader)
    os.closerange(reader + 1, writer)
    os.read(reader, 1)  # for ever


@pytest.mark.parametrize("close", [close_standard_streams, close_everything])
def test_child_that_closes_descriptors_returns(mp_process: ProcessFactory, close: Callable[[], str]) -> None:
    child = mp_process(close)
    assert child.result() == "done"
    assert child.stdout == ""


def test_child_that_takes_the_standard_numbers_returns(mp_process: ProcessFactory, tmp_path: Path) -> None:
    assert mp_process(take_their_numbers, str(tmp_path)).result() == [0, 1, 2]
    assert (tmp_path / "1").read_text() == "printed into the file\n"


def test_child_that_closes_everything_raises(mp_process: ProcessFactory) -> None:
    with pytest.raises(LookupError, match="after that"):
        mp_process(close_everything_and_raise).result()


@pytest.mark.parametrize("pidfd", [True, False], ids=["process handle", "sentinel"])
def test_child_that_closes_everything_has_a_deadline(
    mp_process: ProcessFactory, monkeypatch: pytest.MonkeyPatch, pidfd: bool
) -> None:
    if not pidfd:  # as on macOS and PyPy: its end is told by a pipe that it may close while it runs
        monkeypatch.setattr("pytest_mpcheck._platforms.exit_handle", lambda pid: None)
    child = mp_process(close_everything_and_stay)
    with pytest.raises(ChildStuck):
        child.result(timeout=0.2)
    assert not child.is_alive()


# --- copies -----------------------------------------------------------------------------------------------------------


def come_out_twice() -> str:
    pid = os.fork()
    if pid == 0:
        return "the copy"
    os.waitpid(pid, 0)
    return "the child"


def come_out_by_raising() -> str:
    if come_out_twice() == "the copy":
        raise LookupError("the copy")
    return "the child"


def come_out_by_exit() -> str:
    if come_out_twice() == "the copy":
        sys.exit(9)
    return "the child"


def come_out_of_a_signal_handler() -> str:
    found: list[str] = []
    signal.signal(signal.SIGUSR1, lambda *args: found.append(come_out_twice()))
    signal.raise_signal(signal.SIGUSR1)
    while not found:
        os.getpid()  # Python code, before which the handler runs
    return found[0]


TWICE = [come_out_twice, come_out_by_raising, come_out_by_exit, come_out_of_a_signal_handler]


@needs_posix
@pytest.mark.parametrize("target", TWICE)
def test_copy_of_a_child_has_no_say(mp_process: ProcessFactory, target: Callable[[], str]) -> None:
    child = mp_process(target)
    assert child.result() == "the child"
    assert child.exitcode == 0


def double(number: int) -> int:
    if number == 3:
        come_out_by_raising()
    return 2 * number


@needs_posix
@pytest.mark.parametrize("target", TWICE)
def test_copy_of_a_worker_has_no_say(mp_pool: Any, mp_executor: Any, target: Callable[[], str]) -> None:
    pool, executor = mp_pool(1), mp_executor(1)
    assert pool.apply(target) == "the child"
    assert pool.map(double, range(6), 1) == [0, 2, 4, 6, 8, 10]
    assert executor.submit(target).result() == "the child"
    assert list(executor.map(double, range(6))) == [0, 2, 4, 6, 8, 10]


# --- exceptions -------------------------------------------------------------------------------------------------------


class OwnBase(BaseException):
    pass


class ExitsInReduce(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        raise SystemExit(3)


class InterruptsInReduce(BaseException):
    def __reduce__(self) -> str | tuple[Any, ...]:
        raise KeyboardInterrupt


class ExitsInStr(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class RaisesOwnBaseInStr(Exception):
    def __str__(self) -> str:
        raise OwnBase


class NoTextInStr(Exception):
    def __str__(self) -> str:
        return None  # type: ignore[return-value] # noqa: PLE0307


class RaisesInRepr(Exception):
    def __repr__(self) -> str:
        raise OwnBase


class RaisesInGetAttribute(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


class RaisesInSetAttr(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError(f"no {name}")


class Meta(type):
    @property
    def __module__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no module")


class HasNoModule(Exception, metaclass=Meta):
    pass


def raise_it(error: type[BaseException]) -> None:
    raise error


def raise_in_a_group(error: type[BaseException]) -> None:
    raise BaseExceptionGroup("of one", [error()])


@pytest.mark.parametrize(
    ("error", "obstacle"),
    [
        (ExitsInReduce, "SystemExit: 3"),
        (InterruptsInReduce, "KeyboardInterrupt"),
        (ExitsInStr, "SystemExit: 3"),
        (RaisesOwnBaseInStr, "telling of it raised OwnBase"),
        (NoTextInStr, "(TypeError: "),  # in words that differ between versions
        pytest.param(
            RaisesInGetAttribute,
            "telling of it raised RuntimeError: no __",
            marks=pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy cannot even raise it"),
        ),
        (RaisesInSetAttr, "telling of it raised RuntimeError: no __traceback__"),
    ],
)
def test_hostile_exception_is_told(mp_process: ProcessFactory, error: type[BaseException], obstacle: str) -> None:
    with pytest.raises(ChildDied) as caught:
        mp_process(raise_it, error).result()
    message = str(caught.value)
    assert f" raised {__name__}.{error.__name__}" in message
    assert obstacle in message
    assert "in raise_it\n" in message
    assert "what to do: raise exceptions that pickle" in message


def raise_of_no_module() -> None:
    raise HasNoModule


def test_exception_whose_class_has_no_module_is_told(mp_process: ProcessFactory) -> None:
    with pytest.raises(ChildDied, match="RuntimeError: no module"):
        mp_process(raise_of_no_module).result()


def test_exception_whose_repr_fails_arrives(mp_process: ProcessFactory) -> None:
    with pytest.raises(RaisesInRepr):
        mp_process(raise_it, RaisesInRepr).result()


@pytest.mark.parametrize("error", [ExitsInReduce, InterruptsInReduce, RaisesInGetAttribute])
def test_group_with_a_hostile_member_is_told(mp_process: ProcessFactory, error: type[BaseException]) -> None:
    with pytest.raises(ChildDied, match=r"raised (Base)?ExceptionGroup\b"):
        mp_process(raise_in_a_group, error).result()


def raise_of_a_local_class() -> None:
    class Local(Exception):
        pass

    Local.__module__ = 5  # type: ignore[assignment]
    raise Local("text of it")


def raise_in_circles() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


def raise_a_long_chain() -> None:
    last = ValueError(0)
    for number in range(1, 10_000):
        error = ValueError(number)
        error.__cause__, last = last, error
    raise last


def raise_a_deep_group() -> None:
    error: Exception = ValueError("innermost")
    for _ in range(5_000):
        error = ExceptionGroup("of one", [error])
    raise error


def recurse() -> None:
    recurse()


def test_exception_of_a_local_class_is_told(mp_process: ProcessFactory) -> None:
    with pytest.raises(ChildDied, match=r"raised raise_of_a_local_class\.<locals>\.Local: text of it"):
        mp_process(raise_of_a_local_class).result()


def test_circle_of_causes_arrives(mp_process: ProcessFactory) -> None:
    with pytest.raises(ValueError, match="first") as caught:
        mp_process(raise_in_circles).result()
    assert repr(caught.value.__cause__) == "ValueError('second')"
    caught.value.__cause__ = None  # pytest's display of it is not what is tested


@pytest.mark.parametrize(("target", "error"), [(raise_a_long_chain, ValueError), (raise_a_deep_group, ExceptionGroup)])
def test_deep_exception_arrives_or_is_told(
    mp_process: ProcessFactory, target: Callable[[], None], error: type[Exception]
) -> None:
    child = mp_process(target)
    with pytest.raises((error, ChildDied)) as caught:  # which one is a matter of how deep this Python's pickle goes
        child.result()
    assert isinstance(caught.value, error) or "RecursionError" in str(caught.value)
    assert len(str(caught.value)) < 50_000
    if isinstance(caught.value, error):
        caught.value.__cause__ = None


def test_endless_recursion_arrives(mp_process: ProcessFactory) -> None:
    with pytest.raises(RecursionError) as caught:
        mp_process(recurse).result()
    assert len(caught.traceback) > 900


class Payload(Exception):
    pass


def raise_much() -> None:
    raise Payload("x" * 20_000_000)


def test_exception_with_much_in_it_arrives(mp_process: ProcessFactory) -> None:
    child = mp_process(raise_much)
    with pytest.raises(Payload) as caught:
        child.result()
    assert len(caught.value.args[0]) == 20_000_000
    assert isinstance(outcome := child.report().outcome, Raised)
    assert len(outcome.text) < 11_000
    assert len(outcome.traceback) < 110_000


class Stays(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        reader, _ = os.pipe()
        return os.read(reader, 1).decode()  # for ever


def test_exception_that_never_pickles_has_a_deadline(mp_process: ProcessFactory) -> None:
    with pytest.raises(ChildStuck):
        mp_process(raise_it, Stays).result(timeout=0.5)


class LoadsAsNoException(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        return make_in, (os.getpid(),)


class NoException:
    def __repr__(self) -> str:
        return "no exception"


def make_in(pid: int) -> object:
    return LoadsAsNoException() if os.getpid() == pid else NoException()


def test_exception_that_loads_as_none_is_told(mp_process: ProcessFactory) -> None:
    with pytest.raises(ChildDied, match="TypeError: it came back from pickling as no exception"):
        mp_process(raise_it, LoadsAsNoException).result()


# --- results ----------------------------------------------------------------------------------------------------------


class Loads:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def fail_to_load(text: str) -> None:
    raise RuntimeError(text)


def return_one_that_fails() -> object:
    return Loads(fail_to_load, "not here")


def return_one_that_exits() -> object:
    return Loads(sys.exit, 4)


@pytest.mark.parametrize(
    ("target", "reason"),
    [(return_one_that_fails, "RuntimeError: not here"), (return_one_that_exits, "SystemExit: 4")],
)
def test_value_that_cannot_be_read_back_is_told(
    mp_process: ProcessFactory, target: Callable[[], object], reason: str
) -> None:
    with pytest.raises(NotPicklable, match=f"could not be read back here \\({reason}\\)"):
        mp_process(target).result()


class OwnInit(Exception):
    """What the standard library cannot rebuild: its ``args`` are not what its class takes."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__("as one")


def raise_one_that_fails() -> None:
    raise OwnInit(1, 2)


def return_one_that_raises_anything() -> object:
    return Loads(raise_it, OwnBase)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (return_one_that_fails, "RuntimeError: not here"),
        (return_one_that_exits, "SystemExit: 4"),
        (return_one_that_raises_anything, "OwnBase"),
        (raise_one_that_fails, "TypeError: .*OwnInit"),
    ],
)
def test_answer_of_a_worker_that_cannot_be_read_back_is_told(
    mp_pool: Any, mp_executor: Any, target: Callable[[], object], reason: str
) -> None:
    pool, executor = mp_pool(1), mp_executor(1)
    expected = rf"worker '\w+-\d+' \(pid \d+\) answered the task {target.__name__}\(\), but .* \({reason}"
    with pytest.raises(NotPicklable, match=expected):
        pool.apply(target)
    with pytest.raises(NotPicklable, match=expected):
        executor.submit(target).result()
    assert pool.apply(abs, (-1,)) == executor.submit(abs, -1).result() == 1


class Ended(Exception):
    pass


def test_copy_of_a_worker_ends_before_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> None:
        raise Ended(code)

    sent: list[object] = []
    queue = AnswerQueue(SimpleNamespace(put=sent.append), lambda: "a task")
    queue.put(5)
    assert sent == [5]
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(Ended, match="0"):
        queue.put(5)
    assert sent == [5]


def test_what_is_no_answer_is_read_as_ever() -> None:
    messages = iter([pickle.dumps(5), b"no pickle"])

    class Reader:
        def recv_bytes(self) -> bytes:
            return next(messages)

    reader = Reader()
    receive = read_with_care(reader)
    assert receive() == 5
    with pytest.raises(pickle.UnpicklingError):
        receive()


class Unspeakable:
    """A task that raises when it is told."""

    def __getattr__(self, name: str) -> Any:
        if name == "__qualname__":
            raise RuntimeError("no name")
        raise AttributeError(name)

    def __call__(self, *args: object) -> int:
        return 1

    def __repr__(self) -> str:
        raise SystemExit(3)


def test_task_that_cannot_be_told_is_done(mp_pool: Any, mp_executor: Any) -> None:
    assert mp_pool(1).apply(Unspeakable(), (Unspeakable(),)) == 1
    assert mp_executor(1).submit(Unspeakable(), Unspeakable()).result() == 1


@needs_posix
def test_worker_that_can_write_no_note_goes_on(mp_pool: Any) -> None:
    pool = mp_pool(1)
    assert pool.apply(return_beyond, ("RLIMIT_FSIZE", 0, 5)) == b"xxxxx"
    assert pool.apply(abs, (-1,)) == 1


def test_note_leaves_a_file_alone_that_took_its_number(tmp_path: Path) -> None:
    note, other = _Note(str(tmp_path / "note")), tmp_path / "other"
    note.put("a task")
    assert (tmp_path / "note").read_text() == "a task"
    other.write_text("of somebody else")
    with other.open("r+b") as file:
        os.dup2(file.fileno(), note._file)
    note.put("another task")
    assert other.read_text() == "of somebody else"
    os.close(note._file)
    note.put("one more")
    assert note.text == "one more"


def return_a_deep_list() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


class RaisesWhenLookedAt:
    def __init__(self) -> None:
        self.callback = lambda: None

    def __getattribute__(self, name: str) -> Any:
        if name == "__reduce_ex__":
            raise SystemExit(5)
        raise RuntimeError("no look")


def test_deep_value_is_told(mp_process: ProcessFactory) -> None:
    with pytest.raises(NotPicklable, match=r"return value(\[0\]){20}: list \(RecursionError"):
        mp_process(return_a_deep_list).result()


def test_value_that_raises_when_looked_at_is_told(mp_process: ProcessFactory) -> None:
    with pytest.raises(NotPicklable, match=rf"return value: {__name__}.RaisesWhenLookedAt \(SystemExit: 5\)"):
        mp_process(RaisesWhenLookedAt).result()


def return_much() -> bytes:
    return b"x" * 200_000_000


def test_large_value_arrives(mp_process: ProcessFactory) -> None:
    assert len(mp_process(return_much).result()) == 200_000_000


# --- what a child does to itself --------------------------------------------------------------------------------------


class Broken(io.TextIOBase):
    def write(self, text: str) -> int:
        raise RuntimeError("no write")

    def flush(self) -> None:
        raise RuntimeError("no flush")


def break_streams() -> str:
    sys.stdout = sys.stderr = Broken()
    return "done"


def lose_streams() -> str:
    sys.stdout = sys.stderr = None
    return "done"


def exit_at_exit() -> str:
    atexit.register(os._exit, 7)
    return "done"


def change_surroundings() -> str:
    os.umask(0o777)
    os.chdir("/")
    os.environ.clear()
    return "done"


@pytest.mark.parametrize("target", [break_streams, lose_streams, exit_at_exit, change_surroundings])
def test_child_that_changes_itself_returns(mp_process: ProcessFactory, target: Callable[[], str]) -> None:
    assert mp_process(target).result() == "done"


@needs_proc
def test_outcome_is_readable_whatever_the_umask(mp_process: ProcessFactory) -> None:
    child = mp_process(change_surroundings)
    child.result()
    assert child._worker.station is not None
    assert os.stat(child._worker.station.path("outcome")).st_mode & 0o777 == 0o600


def delete_files() -> str:
    folder = os.path.dirname(own_file("stdout"))
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    return "done"


def delete_folder() -> str:
    shutil.rmtree(os.path.dirname(own_file("stdout")))
    return "done"


@needs_proc
def test_child_that_deletes_its_files_returns(mp_process: ProcessFactory) -> None:
    child = mp_process(delete_files)
    assert child.result() == "done"
    assert child.stdout == ""


@needs_proc
def test_deleted_folder_is_told(mp_process: ProcessFactory) -> None:
    child = mp_process(delete_folder)
    with pytest.raises(ChildDied, match=r"its folder .*mpcheck-.* was deleted before the end of the test") as caught:
        child.result()
    assert "what to do: let the target keep its hands off the files of its test" in str(caught.value)


def limit(what: str, least: int) -> None:
    import resource

    number = getattr(resource, what)
    resource.setrlimit(number, (least, least))


def return_beyond(what: str, least: int, size: int) -> bytes:
    limit(what, least)
    return b"x" * size


def raise_beyond(what: str, least: int, size: int) -> None:
    limit(what, least)
    raise LookupError("x" * size)


@needs_posix
def test_value_beyond_the_limit_of_files_is_told(mp_process: ProcessFactory) -> None:
    child = mp_process(return_beyond, "RLIMIT_FSIZE", 8_000, 100_000)
    with pytest.raises(
        MpcheckError, match=r"what the target returned \(100,\d+ bytes\) could not be .* File too large"
    ):
        child.result()
    assert child.exitcode != 0


@needs_posix
def test_exception_beyond_the_limit_of_files_is_told(mp_process: ProcessFactory) -> None:
    child = mp_process(raise_beyond, "RLIMIT_FSIZE", 8_000, 100_000)
    with pytest.raises(MpcheckError, match=r"what the target raised \(LookupError: x+ .*\) could not be handed over"):
        child.result()


@needs_posix
@pytest.mark.parametrize("target", [return_beyond, raise_beyond])
def test_child_that_can_write_nothing_is_told(mp_process: ProcessFactory, target: Callable[..., object]) -> None:
    child = mp_process(target, "RLIMIT_FSIZE", 0, 5)
    with pytest.raises(ChildDied, match="without returning a result") as caught:
        child.result()
    assert "a limit on the size of files, or a full disk" in str(caught.value)


@pytest.mark.parametrize(
    ("outcome", "what"),
    [
        (Returned(b"four"), r"returned \(4 bytes\)"),
        (Raised("ValueError", "no", "", None), r"raised \(ValueError: no\)"),
    ],
)
def test_outcome_without_room_is_told(outcome: Returned | Raised, what: str) -> None:
    shorter, error = without_payload(outcome, OSError("no room"))
    assert isinstance(shorter, Raised)
    assert re.match(rf"what the target {what} could not be handed over: OSError: no room; what to do: ", str(error))


@needs_posix
@pytest.mark.parametrize("target", [return_beyond, raise_beyond])
def test_child_that_can_open_nothing_is_told(mp_process: ProcessFactory, target: Callable[..., object]) -> None:
    child = mp_process(target, "RLIMIT_NOFILE", 3, 5)
    with pytest.raises(ChildDied, match="without returning a result"):
        child.result()
    assert re.search("could not be handed over: OSError: .* Too many open files", child.stderr)


def make_pipes_of_notes() -> str:
    """Lay pipes where the plugin notes starts and hears of warnings; who opens one waits for somebody to write."""
    for note in (Path(os.environ["MPCHECK_SCOPE"]) / "started", Path(own_file("told"))):
        note.unlink(missing_ok=True)
        os.mkfifo(note)
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    return "done"


@needs_proc
def test_notes_that_have_become_pipes_keep_nobody(mp_process: ProcessFactory) -> None:
    assert mp_process(make_pipes_of_notes).result() == "done"


def tell_nonsense() -> str:
    entries: tuple[Any, ...] = (("warning", [1]), ("warning", {}), ("no such kind", {}), 7)
    lines = [marshal.dumps(entry).hex() for entry in entries]
    Path(own_file("told")).write_text("\n".join(["no digits", *lines, ""]))
    warnings.warn("heard all the same", UserWarning, stacklevel=1)
    return "done"


@needs_proc
def test_nonsense_among_warnings_is_left_out(mp_process: ProcessFactory) -> None:
    with pytest.warns(UserWarning, match="heard all the same") as heard:
        assert mp_process(tell_nonsense).result() == "done"
    assert len(heard) == 1


def leave_outcome(data: bytes) -> None:
    Path(own_file("outcome")).write_bytes(data)
    os._exit(0)


def leave_a_pipe() -> None:
    os.mkfifo(own_file("outcome"))
    os._exit(0)


def leave_a_folder() -> None:
    os.mkdir(own_file("outcome"))


def leave_the_end_of_all_devices() -> None:
    os.symlink("/dev/zero", own_file("outcome"))
    os.symlink("/dev/zero", own_file("task"))
    os._exit(0)


@needs_proc
@pytest.mark.parametrize("data", [b"", b"x", b"x" * 1_000, pickle.dumps(Returned(pickle.dumps(1)))], ids=len)
def test_damaged_outcome_is_told(mp_process: ProcessFactory, data: bytes) -> None:
    child = mp_process(leave_outcome, data)
    with pytest.raises(ChildDied, match=r"cannot be read \(UnpicklingError: it is damaged: its checksum is another\)"):
        child.result()
    assert isinstance(outcome := child.report().outcome, Exited)
    assert outcome.obstacle


@needs_proc
@pytest.mark.parametrize("leave", [leave_a_pipe, leave_a_folder, leave_the_end_of_all_devices])
def test_outcome_that_is_no_file_is_told(mp_process: ProcessFactory, leave: Callable[[], None]) -> None:
    child = mp_process(leave)
    with pytest.raises(ChildDied, match=r"the file that it left for its outcome cannot be read \(.*Error: "):
        child.result()
    assert child._worker.station is not None
    assert child._worker.station.read("task") == ""


# --- the file of an outcome -------------------------------------------------------------------------------------------


class Foreign:
    ran: ClassVar[list[str]] = []

    def __reduce__(self) -> Any:
        return self.ran.append, ("foreign code",)


def damage(data: bytes, chance: random.Random) -> bytes:
    match chance.randrange(5):
        case 0:
            return data[: chance.randrange(len(data))]
        case 1:
            position, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
            return data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :]
        case 2:
            return chance.randbytes(chance.randrange(200))
        case 3:
            start = chance.randrange(len(data))
            return data[:start] + data[chance.randrange(start, len(data)) + 1 :]
        case _:
            return data + chance.randbytes(1 + chance.randrange(8))


def test_no_damage_to_an_outcome_gets_through(tmp_path: Path) -> None:
    station = Station(str(tmp_path), 1)
    station.write_outcome(Raised("ValueError", "text", "traceback", pickle.dumps(ValueError("text"))))
    assert isinstance(station.read_outcome(0), Raised)
    whole = Path(station.path("outcome")).read_bytes()
    chance = random.Random(0)
    for _ in range(5_000):
        damaged = damage(whole, chance)
        os.unlink(station.path("outcome"))  # some file systems make haste to write what replaces a file
        Path(station.path("outcome")).write_bytes(damaged)
        outcome = station.read_outcome(0)
        assert isinstance(outcome, Exited), damaged
        assert outcome.obstacle.startswith("the file that it left for its outcome cannot be read"), damaged


@pytest.mark.parametrize("content", [Foreign(), 5, ("Returned", b""), None, Exited(0)])
def test_foreign_outcome_is_not_run(tmp_path: Path, content: Any) -> None:
    station = Station(str(tmp_path), 1)
    station.write_outcome(content)  # sealed, as if it were one
    outcome = station.read_outcome(0)
    assert isinstance(outcome, Exited)
    assert "an outcome has no" in outcome.obstacle or "it is no outcome but" in outcome.obstacle
    assert Foreign.ran == []


def test_outcome_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    station = Station(str(tmp_path), 1)
    os.mkdir(station.path("outcome"))
    with pytest.raises(OSError, match="outcome"):
        station.write_outcome(Returned(b""))
    assert [path.name for path in tmp_path.iterdir()] == ["1.outcome"]


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["two\nlines", "\ud800", "x" * 100_000, "\0\x1b[31m"], ids=["lines", "surrogate", "long", "control"]
)
def test_hostile_name_is_told_in_a_line(mp_process: ProcessFactory, name: str) -> None:
    child = mp_process(os._exit, 3, name=name)
    assert child.name == name
    with pytest.raises(ChildDied) as caught:
        child.result()
    first = str(caught.value).splitlines()[0]
    assert first.endswith("exited with code 3 without returning a result")
    assert first.isascii()
    assert first.isprintable()
    assert len(first) < 400
    assert len(repr(child)) < 400


class NoTarget:
    def __repr__(self) -> str:
        raise SystemExit(3)


def test_target_that_is_none_and_has_no_repr(mp_process: ProcessFactory) -> None:
    with pytest.raises(MpcheckError, match=r"target <repr\(\) of it raised SystemExit> is not callable"):
        mp_process(NoTarget())  # type: ignore[arg-type]
    assert mp_process(abs, -1).result() == 1
