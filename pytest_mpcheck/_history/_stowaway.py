"""What tells a child where the log is, and what came before it.

It travels in `Process._config`, which `multiprocessing` sends to every child along with its target: after the child's
`sys.path` is what its parent's is, whatever its environment, through a fork server that was there before, and in
processes of libraries that build on `multiprocessing`. Guarantees: a child starts, whatever of this arrives. Forked
children know all of it anyway.
"""

from __future__ import annotations

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

__all__ = ["address", "see_off"]

_EXPRESSION = (
    "type(lambda: 0)(__import__('marshal').loads(code), globals())(given, magic, at_once=at_once) "
    "if __import__('sys').implementation.cache_tag == tag else None"
)
"""What becomes of it in the child; a child of another Python could not read the code."""

_CODE = marshal.dumps(arrive.__code__)


class _Stowaway:
    def __reduce__(self) -> tuple[Any, ...]:
        watch = sys.modules.get(f"{__package__}._watch")
        baggage = {
            "code": _CODE,
            "given": _log.given(),
            "magic": MAGIC,
            "at_once": watch is not None and watch.is_watching(),
            "tag": sys.implementation.cache_tag,
        }
        return eval, (_EXPRESSION, baggage)


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
