"""`Replacements`: functions of other modules that something of ours stands in front of.

Guarantees: `close` puts back what was there; what somebody else has put in its place since stays. No module is imported
for it: one that is imported later is seen to then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from ._imports import Imports

__all__ = ["Place", "Replacements"]


class Place(NamedTuple):
    """Where something stands.

    Attributes:
        module: The module.
        owner: The class of the module; empty for a function of the module.
        name: The name.
        make: Makes of what stands there what is to stand there.
        is_new: Whether nothing stands there, and `make` gets ``None``; else it must be there.
    """

    module: str
    owner: str
    name: str
    make: Callable[[Any], Any]
    is_new: bool = False


class Replacements:
    """What stands in some places, while it is open.

    Args:
        places: The places.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places
        self._imports = Imports({place.module for place in places}, self._replace)
        self._replaced: dict[tuple[Any, str], tuple[Any, Any]] = {}

    def open(self) -> None:
        """Replace what is there."""
        self._imports.open()
        for name in {place.module for place in self._places}:
            if module := sys.modules.get(name):
                self._replace(module)

    def close(self) -> None:
        """Put it back."""
        self._imports.close()
        for (owner, name), (original, replacement) in reversed(self._replaced.items()):
            if vars(owner).get(name) is replacement:
                if original is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)
        self._replaced.clear()

    def _replace(self, module: ModuleType) -> None:
        for place in self._places:
            if place.module != module.__name__:
                continue
            owner: Any = getattr(module, place.owner, None) if place.owner else module
            # a test may have put something else there, such as a mock
            if not isinstance(owner, (type, ModuleType)) or (owner, place.name) in self._replaced:
                continue
            original = vars(owner).get(place.name)
            if (original is None) == place.is_new:  # else it is another version of the library
                replacement = place.make(original)
                if not place.owner:
                    replacement.__module__ = module.__name__  # not that of C: it pickles by the name it stands under
                self._replaced[owner, place.name] = original, replacement
                setattr(owner, place.name, replacement)
