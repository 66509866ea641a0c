"""Words of Python by which an exception, or a line of a traceback, is known for what went wrong with a child. Pure.

Guarantees: each is a part of a regular expression, without groups of its own, and stands within one line. What has to
stand around it is for who reads to say: one reads lines that name an exception, another whatever was printed.
"""

from __future__ import annotations

__all__ = ["BOOTSTRAPPING", "CANNOT_PICKLE", "LOCAL", "NOT_IN_MODULE", "NO_MODULE", "ONLY_INHERITED", "PICKLING_ERROR"]

PICKLING_ERROR = r"PicklingError"

CANNOT_PICKLE = r"[Cc]an(?:no|')t pickle"
"""What does not pickle is named behind it."""

LOCAL = r"Can't get local"
"""Behind it stands ``object`` when a local function is written, ``attribute`` when it is read."""

ONLY_INHERITED = r"only be shared between processes through inheritance"
"""Of locks and queues that are handed over in any other way."""

NO_MODULE = r"(?:ModuleNotFoundError|ImportError)"

NOT_IN_MODULE = r"Can't get attribute '"
"""A pickle is read, and its module has not what it names: the name stands behind it."""

BOOTSTRAPPING = r"bootstrapping phase"
"""A child that imports its program starts processes: there is no `__main__` guard."""
