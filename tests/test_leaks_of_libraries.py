"""What libraries keep on purpose, as the guard knows it: they need not be installed here."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

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
