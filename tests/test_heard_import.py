"""Finders that only want to hear of an import: all of them do, once, and the module does not know."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_mpcheck._heard_import import find_and_hear


def test_all_who_wait_for_a_module_hear_of_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[int, str]] = []

    class Waiting:
        def __init__(self, number: int) -> None:
            self.number = number

        def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
            return find_and_hear(self, name, path, target, self.note) if name == "waited_for" else None

        def note(self, module: ModuleType) -> None:
            heard.append((self.number, module.VALUE))

    (tmp_path / "waited_for.py").write_text("VALUE = 'there'")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [Waiting(1), Waiting(2), *sys.meta_path])
    module = importlib.import_module("waited_for")
    monkeypatch.delitem(sys.modules, "waited_for")
    assert sorted(heard) == [(1, "there"), (2, "there")]
    assert isinstance(module.__loader__, SourceFileLoader)
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
