"""Any callable is a target, under every start method, and sees the module state that the start method promises."""

from __future__ import annotations

import functools
import os
import pickle
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_mpcheck import NotPicklable
from pytest_mpcheck._children._pickling import culprit
from pytest_mpcheck.fixtures import ProcessFactory

STATE = "as imported"


def double(number: int) -> int:
    return 2 * number


def read_state() -> str:
    return STATE


@dataclass
class Doubler:
    factor: int = 2

    def __call__(self, number: int) -> int:
        return self.factor * number

    def method(self, number: int) -> int:
        return self.factor * number

    @classmethod
    def of_class(cls, number: int) -> int:
        return cls().method(number)

    @staticmethod
    def static(number: int) -> int:
        return 2 * number


def local_function() -> Callable[[int], int]:
    factor = 2

    def local(number: int) -> int:
        return factor * number

    return local


def with_defaults() -> Callable[[int], int]:
    def local(number: int, factor: int = 2, *, addend: int = 0) -> int:
        return factor * number + addend

    return local


def object_of_local_class() -> Callable[[int], int]:
    class Local:
        def __init__(self) -> None:
            self.factor = 2

        def __call__(self, number: int) -> int:
            return self.factor * number

    return Local()


def decorated() -> Callable[[int], int]:
    @functools.wraps(double)
    def wrapper(number: int) -> int:
        return double(number)

    return wrapper


def of_foreign_globals() -> Callable[[int], int]:
    namespace: dict[str, Any] = {"factor": 2}
    exec("def function(number):\n    return factor * number", namespace)
    function: Callable[[int], int] = namespace["function"]
    return function


TARGETS: dict[str, Callable[[], Callable[[int], int]]] = {
    "function of a module": lambda: double,
    "lambda": lambda: lambda number: 2 * number,
    "local function": local_function,
    "local function with defaults": with_defaults,
    "partial": lambda: functools.partial(lambda factor, number: factor * number, 2),
    "object": Doubler,
    "bound method": lambda: Doubler().method,
    "class method": lambda: Doubler.of_class,
    "static method": lambda: Doubler.static,
    "object of a local class": object_of_local_class,
    "wrapper of a function": decorated,
    "function of no module": of_foreign_globals,
    "builtin": lambda: (2).__mul__,
}


@pytest.mark.parametrize("make", TARGETS.values(), ids=TARGETS.keys())
def test_any_callable_is_a_target(mp_process: ProcessFactory, make: Callable[[], Callable[[int], int]]) -> None:
    assert mp_process(make(), 21).result() == 42


def test_local_function_may_call_itself(mp_process: ProcessFactory) -> None:
    def factorial(number: int) -> int:
        return 1 if number < 2 else number * factorial(number - 1)

    assert mp_process(factorial, 5).result() == 120


def test_local_functions_share_what_they_close_over(mp_process: ProcessFactory) -> None:
    count = 0

    def bump() -> None:
        nonlocal count
        count += 1

    def bump_twice() -> int:
        bump()
        bump()
        return count

    assert mp_process(bump_twice).result() == 2
    assert count == 0


def test_local_function_may_close_over_what_is_not_there_yet(mp_process: ProcessFactory) -> None:
    def target() -> str:
        try:
            return later
        except NameError as error:
            return type(error).__name__

    child = mp_process(target)
    later = "now it is"
    assert child.result() == "NameError"
    assert later


@pytest.mark.parametrize("target", [read_state, lambda: STATE], ids=["function of a module", "lambda"])
def test_target_sees_the_module_of_the_child(
    mp_process: ProcessFactory, mp_start_method: str, monkeypatch: pytest.MonkeyPatch, target: Callable[[], str]
) -> None:
    """A copy of the parent's globals under spawn would be a lie about spawn."""
    monkeypatch.setattr(f"{__name__}.STATE", "patched")
    assert mp_process(target).result() == ("patched" if mp_start_method == "fork" else "as imported")


def test_failing_assert_of_a_local_function_shows_its_values(mp_process: ProcessFactory) -> None:
    """The code of a local function is what pytest has rewritten; the child knows what it refers to."""

    def check(left: int) -> None:
        assert left == 2

    with pytest.raises(AssertionError, match="assert 1 == 2"):
        mp_process(check, 1).result()


def test_child_has_the_name_it_is_given(mp_process: ProcessFactory, mp_start_method: str) -> None:
    named, unnamed = mp_process(double, 1, name="worker-7"), mp_process(double, 1)
    assert (named.result(), unnamed.result()) == (2, 2)
    assert named.name == "worker-7"
    assert unnamed.name.endswith(str(unnamed.process._identity[-1]))
    assert named.start_method == mp_start_method
    assert repr(named) == f"<Child 'worker-7' pid={named.pid} {mp_start_method} returned>"


def test_queue_outlives_the_target_that_was_given_it(mp_process: ProcessFactory, mp_context: Any) -> None:
    queue = mp_context.Queue()
    as_argument = mp_process(lambda queue: queue.put("argument"), queue)
    assert queue.get() == "argument"
    as_target = mp_process(queue.put, "target")
    assert queue.get() == "target"
    as_argument.join()
    as_target.join()
    queue.close()
    queue.join_thread()


def test_target_that_is_no_callable_is_refused(mp_process: ProcessFactory) -> None:
    from pytest_mpcheck import MpcheckError

    with pytest.raises(MpcheckError, match=r"target 42 is not callable; what to do: give a function"):
        mp_process(42)  # type: ignore[arg-type]
    mp_process(double, 1).join()  # the test owes a start


@dataclass
class Job:
    callback: Callable[[], object]


def test_argument_that_does_not_pickle_is_named(mp_process: ProcessFactory, mp_start_method: str) -> None:
    def local() -> None: ...

    if mp_start_method == "fork":  # what is inherited need not pickle
        assert mp_process(lambda _, job: job.callback() is None, 1, Job(local)).result()
        return
    with pytest.raises(NotPicklable, match=r"^args\[1\]\.callback: local function local does not pickle") as caught:
        mp_process(double, 1, Job(local))
    assert "what to do: pass plain data" in str(caught.value)
    assert mp_process(os.getpid).result() != os.getpid()


def _local_class() -> type:
    class Local:
        def method(self) -> None: ...

    return Local


@pytest.mark.parametrize(
    ("value", "what"),
    [
        pytest.param({"key": [0, lambda: None]}, r"value\['key'\]\[1\]: lambda", id="mapping"),
        pytest.param({_local_class(): 1}, r"value key <class '.*: local class Local", id="key"),
        pytest.param({_local_class()}, r"value{<class '.*}: local class Local", id="set"),
        pytest.param(_local_class()(), "value: object of local class Local", id="object"),
        pytest.param(_local_class()().method, r"value\.__self__: object of local class Local", id="method"),
        pytest.param(
            (functools,),
            r"value\[0\]: module functools",
            id="module",
            marks=pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy pickles modules"),
        ),
        pytest.param(functools.partial(print, file=sys.__stdout__), r"value\.keywords\['file'\]: _io\.", id="partial"),
    ],
)
def test_culprit_is_named_with_the_way_to_it(value: object, what: str) -> None:
    assert re.match(what, culprit(value, "value", pickle.dumps))


def test_target_that_does_not_pickle_is_named(mp_process: ProcessFactory, mp_start_method: str) -> None:
    lock = threading.Lock()
    if mp_start_method == "fork":
        assert mp_process(lambda: lock.locked()).result() is False
        return
    with pytest.raises(NotPicklable, match=r"^target\.args\[0\]: _thread\.lock does not pickle"):
        mp_process(functools.partial(print, lock))
    with pytest.raises(NotPicklable, match=r"^target closing over lock: _thread\.lock does not pickle"):
        mp_process(lambda: lock.locked())
    assert mp_process(os.getpid).result() != os.getpid()


def test_daemon_is_what_multiprocessing_makes_of_it(mp_process: ProcessFactory) -> None:
    assert mp_process(os.getpid, daemon=True).process.daemon is True
    assert mp_process(os.getpid, daemon=False).process.daemon is False
