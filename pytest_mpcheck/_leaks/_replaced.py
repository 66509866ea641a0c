"""`Replaced`: functions of others that stand replaced for a while."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["Replaced"]


class Replaced:
    """Functions that were replaced, each by one that does the same and something more.

    Guarantees: what somebody else has put in the place of a replacement since then stays.
    """

    def __init__(self) -> None:
        self._functions: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Replace a function; one that is not there, or that was replaced before, is left as it is.

        Args:
            owner: The class or module that it stands in.
            name: Its name.
            around: Gives the replacement.
        """
        original = vars(owner).get(name)
        if callable(original) and not any(original is replacement for *_, replacement in self._functions):
            replacement = functools.wraps(original)(around(original))
            self._functions.append((owner, name, original, replacement))
            setattr(owner, name, replacement)

    def put_back(self) -> None:
        """Put back what was there. Idempotent."""
        while self._functions:
            owner, name, original, replacement = self._functions.pop()
            if vars(owner).get(name) is replacement:
                setattr(owner, name, original)
