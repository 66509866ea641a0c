"""Marks of what the kernel or the C library has for a process or a thread of it.

Guarantees: a mark changes this process, so that it differs from any fresh one, in another way for each of the three
marks ``s``, ``a`` and ``b``; when its context is left, the process is as it was.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ._not_here import NotHere

__all__ = ["blocked", "descriptor", "environment", "folder", "handler", "ignored", "locale", "umask"]

_VARIABLE = "MPCHECK_MARK"


@contextmanager
def environment(mark: str) -> Iterator[None]:
    """Set a variable of the environment."""
    os.environ[_VARIABLE] = mark
    try:
        yield
    finally:
        del os.environ[_VARIABLE]


@contextmanager
def folder(mark: str) -> Iterator[None]:
    """Change the working directory."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix=f"mark-{mark}-") as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _handle_s(*_: object) -> None: ...
def _handle_a(*_: object) -> None: ...
def _handle_b(*_: object) -> None: ...


_HANDLERS: dict[str, Any] = {"s": _handle_s, "a": _handle_a, "b": _handle_b}


@contextmanager
def handler(mark: str) -> Iterator[None]:
    """Handle a signal."""
    number = _signal("SIGUSR1")
    before = signal.signal(number, _HANDLERS[mark])
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def ignored(mark: str) -> Iterator[None]:
    """Ignore a signal."""
    number = _signal({"s": "SIGUSR2", "a": "SIGVTALRM", "b": "SIGPROF"}[mark])
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def blocked(mark: str) -> Iterator[None]:
    """Block a signal."""
    number = _signal({"s": "SIGWINCH", "a": "SIGURG", "b": "SIGHUP"}[mark])
    this: Any = signal
    before = this.pthread_sigmask(this.SIG_BLOCK, (number,))
    try:
        yield
    finally:
        this.pthread_sigmask(this.SIG_SETMASK, before)


def _signal(name: str) -> signal.Signals:
    try:
        return signal.Signals[name]
    except KeyError:
        raise NotHere(f"there is no {name} on this platform") from None


@contextmanager
def umask(mark: str) -> Iterator[None]:
    """Change the file mode creation mask."""
    before = os.umask({"s": 0o071, "a": 0o072, "b": 0o073}[mark])
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def descriptor(mark: str) -> Iterator[None]:
    """Open a file."""
    with tempfile.TemporaryFile(prefix=f"mark-{mark}-"):
        yield


@contextmanager
def locale(mark: str) -> Iterator[None]:
    """Change the locale in one category."""
    locale: Any = import_module("locale")
    category = {"s": locale.LC_TIME, "a": locale.LC_COLLATE, "b": locale.LC_MONETARY}[mark]
    before = locale.setlocale(category)
    for name in ("C.UTF-8", "en_US.UTF-8", "en_US"):
        try:
            locale.setlocale(category, name)
            break
        except locale.Error:
            continue
    else:
        raise NotHere("this machine has no locale but C")
    try:
        yield
    finally:
        locale.setlocale(category, before)
