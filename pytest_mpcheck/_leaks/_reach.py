"""How word comes from children: `Reach` puts agents into each child that `multiprocessing` starts, and into forks.

Guarantees: a child starts, whatever of this arrives. Nothing is done in this process but to give `multiprocessing` one
more thing to send along, once it is imported.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from .. import _platforms
from .._guard._imports import Imports
from .._history._carried import carried
from .._records import ProcessId
from ._names_agent import note_names
from ._output_agent import note_output

__all__ = ["Reach"]

_KEY = "mpcheck-agent"
"""Under which it is in `Process._config`, which `multiprocessing` sends to each child; see `_history._stowaway`."""

_AGENTS = tuple(carried(agent) for agent in (note_names, note_output))

_open: list[Reach] = []
"""Those to whom forked children of this process leave word: the last one."""

_forks_are_watched = False


class Reach:
    """Reaches the children of this process.

    Args:
        folder: Where they leave word; it is made.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._imports = Imports({"multiprocessing.process"}, self._arm)

    def open(self) -> None:
        """Begin."""
        global _forks_are_watched  # noqa: PLW0603 (it cannot be taken back, so it is done once)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self._imports.open()
        if module := sys.modules.get("multiprocessing.process"):
            self._arm(module)
        _open.append(self)
        if not _forks_are_watched and hasattr(os, "register_at_fork"):
            _forks_are_watched = True
            os.register_at_fork(after_in_child=_in_forked_child)

    def close(self) -> None:
        """End."""
        self._imports.close()
        _open.remove(self)
        if module := sys.modules.get("multiprocessing.process"):
            module.current_process()._config.pop(_KEY, None)
            if _open:
                _open[-1]._arm(module)

    def words(self, sort: str) -> Iterator[tuple[int, bytes]]:
        """Yield what children that have ended have left, and delete it.

        Args:
            sort: ``output`` or ``made``.

        Yields:
            The pid of each, and what it has written.
        """
        with contextlib.suppress(OSError):  # a test may have cleared the temporary folder
            for name in os.listdir(self.folder):
                kind, _, pid = name.partition("-")
                if kind == sort and not _platforms.is_alive(ProcessId(int(pid), _platforms.start_token(int(pid)))):
                    path = os.path.join(self.folder, name)
                    with open(path, "rb") as file:
                        data = file.read()
                    os.unlink(path)
                    yield int(pid), data

    def _arm(self, module: Any) -> None:
        module.current_process()._config[_KEY] = _Stowaway(self.folder)


class _Stowaway:
    """Becomes, in the child that unpickles it, a call of each agent."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        spawn = sys.modules.get("multiprocessing.spawn")
        program = spawn.get_executable() if spawn is not None else None
        if program is None or os.fsdecode(program) != sys.executable:  # another Python may not read the code
            return tuple, ()
        return tuple, ([_Visit(agent, self._folder) for agent in _AGENTS],)


class _Visit:
    """Becomes a call of one agent that fails for nobody but itself."""

    def __init__(self, agent: Any, folder: str) -> None:
        self._reduced = agent, (folder,)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reduced


def _in_forked_child() -> None:
    if _open:
        for agent in (note_names, note_output):
            with contextlib.suppress(Exception):  # a child starts, whatever of this arrives
                agent(_open[-1].folder)
