"""Where what pytest was told becomes our settings: options, ini values, markers.

A value of a marker goes before the command line's, that before the ini file's, and that before the default.
"""

from __future__ import annotations

import contextlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from ._bad_setting import BadSetting
from ._options import NAMES
from ._settings import START_METHODS, Kind, MarkSettings, Settings, parse_mark, parse_settings

if TYPE_CHECKING:
    from ._children._asserts import Assertions
    from ._keeper._run import Run

__all__ = [
    "ATTENDED",
    "RUN",
    "SETTINGS",
    "assertions_of",
    "check_effect",
    "choose_kinds",
    "is_attended",
    "is_mp_test",
    "mark_of",
    "read_settings",
    "run_of",
]

FOR_PROCESSES_ONLY = frozenset(("mp_start_method", "mp_context", "mp_script"))
"""Fixtures that make no sense over threads and interpreters."""

SETTINGS = pytest.StashKey[Settings]()
"""Where the configuration keeps the settings that hold for the whole run."""

RUN: pytest.StashKey[Run] = pytest.StashKey()
"""Where the configuration keeps what the run has started, once `run_of` has been asked for it."""

_ABOUT_FINDINGS = frozenset(("allow", "reason"))
"""Keywords of the marker that say nothing about what the test starts."""

ATTENDED = pytest.StashKey[bool]()
"""Where the configuration keeps that its tests are attended; see `_attendant`."""


def read_settings(config: pytest.Config) -> Settings:
    """Read what the command line and the ini file say.

    Raises:
        pytest.UsageError: A value makes no sense.
    """
    raw: dict[str, tuple[object, str]] = {}
    for name in ("start_methods", "timeout", "platform", "guard"):
        value, origin = config.getoption(f"mp_{name}"), f"command line --mp-{name.replace('_', '-')}"
        if value is None:
            value, origin = (
                config.getini(f"mp_{name}"),
                f"ini mp_{name}{f' in {config.inipath}' if config.inipath else ''}",
            )
        if value is not None:
            raw[name] = (",".join(value) if isinstance(value, list) else value), origin
    if "guard" not in raw and not NAMES.isdisjoint(config.getoption("plugins")):
        raw["guard"] = "warn", "command line -p"
    for name in ("guard_report", "sweep", "trace"):
        if (value := config.getoption(f"mp_{name}")) is not None:
            raw[name] = value, f"command line --mp-{name.replace('_', '-')}"
    for name in ("allow", "keep", "history_limit"):
        if value := config.getini(f"mp_{name}"):
            raw[name] = value, f"ini mp_{name}{f' in {config.inipath}' if config.inipath else ''}"
    try:
        return parse_settings(raw)
    except BadSetting as error:
        raise pytest.UsageError(str(error)) from None


def run_of(config: pytest.Config) -> Run:
    """Return what looks after the processes of a run; it is made when it is first asked for, and does nothing yet."""
    if RUN not in config.stash:
        from ._keeper._run import Run

        settings = config.stash[SETTINGS]
        has_controller = hasattr(config, "workerinput")
        config.stash[RUN] = Run(
            settings.guard, settings.keep, lambda: _stderr_of(config), has_controller=has_controller
        )
    return config.stash[RUN]


def _stderr_of(config: pytest.Config) -> int:
    """Return a new descriptor of the real standard error."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        return os.dup(2)


def mark_of(node: pytest.Item | pytest.Collector) -> MarkSettings:
    """Merge the ``mp`` markers of a test; for each keyword the closest one counts.

    Raises:
        BadSetting: An argument makes no sense.
    """
    merged = MarkSettings()
    for mark in node.iter_markers("mp"):
        this = parse_mark(mark.args, mark.kwargs, f"@pytest.mark.mp of {node.nodeid}")
        merged = MarkSettings(
            merged.start_methods or this.start_methods,
            merged.backends or this.backends,
            merged.timeout or this.timeout,
            merged.allow + this.allow,
        )
    return merged


def is_mp_test(item: pytest.Item) -> bool:
    """Return whether a test says that it starts workers: by one of our fixtures, or by the marker."""
    return "_mp_kind" in getattr(item, "fixturenames", ()) or any(
        not mark.kwargs or not _ABOUT_FINDINGS.issuperset(mark.kwargs) for mark in item.iter_markers("mp")
    )


def is_attended(item: pytest.Item) -> bool:
    """Return whether a test starts workers or is recorded, as far as that is to be seen before it runs."""
    return is_mp_test(item) or "mp_history" in getattr(item, "fixturenames", ())


def check_effect(metafunc: pytest.Metafunc) -> None:
    """Refuse a marker, on the test itself, that chooses what no fixture of the test would run by.

    On a class or a module it may stand for other tests.

    Raises:
        BadSetting: The marker would have no effect.
    """
    for mark in metafunc.definition.own_markers:
        for keyword, fixture, wanted in (
            ("start_methods", "_mp_kind", "one of the mp_* fixtures"),
            ("backends", "mp_backend", "mp_backend"),
        ):
            if mark.name == "mp" and keyword in mark.kwargs and fixture not in metafunc.fixturenames:
                raise BadSetting(
                    f"{keyword} in @pytest.mark.mp of {metafunc.definition.nodeid} has no effect: "
                    f"the test does not ask for {wanted}; what to do: let it ask, or leave {keyword} out"
                )


def choose_kinds(metafunc: pytest.Metafunc, mark: MarkSettings) -> tuple[Kind, ...]:
    """Choose the kinds of worker that a test runs with, each in a run of its own.

    Args:
        metafunc: The test; it uses one of our fixtures.
        mark: What its markers say.

    Returns:
        The kinds in the order of the runs.

    Raises:
        BadSetting: The test asks for what cannot go together.
    """
    from ._platforms import available_kinds

    settings = metafunc.config.stash[SETTINGS]
    available = available_kinds()
    methods = mark.start_methods or settings.start_methods
    if "mp_backend" not in metafunc.fixturenames:
        return settings.kinds(methods, available)
    clash = sorted(FOR_PROCESSES_ONLY.intersection(metafunc.fixturenames))
    if clash:
        raise BadSetting(
            f"{metafunc.definition.nodeid} asks for mp_backend and for {', '.join(clash)}, which knows processes only; "
            f"what to do: ask for one of them, and start workers by mp_process, mp_pool or mp_executor"
        )
    others = tuple(name for name in available if name not in START_METHODS)
    return settings.kinds(mark.backends or (*methods, *others), available)


def assertions_of(item: pytest.Item) -> Assertions | None:
    """Return what the children of a test need so that their assertions explain themselves as the test's own do.

    Args:
        item: The test.

    Returns:
        ``None`` when pytest does not rewrite assertions, or not in the way that is known here.
    """
    rewrite = getattr(sys.modules.get("_pytest.assertion.rewrite"), "rewrite_asserts", None)
    if rewrite is None or item.config.getoption("assertmode") != "rewrite":
        return None
    import pickle

    from ._children._asserts import Assertions

    registered = {name for finder in sys.meta_path for name in getattr(finder, "_must_rewrite", ())}
    return Assertions(rewrite, registered, lambda: pickle.dumps(_explanation(item)))


def _explanation(item: pytest.Item) -> tuple[object, ...]:
    """Tell how values are compared for a test: options, ini values, colours, and who has a word of his own."""
    config: Any = item.config
    options = {key: value for key, value in vars(config.option).items() if isinstance(value, (str, int, float))}
    inis: dict[str, object] = {}
    for name in (
        "verbosity_assertions",
        "truncation_limit_lines",
        "truncation_limit_chars",
        "assertion_text_diff_style",
    ):
        with contextlib.suppress(ValueError, KeyError):  # older versions of pytest have not all of them
            inis[name] = config.getini(name)
    markup = None
    if config.pluginmanager.has_plugin("terminalreporter"):
        writer = config.get_terminal_writer()
        markup = writer.hasmarkup, writer.code_highlight
    plugins = [one.plugin for one in item.ihook.pytest_assertrepr_compare.get_hookimpls()]
    names = [plugin.__name__ for plugin in plugins if isinstance(plugin, ModuleType)]
    return options, inis, markup, [name for name in names if not name.startswith("_pytest.")]
