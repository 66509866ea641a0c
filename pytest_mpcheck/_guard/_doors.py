"""Where the standard library, and the libraries that copy it, start processes and make what outlives a call.

Guarantees: each function that is replaced does what it did, and is put back when the last listener goes; what somebody
else has put in its place since stays. No module is imported for it: one that is imported later is heard of. In a forked
child nobody listens.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from .._copies import COPIES
from .._keeper._launch import is_at_work
from ._callers_name import in_callers_name
from ._passage import passage
from ._replacements import Place, Replacements
from ._watcher import Made

__all__ = ["DOORS", "Door", "Listener", "aside", "listen", "making", "stop_listening"]


class Door(NamedTuple):
    """A function by way of which something is started or made.

    Attributes:
        module: The module that it stands in.
        owner: The class that it stands in; empty for a function of the module.
        name: Its name.
        kind: What is made by way of it: `Made.kind`.
    """

    module: str
    owner: str
    name: str
    kind: str


_OF_MULTIPROCESSING = (
    ("process", "BaseProcess", "start", "process"),
    ("pool", "Pool", "__init__", "pool"),
    ("queues", "Queue", "__init__", "queue"),
    ("queues", "SimpleQueue", "__init__", "queue"),
    ("synchronize", "SemLock", "__init__", "semaphore"),
    ("heap", "Arena", "__init__", "arena"),
    ("shared_memory", "SharedMemory", "__init__", "shared memory"),
    ("managers", "BaseManager", "start", "manager"),
    ("connection", "", "Pipe", "pipe"),
    ("connection", "Listener", "__init__", "listener"),
    ("connection", "", "Client", "connection"),
)
"""The doors of `multiprocessing`, and of what was copied from it."""

DOORS: tuple[Door, ...] = (
    Door("subprocess", "Popen", "__init__", "program"),
    *(Door("os", "", name, "fork") for name in ("fork", "forkpty")),
    *(Door("os", "", name, "spawn") for name in ("posix_spawn", "posix_spawnp")),
    Door("os", "", "system", "shell"),
    Door("concurrent.futures.process", "ProcessPoolExecutor", "__init__", "executor"),
    Door("concurrent.futures.thread", "ThreadPoolExecutor", "__init__", "thread executor"),
    *(Door(f"{package}.{module}", *rest) for package in COPIES for module, *rest in _OF_MULTIPROCESSING),
    *(
        Door(f"{package}.{module}", *rest)
        for package in ("loky", "joblib.externals.loky")
        for module, *rest in (
            ("process_executor", "ProcessPoolExecutor", "__init__", "executor"),
            ("backend.synchronize", "SemLock", "__init__", "semaphore"),
        )
    ),
)
"""All doors; joblib and torch make their pools, queues and processes by way of these."""


class Listener(Protocol):
    """Who hears of doors that are passed."""

    def before(self, made: Made, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Hear that something is about to be made; nothing is known of it yet but its kind and where."""
        ...

    def after(self, made: Made) -> None:
        """Hear that it was made, or that its making failed."""
        ...


_listeners: list[Listener] = []

_thread = threading.local()

_forks_are_heard = False


@contextmanager
def aside() -> Iterator[None]:
    """Let nobody hear of what this thread makes inside the block."""
    outer = getattr(_thread, "is_aside", False)
    _thread.is_aside = True
    try:
        yield
    finally:
        _thread.is_aside = outer


def making() -> Made | None:
    """Return what this thread is just making; the innermost, if one thing is made as part of another one."""
    made: Made | None = getattr(_thread, "making", None)
    return made


def listen(listener: Listener) -> None:
    """Let somebody hear of every door that is passed in this process, from now on."""
    global _forks_are_heard  # noqa: PLW0603 (it cannot be taken back, so it is done once)
    _listeners.append(listener)
    if len(_listeners) == 1:
        _replacements.open()
    if not _forks_are_heard and hasattr(os, "register_at_fork"):
        _forks_are_heard = True
        os.register_at_fork(after_in_child=_listeners.clear)


def stop_listening(listener: Listener) -> None:
    """Let somebody hear no more. Idempotent."""
    if listener in _listeners:
        _listeners.remove(listener)
    if not _listeners:
        _replacements.close()


def _watched(door: Door, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def passing(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if not _listeners or getattr(_thread, "is_aside", False) or is_at_work():
            return original(*args, **kwargs)
        outer = getattr(_thread, "making", None)
        where, through, makers = passage(1)
        made = Made(door.kind, where, through, makers, outer)
        heard = tuple(_listeners)
        for listener in heard:
            listener.before(made, args, kwargs)
        _thread.making = made
        try:
            result = in_callers_name(original, args, kwargs) if made.kind == "fork" else original(*args, **kwargs)
        except BaseException:
            made.failed = True
            raise
        finally:
            _thread.making = outer
            if _listeners:  # else this is a forked child
                _describe(made, args[0] if door.owner else None, None if made.failed else result)
                for listener in heard:
                    listener.after(made)
        return result

    return passing


def _describe(made: Made, maker: Any, result: Any) -> None:
    """Tell what was made; of the object nothing is kept."""
    try:
        made.object = None if maker is None else weakref.ref(maker)
    except TypeError:
        made.object = None
    if made.kind == "pool" and any(base.__name__ == "ThreadPool" for base in type(maker).__mro__):
        made.kind = "thread pool"
    elif made.kind == "shared memory":
        is_new = getattr(maker, "_flags", 0) & os.O_CREAT  # else it is attached to one that others have made
        made.name = (getattr(maker, "_name", None) or "") if is_new else ""
    elif made.kind == "process":
        made.pid = maker.pid or 0
        made.name = maker.name
        made.start_method = getattr(getattr(maker, "_popen", None), "method", "")
    elif made.kind == "program" and maker is not None:
        made.pid = 0 if made.failed else getattr(maker, "pid", 0) or 0  # else what has forked could not run it
        made.name = _program(getattr(maker, "args", ""))
        made.is_piped = getattr(maker, "stdout", None) is not None or getattr(maker, "stderr", None) is not None
    elif made.kind in ("fork", "spawn") and result is not None:
        made.pid = result[0] if isinstance(result, tuple) else result


def _program(args: Any) -> str:
    while isinstance(args, (list, tuple)) and args:
        args = args[0]
    return os.path.basename(os.fsdecode(args)) if isinstance(args, (str, bytes, os.PathLike)) else ""


_replacements = Replacements(
    [Place(door.module, door.owner, door.name, functools.partial(_watched, door)) for door in DOORS]
)
