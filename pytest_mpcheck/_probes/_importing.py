"""Modules that the look itself needs: they are not what the process has."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__all__ = ["import_quietly", "is_of_the_look"]

_of_the_look: set[str] = set()


def import_quietly(name: str) -> Any:
    """Import a module, and count it and what comes with it as ours where nobody had imported it before.

    Raises:
        ImportError: There is no such module.
    """
    before = set(sys.modules)
    module = import_module(name)
    _of_the_look.update(set(sys.modules) - before)
    return module


def is_of_the_look(name: str) -> bool:
    """Return whether a module was imported by a look alone."""
    return name in _of_the_look
