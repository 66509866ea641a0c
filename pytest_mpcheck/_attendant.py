"""The hooks that each test of a run pays for, once one of them starts workers or is recorded; before that nobody does.

It is called when the tests have been collected; or later, when a test asks in its own code for its history.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from ._account import NURSERY, PASSED, STARTS, settle, show_output
from ._config import ATTENDED, is_mp_test
from ._preloading import sending_off
from ._recordings import HISTORY, begin, close_stage, end, give_up, let_go, set_up_apart
from ._tracing import traced

__all__ = ["call_attendant", "watch_call"]


def call_attendant(config: pytest.Config) -> None:
    """Let every test from now on be attended. Idempotent."""
    if not config.stash.get(ATTENDED, False):
        config.stash[ATTENDED] = True
        config.pluginmanager.register(_Attendant(), "mpcheck_attendant")


def watch_call(item: pytest.Item) -> Generator[None, object, object]:
    """Settle the accounts of a test once its own code is through; the plugin's own `pytest_runtest_call`.

    It has to stand where the plugin stands: what is told in it is for the log and the output of the test.
    """
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


class _Attendant:
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        close_stage(config)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        return (yield from set_up_apart(request.config, fixturedef.scope))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if not is_mp_test(item):
            return (yield)
        from ._children._starts import record_starts

        with record_starts() as item.stash[STARTS], sending_off(item), traced(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # the fixtures of the test belong to it
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        begin(item)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            end(item)
