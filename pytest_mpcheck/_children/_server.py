"""What runs in the fork server: it imports what is asked for, just before it forks a child.

This module stands in the list of what `multiprocessing` lets its server preload, and is imported nowhere else.
Guarantees: a request costs nothing but a look at a file until there is one. An import that leaves anything behind but
modules is none of the server's: it is tried in a forked copy first (`_trial`). Whatever happens here, the server goes
on and the child is forked.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ._arming import warm_up
from ._keepsakes import keepsakes
from ._modules import install_finder, remove_finder
from ._offers import Circumstances, Offers
from ._request import ANSWER, REQUEST, Answer, Request
from ._trial import Trial

__all__ = ["Server"]

system: Any = os  # nothing of this runs on Windows, where a type checker would miss it

_FIRST = (
    "pytest_mpcheck._children._inside",
    "pytest_mpcheck._children._worker",
    "pytest_mpcheck._children._call",
    "random",
)
"""What the children of the fixtures begin with."""


class Server:
    """The part of the fork server that listens.

    Args:
        folder: Where requests are left.
    """

    def __init__(self, folder: str) -> None:
        self.offers = Offers()
        self._folder = folder
        self._number = 0
        self._wanted = set(_FIRST)
        self._fork: Callable[[], int] = system.fork
        self._import(_FIRST, Request(_FIRST, {}, (), (), {}, ""), {})
        self._settle()
        warm_up()

    def listen(self) -> None:
        """Look for a request before each fork of this process, and let its children begin as if we were not there.

        A handler of `os.register_at_fork` would do, but what it imports may register handlers too, of which this fork
        would call some and not all.
        """

        def fork() -> int:
            system.fork = self._fork  # a trial forks, and what children fork is not our business
            pid = -1
            try:
                self._look()
                pid = self._fork()
            finally:
                system.fork = fork if pid else self._fork
            return pid

        system.fork = fork

    def _look(self) -> None:
        folder = f"{self._folder}{os.sep}{self._number}"
        try:
            with open(f"{folder}{os.sep}{REQUEST}", "rb") as file:
                self._number += 1
                request: Request = pickle.load(file)
            answer = self._serve(request, folder)
            with open(os.path.join(folder, ANSWER), "wb") as file:
                pickle.dump(answer, file)
        except Exception:  # there is no request, mostly; whatever it is, the child is to be forked
            return

    def _serve(self, request: Request, folder: str) -> Answer:
        self.offers.show()
        try:
            return self._try_and_import(request, folder)
        finally:
            self._settle()

    def _try_and_import(self, request: Request, folder: str) -> Answer:
        self._wanted |= set(request.names)
        has_changed = any(self.offers.has_another(name, request.origins[name]) for name in request.names)
        # no branch: who measures branches does not hear of a server that is killed
        self.offers.forget(self.offers.of_users if has_changed else ())
        ahead = list(request.names)
        done: list[str] = []
        refused: dict[str, str] = {}
        with _as_there(request):
            while ahead:
                trial = Trial(ahead, folder)
                if trial.passed:
                    refused |= self._import(trial.passed, request, trial.kept)
                done += trial.passed
                if trial.failed:
                    refused[trial.failed] = trial.reason
                ahead = ahead[len(trial.passed) + bool(trial.failed) :]
        return Answer(tuple(done), refused, has_changed)

    def _import(self, names: Iterable[str], request: Request, kept: Mapping[tuple[str, str], str]) -> dict[str, str]:
        """Import what has passed its trial, and offer it; return those that cannot be offered, and why."""
        before = set(sys.modules)
        with self.offers.imports as imports:
            for name in names:
                with contextlib.suppress(Exception):  # it did not raise in its trial
                    importlib.import_module(name)
        new = [name for name in sys.modules if name not in before]
        read = {key: value for key, value in imports.read.items() if not _is_of_the_run(key)}
        self.offers.add(new, Circumstances(list(request.path), request.cwd, read, imports.filters, imports.at_exit))
        differing = {place for place, text in keepsakes(new).items() if kept.get(place) != text}
        return self.offers.withdraw(names, differing)

    def _settle(self) -> None:
        """Make this process what its children are to be."""
        self.offers.hide(self._wanted)
        gc.collect()
        # else the first collection in a child would look through, and so copy, all of this; PyPy has no such thing
        getattr(gc, "freeze", gc.collect)()


def _is_of_the_run(variable: str) -> bool:
    """Return whether a variable tells a process its place in the run of the tests: it differs by nature."""
    return variable.startswith("MPCHECK_") or variable == "PYTEST_CURRENT_TEST"


@contextlib.contextmanager
def _as_there(request: Request) -> Iterator[None]:
    """Be where the process of the tests is, with its environment and its path."""
    environ, cwd, path = dict(os.environ), os.getcwd(), list(sys.path)
    try:
        _set_environ(request.environ)
        sys.path[:] = request.path
        os.chdir(request.cwd)
        install_finder(request.files)
        yield
    finally:
        remove_finder()
        _set_environ(environ)
        sys.path[:] = path
        os.chdir(cwd)


def _set_environ(wanted: Mapping[str, str]) -> None:
    for key in set(os.environ).difference(wanted):
        del os.environ[key]
    for key, value in wanted.items():
        if os.environ.get(key) != value:
            os.environ[key] = value
