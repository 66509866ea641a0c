"""What tells a child where the log is, and what came before it.

It travels in `Process._config`, which `multiprocessing` sends to every child along with its target: after the child's
`sys.path` is what its parent's is, whatever its environment, through a fork server that was there before, and in
processes of libraries that build on `multiprocessing`. Guarantees: a child starts, whatever of this arrives. Forked
children know all of it anyway.
"""

from __future__ import annotations

import copyreg
import marshal
import os
import sys

from . import _log
from ._agent import arrive
from ._layout import KEY
from ._messages import MAGIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["address", "carried", "see_off"]

_CODE = marshal.dumps(arrive.__code__)


class _Call:
    """What the child calls when it reads this: nothing is compiled there, and nothing imported that it has not."""

    def __init__(self, function: Any, *args: Any) -> None:
        self._reduced = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reduced

    def __call__(self) -> None:
        """Pickle wants what is called to be callable here, too."""


_FUNCTION_TYPE = _Call(type, copyreg.pickle)


def carried(code: bytes) -> Any:
    """Make what pickles as a function that is made anew of its code, wherever it is read.

    Args:
        code: The code, marshalled: of a function without globals and free variables.
    """
    return _Call(_FUNCTION_TYPE, _Call(marshal.loads, code), {"__builtins__": _Call(__import__, "builtins")})


_ARRIVE = carried(_CODE)


class _Stowaway:
    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing.spawn import get_executable

        given = _log.given()
        is_heard = given[2] in (None, _log.epoch())
        if not is_heard or os.fsdecode(get_executable()) != sys.executable:  # another Python may not read the code
            return tuple, ((given, None),)
        watch = sys.modules.get(f"{__package__}._watch")
        return _ARRIVE, (given, MAGIC, watch is not None and watch.is_watching())


def see_off(process: Any) -> None:
    """Give a process that is about to be started what its child has to know.

    Args:
        process: A process of `multiprocessing`.
    """
    process._config[KEY] = _Stowaway()


def address() -> str:
    """Return what a program is told by its environment."""
    folder, limit, binding, origin = _log.given()
    key, sequence = origin or ("", -1)
    return os.pathsep.join((folder or "", *map(str, (limit, "" if binding is None else binding, key, sequence))))
