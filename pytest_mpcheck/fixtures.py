"""The fixtures. Each builds, yields and closes; what it builds lives below.

Nothing of `multiprocessing` is imported before the first test asks for one of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from ._config import SETTINGS, mark_of
from ._errors import NoSuchWorkers

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from multiprocessing.context import BaseContext
    from multiprocessing.pool import Pool

    from ._children._child import Child
    from ._children._nursery import Nursery
    from ._children._starts import StartLog
    from ._records import ScriptRun

__all__ = [
    "NURSERY",
    "PASSED",
    "STARTS",
    "ProcessFactory",
    "mp_backend",
    "mp_context",
    "mp_executor",
    "mp_pool",
    "mp_process",
    "mp_script",
    "mp_start_method",
    "settle",
    "show_output",
    "watch_time_limit",
]

NURSERY: pytest.StashKey[Nursery] = pytest.StashKey()
"""Where a test keeps its nursery."""

STARTS: pytest.StashKey[StartLog] = pytest.StashKey()
"""Where a test keeps how many processes were started in it."""

NOTHING_STARTED = (
    "this test says that it starts processes (by an mp_* fixture or the mp marker), and none was started in it: "
    "it proves nothing about them; what to do: start one, or take the fixture or the marker away"
)

PASSED = pytest.StashKey[bool]()
"""Where a test keeps that its own code has passed."""


class ProcessFactory(Protocol):
    """What `mp_process` gives a test."""

    def __call__(
        self, target: Callable[..., Any], /, *args: Any, name: str | None = None, daemon: bool | None = None
    ) -> Child:
        """Start a child.

        Args:
            target: Any callable: of a module, local, a lambda, a partial, a bound method.
            args: Its arguments; under spawn and forkserver they are pickled.
            name: The child's name, as for `multiprocessing.Process`.
            daemon: Whether the end of the test ends the child instead of joining it.

        Returns:
            The child, already started.

        Raises:
            NotPicklable: The target or an argument does not pickle; the message names the part.
        """
        ...


@pytest.fixture
def _mp_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param  # given by the plugin's pytest_generate_tests
    return kind


@pytest.fixture
def _mp_nursery(request: pytest.FixtureRequest, _mp_kind: str) -> Iterator[Nursery]:
    __tracebackhide__ = True
    from ._children._nursery import Nursery

    timeout = mark_of(request.node).timeout or request.config.stash[SETTINGS].timeout
    echo = request.config.getoption("capture") == "no"
    nursery = request.node.stash[NURSERY] = Nursery(_mp_kind, timeout, _modules(request), echo=echo)
    try:
        yield nursery
        if request.node.stash.get(PASSED, False):
            nursery.settle()
    except BaseException:
        show_output(request.node, "teardown")
        raise
    finally:
        nursery.close()


@pytest.fixture
def mp_start_method(_mp_kind: str) -> str:
    """The start method that this run of the test is for; the test runs once for each one in effect."""
    return _mp_kind


@pytest.fixture
def mp_backend(_mp_kind: str) -> str:
    """The kind of worker that this run of the test is for: a start method, ``thread``, or ``interpreter`` (3.14+)."""
    return _mp_kind


@pytest.fixture
def mp_context(mp_start_method: str) -> BaseContext:
    """The `multiprocessing` context of `mp_start_method`."""
    from multiprocessing import get_context

    return get_context(mp_start_method)


@pytest.fixture
def mp_process(_mp_nursery: Nursery) -> ProcessFactory:
    """A factory of children.

    ``mp_process(target, *args, name=None, daemon=None)`` gives a `Child`, already started.
    """

    def mp_process(
        target: Callable[..., Any], /, *args: Any, name: str | None = None, daemon: bool | None = None
    ) -> Child:
        __tracebackhide__ = True
        return _mp_nursery.start(target, args, name, daemon)

    return mp_process


@pytest.fixture
def mp_pool(_mp_nursery: Nursery) -> Callable[..., Pool]:
    """A factory of pools: `multiprocessing.pool.Pool`, or its like for the backend.

    ``mp_pool(processes=None, initializer=None, initargs=(), maxtasksperchild=None)``; at the end of the test the pool
    is closed and joined.
    """

    def mp_pool(
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> Pool:
        try:
            return _mp_nursery.pool(processes, initializer, initargs, maxtasksperchild)
        except NoSuchWorkers as error:
            pytest.skip(str(error))

    return mp_pool


@pytest.fixture
def mp_executor(_mp_nursery: Nursery) -> Callable[..., Executor]:
    """A factory of executors: `concurrent.futures.ProcessPoolExecutor`, or its like for the backend.

    ``mp_executor(max_workers=None, initializer=None, initargs=(), max_tasks_per_child=None)``; at the end of the test
    the executor is shut down.
    """

    def mp_executor(
        max_workers: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        max_tasks_per_child: int | None = None,
    ) -> Executor:
        return _mp_nursery.executor(max_workers, initializer, initargs, max_tasks_per_child)

    return mp_executor


@pytest.fixture
def mp_script(_mp_nursery: Nursery) -> Callable[..., ScriptRun]:
    """A runner of scripts, each as a real ``__main__`` under `mp_start_method`.

    ``mp_script(path, *args)`` gives a `ScriptRun` once the script has ended.
    """

    def mp_script(path: str | os.PathLike[str], *args: str | os.PathLike[str]) -> ScriptRun:
        __tracebackhide__ = True
        return _mp_nursery.script(path, args)

    return mp_script


def settle(item: pytest.Item, made_in_setup: int) -> None:
    """Ask of a test whose own code has passed what it owes: that it started something, and saw its children off.

    Args:
        item: The test.
        made_in_setup: How many members its nursery had before its own code ran; they may live on until teardown.
    """
    __tracebackhide__ = True
    nursery = item.stash.get(NURSERY, None)
    if not item.stash[STARTS].count and not (nursery and nursery.members):
        from multiprocessing import active_children

        if not active_children():  # those of a fixture of wider scope count too
            pytest.fail(NOTHING_STARTED, pytrace=False)
    if nursery:
        nursery.settle(since=made_in_setup)


def show_output(item: pytest.Item, when: str) -> None:
    """Let a report show what the children of its test have written.

    Args:
        item: The test.
        when: The phase that the report is about.
    """
    nursery = item.stash.get(NURSERY, None)
    if nursery is not None:
        for heading, text in nursery.sections():
            item.add_report_section(when, heading, text)


def watch_time_limit(item: pytest.Item, settings: Any) -> AbstractContextManager[None]:
    """Let the processes of a test be examined before pytest-timeout ends it.

    Args:
        item: The test.
        settings: What pytest-timeout knows of its limit.

    Returns:
        A context in which the limit is set.
    """
    from ._autopsy._time_limit import looking_first

    def examine() -> str:
        from pytest_timeout import is_debugging  # type: ignore[import-untyped]

        from ._autopsy._examination import examine_descendants
        from ._process_words import time_limit_words

        if is_debugging() and not settings.disable_debugger_detection:
            return ""  # the limit is not kept then
        nursery = item.stash.get(NURSERY, None)
        return time_limit_words(examine_descendants(nursery.known() if nursery else {}))

    return looking_first(examine, lambda text: _write_down(item, text))


def _write_down(item: pytest.Item, text: str) -> None:
    """Write to the terminal, past the capture, since pytest is about to end where it stands."""
    from ._words import tail

    nursery = item.stash.get(NURSERY, None)
    output = [f"last of {heading}:\n{tail(text)}" for heading, text in (nursery.sections() if nursery else ())]
    capture = item.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        if hasattr(item.config, "workerinput"):  # what a worker of xdist writes to its terminal is lost
            print(f"\nprocesses of {item.nodeid}", text, *output, sep="\n", file=sys.__stderr__, flush=True)
            return
        writer = item.config.get_terminal_writer()
        writer.line()
        writer.sep("+", f"processes of {item.nodeid}")
        writer.line("\n".join([text, *output]))
        writer.flush()


def _modules(request: pytest.FixtureRequest) -> list[str]:
    """Name the modules that hold what a test may hand to a worker: its own, and the conftests."""
    names = [plugin.__name__ for plugin in request.config.pluginmanager.get_plugins() if _is_conftest(plugin)]
    return [request.module.__name__, *names] if request.module is not None else names


def _is_conftest(plugin: object) -> bool:
    return Path(getattr(plugin, "__file__", None) or "").name == "conftest.py"
