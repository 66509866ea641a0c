"""What a process does at its start so that a signal makes it tell the stack of each of its threads.

The handler is written in C: it answers while Python code is stuck in a lock, or in C code that a signal interrupts. A
child that is forked later inherits the handler and the file.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from typing import IO

from .. import _platforms

__all__ = ["arm", "warm_up"]

_kept: list[IO[bytes]] = []
"""Files that a signal handler writes to; to be open they must be referenced."""


def arm(partial: str, path: str) -> None:
    """Let this process answer to `STACK_SIGNAL` from now on.

    Args:
        partial: The path of the file while nobody must send the signal yet.
        path: The path under which it is put once there is a handler.
    """
    if sys.platform != "win32" and _platforms.STACK_SIGNAL is not None:
        stacks = open(partial, "wb", buffering=0)  # noqa: SIM115
        _kept.append(stacks)
        faulthandler.register(_platforms.STACK_SIGNAL, file=stacks, all_threads=True)
        os.rename(stacks.name, path)


def warm_up() -> None:
    """Load here what `faulthandler` loads when it is enabled, so that no forked child has to; change nothing else.

    From Python 3.14 on that is the library which unwinds stacks of C: more than a tenth of what a child takes.
    """
    if not faulthandler.is_enabled():
        with open(os.devnull, "wb") as nowhere:
            faulthandler.enable(nowhere)
            faulthandler.disable()
