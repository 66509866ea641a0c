"""The fixtures. Each builds, yields and closes; what it builds lives below.

Nothing of `multiprocessing` is imported before the first test asks for one of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from ._config import SETTINGS, assertions_of, mark_of, run_of

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from multiprocessing.context import BaseContext
    from multiprocessing.pool import Pool

    from ._children._child import Child
    from ._children._echo import Place
    from ._children._nursery import Nursery
    from ._ordering._history import History
    from ._records import ScriptRun

__all__ = [
    "ProcessFactory",
    "mp_backend",
    "mp_context",
    "mp_executor",
    "mp_history",
    "mp_pool",
    "mp_process",
    "mp_script",
    "mp_start_method",
]

_CAPTURES = frozenset(("capfd", "capfdbinary", "capsys", "capsysbinary", "capteesys"))
"""pytest's fixtures that read what a test prints."""


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
    from ._account import NURSERY, PASSED, show_output
    from ._children._nursery import Nursery
    from ._history._recollection import Recollection
    from ._recordings import chronicle_of

    timeout = mark_of(request.node).timeout or request.config.stash[SETTINGS].timeout
    nursery = request.node.stash[NURSERY] = Nursery(
        _mp_kind,
        timeout,
        _modules(request),
        echo=lambda: _place_of_output(request),
        assertions=assertions_of(request.node),
        new_scope=run_of(request.config).new_scope,
        recollection=Recollection(lambda: chronicle_of(request.node)),
    )
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
        from ._errors import NoSuchWorkers

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


@pytest.fixture
def mp_history(request: pytest.FixtureRequest) -> Iterator[History]:
    """What the processes of the test have recorded by `checkpoint` and `span`: a `History`."""
    from ._attendant import call_attendant
    from ._ordering._history import History
    from ._recordings import HISTORY, has_colours, recording_of

    call_attendant(request.config)  # where the test asks for it in its own code, nobody has
    history = History(recording_of(request.node), colour=has_colours(request.config))
    request.node.stash[HISTORY] = history
    yield history
    history.close()


def _place_of_output(request: pytest.FixtureRequest) -> Place:
    """Choose where the output of children goes: where that of the test itself would be seen."""
    if not _CAPTURES.isdisjoint(request.fixturenames):
        return "fixture"
    places: dict[str, Place] = {"no": "streams", "tee-sys": "terminal"}
    return places.get(request.config.getoption("capture"), "nowhere")


def _modules(request: pytest.FixtureRequest) -> list[str]:
    """Name the modules that hold what a test may hand to a worker: its own, and the conftests."""
    names = [plugin.__name__ for plugin in request.config.pluginmanager.get_plugins() if _is_conftest(plugin)]
    return [request.module.__name__, *names] if request.module is not None else names


def _is_conftest(plugin: object) -> bool:
    return Path(getattr(plugin, "__file__", None) or "").name == "conftest.py"
