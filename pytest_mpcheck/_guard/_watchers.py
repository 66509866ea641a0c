"""All watchers there are; each stands in the package that knows its things, and is imported when the guard is on."""

from __future__ import annotations

from ._watcher import Watcher

__all__ = ["watchers"]


def watchers() -> tuple[Watcher, ...]:
    """Return the watchers of a run; one line for each, with its import."""
    from .._hazards._hazards import Hazards
    from .._keeper._run import innermost_scope
    from .._leaks._watchers import leak_watchers
    from ._failures import Failures

    scope = innermost_scope()
    return (Failures(), Hazards(), *(leak_watchers(scope, scope.folder) if scope is not None else ()))
