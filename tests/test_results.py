"""What a target returned or raised arrives as it was, or as text; never not at all."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from pytest_mpcheck import ChildDied, Exited, NotPicklable, Raised, Returned, Signalled
from pytest_mpcheck.fixtures import ProcessFactory


def echo(value: object) -> object:
    return value


def raise_it(error: BaseException) -> None:
    raise error


def fail_deeply() -> None:
    fail_in_the_middle()


def fail_in_the_middle() -> None:
    raise LookupError("deep down")


class WithInit(Exception):
    """Pickles by calling its class with ``args``, which its own ``__init__`` does not take."""

    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.hint = hint


class Prefixed(Exception):
    """Comes back from plain pickling with its prefix twice."""

    def __init__(self, text: str) -> None:
        super().__init__(f"prefix: {text}")


class FromDisk(OSError):
    def __init__(self, path: str) -> None:
        super().__init__(2, "gone", path)


class Unpicklable(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        raise RuntimeError("not with me")


class Unloadable(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        return raise_it, (RuntimeError("not here"),)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class LoadsAsAnother(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        return ValueError, ("something else",)


class LoadsOnlyInChild(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        return make_only_in, (os.getpid(),)


def make_only_in(pid: int) -> Exception:
    if os.getpid() != pid:
        raise RuntimeError("another process")
    return LoadsOnlyInChild("text of it")


@pytest.mark.parametrize(
    "value", [None, 0, "text", {"a": [1, (2, 3)]}, b"\0" * 2_000_000], ids=lambda value: type(value).__name__
)
def test_value_arrives(mp_process: ProcessFactory, value: object) -> None:
    child = mp_process(echo, value)
    assert child.result() == value
    assert child.result() == value
    assert child.exitcode == 0
    assert isinstance(child.report().outcome, Returned)


def test_exception_arrives_with_the_frames_of_the_child(mp_process: ProcessFactory) -> None:
    with pytest.raises(LookupError, match=r"^'?deep down'?$") as caught:
        mp_process(fail_deeply).result()
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-2:] == ["fail_deeply", "fail_in_the_middle"]
    assert "attempt" not in names
    assert [entry.name for entry in caught.traceback.filter(caught)] == [
        "test_exception_arrives_with_the_frames_of_the_child",
        "fail_deeply",
        "fail_in_the_middle",
    ]


def raise_from() -> None:
    try:
        raise KeyError("cause")
    except KeyError as error:
        wrapped = ValueError("outcome")
        wrapped.add_note("a note")
        raise wrapped from error


def raise_while_handling() -> None:
    try:
        raise KeyError("context")
    except KeyError:
        raise ValueError("outcome")  # noqa: B904


def raise_group() -> None:
    raise ExceptionGroup("several", [ValueError(1), ExceptionGroup("inner", [KeyError("two")])])


def test_cause_and_notes_arrive(mp_process: ProcessFactory) -> None:
    with pytest.raises(ValueError, match="outcome") as caught:
        mp_process(raise_from).result()
    assert repr(caught.value.__cause__) == "KeyError('cause')"
    assert caught.value.__notes__ == ["a note"]
    assert caught.value.__suppress_context__


def test_context_arrives(mp_process: ProcessFactory) -> None:
    with pytest.raises(ValueError, match="outcome") as caught:
        mp_process(raise_while_handling).result()
    assert caught.value.__cause__ is None
    assert repr(caught.value.__context__) == "KeyError('context')"
    assert not caught.value.__suppress_context__


def test_group_arrives(mp_process: ProcessFactory) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        mp_process(raise_group).result()
    assert (
        repr(caught.value) == "ExceptionGroup('several', [ValueError(1), ExceptionGroup('inner', [KeyError('two')])])"
    )


def syntax_error() -> None:
    compile("a b", "somewhere.py", "exec")


@pytest.mark.parametrize(
    ("make", "attributes"),
    [
        (lambda: WithInit(7, hint="none"), {"code": 7, "hint": "none"}),
        (lambda: Prefixed("text"), {"args": ("prefix: text",)}),
        (lambda: FromDisk("some/path"), {"errno": 2, "strerror": "gone", "filename": "some/path"}),
        (lambda: FileNotFoundError(2, "gone", "some/path"), {"errno": 2, "filename": "some/path"}),
        (lambda: SystemExit(3), {"code": 3}),
        (lambda: StopIteration("value"), {"value": "value"}),
        (lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), {"reason": "bad", "start": 0}),
        (lambda: BaseExceptionGroup("base", [SystemExit(1)]), {"message": "base"}),
        pytest.param(
            lambda: ImportError("no", name="module"),
            {"name": "module"},
            marks=pytest.mark.skipif(
                sys.implementation.name == "pypy", reason="PyPy pickles an ImportError without it"
            ),
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)
def test_exception_keeps_its_attributes(
    mp_process: ProcessFactory, make: Callable[[], BaseException], attributes: dict[str, object]
) -> None:
    original = make()
    with pytest.raises(type(original)) as caught:
        mp_process(lambda: raise_it(make())).result()
    assert {name: getattr(caught.value, name) for name in attributes} == attributes
    assert str(caught.value) == str(original)


def test_syntax_error_keeps_its_place(mp_process: ProcessFactory) -> None:
    with pytest.raises(SyntaxError) as caught:
        mp_process(syntax_error).result()
    assert (caught.value.filename, caught.value.lineno) == ("somewhere.py", 1)


@pytest.mark.parametrize(
    ("error", "obstacle"),
    [
        (Unpicklable, "RuntimeError: not with me"),
        (Unloadable, "RuntimeError: not here"),
        (LoadsOnlyInChild, "RuntimeError: another process"),
        (LoadsAsAnother, "TypeError: it came back from pickling as ValueError: something else"),
    ],
)
def test_exception_that_does_not_pickle_arrives_as_text(
    mp_process: ProcessFactory, error: type[Exception], obstacle: str
) -> None:
    child = mp_process(lambda: raise_it(error("text of it")))
    with pytest.raises(ChildDied) as caught:
        child.result()
    outcome = caught.value.report.outcome
    assert isinstance(outcome, Raised)
    assert outcome.type_name.endswith(error.__name__)
    message = str(caught.value)
    assert f"raised {outcome.type_name}" in message
    assert obstacle in message
    assert "in raise_it" in message
    assert "what to do: raise exceptions that pickle" in message


def test_exception_whose_text_fails_arrives_all_the_same(mp_process: ProcessFactory) -> None:
    with pytest.raises(ChildDied, match="<str\\(\\) of it raised RuntimeError>"):
        mp_process(lambda: raise_it(Unprintable())).result()


def test_interrupt_of_a_child_does_not_end_the_run(mp_process: ProcessFactory) -> None:
    with pytest.raises(ChildDied, match="raised KeyboardInterrupt") as caught:
        mp_process(lambda: raise_it(KeyboardInterrupt())).result()
    assert isinstance(caught.value.__cause__, KeyboardInterrupt)


def test_value_that_does_not_pickle_is_named(mp_process: ProcessFactory) -> None:
    with pytest.raises(NotPicklable, match=r"return value\['callback'\]\[0\]: lambda"):
        mp_process(lambda: {"fine": 1, "callback": [lambda: None]}).result()


def test_death_by_signal_is_told_by_name(mp_process: ProcessFactory) -> None:
    child = mp_process(signal.raise_signal, signal.SIGSEGV)
    with pytest.raises(ChildDied, match=r"was ended by SIGSEGV") as caught:
        child.result()
    assert child.exitcode == -signal.SIGSEGV
    assert caught.value.report.outcome == Signalled(signal.SIGSEGV)
    assert "Fatal Python error: Segmentation fault" in child.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="this platform has no real-time signals")
def test_death_by_a_signal_without_a_name_is_told_by_number(mp_process: ProcessFactory) -> None:
    nameless = signal.SIGRTMIN + 1
    with pytest.raises(ChildDied, match=rf"was ended by signal {nameless}\b"):
        mp_process(signal.raise_signal, nameless).result()


@pytest.mark.parametrize("code", [0, 7])
def test_exit_without_a_result_is_told(mp_process: ProcessFactory, code: int) -> None:
    child = mp_process(os._exit, code)
    with pytest.raises(ChildDied, match=f"exited with code {code} without returning a result") as caught:
        child.result()
    assert caught.value.report.outcome == Exited(code)


def test_exit_is_raised(mp_process: ProcessFactory) -> None:
    child = mp_process(sys.exit, 3)
    with pytest.raises(SystemExit) as caught:
        child.result()
    assert caught.value.code == 3
    assert child.exitcode == 3


def forget_the_path() -> str:
    sys.path.clear()
    return "done"


def test_child_may_lose_its_way_to_modules(mp_process: ProcessFactory) -> None:
    assert mp_process(forget_the_path).result() == "done"
