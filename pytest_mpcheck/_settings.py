"""Settings that know where they came from.

Guarantees: a value that makes no sense is refused here, once, with a `BadSetting` that names the value, its origin and
what would be right; what gets past this module is valid. Nothing here knows of pytest: the plugin hands in raw values.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ._bad_setting import BadSetting
from ._offers import CURRENT, OFFERS, Offer
from ._record import record

if TYPE_CHECKING:
    from ._findings._allowance import Allowance

__all__ = ["BACKENDS", "START_METHODS", "Kind", "MarkSettings", "Settings", "parse_mark", "parse_settings"]

START_METHODS = ("fork", "spawn", "forkserver")
"""Every start method of `multiprocessing`, in the order in which tests run."""

BACKENDS = (*START_METHODS, "thread", "interpreter")
"""Every kind of worker that `mp_backend` knows."""

GUARDS = ("off", "warn", "strict")
"""Whether every process of the run is looked after, and how strictly."""

DEFAULT_TIMEOUT = 30.0

DEFAULT_HISTORY_LIMIT = 64 * 1024**2

_LEAST_HISTORY = 64 * 1024

_UNITS = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


@record(frozen=True, slots=True)
class Kind:
    """One kind of worker that a test is to run with.

    Attributes:
        name: A member of `BACKENDS`.
        obstacle: Why it cannot be had here; empty when it can.
    """

    name: str
    obstacle: str = ""


@record(frozen=True, slots=True)
class Settings:
    """What the command line and the ini file ask for.

    Attributes:
        start_methods: Names of start methods, or the words ``all`` or ``default``.
        timeout: Deadline of every wait, in seconds.
        platform: The platform to pretend, or the real one.
        guard: One of `GUARDS`.
        keep: Patterns of the processes that no guard ends.
        allow: Findings of the guard that nobody wants to be told.
        guard_report: The file to write the findings of the guard to, as an absolute path; empty for none.
        trace: The file to write the history of the run to, as an absolute path; empty for none.
        history_limit: How large the history of a process may become, in bytes.
    """

    start_methods: tuple[str, ...]
    timeout: float
    platform: str
    guard: str = "off"
    keep: tuple[str, ...] = ()
    allow: tuple[Allowance, ...] = ()
    guard_report: str = ""
    trace: str = ""
    history_limit: int = DEFAULT_HISTORY_LIMIT

    @property
    def offer(self) -> Offer:
        """What the platform in effect offers."""
        return OFFERS[self.platform]

    def kinds(self, names: tuple[str, ...], available: Iterable[str]) -> tuple[Kind, ...]:
        """Choose the kinds of worker that a test runs with.

        Args:
            names: Members of `BACKENDS`, or the words ``all`` or ``default``.
            available: What this interpreter can really do.

        Returns:
            The kinds in order, each once. One that was asked for by name and cannot be had says why.
        """
        can = [name for name in available if name not in START_METHODS or name in self.offer.start_methods]
        chosen: dict[str, Kind] = {}
        for name in names:
            if name == "all":
                chosen |= {method: Kind(method) for method in self.offer.start_methods if method in can}
            elif name == "default":
                chosen[self.offer.default] = Kind(self.offer.default)
            else:
                chosen[name] = Kind(name, "" if name in can else self._obstacle(name, can))
        return tuple(chosen.values())

    def _obstacle(self, name: str, can: list[str]) -> str:
        pretended = "" if self.platform == CURRENT else " (pretended by --mp-platform)"
        if name not in START_METHODS:
            return f"{name!r} is not available in this interpreter; there is: {', '.join(can)}"
        methods = ", ".join(method for method in can if method in START_METHODS)
        return f"{name!r} is not available on {self.platform}{pretended}; there is: {methods}"


@record(frozen=True, slots=True)
class MarkSettings:
    """What the markers of one test ask for; ``None`` where they say nothing.

    Attributes:
        start_methods: As `Settings.start_methods`.
        backends: Members of `BACKENDS`.
        timeout: As `Settings.timeout`.
        allow: As `Settings.allow`; those of all markers hold.
        reason: Why that is allowed.
    """

    start_methods: tuple[str, ...] | None = None
    backends: tuple[str, ...] | None = None
    timeout: float | None = None
    allow: tuple[Allowance, ...] = ()
    reason: str = ""


def parse_settings(raw: Mapping[str, tuple[object, str]]) -> Settings:
    """Check what the command line and the ini file say.

    Args:
        raw: For each attribute of `Settings` that somebody gave a value: the value, and where it came from.

    Returns:
        The settings, defaults filled in.

    Raises:
        BadSetting: A value makes no sense.
    """
    methods, timeout, platform, guard, keep, limit, trace = (
        raw.get(name) for name in ("start_methods", "timeout", "platform", "guard", "keep", "history_limit", "trace")
    )
    report = raw.get("guard_report")
    if report and guard and "off" in _names(*guard, GUARDS, "guard", only_one=True):
        raise BadSetting(
            f"file {report[0]!r} from {report[1]} would have nothing in it, since the guard is off ({guard[1]}): "
            f"put it on, or ask for no report"
        )
    return Settings(
        allow=_allowances(*raw["allow"]) if "allow" in raw else (),
        guard_report=_new_file(*report) if report else "",
        start_methods=_names(*methods, (*START_METHODS, "all", "default"), "start method") if methods else ("all",),
        timeout=_seconds(*timeout) if timeout else DEFAULT_TIMEOUT,
        platform=_names(*platform, tuple(OFFERS), "platform", only_one=True)[0] if platform else CURRENT,
        guard=_names(*guard, GUARDS, "guard", only_one=True)[0] if guard else "warn" if report else "off",
        keep=_patterns(*keep) if keep else (),
        trace=_new_file(*trace) if trace else "",
        history_limit=_size(*limit) if limit else DEFAULT_HISTORY_LIMIT,
    )


def parse_mark(args: tuple[object, ...], kwargs: Mapping[str, object], origin: str) -> MarkSettings:
    """Check the arguments of one ``@pytest.mark.mp(...)``.

    Args:
        args: Its positional arguments; it takes none.
        kwargs: Its keyword arguments.
        origin: Where the marker stands, for the message.

    Returns:
        What it asks for.

    Raises:
        BadSetting: An argument is unknown, of the wrong type, or makes no sense.
    """
    if args:
        raise BadSetting(
            f"positional argument {args[0]!r} in {origin}: the marker takes keywords only, "
            f"such as mp(start_methods=['spawn'])"
        )
    known = MarkSettings.__slots__
    for keyword in kwargs:
        if keyword not in known:
            raise BadSetting(
                f"unknown keyword {keyword!r} in {origin}: it takes {', '.join(known)}{_nearest(keyword, known)}"
            )
    given = {keyword: value for keyword, value in kwargs.items() if value is not None}
    where = f"{origin}, "
    return MarkSettings(
        start_methods=_names(
            given["start_methods"], f"{where}start_methods", (*START_METHODS, "all", "default"), "start method"
        )
        if "start_methods" in given
        else None,
        backends=_names(given["backends"], f"{where}backends", BACKENDS, "backend") if "backends" in given else None,
        timeout=_seconds(given["timeout"], f"{where}timeout") if "timeout" in given else None,
        allow=_allowances(given.get("allow"), f"{where}allow", given["reason"])
        if "reason" in given
        else _allowances(given["allow"], f"{where}allow")
        if "allow" in given
        else (),
        reason=str(given.get("reason", "")),
    )


def _allowances(value: object, origin: str, reason: object = "") -> tuple[Allowance, ...]:
    from ._findings._allowance import parse_allowances

    return parse_allowances(value, origin, reason)


def _names(value: object, origin: str, known: tuple[str, ...], noun: str, *, only_one: bool = False) -> tuple[str, ...]:
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
                f"unknown {noun} {name!r} from {origin}: there is {', '.join(known)}{_nearest(name, known)}"
            )
    return tuple(names)


def _patterns(value: object, origin: str) -> tuple[str, ...]:
    """Check patterns of processes: a list of texts, none of them empty or one that takes in everything."""
    patterns = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern.strip("*").strip():
            raise BadSetting(
                f"pattern {pattern!r} from {origin} names no process: give patterns of command lines or names, "
                f"such as *ssh-agent*"
            )
    return patterns


def _new_file(value: object, origin: str) -> str:
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


def _seconds(value: object, origin: str) -> float:
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


def _size(value: object, origin: str) -> int:
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


def _nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant."""
    matches = get_close_matches(word, list(known), n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""
