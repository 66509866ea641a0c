"""Tests that say that they start processes in some way, and do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from .._finding import Finding
from .._settings import START_METHODS
from ._watcher import Span

__all__ = ["start_method_of", "vacuity"]

_TELLING = "context", "ctx", "method", "mp_kind", "start"
"""What names of parameters hold that are about start methods."""


def start_method_of(value: object) -> str:
    """Return the start method that the value of a parameter is or has; empty when it has none."""
    if isinstance(value, str):
        return value if value in START_METHODS else ""
    if type(value).__module__ == "multiprocessing.context":
        name = getattr(value, "_name", "")
        return name if name in START_METHODS else ""
    return ""


def vacuity(
    parameters: Mapping[str, object], others: Callable[[str], Iterable[object]], span: Span
) -> Iterator[Finding]:
    """Judge a test that has passed.

    Args:
        parameters: By name, the value of each of its parameters that has a start method.
        others: Returns the values that a parameter has in the other runs of the same test.
        span: The test.
    """
    processes = [made for made in span.made if made.kind == "process"]
    used = sorted({made.start_method for made in processes}.intersection(START_METHODS))
    is_idle = not span.made and not any(other.made for other in span.wider)
    for name, value in {} if span.has_failed else parameters.items():
        method = start_method_of(value)
        if not (is_idle or (used and method not in used)) or not _is_about_start_methods(name, value, others):
            continue
        if is_idle:
            yield Finding(
                kind="nothing-started",
                what=f"this test runs for start method {method!r}, and nothing was started in it",
                where="",
                evidence=f"its parameter {name!r} is {value!r}, and it used nothing of multiprocessing",
                remedy="start something in it, or do not run it once for each start method",
            )
        else:
            yield Finding(
                kind="other-start-method",
                what=f"this test runs for start method {method!r}, and all it started was by {', '.join(used)}",
                where=f"started at {processes[0].where}",
                evidence=f"its parameter {name!r} is {value!r}; it started {len(processes)}",
                remedy="start by way of multiprocessing.get_context(...), and hand the context on to pools, "
                "executors (mp_context=) and libraries",
            )


def _is_about_start_methods(name: str, value: object, others: Callable[[str], Iterable[object]]) -> bool:
    """Return whether a parameter that is `fork` here is about start methods, and not about branches and cutlery."""
    values = [value, *others(name)]
    methods = {method for one in values if (method := start_method_of(one))}
    if not all(
        start_method_of(one) or one is None or (isinstance(one, str) and one in ("", "default")) for one in values
    ):
        return False
    return len(methods) > 1 or any(word in name.lower() for word in _TELLING)
