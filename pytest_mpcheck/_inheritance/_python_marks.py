"""Marks of what Python has for a process, an interpreter or a thread.

Guarantees: those of `_process_marks`.
"""

from __future__ import annotations

import random
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from . import _state
from ._not_here import NotHere

__all__ = [
    "context_variable",
    "decimal",
    "event_loop",
    "finder",
    "held",
    "log_handler",
    "module",
    "module_global",
    "numpy_random_state",
    "patched",
    "path",
    "random_state",
    "thread",
    "torch_random_state",
    "warning_filter",
]


@contextmanager
def module_global(mark: str) -> Iterator[None]:
    """Change a global of a module."""
    before, _state.board = _state.board, mark
    try:
        yield
    finally:
        _state.board = before


@contextmanager
def patched(mark: str) -> Iterator[None]:
    """Replace an attribute of a library, as `pytest.MonkeyPatch.setattr` does."""
    library: Any = import_module("colorsys")
    before, library.ONE_THIRD = library.ONE_THIRD, mark
    try:
        yield
    finally:
        library.ONE_THIRD = before


@contextmanager
def path(mark: str) -> Iterator[None]:
    """Add to `sys.path`."""
    entry = f"mark-{mark}"
    sys.path.append(entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


@contextmanager
def module(mark: str) -> Iterator[None]:
    """Add a module that no file has."""
    name = f"mpcheck_mark_{mark}"
    sys.modules[name] = types.ModuleType(name)
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def finder(mark: str) -> Iterator[None]:
    """Add a finder of modules."""
    finder: Any = type(f"Finder_{mark}", (), {"find_spec": lambda *_: None, "__module__": "mark"})()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def random_state(mark: str) -> Iterator[None]:
    """Seed `random`."""
    before = random.getstate()
    random.seed(mark)
    try:
        yield
    finally:
        random.setstate(before)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise NotHere(f"{name.partition('.')[0]} is not installed") from None


@contextmanager
def numpy_random_state(mark: str) -> Iterator[None]:
    """Seed `numpy.random`."""
    numpy = _library("numpy.random")
    before = numpy.get_state()
    numpy.seed(ord(mark))
    try:
        yield
    finally:
        numpy.set_state(before)


@contextmanager
def torch_random_state(mark: str) -> Iterator[None]:
    """Seed torch's generator."""
    torch = _library("torch")
    before = torch.get_rng_state()
    torch.manual_seed(ord(mark))
    try:
        yield
    finally:
        torch.set_rng_state(before)


@contextmanager
def thread(mark: str) -> Iterator[None]:
    """Run a thread."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name=f"mark-{mark}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def held(mark: str) -> Iterator[None]:
    """Hold a lock."""
    with _state.LOCKS[mark]:
        yield


@contextmanager
def warning_filter(mark: str) -> Iterator[None]:
    """Add a filter of warnings."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f"mark-{mark}")
        yield


@contextmanager
def log_handler(mark: str) -> Iterator[None]:
    """Add a handler to a logger."""
    logging: Any = import_module("logging")
    logger, handler = logging.getLogger("mark"), logging.FileHandler(f"mark-{mark}", delay=True)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


@contextmanager
def event_loop(mark: str) -> Iterator[None]:
    """Set a loop of asyncio."""
    asyncio: Any = import_module("asyncio")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


_variable: ContextVar[str] = ContextVar("mark")


@contextmanager
def context_variable(mark: str) -> Iterator[None]:
    """Set a context variable."""
    token = _variable.set(mark)
    try:
        yield
    finally:
        _variable.reset(token)


@contextmanager
def decimal(mark: str) -> Iterator[None]:
    """Change the context of `decimal`."""
    context: Any = import_module("decimal").getcontext()
    before, context.prec = context.prec, {"s": 31, "a": 32, "b": 33}[mark]
    try:
        yield
    finally:
        context.prec = before
