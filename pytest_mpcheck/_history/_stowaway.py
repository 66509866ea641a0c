"""What tells a child where the log is, and what came before it.

It travels in `Process._config`, which `multiprocessing` sends to every child along with its target: after the child's
`sys.path` is what its parent's is, whatever its environment, through a fork server that was there before, and in
processes of libraries that build on `multiprocessing`. Guarantees: a child starts, whatever of this arrives. Forked
children know all of it anyway.
"""

from __future__ import annotations

import os
import sys

from . import _log
from ._agent import arrive
from ._carried import carried
from ._layout import KEY
from ._messages import MAGIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["address", "see_off"]

_ARRIVE = carried(arrive)


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
