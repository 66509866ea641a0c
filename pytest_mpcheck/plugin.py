"""The hooks: what pytest is told, and when we look. What is looked at lives below."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from ._account import NURSERY, PASSED, STARTS, settle, show_output
from ._config import (
    MARKER,
    RUN,
    SETTINGS,
    add_options,
    answer_to_both_names,
    check_effect,
    choose_kinds,
    is_mp_test,
    mark_of,
    new_run,
    part_sweep_from_paths,
    read_settings,
)
from ._errors import BadSetting
from ._leftovers import show_swept, sweep, take_swept
from ._recordings import HISTORY, begin, close_stage, end, give_up, let_go, prepare, set_up_apart
from ._time_limit import watch_time_limit
from ._tracing import hand_trace_over, open_trace, show_trace, take_trouble, traced, write_trace
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
    part_sweep_from_paths(early_config, args)


def pytest_configure(config: pytest.Config) -> None:
    settings = config.stash[SETTINGS] = read_settings(config)
    config.addinivalue_line("markers", MARKER)
    run = config.stash[RUN] = new_run(config, settings)
    if settings.guard != "off":
        run.watch()
    open_trace(config)
    if settings.sweep and not config.option.collectonly:
        from ._sweeping import Sweeper

        config.pluginmanager.register(Sweeper(config), "mpcheck-sweep")


@pytest.hookimpl(wrapper=True, trylast=True)  # inside of whoever tells the world that the session is over
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    result = yield
    sweep(session.config)
    write_trace(session.config)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    hand_trace_over(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    take_swept(node)
    take_trouble(node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    show_swept(terminalreporter)
    show_trace(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    close_stage(config)
    if RUN in config.stash:
        config.stash[RUN].close()


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


def pytest_collection_finish(session: pytest.Session) -> None:
    prepare(session)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    return (yield from set_up_apart(request.config, fixturedef.scope))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not is_mp_test(item):
        return (yield)
    from ._children._starts import record_starts

    with record_starts() as item.stash[STARTS], traced(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # the fixtures of the test belong to it
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    begin(item)
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    finally:
        end(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    if not is_mp_test(item) and HISTORY not in item.stash:
        return (yield)
    __tracebackhide__ = True
    nursery = item.stash.get(NURSERY, None)
    made_in_setup = len(nursery.members) if nursery else 0
    try:
        result = yield
        item.stash[PASSED] = True
        let_go(item)
        settle(item, made_in_setup)
    except BaseException:
        item.stash[PASSED] = False
        give_up(item)
        show_output(item, "call")
        raise
    return result


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: object) -> Generator[None, object, object]:
    with watch_time_limit(item, settings):
        return (yield)
