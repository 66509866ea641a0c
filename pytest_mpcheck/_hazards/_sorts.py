"""Which objects could do harm on the other side of a fork, and of what sort they are.

Guarantees: runs no code of the objects and their classes, and imports nothing: what has not been imported has made no
object.
"""

from __future__ import annotations

import _io
import sys
import threading
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final, Literal

__all__ = ["CODE", "DATA", "Sort", "bases_of", "module_of", "sorter"]

Sort = Literal["lock", "file", "socket", "database", "loop", "random", "numpy"]

_LOCKS: Final = (type(threading.Lock()), type(threading.RLock()))

DATA: Final = frozenset((int, str, bytes, float, complex, bool, type(None), bytearray, range, BuiltinFunctionType))
"""Classes of what does no harm and has no parts; most of all objects are of one of them."""

CODE: Final = DATA | {FunctionType, ModuleType, type}
"""Classes of most of what stands in a module, none of which does harm."""

_DATABASES: Final = frozenset(
    ("MySQLdb", "cx_Oracle", "duckdb", "mysql", "oracledb", "psycopg", "psycopg2", "psycopg_c", "pymysql", "pyodbc")
)
"""Packages whose connections belong to the process that made them."""

_BY_NAME: Final[tuple[tuple[str, str, Sort | None], ...]] = (
    ("socket", "socket", "socket"),
    ("sqlite3", "Connection", "database"),
    ("asyncio", "AbstractEventLoop", "loop"),
    ("random", "Random", "random"),
    ("random", "SystemRandom", None),  # it has no state
    ("numpy.random", "Generator", "numpy"),
    ("numpy.random", "RandomState", "numpy"),
)


def sorter() -> Callable[[object], Sort | None]:
    """Return a function that tells of what sort an object is; ``None`` when it could do no harm."""
    known: dict[type, Any] = dict.fromkeys(_LOCKS, "lock")
    known[_io._IOBase] = "file"
    for module, name, sort in _BY_NAME:
        cls = getattr(sys.modules.get(module), name, None)
        if isinstance(cls, type):
            known[cls] = sort

    def sort_of(value: object) -> Sort | None:
        cls = type(value)
        if cls in CODE:
            return None
        for base in bases_of(cls):
            if base in known:
                sort: Sort | None = known[base]
                return sort
        return "database" if _is_connection(cls) else None

    return sort_of


def bases_of(cls: type) -> tuple[type, ...]:
    """Return a class and all that it derives from, whatever its metaclass says."""
    bases: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return bases


def _is_connection(cls: type) -> bool:
    name: str = type.__dict__["__name__"].__get__(cls)
    return module_of(cls).partition(".")[0] in _DATABASES and "connection" in name.lower()


def module_of(cls: type) -> str:
    """Return the name of the module of a class, whatever its metaclass says; empty when there is none."""
    namespace: Mapping[str, Any] = type.__dict__["__dict__"].__get__(cls)
    module = namespace.get("__module__") or type.__dict__["__module__"].__get__(cls)
    return module if type(module) is str else ""
