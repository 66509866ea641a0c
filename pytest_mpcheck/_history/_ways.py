"""The ways by which processes start, end, and send each other something, and what stands there to take notice.

Guarantees: each function that is replaced does what it did, and is put back by `close`; what somebody else has put in
its place since stays. What has not been imported is not imported for it: at each start of a process we look again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable

from . import _log
from ._layout import VARIABLE
from ._messages import Errand, dumps, loads
from ._stowaway import address, see_off

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["close", "open_all", "start"]


def start(original: Callable[..., Any], process: Any) -> Any:
    """Start a process.

    Args:
        original: `BaseProcess.start`, as it was.
        process: The process.
    """
    __tracebackhide__ = True
    _replace_all()
    see_off(process)
    try:
        return original(process)
    finally:
        _replace_all()  # it has imported what its start method needs


def _starting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def starting(process: Any) -> Any:
        __tracebackhide__ = True
        return start(original, process)

    return starting


def _ending(wait: Callable[..., Any]) -> Callable[..., Any]:
    """Take notice when a function collects the exit status of a process; it may do so in another thread meanwhile."""

    @functools.wraps(wait)
    def ending(process: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        had_ended = process.returncode is not None
        result = wait(process, *args, **kwargs)
        if not had_ended and process.returncode is not None:
            _has_ended(process.pid)
        return result

    return ending


def _submitting(submit: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(submit)
    def submitting(pool: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if _sends(pool):
            if args:
                args = Errand(args[0]), *args[1:]
            elif "func" in kwargs:
                kwargs["func"] = Errand(kwargs["func"])
        return submit(pool, *args, **kwargs)

    return submitting


def _working(init: Callable[..., None]) -> Callable[..., None]:
    """Let an item of work for a thread know which test has submitted it."""

    @functools.wraps(init)
    def working(item: Any, *args: Any, **kwargs: Any) -> None:
        init(item, *args, **kwargs)
        item.mpcheck_test = _log.given()[2]

    return working


def _running(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def running(item: Any, *args: Any) -> Any:
        from ._strays import working_for

        with working_for(getattr(item, "mpcheck_test", None)):
            return run(item, *args)

    return running


def _launching(init: Callable[..., None]) -> Callable[..., None]:
    """Tell a program, by its environment, where this process stands."""

    @functools.wraps(init)
    def launching(popen: Any, *args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        if VARIABLE in os.environ:
            here = address()
            os.putenv(VARIABLE, here)  # for the program alone: os.environ stays as it is
            given = (kwargs.get("env") or {}).get(VARIABLE)
            if given and _folder_of(os.fsdecode(given)) == _folder_of(here):  # else it is to record into another log
                kwargs["env"] = {**kwargs["env"], VARIABLE: here}
        init(popen, *args, **kwargs)

    return launching


def _folder_of(address: str) -> str:
    return address.partition(os.pathsep)[0]


def _sends(pool: Any) -> bool:
    """Return whether the tasks of a pool are sent to other processes."""
    module = sys.modules.get("multiprocessing.pool")
    return module is None or not isinstance(pool, module.ThreadPool)


def _has_ended(pid: int) -> None:
    """Record that all which a process has recorded, and its interpreters, came before what we record from now on.

    Those that had the same number before it have ended too.
    """
    folder = _log.given()[0]
    with contextlib.suppress(OSError):  # the run is over
        for key in os.listdir(folder) if folder else ():
            if key.startswith(f"{pid}-"):
                _log.follow("join", key)


def _always(function: Any) -> Callable[..., Any]:
    return lambda _: function


_POOL = "multiprocessing.pool", "Pool"

_WAYS: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    ("multiprocessing.process", "BaseProcess", "start", _starting),
    ("multiprocessing.popen_fork", "Popen", "poll", _ending),
    ("multiprocessing.popen_forkserver", "Popen", "poll", _ending),
    ("multiprocessing.popen_spawn_win32", "Popen", "wait", _ending),
    ("subprocess", "Popen", "__init__", _launching),
    ("subprocess", "Popen", "_internal_poll", _ending),
    ("subprocess", "Popen", "_wait", _ending),
    ("multiprocessing.reduction", "ForkingPickler", "dumps", _always(classmethod(dumps))),
    ("multiprocessing.reduction", "ForkingPickler", "loads", _always(staticmethod(loads))),
    *((*_POOL, name, _submitting) for name in ("apply_async", "_map_async", "imap", "imap_unordered")),
    ("concurrent.futures.thread", "_WorkItem", "__init__", _working),
    ("concurrent.futures.thread", "_WorkItem", "run", _running),
    ("concurrent.futures.process", "ProcessPoolExecutor", "submit", _submitting),
)
"""A class of a module, a function of it, and what makes of that function the one that takes its place."""

_replaced: dict[tuple[type, str], tuple[Any, Any]] = {}
"""By class and name: what was there, and what stands there now. A module that is imported anew has other classes."""

_users = 0


def open_all() -> None:
    """Begin to take notice. What was opened twice is to be closed twice."""
    global _users  # noqa: PLW0603
    _users += 1
    _replace_all()


def close() -> None:
    """Put back what was there before."""
    global _users  # noqa: PLW0603
    _users -= 1
    if _users:
        return
    for (owner, name), (original, replacement) in _replaced.items():
        if vars(owner).get(name) is replacement:
            setattr(owner, name, original)
    _replaced.clear()


def _replace_all() -> None:
    """Take notice of what has been imported meanwhile, too."""
    for module, class_name, name, make in _WAYS:
        owner: Any = getattr(sys.modules.get(module), class_name, None)
        # a test may have put something else there, such as a mock
        if not isinstance(owner, type) or name not in vars(owner) or (owner, name) in _replaced:
            continue
        original = vars(owner)[name]
        pair = original, make(original)
        if _replaced.setdefault((owner, name), pair) is pair:  # else another thread was faster
            setattr(owner, name, pair[1])
