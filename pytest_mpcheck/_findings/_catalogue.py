"""`KINDS`: every kind of finding, with a line of what it means; ``docs/findings.md`` has a section for each."""

from __future__ import annotations

__all__ = ["KINDS"]

KINDS: dict[str, str] = {
    "child-failed": "a child ended by a signal, or with an exit code that nobody has read",
    "nothing-started": "a test says that it starts processes, and none was started in it",
    "other-start-method": "a test runs for one start method, and all its children were started by another one",
}
"""By name."""
