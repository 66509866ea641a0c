"""Settings that know where they came from.

Guarantees: a value that makes no sense is refused here, once, with a `BadSetting` that names the value, its origin and
what would be right; what gets past this module is valid. Nothing here knows of pytest: the plugin hands in raw values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ._bad_setting import BadSetting
from ._platform_offers import CURRENT, OFFERS, Offer
from ._record import record
from ._values import (
    check_names,
    check_new_file,
    check_patterns,
    check_reason,
    check_seconds,
    check_size,
    nearest,
)

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
        sweep: The start methods that tests of the default context are run again under, as `start_methods`; empty for
            none.
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
    sweep: tuple[str, ...] = ()

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
    methods, timeout, platform, guard, keep, limit, trace, sweep = (
        raw.get(name)
        for name in ("start_methods", "timeout", "platform", "guard", "keep", "history_limit", "trace", "sweep")
    )
    report = raw.get("guard_report")
    kind_of_guard = check_names(*guard, GUARDS, "guard", only_one=True)[0] if guard else "warn" if report else "off"
    if report and guard and kind_of_guard == "off":
        raise BadSetting(
            f"file {report[0]!r} from {report[1]} would have nothing in it, since the guard is off ({guard[1]}): "
            f"put it on, or ask for no report"
        )
    return Settings(
        allow=_allowances(*raw["allow"]) if "allow" in raw else (),
        guard_report=check_new_file(*report) if report else "",
        start_methods=check_names(*methods, (*START_METHODS, "all", "default"), "start method")
        if methods
        else ("all",),
        timeout=check_seconds(*timeout) if timeout else DEFAULT_TIMEOUT,
        platform=check_names(*platform, tuple(OFFERS), "platform", only_one=True)[0] if platform else CURRENT,
        guard=kind_of_guard,
        keep=check_patterns(*keep) if keep else (),
        trace=check_new_file(*trace) if trace else "",
        history_limit=check_size(*limit) if limit else DEFAULT_HISTORY_LIMIT,
        sweep=check_names(*sweep, (*START_METHODS, "all"), "start method") if sweep else (),
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
                f"unknown keyword {keyword!r} in {origin}: it takes {', '.join(known)}{nearest(keyword, known)}"
            )
    given = {keyword: value for keyword, value in kwargs.items() if value is not None}
    where = f"{origin}, "
    reason = check_reason(given, origin)
    return MarkSettings(
        start_methods=check_names(
            given["start_methods"], f"{where}start_methods", (*START_METHODS, "all", "default"), "start method"
        )
        if "start_methods" in given
        else None,
        backends=check_names(given["backends"], f"{where}backends", BACKENDS, "backend")
        if "backends" in given
        else None,
        timeout=check_seconds(given["timeout"], f"{where}timeout") if "timeout" in given else None,
        allow=_allowances(given["allow"], f"{where}allow", reason) if "allow" in given else (),
        reason=reason,
    )


def _allowances(value: object, origin: str, reason: str = "") -> tuple[Allowance, ...]:
    from ._findings._allowance import parse_allowances

    return parse_allowances(value, origin, reason)
