"""What each platform offers to its users, for those who want to see another platform than their own."""

from __future__ import annotations

import sys

from ._record import record

__all__ = ["CURRENT", "OFFERS", "Offer"]


@record(frozen=True, slots=True)
class Offer:
    """What a platform offers to those who start processes.

    Attributes:
        start_methods: The start methods of `multiprocessing` there, in the order in which tests run.
        default: The one that is used when nobody chooses.
    """

    start_methods: tuple[str, ...]
    default: str


OFFERS = {
    "linux": Offer(("fork", "spawn", "forkserver"), "forkserver" if sys.version_info >= (3, 14) else "fork"),
    "macos": Offer(("fork", "spawn", "forkserver"), "spawn"),
    "windows": Offer(("spawn",), "spawn"),
}
"""By name of platform; from the documentation of `multiprocessing`, section "Contexts and start methods"."""

CURRENT = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
"""The name, in `OFFERS`, of the platform that this is."""
