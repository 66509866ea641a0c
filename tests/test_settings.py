"""Settings know where they came from, and refuse what makes no sense in one sentence."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_mpcheck import BadSetting
from pytest_mpcheck._platform_offers import CURRENT, OFFERS
from pytest_mpcheck._settings import Kind, MarkSettings, Settings, parse_mark, parse_settings

ALL = ("fork", "spawn", "forkserver", "thread", "interpreter")


def test_defaults() -> None:
    assert parse_settings({}) == Settings(("all",), 30.0, CURRENT)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("spawn", ("spawn",)),
        ("fork, spawn", ("fork", "spawn")),
        ("all", ("all",)),
        ("default,spawn", ("default", "spawn")),
        (["forkserver"], ("forkserver",)),
    ],
)
def test_start_methods_are_a_list(value: object, names: tuple[str, ...]) -> None:
    assert parse_settings({"start_methods": (value, "here")}).start_methods == names


@pytest.mark.parametrize("value", [5, 0.5, "7.5"])
def test_timeout_is_a_number(value: Any) -> None:
    assert parse_settings({"timeout": (value, "here")}).timeout == float(value)


@pytest.mark.parametrize(
    ("value", "size"), [("64kB", 2**16), ("65536", 2**16), ("16 MB", 2**24), ("2gb", 2**31), ("100000B", 100_000)]
)
def test_history_limit_is_a_size(value: str, size: int) -> None:
    assert parse_settings({"history_limit": (value, "here")}).history_limit == size


BAD: list[tuple[str, object, str]] = [
    (
        "start_methods",
        "frok",
        "unknown start method 'frok' from here: there is fork, spawn, forkserver, all, default (did you mean 'fork'?)",
    ),
    ("start_methods", "", "'' from here names no start method: give some of fork, spawn, forkserver, all, default"),
    (
        "start_methods",
        5,
        "5 from here is no list of start methods: give names out of fork, spawn, forkserver, all, default",
    ),
    ("timeout", "soon", "timeout 'soon' from here is no number: give a number of seconds above zero, such as 30"),
    ("timeout", None, "timeout None from here is no number: give a number of seconds above zero, such as 30"),
    ("timeout", True, "timeout True from here is no number: give a number of seconds above zero, such as 30"),
    ("timeout", 0, "timeout 0 from here can never be kept: give a number of seconds above zero, such as 30"),
    ("timeout", "-1", "timeout '-1' from here can never be kept: give a number of seconds above zero, such as 30"),
    ("timeout", "nan", "timeout 'nan' from here can never be kept: give a number of seconds above zero, such as 30"),
    ("timeout", "inf", "timeout 'inf' from here can never be kept: give a number of seconds above zero, such as 30"),
    *(
        (
            "history_limit",
            value,
            f"history limit '{value}' from here is no size: give a number of bytes, 64kB at least, such as 64MB",
        )
        for value in ("much", "-1MB", "64TB", "1.5MB", "64M")
    ),
    (
        "history_limit",
        "63kB",
        "history limit '63kB' from here is too small: give a number of bytes, 64kB at least, such as 64MB",
    ),
    ("platform", "beos", "unknown platform 'beos' from here: there is linux, macos, windows"),
    ("platform", "linux,macos", "'linux,macos' from here names no platform: give one of linux, macos, windows"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_nonsense_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(BadSetting, match=f"^{re.escape(message)}$"):
        parse_settings({name: (value, "here")})


def test_marker_takes_its_keywords() -> None:
    assert parse_mark((), {}, "there") == MarkSettings()
    assert parse_mark((), {"start_methods": None}, "there") == MarkSettings()
    assert parse_mark((), {"start_methods": "spawn", "backends": ["thread"], "timeout": 3}, "there") == MarkSettings(
        ("spawn",), ("thread",), 3.0
    )


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (("spawn",), {}, "positional argument 'spawn' in there: the marker takes keywords only, such as"),
        (
            (),
            {"start_method": "spawn"},
            (
                "unknown keyword 'start_method' in there: it takes start_methods, backends, timeout, allow, "
                "reason (did you mean "
                "'start_methods'?)"
            ),
        ),
        ((), {"timeout": 0}, "timeout 0 from there, timeout can never be kept"),
        ((), {"allow": ["leak"]}, "unknown kind of finding 'leak' from there, allow: there is child-failed, "),
        ((), {"reason": "why"}, "reason 'why' from there is the reason of nothing: say what is allowed by allow="),
        ((), {"allow": ["child-failed"], "reason": 5}, "reason 5 from there is no text: say in words why this"),
        ((), {"start_methods": 5}, "5 from there, start_methods is no list of start methods"),
        ((), {"backends": ["all"]}, "unknown backend 'all' from there, backends: there is fork, spawn"),
        ((), {"backends": [1]}, "[1] from there, backends is no list of backends"),
    ],
)
def test_nonsense_in_a_marker_is_refused(args: tuple[object, ...], kwargs: dict[str, object], message: str) -> None:
    with pytest.raises(BadSetting, match=f"^{re.escape(message)}"):
        parse_mark(args, kwargs, "there")


def names_of(kinds: tuple[Kind, ...]) -> list[str]:
    return [kind.name for kind in kinds if not kind.obstacle]


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("linux", ["fork", "spawn", "forkserver"]),
        ("macos", ["fork", "spawn", "forkserver"]),
        ("windows", ["spawn"]),
    ],
)
def test_pretended_platform_offers_its_own_methods_only(platform: str, names: list[str]) -> None:
    settings = Settings(("all",), 30.0, platform)
    assert names_of(settings.kinds(("all",), ALL)) == names
    assert names_of(settings.kinds(("default",), ALL)) == [OFFERS[platform].default]


def test_what_was_asked_for_by_name_and_is_not_there_says_why() -> None:
    other = "windows" if CURRENT != "windows" else "linux"
    kinds = Settings(("all",), 30.0, "windows").kinds(("fork", "spawn", "interpreter"), ("fork", "spawn", "thread"))
    pretended = " (pretended by --mp-platform)" if other == "windows" else ""
    assert kinds == (
        Kind("fork", f"'fork' is not available on windows{pretended}; there is: spawn"),
        Kind("spawn"),
        Kind("interpreter", "'interpreter' is not available in this interpreter; there is: spawn, thread"),
    )


def test_real_platform_needs_no_pretence() -> None:
    (kind,) = Settings(("all",), 30.0, CURRENT).kinds(("forkserver",), ("spawn",))
    assert kind.obstacle == f"'forkserver' is not available on {CURRENT}; there is: spawn"


def test_each_kind_comes_once() -> None:
    settings = Settings(("all",), 30.0, "linux")
    assert names_of(settings.kinds(("spawn", "all", "default"), ALL)) == ["spawn", "fork", "forkserver"]
