"""All watchers there are; each stands in the package that knows its things, and is imported when the guard is on."""

from __future__ import annotations

from .._settings import Settings
from ._watcher import Watcher

__all__ = ["watchers"]


def watchers(settings: Settings) -> tuple[Watcher, ...]:
    """Return the watchers of a run; one line for each, with its import."""
    from .._hazards._hazards import Hazards
    from ._failures import Failures

    return Failures(), Hazards()
