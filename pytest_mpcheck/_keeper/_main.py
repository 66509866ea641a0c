"""The keeper: a process that waits for the end of pytest, and ends what pytest leaves.

``python -I .../_main.py PIPE ORDER ...``: PIPE is a descriptor on which pytest says that its run is properly over, the
rest is an `Order`.

Guarantees: it holds nothing of pytest's but its standard error. It ends when pytest says so, or when pytest has ended
and nothing of the run is left. Ctrl-C and a SIGTERM to everybody do not reach it. It needs no help of pytest: what it
knows is in the run's folder and in the system's table of processes.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys


def main() -> None:
    """Be the keeper."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # pragma: always on Linux
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, root)
    from pytest_mpcheck import _platforms
    from pytest_mpcheck._clock import Deadline, wait_until
    from pytest_mpcheck._keeper._order import Order
    from pytest_mpcheck._keeper._sweep import sweep
    from pytest_mpcheck._words import keeper_lines

    sys.path.remove(root)
    os.chdir(os.sep)  # pytest's may be a folder that is to go
    pipe, *words = sys.argv[1:]
    order = Order.of(words)
    pytest, controller = order.scope.pytest, order.controller
    ended = _platforms.first_end(int(pipe), [pytest] if controller is None else [pytest, controller])
    if ended is None:  # pytest has removed it, but for what somebody has put into it meanwhile
        shutil.rmtree(order.scope.folder, ignore_errors=True)
        return
    if ended == controller:  # a worker of pytest-xdist notices that by itself, but it may take 15 seconds
        for kill in (False, True):
            if not wait_until(lambda: not _platforms.is_alive(pytest), Deadline(_WORKERS_MOMENT)):
                _platforms.end(pytest, kill=kill)
        wait_until(lambda: not _platforms.is_alive(pytest), Deadline(_WORKERS_MOMENT))
    swept = sweep(order.scope, helpers=True)
    shutil.rmtree(order.scope.folder, ignore_errors=True)
    print(*keeper_lines(pytest, swept, ended), sep="\n", file=sys.stderr)


_WORKERS_MOMENT = 0.2
"""How long a worker of pytest-xdist has to end after its controller, at each step, in seconds."""

if __name__ == "__main__":
    main()
