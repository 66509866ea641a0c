"""How a process finds the log that it is to record into.

Guarantees: it is found by what came with the process (see `_stowaway`), else by the environment, else not at all, which
is no error. From then on what this process starts, joins and sends is noted too.
"""

from __future__ import annotations

import os
import sys

from . import _log, _ways
from ._layout import KEY, VARIABLE
from ._messages import receive
from ._ways import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["attach", "find", "receive", "start"]


def find(agent: tuple[Any, ...] | None = None) -> None:
    """Find the log of this process, and record into it.

    Args:
        agent: What has waited in this process for that (see `_agent`); where there is none, or it is not known, that is
            found too.
    """
    if _log.given()[0] is not None:
        return
    processes = sys.modules.get("multiprocessing.process")
    process = processes.current_process() if processes else None
    found: Any = agent or (process._config.get(KEY) if process else None)
    if isinstance(found, tuple):
        given, leave = found
        if leave is not None:
            leave()
        attach(*given, start_method=getattr(process, "_start_method", "") or "")
    elif named := os.environ.get(VARIABLE):
        attach(*_read(named))


def attach(
    folder: str,
    limit: int | None = None,
    binding: int | None = None,
    origin: tuple[str, int] | None = None,
    *,
    start_method: str = "",
) -> None:
    """Record into a log from now on, and take notice of what this process starts, joins and sends.

    Args:
        folder: The folder of the log.
        limit: As for `_log.listen`.
        binding: As for `_log.set_epoch`.
        origin: As for `_log.listen`.
        start_method: As for `_log.listen`.
    """
    _log.listen(folder, origin, start_method=start_method, limit=limit)
    _log.set_epoch(binding)
    _ways.open_all()


def _read(address: str) -> tuple[Any, ...]:
    """Read what `address` has written, or the path of a folder."""
    folder, *rest = address.rsplit(os.pathsep, 4)
    if len(rest) < 4:
        return (address,)
    limit, binding, key, sequence = rest
    return folder, int(limit), int(binding) if binding else None, (key, int(sequence)) if key else None
