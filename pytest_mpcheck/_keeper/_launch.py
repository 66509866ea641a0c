"""`Keeper`: pytest's end of the keeper.

Guarantees: the keeper is no child of pytest, so nobody who counts children or waits for any of them meets it. What it
costs pytest is the start of a shell. It need not be up before pytest goes on, or ends: it finds what is left by marks.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

from .. import _platforms
from ._descriptor import Descriptor
from ._order import Order

__all__ = ["Keeper", "is_at_work"]

_MAIN = str(Path(__file__).with_name("_main.py"))

_at_work: set[int] = set()


def is_at_work() -> bool:
    """Return whether this thread is starting a keeper; that is no start that a test has made."""
    return threading.get_ident() in _at_work


class Keeper:
    """The keeper of one run, from now on.

    Args:
        order: What it is to keep.
        stderr: The descriptor on which it tells.
    """

    def __init__(self, order: Order, stderr: int) -> None:
        read, write = os.pipe()
        self._pipe = Descriptor(write)
        _at_work.add(threading.get_ident())
        brand = _platforms.set_brand(None)  # it belongs to no run
        try:
            env = {name: value for name, value in os.environ.items() if name != _platforms.MARK}
            _platforms.start_apart([sys.executable, "-I", _MAIN, "{pipe}", *order.words()], read, stderr, env)
        except BaseException:
            self._pipe.close()
            raise
        finally:
            _platforms.set_brand(brand)
            _at_work.discard(threading.get_ident())
            os.close(read)

    def let_go(self) -> None:
        """Say that the run is properly over: nothing is left, and nothing is to be done."""
        if self._pipe.is_ours():  # else a test has closed it, and the keeper waits for the end of pytest
            with contextlib.suppress(BrokenPipeError):  # somebody has killed the keeper
                os.write(self._pipe.number, b".")
            self._pipe.close()
