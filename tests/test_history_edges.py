"""The edges of a history: nobody listens, others have put something in our place, a test runs twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import History, ScriptRun
from pytest_mpcheck._history import _strays
from pytest_mpcheck._history._messages import Errand
from pytest_mpcheck._history._strays import working_for
from pytest_mpcheck.fixtures import ProcessFactory

ALONE = """
from pytest_mpcheck import checkpoint, span
from pytest_mpcheck._history import _attach, _log
_attach.find()
_log.follow("message", "somebody", 1)
checkpoint("unheard")
with span("unheard"):
    print(_log.given()[0], _log.here(), _log.listens(), _log.record_again(1, "unheard", {}))

class Ring:  # of a thread that has begun to record when the test ended
    def place_of(self, ticket):
        return ticket

_log._record_any("unheard", {})
print(_log._place_of(Ring(), 64))
"""


@pytest.fixture
def without_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MPCHECK_HISTORY", raising=False)


@pytest.mark.usefixtures("without_history")
def test_process_that_nobody_listens_to_records_nothing() -> None:
    told = subprocess.run([sys.executable, "-c", ALONE], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert told == "None None False -1\n64\n"


@pytest.mark.usefixtures("without_history")
def test_script_that_nobody_listens_to_does_not_load_the_log(
    mp_script: Callable[..., ScriptRun], tmp_path: Path
) -> None:
    path = tmp_path / "script.py"
    path.write_text("import sys; print('pytest_mpcheck._history._log' in sys.modules)", encoding="utf-8")
    assert mp_script(path).stdout == "False\n"


def test_names_without_a_number_are_recorded_by_themselves(mp_process: ProcessFactory, mp_history: History) -> None:
    mp_process(record_long_names).result()
    assert [event.name for event in mp_history.events()] == ["n" * 100, "n" * 100]


def record_long_names() -> None:
    from pytest_mpcheck import checkpoint

    checkpoint("n" * 100)
    checkpoint("n" * 100)


def test_errand_that_is_not_sent_is_its_function() -> None:
    assert Errand(abs)(-1) == 1


def test_work_within_work_of_a_thread() -> None:
    def test_of_this_thread() -> object:
        return _strays._tests.get(threading.get_ident(), (None, "nobody's"))[1]

    with working_for(1):
        with working_for(2):
            assert test_of_this_thread() == 2
        assert test_of_this_thread() == 1
    assert test_of_this_thread() == "nobody's"


def test_task_without_a_function_is_refused_as_ever(mp_pool: Callable[..., Pool], mp_history: History) -> None:
    submit: Any = mp_pool(1).apply_async
    with pytest.raises(TypeError, match="func"):
        submit()
    assert submit(func=abs, args=(-1,)).get() == 1
    assert mp_history.names == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_what_others_have_put_in_our_place_stays(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from multiprocessing.process import BaseProcess

        original = BaseProcess.start

        @pytest.hookimpl(trylast=True)
        def pytest_unconfigure():
            print(BaseProcess.start.__name__)
            BaseProcess.start = original
        """
    )
    pytester.makepyfile(
        """
        from multiprocessing.process import BaseProcess

        def test_it(mp_history):
            present = BaseProcess.start
            BaseProcess.start = lambda process: present(process)
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["<lambda>"])


def test_test_that_records_elsewhere_spoils_no_other(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pytest_mpcheck import checkpoint
        from pytest_mpcheck._history import _log

        def test_leaving(mp_history):
            _log.listen(None)

        def test_after_that(mp_history):
            checkpoint("heard")
            assert mp_history.names == ("heard",)
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_test_that_runs_again_has_another_history(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from _pytest.runner import runtestprotocol

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                runtestprotocol(item, nextitem=nextitem)
            return True
        """
    )
    pytester.makepyfile(
        """
        from pytest_mpcheck import checkpoint

        def test_it(mp_history):
            checkpoint("once")
            assert len(mp_history.events("once")) == 1
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_history_that_is_asked_for_in_the_midst_of_a_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pytest_mpcheck import checkpoint

        def test_it(request):
            checkpoint("unheard")
            history = request.getfixturevalue("mp_history")
            checkpoint("heard")
            assert history.names == ("heard",)
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
