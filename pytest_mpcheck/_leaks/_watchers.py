"""All watchers of leaks, in the order in which they are asked: what others are part of comes first."""

from __future__ import annotations

import os

from .._guard._watcher import Watcher
from .._keeper._scope import Scope
from ._descriptors import Descriptors
from ._estate import Estate
from ._output import Output
from ._owners import Owners
from ._processes import Processes
from ._reach import Reach
from ._threads import Threads

__all__ = ["leak_watchers"]


def leak_watchers(scope: Scope, folder: str) -> tuple[Watcher, ...]:
    """Return the watchers of leaks.

    Args:
        scope: Which processes to look after.
        folder: A folder for what children tell.
    """
    reach = Reach(os.path.join(folder, "word"))
    return Output(reach), Owners(), Processes(scope), Threads(), Descriptors(), Estate(reach)
