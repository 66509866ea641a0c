"""What a child that the fork server makes is given of the process that starts it, and would not have by itself.

The server was started once, so its environment and its output are those of that moment. Guarantees: before such a child
imports anything for its target it has the environment of the moment of its start, and writes where the process that
starts it writes. It needs nothing for it that it has not loaded, and starts whatever of it fails.

It travels in `Process._config`, as the history does (see `_history._stowaway`).
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from .._history._carried import carried

__all__ = ["KEY", "Luggage"]

KEY = "mpcheck_luggage"
"""Where it travels in the configuration of a process."""


def _arrive(environ: Any, streams: Any) -> None:
    """Unpack, in the child; this is sent as code, and knows nothing of this module."""
    import os

    for number, sent in streams:
        try:
            file = sent.detach()
            os.dup2(file, number)
            os.close(file)
        except OSError:
            pass
    present = os.environ
    for key in set(present).difference(environ):
        del present[key]
    for key, value in environ.items():
        if present.get(key) != value:
            present[key] = value


_ARRIVE = carried(_arrive)


class Luggage:
    """What goes along with one child; pickled while it is being started.

    Args:
        streams: The descriptors that it is to have from here.
    """

    def __init__(self, streams: tuple[int, ...]) -> None:
        self._streams = streams

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing import reduction
        from multiprocessing.spawn import get_executable

        for_a_child: Any = reduction

        if os.fsdecode(get_executable()) != sys.executable:  # another Python may not read the code
            return tuple, ()
        sent = []
        for number in self._streams:
            with contextlib.suppress(OSError):  # closed here, so there is nothing to hand on
                os.fstat(number)
                sent.append((number, for_a_child.DupFd(number)))
        return _ARRIVE, (dict(os.environ), tuple(sent))
