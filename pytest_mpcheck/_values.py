"""What the values of settings may be, whoever gives them.

Guarantees: what makes no sense is refused with a `BadSetting` that names the value, its origin and what would be right.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from ._bad_setting import BadSetting

__all__ = ["check_names", "check_new_file", "check_patterns", "check_reason", "check_seconds", "check_size", "nearest"]

_LEAST_HISTORY = 64 * 1024

_UNITS = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


def check_names(
    value: object, origin: str, known: tuple[str, ...], noun: str, *, only_one: bool = False
) -> tuple[str, ...]:
    """Check names: a text with commas between them, or a list of texts."""
    if isinstance(value, str):
        names = [name.strip() for name in value.split(",") if name.strip()]
    elif isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        names = list(value)
    else:
        raise BadSetting(f"{value!r} from {origin} is no list of {noun}s: give names out of {', '.join(known)}")
    if not names or (only_one and len(names) != 1):
        raise BadSetting(
            f"{value!r} from {origin} names no {noun}: give {'one' if only_one else 'some'} of {', '.join(known)}"
        )
    for name in names:
        if name not in known:
            raise BadSetting(
                f"unknown {noun} {name!r} from {origin}: there is {', '.join(known)}{nearest(name, known)}"
            )
    return tuple(names)


def check_patterns(value: object, origin: str) -> tuple[str, ...]:
    """Check patterns of processes: a list of texts, none of them empty or one that takes in everything."""
    patterns = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern.strip("*").strip():
            raise BadSetting(
                f"pattern {pattern!r} from {origin} names no process: give patterns of command lines or names, "
                f"such as *ssh-agent*"
            )
    return patterns


def check_new_file(value: object, origin: str) -> str:
    """Check the path of a file that is to be written; one that is there may be replaced."""
    right = "give the path of a file in a folder that is there, such as trace.json"
    path = os.path.realpath(str(value))
    if not value or os.path.isdir(path):
        raise BadSetting(f"file {value!r} from {origin} is {'a folder' if value else 'no name'}: {right}")
    if os.path.lexists(path) and not os.path.isfile(path):
        raise BadSetting(f"file {value!r} from {origin} is there, and no regular file: {right}")
    if not os.path.isdir(os.path.dirname(path)):
        raise BadSetting(f"file {value!r} from {origin} has no folder {os.path.dirname(path)!r} to be in: {right}")
    return path


def check_seconds(value: object, origin: str) -> float:
    """Check a time limit."""
    right = "give a number of seconds above zero, such as 30"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadSetting(f"timeout {value!r} from {origin} is no number: {right}")
    try:
        seconds = float(value)
    except ValueError:
        raise BadSetting(f"timeout {value!r} from {origin} is no number: {right}") from None
    if not (0 < seconds < math.inf):
        raise BadSetting(f"timeout {value!r} from {origin} can never be kept: {right}")
    return seconds


def check_size(value: object, origin: str) -> int:
    """Check a number of bytes: digits, and a unit after them."""
    right = f"give a number of bytes, {_LEAST_HISTORY // 1024}kB at least, such as 64MB"
    found = re.fullmatch(r"(\d+) *([kMG]?B?)", str(value).strip(), re.IGNORECASE | re.ASCII)
    unit = _UNITS.get(found[2].upper()) if found else None
    if not found or unit is None:
        raise BadSetting(f"history limit {value!r} from {origin} is no size: {right}")
    size = int(found[1]) * unit
    if size < _LEAST_HISTORY:
        raise BadSetting(f"history limit {value!r} from {origin} is too small: {right}")
    return size


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant."""
    matches = get_close_matches(word, list(known), n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def check_reason(given: Mapping[str, object], origin: str) -> str:
    """Check the reason of an allowance."""
    reason = given.get("reason", "")
    if not isinstance(reason, str):
        raise BadSetting(f"reason {reason!r} from {origin} is no text: say in words why this is allowed")
    if reason and "allow" not in given:
        raise BadSetting(
            f"reason {reason!r} from {origin} is the reason of nothing: say what is allowed by allow=[...]"
        )
    return reason
