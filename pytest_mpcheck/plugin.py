"""The hooks: what pytest is told, and when we look. What is looked at lives below.

A run without a test that starts workers pays for options, settings and fixtures alone. What each test of other runs
needs is in `_attendant`, which is called once there is such a test; all that is imported here in a function is imported
when it is used.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from ._bad_setting import BadSetting
from ._config import (
    ATTENDED,
    RUN,
    SETTINGS,
    check_effect,
    choose_kinds,
    is_attended,
    is_mp_test,
    mark_of,
    read_settings,
    run_of,
)
from ._options import MARKER, add_options, answer_to_both_names
from .fixtures import (
    _mp_kind,
    _mp_nursery,
    mp_backend,
    mp_context,
    mp_executor,
    mp_history,
    mp_pool,
    mp_process,
    mp_script,
    mp_start_method,
)

__all__ = [
    "_mp_kind",
    "_mp_nursery",
    "mp_backend",
    "mp_context",
    "mp_executor",
    "mp_history",
    "mp_pool",
    "mp_process",
    "mp_script",
    "mp_start_method",
]


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    answer_to_both_names(pluginmanager)
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    if "--mp-sweep" in args:
        from ._sweep_option import part_sweep_from_paths

        part_sweep_from_paths(early_config, args)


def pytest_configure(config: pytest.Config) -> None:
    settings = config.stash[SETTINGS] = read_settings(config)
    config.addinivalue_line("markers", MARKER)
    if settings.guard != "off":
        run_of(config).watch()
        from ._guarding import put_guard_on

        put_guard_on(config)
    if settings.trace:
        from ._tracing import open_trace

        open_trace(config)
    if config.getoption("mp_scripts") or config.getini("mp_scripts"):
        from ._script_items import collect_scripts

        collect_scripts(config)
    if settings.sweep and not config.option.collectonly:
        from ._sweeping import Sweeper

        config.pluginmanager.register(Sweeper(config), "mpcheck-sweep")


@pytest.hookimpl(wrapper=True, trylast=True)  # inside of whoever tells the world that the session is over
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    result = yield
    settings = session.config.stash[SETTINGS]
    if settings.guard != "off":
        from ._leftovers import sweep

        sweep(session.config)
    if settings.trace:
        from ._tracing import write_trace

        write_trace(session.config)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    from ._tracing import hand_trace_over

    hand_trace_over(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    from ._leftovers import take_swept
    from ._preloading import take_preloads
    from ._tracing import take_trouble

    take_swept(node)
    take_preloads(node)
    take_trouble(node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    settings = terminalreporter.config.stash[SETTINGS]
    if settings.guard != "off":
        from ._leftovers import show_swept

        show_swept(terminalreporter)
    if settings.trace:
        from ._tracing import show_trace

        show_trace(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if not is_mp_test(metafunc.definition) and metafunc.definition.get_closest_marker("mp") is None:
        return
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


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly and any(is_attended(item) for item in session.items):
        from ._attendant import call_attendant
        from ._recordings import prepare

        call_attendant(session.config)
        prepare(session)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    if ATTENDED not in item.config.stash:
        return (yield)
    __tracebackhide__ = True
    from ._attendant import watch_call

    return (yield from watch_call(item))


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: object) -> Generator[None, object, object]:
    from ._time_limit import watch_time_limit

    with watch_time_limit(item, settings):
        return (yield)
