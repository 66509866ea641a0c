"""`assert_picklable`: under spawn and forkserver what it says is what happens; under fork it says so all the same."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable
from multiprocessing import context
from typing import Any

import pytest

from pytest_mpcheck import NotPicklable, assert_picklable
from pytest_mpcheck.fixtures import ProcessFactory

STARTED = ("spawn", "forkserver")


class Job:
    def __init__(self, callback: object) -> None:
        self.options = {"callback": callback}


class NeedsTwo(Exception):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def take(value: object) -> bool:
    return value is not None


def local_function() -> Callable[[], None]:
    def inner() -> None: ...

    return inner


GOOD: dict[str, Callable[[Any], object]] = {
    "data": lambda _: Job([1, "two", {3: None}]),
    "function": lambda _: take,
    "lock": lambda this: Job(this.Lock()),
    "queue": lambda this: this.Queue(),
    "pipe": lambda this: this.Pipe(),
    "value": lambda this: this.Value("i", 3),
}

BAD: dict[str, tuple[Callable[[Any], object], str]] = {
    "lambda": (lambda _: Job(lambda: None), r"Job\.options\['callback'\]: lambda does not pickle \("),
    "local function": (lambda _: [local_function()], r"list\[0\]: local function inner does not pickle \("),
    "lock of a thread": (lambda _: {"lock": threading.Lock()}, r"dict\['lock'\]: _thread.lock does not pickle \("),
    "file": (lambda _: Job(sys.__stdout__), r"Job.options\['callback'\]: .*TextIOWrapper does not pickle \("),
    "lock of another context": (
        lambda _: Job(multiprocessing.get_context("fork").Lock()),
        r"Job\.options\['callback'\]\S*: \S+ does not pickle \(RuntimeError: A SemLock created in a fork context",
    ),
    "exception that cannot be made again": (
        lambda _: Job(NeedsTwo("a", "b")),
        r"Job\.options\['callback'\]: \S+NeedsTwo cannot be read back \(TypeError: ",
    ),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD.keys())
def test_what_passes_goes_through(
    mp_start_method: str, mp_process: ProcessFactory, make: Callable[[Any], object]
) -> None:
    method = mp_start_method if mp_start_method in STARTED else "spawn"
    value = make(multiprocessing.get_context(method))
    assert_picklable(value)
    assert mp_process(take, value).result()


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD.keys())
def test_what_fails_is_named_whatever_the_test_runs_under(
    mp_start_method: str, mp_process: ProcessFactory, make: Callable[[Any], object], message: str
) -> None:
    value = make(None)
    with pytest.raises(AssertionError, match=rf"^would fail under spawn and forkserver: {message}.*; what to do: pass"):
        assert_picklable(value)
    if mp_start_method == "fork":
        assert mp_process(take, value).result()
    else:
        with pytest.raises((NotPicklable, TypeError)):
            mp_process(take, value).result()


def test_nothing_is_left_by_the_attempt() -> None:
    near, far = multiprocessing.get_context("spawn").Pipe()
    assert_picklable((near, far))
    near.send("still open")
    assert far.recv() == "still open"
    assert context.get_spawning_popen() is None
    near.close()
    far.close()


def test_start_methods_are_named() -> None:
    with pytest.raises(AssertionError, match=r"^would fail under forkserver: function: lambda "):
        assert_picklable(lambda: None, start_methods="forkserver, fork")
    assert_picklable(3, ["spawn"])


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        pytest.param("fork", "for fork proves nothing, since nothing is pickled there; what to do:", id="fork"),
        pytest.param([], "for no start method proves nothing", id="none"),
        pytest.param("spwan", r"got the start method 'spwan' \(did you mean 'spawn'\?\); what to do: ", id="typo"),
        pytest.param([None], "got the start method 'None'; what to do: give some of spawn, forkserver", id="no text"),
    ],
)
def test_start_methods_that_prove_nothing_are_refused(methods: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assert_picklable(3, start_methods=methods)
