"""`Recorder`: gives the stand-ins of one test their names.

Guarantees: what is given is an object that processes or threads share, or refused. Children do not load this module.
"""

from __future__ import annotations

import itertools
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TypeVar, cast

from .._errors import MpcheckError
from .._excerpts import repr_of, type_name
from ._kinds import kind_of
from ._stand_in import name_of, stand_in

__all__ = ["Recorder"]

Shared = TypeVar("Shared")

_VALUES = (type(None), bool, int, float, complex, str, bytes, bytearray, tuple, frozenset, range, slice)
_CODE = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)


class Recorder:
    """Makes the stand-ins of one test."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def recorded(self, shared: Shared, name: str | None = None) -> Shared:
        """See `History.recorded`."""
        __tracebackhide__ = True
        self._refuse(shared, name)
        if name is None:
            name = self._free(kind_of(type(shared)).name)
        self._taken.add(name)
        return cast("Shared", stand_in(shared, name))

    def _refuse(self, shared: object, name: object) -> None:
        __tracebackhide__ = True
        call = f"recorded({repr_of(shared, 60)}{'' if name is None else f', {repr_of(name, 60)}'})"
        if name is not None and not (isinstance(name, str) and name):
            raise MpcheckError(f"{call}: {repr_of(name, 60)} is no name: give a text of one character or more")
        if (known := name_of(shared)) is not None:
            raise MpcheckError(
                f"{call}: that is a stand-in already, its spans are {known}.<operation>\n"
                "what to do: hand it on as it is"
            )
        if isinstance(shared, _CODE):
            raise MpcheckError(
                f"{call}: there is no object whose calls could be recorded, this is a {type_name(shared)}\n"
                'what to do: for the calls of a function, mp_history.watch("package.module:function")'
            )
        if isinstance(shared, _VALUES):
            raise MpcheckError(
                f"{call}: {type_name(shared)} is a value, nobody can change it, and each process has a copy\n"
                "what to do: give it what the processes share: a queue, a connection, a Value or an Array, a lock, a "
                "proxy of a manager, or any object with methods"
            )

    def _free(self, kind: str) -> str:
        numbered = (f"{kind}{number}" for number in itertools.count(2))
        return next(name for name in itertools.chain([kind], numbered) if name not in self._taken)
