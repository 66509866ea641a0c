"""`Preload`: has the fork server import what children of mp tests will import, so that these need not.

Guarantees: the one server of the process stays the one that `multiprocessing` has; what somebody else wants it to
preload, it preloads too. It imports from files, so nothing that a test has changed here gets there. What it could not
preload is told, and imported by the children, as ever.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import MethodType, ModuleType
from typing import Any

from ._asserts import Assertions, RewrittenCode
from ._call import Call
from ._modules import Modules
from ._request import ANSWER, REQUEST, VARIABLE, Answer, Request, stamp

__all__ = ["Preload"]

_OURS = __name__.rpartition(".")[0]
_LISTENER = f"{_OURS}._server_main"
_LOOPS = "multiprocessing.", "concurrent.futures."
"""Where the loops of workers are: what their tasks need is told by no argument of theirs."""

_MOST_CHANGES = 3
"""How often a module may become another one before the server is no longer bothered with it."""


class _Server:
    """What this process knows of a fork server that listens to it.

    Attributes:
        folder: Where requests to it are left.
        number: That of the next one.
        asked: By name of a module, what its file looked like when it was asked for.
        changes: How often that was something else than before.
        refused: Modules that it has not imported.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.number = 0
        self.asked: dict[str, object] = {}
        self.changes: dict[str, int] = {}
        self.refused: set[str] = set()


_servers: dict[int, _Server] = {}
"""By pid: a run within a run has the same server."""

_lock = threading.RLock()


class Preload:
    """What the fork server is asked for in one run.

    Args:
        new_folder: Makes a folder that lasts as long as the run.
    """

    def __init__(self, new_folder: Callable[[], str]) -> None:
        self._new_folder = new_folder
        self._unused = ""
        self._now = threading.local()
        self.refused: dict[str, str] = {}
        """By name of a module, why it is not preloaded; by the empty name, why nothing is."""

    @contextlib.contextmanager
    def wanted_by(
        self, process: Any, module: str | None, assertions: Callable[[], Assertions | None]
    ) -> Iterator[None]:
        """Have what a process will import preloaded, while it is being started.

        Args:
            process: The process.
            module: The name of the module of the test.
            assertions: Gives what is needed to rewrite assertions.
        """
        before = vars(self._now).copy()  # something may be started while something is pickled
        self._now.wanted = _names(process, module), assertions
        self._now.pending = None
        try:
            yield
        finally:
            if self._now.pending:
                self._hear(*self._now.pending)
            vars(self._now).clear()
            vars(self._now).update(before)

    @contextlib.contextmanager
    def listed(self, server: Any) -> Iterator[None]:
        """Have the server listen to us, should it be started meanwhile.

        Args:
            server: The `ForkServer` of `multiprocessing`.
        """
        with _lock:
            before, modules = server._forkserver_pid, server._preload_modules
            try:
                folder = self._unused = self._unused or self._new_folder()  # for a server that is started now
            except OSError:  # no room on the disk: it goes without
                yield
                return
            server._preload_modules = [*(modules or ()), _LISTENER]
            os.environ[VARIABLE] = folder
            try:
                yield
            finally:
                os.environ.pop(VARIABLE, None)
                server._preload_modules = modules
            if server._forkserver_pid != before:
                _servers[server._forkserver_pid] = _Server(folder)
                self._unused = ""

    def ask(self, server: Any) -> None:
        """Ask for what the process wants that is being started by this thread.

        Args:
            server: The `ForkServer`; it runs.
        """
        names, assertions = getattr(self._now, "wanted", ((), None))
        if not names:
            return
        known = _servers.get(server._forkserver_pid)
        if known is None:
            self.refused.setdefault("", f"the fork server (pid {server._forkserver_pid}) ran before the first mp test")
            return
        with _lock, contextlib.suppress(OSError):  # no room on the disk: it goes without
            new = [name for name in _with_neighbours(names, known.refused) if _is_new(name, known)]
            if new:
                self._now.pending = known, self._leave(new, known, assertions and assertions())

    def _leave(self, names: list[str], known: _Server, assertions: Assertions | None) -> str:
        folder = os.path.join(known.folder, str(known.number))
        os.makedirs(folder, mode=0o700)  # the run that made the outer one may be over
        known.number += 1
        codes = None if assertions is None else RewrittenCode(assertions, lambda: folder)
        request = Request(
            tuple(names),
            {name: sys.modules[name].__file__ or "" for name in names},
            Modules(names, codes).locate(),
            tuple(sys.path),
            dict(os.environ),
            os.getcwd(),
        )
        partial = os.path.join(folder, "partial")
        with open(partial, "wb") as file:
            pickle.dump(request, file)
        os.rename(partial, os.path.join(folder, REQUEST))
        return folder

    def _hear(self, known: _Server, folder: str) -> None:
        """Read what has become of a request, now that the server has made the child."""
        try:
            with open(os.path.join(folder, ANSWER), "rb") as file:
                answer: Answer = pickle.load(file)
        except (OSError, EOFError, pickle.UnpicklingError):  # the server has ended, or cannot import this package
            return
        with _lock:
            known.refused |= set(answer.refused)
            if answer.has_forgotten:
                known.asked = {name: known.asked[name] for name in answer.done if name in known.asked}
        self.refused |= answer.refused


def _is_new(name: str, known: _Server) -> bool:
    path = getattr(sys.modules.get(name), "__file__", None)
    looks = stamp(path)
    if looks is None or known.asked.get(name) == (path, looks) or known.changes.get(name, 0) > _MOST_CHANGES:
        return False
    if name in known.asked:
        known.changes[name] = known.changes.get(name, 0) + 1
    known.asked[name] = path, looks
    return True


def _names(process: Any, module: str | None) -> tuple[str, ...]:
    """Name the modules that a process will import for its target, as far as that can be told from here."""
    target, args = process._target, (*process._args, *process._kwargs.values())
    if str(getattr(target, "__module__", "")).startswith(_OURS):
        call: Any = next((arg for arg in args if isinstance(arg, Call)), None)
        target, args = (call._target, call._args) if call else (None, ())
    found = dict.fromkeys(name for value in (target, *args) for name in _modules_of(value))
    if module and any(name.startswith((*_LOOPS, _OURS)) for name in _modules_of(target)):
        found[module] = None
    return tuple(name for name in found if name.partition(".")[0] not in _NEVER)


_NEVER = frozenset(("__main__", "__mp_main__", "builtins", "concurrent", "multiprocessing", "pytest_mpcheck"))
"""Packages that children have anyway, and names that mean something else there."""


def _modules_of(value: object) -> Iterator[str]:
    if isinstance(value, functools.partial):
        for part in (value.func, *value.args):
            yield from _modules_of(part)
        return
    if isinstance(value, MethodType):
        yield from _modules_of(value.__self__)
    with contextlib.suppress(Exception):  # attributes are anybody's code
        name = value.__module__
        if isinstance(name, str):
            yield name


def _with_neighbours(names: Iterable[str], refused: set[str]) -> list[str]:
    """Add, for those that the server has not imported, the modules that these have in their globals."""
    found = list(names)
    for name in names:
        if name in refused and name in sys.modules:
            for value in list(vars(sys.modules[name]).values()):
                found += [value.__name__] if isinstance(value, ModuleType) else _modules_of_definition(value)
    return [name for name in dict.fromkeys(found) if name.partition(".")[0] not in _NEVER]


def _modules_of_definition(value: object) -> Iterator[str]:
    return _modules_of(value) if isinstance(value, type) or callable(value) else iter(())
