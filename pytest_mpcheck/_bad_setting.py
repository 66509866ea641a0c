"""`BadSetting`, and the base of all errors: the one of them that a start of pytest needs.

Guarantees: imports nothing, for which reason it stands apart from `_errors`.
"""

from __future__ import annotations

__all__ = ["BadSetting", "MpcheckError"]


class MpcheckError(Exception):
    """Base of everything that pytest-mpcheck raises of its own accord."""

    __module__ = "pytest_mpcheck"  # where users find it, which is also how pytest and pickle name it


class BadSetting(MpcheckError):
    """An option, an ini value or a marker's argument that makes no sense. The plugin tells it as a usage error."""

    __module__ = "pytest_mpcheck"
