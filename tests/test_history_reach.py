"""The history reaches every process of a test, knows what came before what, and keeps tests apart."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager
from importlib.util import find_spec
from itertools import pairwise
from multiprocessing.pool import Pool, ThreadPool
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pytest_mpcheck import History, ScriptRun, checkpoint
from pytest_mpcheck._history import _log, _ways
from pytest_mpcheck._history._messages import Errand
from pytest_mpcheck._history._strays import Strays, working_for
from pytest_mpcheck.fixtures import ProcessFactory


def work(number: int = 0) -> int:
    checkpoint("work", number=number)
    return number


def start_another(method: str) -> None:
    """Start and join a process that records, before this one has recorded anything."""
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=work)
    process.start()
    process.join()
    checkpoint("joined")


def work_in_a_pool_of_its_own(method: str) -> None:
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        assert pool.map(work, [1]) == [1]
        checkpoint("answered")


def answer(questions: Any, answers: Any) -> None:
    question = questions()
    checkpoint("answering")
    answers(question)


def meet(event: Any) -> None:
    checkpoint("met")
    event.set()


def names_of(history: History) -> list[str]:
    return [event.name for event in history.events()]


def assert_chain(history: History, *names: str) -> None:
    """Fail unless each event came before the next one by cause, whatever clocks say."""
    for before, after in pairwise(names):
        history.assert_happens_before(before, after)


class TestProcesses:
    def test_of_a_fixture(self, mp_process: ProcessFactory, mp_history: History, mp_start_method: str) -> None:
        checkpoint("before")
        child = mp_process(work, 7, name="worker")
        child.result()
        checkpoint("after")
        assert_chain(mp_history, "before", "work", "after")
        (event,) = mp_history.events("work")
        assert (event.process.pid, event.data) == (child.pid, {"number": 7})
        (source,) = (one for one in mp_history._recording.chronicle().sources if one.process == event.process)
        assert (source.name, source.start_method) == ("worker", mp_start_method)

    @pytest.mark.parametrize("is_emptied", [False, True], ids=["", "emptied environment"])
    def test_that_others_start(
        self, mp_context: Any, mp_history: History, monkeypatch: pytest.MonkeyPatch, *, is_emptied: bool
    ) -> None:
        for name in [name for name in os.environ if is_emptied and not name.startswith("COVERAGE")]:
            monkeypatch.delenv(name)
        checkpoint("before")
        process = mp_context.Process(target=work)
        process.start()
        process.join()
        checkpoint("after")
        assert_chain(mp_history, "before", "work", "after")

    def test_that_a_child_starts(
        self, mp_process: ProcessFactory, mp_context: Any, mp_history: History, mp_start_method: str
    ) -> None:
        checkpoint("before")
        mp_process(start_another, mp_start_method).result()
        checkpoint("between")
        process = mp_context.Process(target=start_another, args=(mp_start_method,))
        process.start()
        process.join()
        checkpoint("after")
        assert names_of(mp_history) == ["before", "work", "joined", "between", "work", "joined", "after"]
        works, joins = mp_history.events("work"), mp_history.events("joined")
        for before, work_, joined, after in (
            ("before", works[0], joins[0], "between"),
            ("between", works[1], joins[1], "after"),
        ):
            mp_history.assert_happens_before(before, work_)
            mp_history.assert_happens_before(work_, joined)
            mp_history.assert_happens_before(joined, after)

    def test_that_were_not_joined_are_not_ordered(self, mp_context: Any, mp_history: History) -> None:
        go = mp_context.Event()
        process = mp_context.Process(target=meet, args=(go,))
        process.start()
        go.wait()
        checkpoint("after")
        with pytest.raises(AssertionError, match="concurrent, neither caused the other"):
            mp_history.assert_happens_before("met", "after")
        process.join()
        checkpoint("joined")
        mp_history.assert_happens_before("met", "joined")

    def test_of_subprocess(self, mp_history: History) -> None:
        checkpoint("before")
        code = "from pytest_mpcheck import checkpoint; checkpoint('work')"
        subprocess.run([sys.executable, "-c", code], check=True)
        checkpoint("waited")
        environment = {**os.environ, "OTHER": "1"}
        with subprocess.Popen([sys.executable, "-c", code.replace("work", "polled")], env=environment) as process:
            while process.poll() is None:
                os.sched_yield() if hasattr(os, "sched_yield") else None
            checkpoint("ended")
        bare = {name: value for name, value in os.environ.items() if name != "MPCHECK_HISTORY"}
        subprocess.run([sys.executable, "-c", code.replace("work", "unheard")], check=True, env=bare)
        elsewhere = {**bare, "MPCHECK_HISTORY": os.path.join("another", "log")}
        told = [sys.executable, "-c", "import os; print(os.environ['MPCHECK_HISTORY'])"]
        assert subprocess.check_output(told, env=elsewhere, text=True).strip() == elsewhere["MPCHECK_HISTORY"]
        if os.name == "posix":  # where the values may be bytes
            raw: dict[str, str | bytes] = {**bare, "MPCHECK_HISTORY": os.fsencode(elsewhere["MPCHECK_HISTORY"])}
            assert subprocess.check_output(told, env=raw, text=True).strip() == elsewhere["MPCHECK_HISTORY"]
        assert sorted(names_of(mp_history)) == ["before", "ended", "polled", "waited", "work"]
        assert_chain(mp_history, "before", "work", "waited")
        assert_chain(mp_history, "waited", "polled", "ended")

    def test_of_a_script(self, mp_script: Callable[..., ScriptRun], mp_history: History, tmp_path: Path) -> None:
        path = tmp_path / "script.py"
        path.write_text(
            "import multiprocessing\n"
            "from pytest_mpcheck import checkpoint\n"
            "def work():\n"
            "    checkpoint('work')\n"
            "if __name__ == '__main__':\n"
            "    process = multiprocessing.Process(target=work)\n"
            "    process.start()\n"
            "    process.join()\n"
            "    checkpoint('joined')\n"
        )
        assert mp_script(path).exitcode == 0
        assert_chain(mp_history, "work", "joined")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
    def test_forked_by_hand(self, mp_history: History) -> None:
        checkpoint("before")
        if os.fork() == 0:
            checkpoint("work")
            os._exit(0)
        os.wait()
        assert_chain(mp_history, "before", "work")
        assert len({event.process for event in mp_history.events()}) == 2

    @pytest.mark.parametrize(
        "stand_in", [mock.MagicMock(), type("Popen", (subprocess.Popen,), {})], ids=["mock", "sub"]
    )
    def test_started_where_a_test_has_replaced_what_we_look_at(
        self, mp_context: Any, mp_history: History, monkeypatch: pytest.MonkeyPatch, stand_in: object
    ) -> None:
        monkeypatch.setattr(subprocess, "Popen", stand_in)
        process = mp_context.Process(target=work)
        process.start()
        process.join()
        checkpoint("joined")
        assert_chain(mp_history, "work", "joined")

    def test_started_by_two_threads_at_once_are_noticed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Owner:
            def start(self) -> int:
                return 0

        def replaced(original: Callable[..., int]) -> Callable[..., int]:
            if original is start:
                monkeypatch.setattr(_ways, "_WAYS", ((*way, lambda inner: lambda self: inner(self) + 1),))
                _ways._replace_all()  # as the other thread
            return lambda self: original(self) + 1

        start, way = Owner.start, (__name__, "Owner", "start")
        monkeypatch.setitem(globals(), "Owner", Owner)
        monkeypatch.setattr(_ways, "_replaced", {})
        monkeypatch.setattr(_ways, "_WAYS", ((*way, replaced),))
        _ways._replace_all()
        assert Owner().start() == 1

    def test_threads_within(self, mp_process: ProcessFactory, mp_history: History) -> None:
        def target() -> None:
            checkpoint("before")
            threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            checkpoint("after")

        mp_process(target).result()
        assert_chain(mp_history, "before", "work", "after")
        assert len({event.process for event in mp_history.events()}) == 1
        assert len({event.thread for event in mp_history.events()}) >= 2

    @pytest.mark.skipif(not find_spec("concurrent.interpreters"), reason="there are no interpreters here")
    @pytest.mark.mp(backends=["interpreter"])
    def test_interpreters(self, mp_backend: str, mp_process: ProcessFactory, mp_history: History) -> None:
        mp_process(work, 7).result()
        (event,) = mp_history.events("work")
        assert (event.process.pid, event.data) == (os.getpid(), {"number": 7})


@pytest.fixture(params=["mp_pool", "mp_executor", "Pool", "ProcessPoolExecutor"])
def workers(request: pytest.FixtureRequest, mp_context: Any) -> Any:
    """Makes a pool or executor of one worker: of the fixtures, or somebody's own."""

    def make() -> AbstractContextManager[Any]:
        if request.param.startswith("mp_"):
            made: AbstractContextManager[Any] = request.getfixturevalue(request.param)(1)
            return made
        if request.param == "Pool":
            pool: Pool = mp_context.Pool(1)
            return pool
        return ProcessPoolExecutor(1, mp_context)

    return make


class TestTasks:
    def test_come_after_their_submission_and_before_their_result(self, workers: Any, mp_history: History) -> None:
        with workers() as made:
            checkpoint("made")
            if isinstance(made, Executor):
                assert made.submit(work, 1).result() == 1
                checkpoint("between")
                assert list(made.map(work, [2])) == [2]
            else:
                assert made.apply(work, (1,)) == 1
                checkpoint("between")
                assert made.map(work, [2]) == [2]
            checkpoint("after")
        works = mp_history.events("work")
        mp_history.assert_happens_before("made", works[0])
        mp_history.assert_happens_before(works[0], "between")
        mp_history.assert_happens_before("between", works[1])
        mp_history.assert_happens_before(works[1], "after")

    @pytest.mark.parametrize("how", ["apply_async", "map_async", "imap", "imap_unordered", "starmap"])
    def test_of_a_pool_however_they_are_submitted(self, mp_context: Any, mp_history: History, how: str) -> None:
        with mp_context.Pool(1) as pool:
            checkpoint("made")
            if how == "apply_async":
                assert pool.apply_async(func=work, args=(1,)).get() == 1
            elif how == "map_async":
                assert pool.map_async(work, [1]).get() == [1]
            elif how == "starmap":
                assert pool.starmap(work, [(1,)]) == [1]
            else:
                assert list(getattr(pool, how)(work, [1])) == [1]
            checkpoint("after")
        assert_chain(mp_history, "made", "work", "after")

    def test_within_a_child(self, mp_context: Any, mp_history: History, mp_start_method: str) -> None:
        process = mp_context.Process(target=work_in_a_pool_of_its_own, args=(mp_start_method,))
        process.start()
        process.join()
        assert_chain(mp_history, "work", "answered")

    def test_of_threads_are_not_touched(self, mp_history: History) -> None:
        seen: list[object] = []
        with ThreadPool(1) as pool:
            pool.map(seen.append, [1])
            assert pool.apply(lambda: threading.current_thread().name) != threading.current_thread().name
        assert seen == [1]
        checkpoint("after")
        assert names_of(mp_history) == ["after"]

    def test_of_a_thread_end_well_though_the_run_has_ended(self) -> None:
        strays = Strays()
        with working_for(1):
            strays.close()
        with working_for(None):
            Strays().close()

    def test_are_named_for_who_stands_before_the_pool(
        self, mp_context: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
    ) -> None:
        names: list[str] = []

        class Noting(ProcessPoolExecutor):
            def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
                names.append(fn.__name__)
                return super().submit(fn, *args, **kwargs)

        way = "concurrent.futures", "ProcessPoolExecutor", "submit", _ways._submitting
        monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", Noting)
        monkeypatch.setattr(_ways, "_WAYS", (*_ways._WAYS, way))
        request.getfixturevalue("mp_history")
        _ways._replace_all()
        with Noting(1, mp_context) as executor:
            assert executor.submit(work, 1).result() == 1
        assert names == ["work"]

    def test_that_do_not_pickle_fail_as_ever(self, mp_context: Any, mp_history: History) -> None:
        checkpoint("before")
        with mp_context.Pool(1) as pool, pytest.raises(Exception, match=r"(?i)pickle") as caught:
            pool.apply(lambda: None)
        assert "Errand" not in str(caught.value)


class TestMessages:
    @pytest.mark.parametrize("kind", ["Queue", "SimpleQueue", "Pipe", "Manager"])
    def test_come_after_what_was_sent_before(self, mp_context: Any, mp_history: History, kind: str) -> None:
        manager = None
        if kind == "Pipe":
            here, there = mp_context.Pipe()
            ends, ask, hear = (there.recv, there.send), here.send, here.recv
        else:
            if kind == "Manager":
                manager = mp_context.Manager()
            questions, answers = (
                (manager or mp_context).Queue() if kind != "SimpleQueue" else mp_context.SimpleQueue(),
                ((manager or mp_context).Queue() if kind != "SimpleQueue" else mp_context.SimpleQueue()),
            )
            ends, ask, hear = (questions.get, answers.put), questions.put, answers.get
        process = mp_context.Process(target=answer, args=ends)
        process.start()
        checkpoint("asking")
        ask("question")
        assert hear() == "question"
        checkpoint("heard")
        process.join()
        if manager is not None:
            manager.shutdown()
        assert_chain(mp_history, "asking", "answering", "heard")

    def test_of_a_pool_that_nobody_has_taken_bind_nobody(
        self, mp_history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        test = _log.given()[2]
        with monkeypatch.context() as patch:
            patch.setattr(_log, "_bound", -1)  # as of a test before this one
            task = bytes(ForkingPickler.dumps(Errand(work)))
        assert ForkingPickler.loads(task) is work
        assert _log.given()[2] == test

    def test_are_heard_again_when_no_link_could_be_recorded(
        self, mp_history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checkpoint("before")
        followed: list[str] = []
        message = bytes(ForkingPickler.dumps("message"))
        monkeypatch.setattr(_log, "is_own", lambda key: False)
        with monkeypatch.context() as patch:
            patch.setattr(_log, "follow", None)
            assert ForkingPickler.loads(message) == "message"
        monkeypatch.setattr(_log, "follow", lambda kind, *place: followed.append(kind))
        for _ in range(2):
            assert ForkingPickler.loads(message) == "message"
        assert followed == ["message"]

    def test_are_the_same_for_who_does_not_know_stamps(self, mp_history: History) -> None:
        checkpoint("before")
        reader, writer = multiprocessing.Pipe(duplex=False)
        with reader, writer:
            writer.send({"a": 1})
            data = reader.recv_bytes()
            assert data.endswith(b"mpcheck")
            assert pickle.loads(data) == {"a": 1}
            writer.send("to ourselves")
            assert reader.recv() == "to ourselves"
        assert not [link for link in mp_history._recording.chronicle().links if link.kind == "message"]
