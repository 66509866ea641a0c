"""Which interpreter of its process this is (PEP 734)."""

from __future__ import annotations

from ._importing import import_quietly

__all__ = ["interpreter_number"]


def interpreter_number() -> int:
    """Return the number of the interpreter that calls this; 0 for the main one, and where there are no others."""
    try:
        interpreters = import_quietly("_interpreters")  # `concurrent.interpreters` would import half of the library
    except ImportError:
        return 0
    return int(interpreters.get_current()[0])
