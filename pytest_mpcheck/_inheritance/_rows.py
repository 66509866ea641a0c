"""What is looked at in a worker, and how the process that starts it marks what is its own.

Guarantees: a mark changes this process, so that it differs from any fresh one, in another way for each of the three
marks; when it is left, the process is as it was. To add a row, write a mark and put it into ``ROWS``; nothing else
knows the list.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any, NamedTuple

from . import _state

__all__ = ["MARKS", "ROWS", "NotHere", "Row"]

MARKS = ("s", "a", "b")
"""The marks that are set: before the fork server starts, before the worker does, while the worker lives."""


class NotHere(Exception):
    """This machine lacks what the mark needs; the text says what."""


class Row(NamedTuple):
    """One kind of thing that a worker might have of the process that starts it.

    Attributes:
        label: What it is called in the table.
        word: The word of `Snapshot`, or the name for `probe`.
        mark: Marks it while the context is open, given one of `MARKS`.
    """

    label: str
    word: str
    mark: Callable[[str], AbstractContextManager[object]]


@contextmanager
def _global(mark: str) -> Iterator[None]:
    before, _state.board = _state.board, mark
    try:
        yield
    finally:
        _state.board = before


@contextmanager
def _patched(mark: str) -> Iterator[None]:
    """Replace an attribute of a library, as `pytest.MonkeyPatch.setattr` does."""
    library: Any = import_module("colorsys")
    before, library.ONE_THIRD = library.ONE_THIRD, mark
    try:
        yield
    finally:
        library.ONE_THIRD = before


_VARIABLE = "MPCHECK_MARK"


@contextmanager
def _environment(mark: str) -> Iterator[None]:
    os.environ[_VARIABLE] = mark
    try:
        yield
    finally:
        del os.environ[_VARIABLE]


@contextmanager
def _folder(mark: str) -> Iterator[None]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix=f"mark-{mark}-") as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@contextmanager
def _path(mark: str) -> Iterator[None]:
    entry = f"mark-{mark}"
    sys.path.append(entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


@contextmanager
def _module(mark: str) -> Iterator[None]:
    name = f"mpcheck_mark_{mark}"
    sys.modules[name] = types.ModuleType(name)
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def _finder(mark: str) -> Iterator[None]:
    finder: Any = type(f"Finder_{mark}", (), {"find_spec": lambda *_: None, "__module__": "mark"})()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def _random(mark: str) -> Iterator[None]:
    before = random.getstate()
    random.seed(mark)
    try:
        yield
    finally:
        random.setstate(before)


@contextmanager
def _numpy_random(mark: str) -> Iterator[None]:
    numpy = _library("numpy.random")
    before = numpy.get_state()
    numpy.seed(ord(mark))
    try:
        yield
    finally:
        numpy.set_state(before)


@contextmanager
def _torch_random(mark: str) -> Iterator[None]:
    torch = _library("torch")
    before = torch.get_rng_state()
    torch.manual_seed(ord(mark))
    try:
        yield
    finally:
        torch.set_rng_state(before)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise NotHere(f"{name.partition('.')[0]} is not installed") from None


def _handle_s(*_: object) -> None: ...
def _handle_a(*_: object) -> None: ...
def _handle_b(*_: object) -> None: ...


_HANDLERS: dict[str, Any] = {"s": _handle_s, "a": _handle_a, "b": _handle_b}


@contextmanager
def _handler(mark: str) -> Iterator[None]:
    number = _signal("SIGUSR1")
    before = signal.signal(number, _HANDLERS[mark])
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def _ignored(mark: str) -> Iterator[None]:
    number = _signal({"s": "SIGUSR2", "a": "SIGVTALRM", "b": "SIGPROF"}[mark])
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def _blocked(mark: str) -> Iterator[None]:
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
def _umask(mark: str) -> Iterator[None]:
    before = os.umask({"s": 0o071, "a": 0o072, "b": 0o073}[mark])
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _descriptor(mark: str) -> Iterator[None]:
    with tempfile.TemporaryFile(prefix=f"mark-{mark}-"):
        yield


@contextmanager
def _thread(mark: str) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name=f"mark-{mark}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _held(mark: str) -> Iterator[None]:
    with _state.LOCKS[mark]:
        yield


@contextmanager
def _filter(mark: str) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f"mark-{mark}")
        yield


@contextmanager
def _log_handler(mark: str) -> Iterator[None]:
    logging: Any = import_module("logging")
    logger, handler = logging.getLogger("mark"), logging.FileHandler(f"mark-{mark}", delay=True)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


@contextmanager
def _locale(mark: str) -> Iterator[None]:
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


@contextmanager
def _event_loop(mark: str) -> Iterator[None]:
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
def _context_variable(mark: str) -> Iterator[None]:
    token = _variable.set(mark)
    try:
        yield
    finally:
        _variable.reset(token)


@contextmanager
def _decimal(mark: str) -> Iterator[None]:
    context: Any = import_module("decimal").getcontext()
    before, context.prec = context.prec, {"s": 31, "a": 32, "b": 33}[mark]
    try:
        yield
    finally:
        context.prec = before


ROWS = (
    Row("module globals", f"{_state.__name__}:board", _global),
    Row("values patched by monkeypatch", "colorsys:ONE_THIRD", _patched),
    Row("environment", "environ", _environment),
    Row("working directory", "cwd", _folder),
    Row("sys.path", "sys_path", _path),
    Row("sys.modules", "sys_modules", _module),
    Row("meta-path hooks", "meta_path", _finder),
    Row("state of random", "random_state", _random),
    Row("state of numpy.random", "numpy_random_state", _numpy_random),
    Row("state of torch's generator", "torch_random_state", _torch_random),
    Row("signal handlers", "signal_handlers", _handler),
    Row("ignored signals", "signal_handlers", _ignored),
    Row("signal mask", "signal_mask", _blocked),
    Row("umask", "umask", _umask),
    Row("open descriptors", "descriptors", _descriptor),
    Row("threads", "threads", _thread),
    Row("held locks", "held_locks", _held),
    Row("warning filters", "warning_filters", _filter),
    Row("logging handlers", "log_handlers", _log_handler),
    Row("locale", "locale_settings", _locale),
    Row("asyncio's loop", "event_loop", _event_loop),
    Row("context variables", "context_variables", _context_variable),
    Row("decimal context", "decimal_context", _decimal),
)
"""In the order in which they are told."""
