"""What PyPy's pickling needs to be like CPython's."""

from __future__ import annotations

import pickle
import sys
from typing import Any

__all__ = ["ReducingPickler", "import_cloudpickle"]

_IS_PYPY = sys.implementation.name == "pypy"

ReducingPickler: Any = vars(pickle)["_Pickler"] if _IS_PYPY else pickle.Pickler
"""A pickler that asks its `reducer_override` once for each object; PyPy's fast one asks again, for ever."""


def import_cloudpickle() -> Any:
    """Import cloudpickle.

    On PyPy it wants a pickler written in Python, and since PyPy 7.3.22 `pickle.Pickler` is none (cloudpickle#592).

    Returns:
        The module.
    """
    this: Any = pickle
    original = this.Pickler
    this.Pickler = ReducingPickler
    try:
        import cloudpickle
    finally:
        this.Pickler = original
    return cloudpickle
