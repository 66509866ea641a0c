"""What libraries keep on purpose, as the guard knows it: they need not be installed here."""

from __future__ import annotations

import sys
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mpcheck._guard._watcher import Made, Span
from pytest_mpcheck._leaks._parts import Parts
from pytest_mpcheck._leaks._stay import reusable_executors


@pytest.mark.parametrize("package", ["loky", "joblib.externals.loky"])
def test_reusable_executor_is_that_of_the_module_or_of_the_thread(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in ("loky", "joblib.externals.loky"):
        monkeypatch.setitem(sys.modules, f"{name}.reusable_executor", None)
    assert list(reusable_executors()) == []
    executor = object()
    older: Any = SimpleNamespace(_executor=executor)
    newer: Any = SimpleNamespace(_executor_storage=SimpleNamespace(executor=executor))
    nobodys: Any = SimpleNamespace(_executor=None, _executor_storage=SimpleNamespace(executor=None))
    for module, found in ((older, [executor]), (newer, [executor]), (nobodys, [])):
        monkeypatch.setitem(sys.modules, f"{package}.reusable_executor", module)
        assert list(reusable_executors()) == found


@pytest.mark.parametrize(
    ("through", "feeders"), [((), {7}), (("joblib.externals.loky.process_executor",), set())], ids=["test", "executor"]
)
def test_thread_that_feeds_the_queue_of_an_executor_is_its_own(through: tuple[str, ...], feeders: set[int]) -> None:
    class Queue:
        _thread = SimpleNamespace(ident=7)

    queue = Queue()
    made = Made("queue", "test_it.py:1", through=through)
    made.object = weakref.ref(queue)
    span = Span("test_it", "function", "test_it")
    span.made.append(made)
    assert Parts(span).feeders == feeders
