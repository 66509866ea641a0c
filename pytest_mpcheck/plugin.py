"""The hooks: what pytest is told, and when we look. What is looked at lives below."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from ._config import MARKER, SETTINGS, add_options, check_effect, choose_kinds, is_mp_test, mark_of, read_settings
from ._errors import BadSetting
from .fixtures import (
    NURSERY,
    PASSED,
    STARTS,
    _mp_kind,
    _mp_nursery,
    mp_backend,
    mp_context,
    mp_executor,
    mp_pool,
    mp_process,
    mp_script,
    mp_start_method,
    settle,
    show_output,
    watch_time_limit,
)

__all__ = [
    "_mp_kind",
    "_mp_nursery",
    "mp_backend",
    "mp_context",
    "mp_executor",
    "mp_pool",
    "mp_process",
    "mp_script",
    "mp_start_method",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SETTINGS] = read_settings(config)
    config.addinivalue_line("markers", MARKER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    try:
        mark = mark_of(metafunc.definition)
        check_effect(metafunc)
        kinds = choose_kinds(metafunc, mark) if "_mp_kind" in metafunc.fixturenames else ()
    except BadSetting as error:
        raise pytest.Collector.CollectError(f"usage error: {error}") from None
    if not kinds:
        return
    metafunc.parametrize(
        "_mp_kind",
        [pytest.param(kind.name, marks=pytest.mark.skip(kind.obstacle) if kind.obstacle else ()) for kind in kinds],
        indirect=True,
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not is_mp_test(item):
        return (yield)
    from ._children._starts import record_starts

    with record_starts() as item.stash[STARTS]:
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    if not is_mp_test(item):
        return (yield)
    __tracebackhide__ = True
    nursery = item.stash.get(NURSERY, None)
    made_in_setup = len(nursery.members) if nursery else 0
    try:
        result = yield
        item.stash[PASSED] = True
        settle(item, made_in_setup)
    except BaseException:
        item.stash[PASSED] = False
        show_output(item, "call")
        raise
    return result


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: object) -> Generator[None, object, object]:
    with watch_time_limit(item, settings):
        return (yield)
