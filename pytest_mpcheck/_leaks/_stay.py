"""What stays on purpose until the end of the process, known by what it is."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from .._copies import COPIES

__all__ = ["helper_descriptors", "reusable_executors"]

_PACKAGES = *COPIES, "loky.backend", "joblib.externals.loky.backend"
"""Those that have helpers of their own."""

_HELPERS = (
    ("resource_tracker", "_resource_tracker", ("_fd",)),
    ("semaphore_tracker", "_semaphore_tracker", ("_fd",)),
    ("forkserver", "_forkserver", ("_forkserver_alive_fd",)),
    ("resource_sharer", "_resource_sharer", ("_listener",)),
)
"""By module: the object that stands for a helper, and which of its attributes are descriptors or have one."""


def helper_descriptors() -> Iterator[int]:
    """Yield the descriptors by which this process talks to helpers and managers, and those of log files."""
    for package in _PACKAGES:
        for module, name, attributes in _HELPERS:
            helper = getattr(sys.modules.get(f"{package}.{module}"), name, None)
            for attribute in attributes if helper is not None else ():
                yield from _descriptor(getattr(helper, attribute, None))
        proxy = getattr(sys.modules.get(f"{package}.managers"), "BaseProxy", None)
        for local, *_ in list(getattr(proxy, "_address_to_local", {}).values()):  # while their managers are there
            yield from _descriptor(getattr(local, "connection", None))
    logging = sys.modules.get("logging")
    for reference in list(getattr(logging, "_handlerList", ())):
        handler = reference() if callable(reference) else reference
        for attribute in ("stream", "sock", "socket"):
            yield from _descriptor(getattr(handler, attribute, None))


def _descriptor(thing: Any) -> Iterator[int]:
    """Yield the descriptor that something is or has."""
    thing = getattr(getattr(thing, "_listener", thing), "_socket", thing)  # of a `multiprocessing.connection.Listener`
    if isinstance(thing, int):
        yield thing
    elif hasattr(thing, "fileno"):
        with contextlib.suppress(Exception):  # closed, or a stream that has none
            yield int(thing.fileno())


def reusable_executors() -> Iterator[Any]:
    """Yield the executors that loky keeps for whoever wants one next; joblib's loky too."""
    for package in ("loky", "joblib.externals.loky"):
        module = sys.modules.get(f"{package}.reusable_executor")
        of_the_thread = getattr(getattr(module, "_executor_storage", None), "executor", None)  # loky 3.7
        for executor in (getattr(module, "_executor", None), of_the_thread):
            if executor is not None:
                yield executor
