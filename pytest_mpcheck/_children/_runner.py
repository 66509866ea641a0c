"""Tells whether the program that runs is pytest or pytest-xdist itself: no child needs anything of that."""

from __future__ import annotations

from types import ModuleType

__all__ = ["is_runner"]

_PACKAGES = frozenset(("pytest", "_pytest", "xdist", "execnet"))


def is_runner(main: ModuleType | None) -> bool:
    """Return whether a module is the program by which tests are run, and has nothing else in it.

    A user's own program that calls pytest is none: what is defined there may be the target of a child.

    Args:
        main: What stands in `sys.modules` as ``__main__``.
    """
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return _is_of_them(spec.name)  # python -m pytest
    # what installers write: two imports and a call
    return any(
        "console_main" in name and _is_of_them(str(getattr(value, "__module__", "")))
        for name, value in list(vars(main).items() if main else ())
    )


def _is_of_them(name: str) -> bool:
    return name.partition(".")[0] in _PACKAGES
