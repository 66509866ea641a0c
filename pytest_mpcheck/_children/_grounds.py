"""`Grounds`: where a test keeps its files. What its workers have started in turn, and not ended, ends with them.

Guarantees: it is found by the marks of the test's folder, though its parent is gone and its output goes elsewhere. What
made itself a session of its own is left alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile

from .._keeper._scope import Scope
from .._keeper._sweep import kill_all, sweep

__all__ = ["Grounds"]


class Grounds:
    """Where one test keeps its files, and whoever holds them.

    Args:
        scope: The scope of the test, in that of its run; ``None`` for a test that belongs to no run.
    """

    def __init__(self, scope: Scope | None) -> None:
        self._scope = scope or Scope.here(os.path.realpath(tempfile.mkdtemp(prefix="mpcheck-")))
        self.folder = self._scope.folder

    def clear(self) -> None:
        """End whoever is left: SIGTERM, a moment to flush, SIGKILL. Then the folder goes."""
        sweep(self._scope, helpers=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear_at_once(self) -> None:
        """Kill whoever is left. Then the folder goes."""
        kill_all(self._scope)
        shutil.rmtree(self.folder, ignore_errors=True)
