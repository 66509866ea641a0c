"""Which processes a test works with: those that it starts itself, and those of its fixtures of wider scope.

Guarantees: a test that merely runs while such a fixture is there works with none of its processes. It does if it asks
for the fixture, by name or by way of another one; if the fixture is of its own class or module; or if it is the first
test of the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from ._sweep._ledger import Ledger, Uses

__all__ = ["Starters"]


class Starters:
    """Tests and fixtures that start processes.

    Args:
        ledger: Notes what they do.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._of_fixtures: dict[pytest.FixtureDef[Any], Uses] = {}
        self._of_test = Uses()
        self._new: list[pytest.FixtureDef[Any]] = []
        self._used: list[Uses] = []

    def begin(self) -> Uses:
        """Let a test begin, and return where to note what it does."""
        self._of_test, self._new, self._used = Uses(), [], []
        return self._of_test

    def forget(self) -> None:
        """Let all fixtures be set up anew from now on."""
        self._of_fixtures = {}

    def setting_up(self, definition: pytest.FixtureDef[Any]) -> AbstractContextManager[None]:
        """Let what happens while a fixture is set up be its own, if other tests may meet it too."""
        if definition.scope == "function":
            return nullcontext()
        self._new.append(definition)
        return self._ledger.of(self._of_fixtures.setdefault(definition, Uses()))

    def look(self, item: pytest.Item) -> None:
        """Look which fixtures a test has, while it has them."""
        if self._of_fixtures:
            self._used = [
                uses for one in _fixtures_of(item) if (uses := self._of_fixtures.get(one)) and self._counts(item, one)
            ]

    def all(self) -> list[Uses]:
        """Return what the test that has just run works with: its own first."""
        return [self._of_test, *self._used]

    def _counts(self, item: pytest.Item, definition: pytest.FixtureDef[Any]) -> bool:
        return definition.scope in ("class", "module") or definition in self._new or definition.argname in _asked(item)


def _fixtures_of(item: Any) -> list[pytest.FixtureDef[Any]]:
    return list(getattr(getattr(item, "_request", None), "_fixture_defs", {}).values())


def _asked(item: Any) -> set[str]:
    """Return the names of the fixtures that a test asks for, but for those that come to it unasked."""
    info = item._fixtureinfo
    known = info.name2fixturedefs
    asked: set[str] = set()
    waiting = [*info.argnames, *_marked(item), *(one.argname for one in _fixtures_of(item) if one.argname not in known)]
    while waiting:
        name = waiting.pop()
        if name not in asked:
            asked.add(name)
            waiting += [other for one in known.get(name, ()) for other in one.argnames]
    return asked


def _marked(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("usefixtures"):
        yield from mark.args
