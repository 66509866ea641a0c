"""A function that travels as code inside of a pickle, to a process that has not loaded the module it stands in.

Guarantees: nothing is compiled there, and nothing imported that it has not. The reader must be the same Python.
"""

from __future__ import annotations

import copyreg
import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["carried"]


class _Call:
    """What the child calls when it reads this."""

    def __init__(self, function: Any, *args: Any) -> None:
        self._reduced = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reduced

    def __call__(self) -> None:
        """Pickle wants what is called to be callable here, too."""


_FUNCTION_TYPE = _Call(type, copyreg.pickle)


def carried(function: Any) -> Any:
    """Return what stands for a function in the answer of ``__reduce__``; the function needs no globals but builtins."""
    code = _Call(marshal.loads, marshal.dumps(function.__code__))
    return _Call(_FUNCTION_TYPE, code, {"__builtins__": _Call(__import__, "builtins")})
