"""The option of the sweep, whose value may be left out."""

from __future__ import annotations

import pytest

from ._settings import START_METHODS

__all__ = ["part_sweep_from_paths"]

_OPTION = "--mp-sweep"


def part_sweep_from_paths(early: pytest.Config, args: list[str]) -> None:
    """Let ``--mp-sweep tests`` mean all start methods and the folder ``tests``; argparse would take that for the value.

    Args:
        early: The configuration, before the first conftest is looked for.
        args: The command line, which is changed.
    """
    options = args[: args.index("--")] if "--" in args else args
    if _OPTION not in options[:-1]:
        return
    place = options.index(_OPTION)
    path = args[place + 1]
    if not path.startswith("-") and not set(path.split(",")) <= {*START_METHODS, "all"}:
        args[place] = f"{_OPTION}=all"
        early.known_args_namespace.mp_sweep = "all"
        early.known_args_namespace.file_or_dir.insert(0, path)
