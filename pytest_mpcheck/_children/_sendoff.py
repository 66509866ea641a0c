"""`SendOff`: what an mp test does for its children that are not forked, whoever starts them.

Guarantees: outside of such a test nothing is replaced, and nothing of `multiprocessing` is imported before a child
needs it. A child imports nothing of pytest's or pytest-xdist's own program; a user's program goes along as ever. A
child of the fork server gets the environment and the output of the process that starts it, and what it will import is
preloaded. Should any of that be impossible, the child starts as it would without us.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from multiprocessing import context
from typing import Any

from ._asserts import Assertions
from ._luggage import KEY, Luggage
from ._preload import Preload
from ._runner import is_runner

__all__ = ["SendOff"]

_OURS = __name__.rpartition(".")[0]


class SendOff:
    """Stands at the doors through which the children of one test go that are not forked.

    Args:
        preload: Has the fork server preload what children will import.
        module: The name of the module of the test, if it has one.
        assertions: Gives what pytest hands in to rewrite assertions.
    """

    def __init__(self, preload: Preload, module: str | None, assertions: Callable[[], Assertions | None]) -> None:
        self._preload = preload
        self._module = module
        self._assertions = assertions
        self._replaced: dict[tuple[Any, str], tuple[Any, Any]] = {}

    def __enter__(self) -> None:
        for name, door in (("SpawnProcess", self._spawning), ("ForkServerProcess", self._serving)):
            owner = getattr(context, name, None)
            if owner is not None:  # pragma: always on Linux
                self._replace(owner, "_Popen", _static(door))

    def __exit__(self, *error: object) -> None:
        for (owner, name), (original, replacement) in self._replaced.items():
            if vars(owner).get(name) is replacement:  # else a test has put something else there
                setattr(owner, name, original)
        self._replaced.clear()

    def _replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        if (owner, name) not in self._replaced:
            original = vars(owner)[name]
            self._replaced[owner, name] = original, make(original)
            setattr(owner, name, self._replaced[owner, name][1])

    def _spawning(self, start: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(start)
        def spawning(process: Any) -> Any:
            __tracebackhide__ = True
            self._leave_out_main()
            return start(process)

        return spawning

    def _serving(self, start: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(start)
        def serving(process: Any) -> Any:
            __tracebackhide__ = True
            from multiprocessing import forkserver

            self._leave_out_main()
            self._replace(forkserver.ForkServer, "ensure_running", self._ensuring)
            is_ours = str(getattr(process._target, "__module__", "")).startswith(_OURS)
            process._config[KEY] = Luggage(() if is_ours else (1, 2))  # ours write into files of their own
            try:
                with self._preload.wanted_by(process, self._module, self._assertions):
                    return start(process)
            finally:
                del process._config[KEY]

        return serving

    def _ensuring(self, ensure_running: Callable[[Any], None]) -> Callable[[Any], None]:
        @functools.wraps(ensure_running)
        def ensuring(server: Any) -> None:
            __tracebackhide__ = True
            with self._preload.listed(server):
                ensure_running(server)
            self._preload.ask(server)

        return ensuring

    def _leave_out_main(self) -> None:
        from multiprocessing import spawn

        def preparing(get_preparation_data: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
            @functools.wraps(get_preparation_data)
            def prepared(name: str) -> dict[str, Any]:
                data = get_preparation_data(name)
                if is_runner(sys.modules.get("__main__")):
                    data.pop("init_main_from_name", None)
                    data.pop("init_main_from_path", None)
                return data

            return prepared

        self._replace(spawn, "get_preparation_data", preparing)


def _static(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda original: staticmethod(make(original.__func__))
