"""What one test has left does not get into the history of another; what lives longer than a test is heard in each."""

from __future__ import annotations

import os

import pytest

from pytest_mpcheck import History, checkpoint

START_METHODS = ("fork", "spawn", "forkserver") if hasattr(os, "fork") else ("spawn",)

WORK = """
    from pytest_mpcheck import checkpoint

    events = None

    def settle_in(*given):
        global events
        events = given

    def mark(name):
        checkpoint(name)

    def mark_late(name):
        started, go = events
        checkpoint(name + ", early")
        started.set()
        go.wait()
        checkpoint(name + ", late")

    def mark_late_in(name, *given):
        settle_in(*given)
        mark_late(name)

    def serve(requests, answers):
        while (name := requests.get()) is not None:
            checkpoint(name)
            answers.put(name)
"""

CONFTEST = """
    import multiprocessing, os
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    import pytest
    from work import serve, settle_in

    CONTEXT = multiprocessing.get_context(os.environ["MPCHECK_TEST_METHOD"])

    @pytest.fixture(scope="session")
    def events():
        return CONTEXT.Event(), CONTEXT.Event()

    @pytest.fixture(scope="session")
    def submit(events, request):
        if os.environ["MPCHECK_TEST_WORKERS"] == "Pool":
            pool = CONTEXT.Pool(2, settle_in, events)
            yield lambda function, name: pool.apply_async(function, (name,)).get
            pool.close()
            pool.join()
        else:
            with ProcessPoolExecutor(2, CONTEXT, settle_in, events) as executor:
                yield lambda function, name: executor.submit(function, name).result

    @pytest.fixture(scope="session")
    def threads():
        with ThreadPoolExecutor(1) as executor:
            yield executor

    @pytest.fixture(scope="module")
    def server():
        requests, answers = CONTEXT.SimpleQueue(), CONTEXT.SimpleQueue()
        process = CONTEXT.Process(target=serve, args=(requests, answers))
        process.start()

        def ask(name):
            requests.put(name)
            assert answers.get() == name

        yield ask
        requests.put(None)
        process.join()

    @pytest.fixture
    def names(mp_history):
        return lambda: [event.name for event in mp_history.events()]
"""

TESTS = """
    from threading import Thread
    from conftest import CONTEXT
    from work import mark, mark_late, mark_late_in

    left = []

    def leave(submit, events, name):
        started, go = events
        started.clear()
        go.clear()
        left.append(submit(mark_late, name))
        started.wait()

    def let_go(events):
        events[1].set()
        while left:
            left.pop()()

    def test_first(submit, events, names):
        submit(mark, "first")()
        leave(submit, events, "task of first")
        assert names() == ["first", "task of first, early"]

    def test_second(submit, events, names):
        submit(mark, "second")()
        let_go(events)
        submit(mark, "second again")()
        submit(mark, "and again")()
        assert names() == ["second", "second again", "and again"]

    def test_unrecorded(submit, events):
        leave(submit, events, "task of unrecorded")

    def test_after_that(submit, events, names):
        let_go(events)
        submit(mark, "after that")()
        assert names() == ["after that"]

    def test_leaving_a_process(events, names):
        started, go = events
        started.clear()
        go.clear()
        process = CONTEXT.Process(target=mark_late_in, args=("process", *events))
        process.start()
        left.append(process.join)
        started.wait()
        assert names() == ["process, early"]

    def test_that_ends_the_process(events, names):
        let_go(events)
        assert names() == []

    def test_leaving_threads(events, names, threads):
        started, go = events
        go.clear()
        for start in (Thread(target=mark_late_in, args=("thread", *events)).start,
                      lambda: threads.submit(mark_late_in, "task of a thread", *events)):
            started.clear()
            start()
            started.wait()
        assert sorted(names()) == ["task of a thread, early", "thread, early"]

    def test_that_ends_the_threads(events, names, threads):
        let_go(events)
        threads.submit(mark, "mine").result()
        thread = Thread(target=mark, args=("mine too",))
        thread.start()
        thread.join()
        threads.submit(mark, "mine again").result()
        assert names() == ["mine", "mine too", "mine again"]

    def test_served(server, names):
        server("served")
        assert names() == ["served"]

    def test_served_too(server, names):
        server("served too")
        assert names() == ["served too"]

    def test_served_unrecorded(server):
        server("unheard")

    def test_served_when_asked_in_the_test(request):
        request.getfixturevalue("server")("early")
        names = request.getfixturevalue("names")
        request.getfixturevalue("server")("asked")
        assert names() == (["early"] if "mp_history" in request.node.fixturenames else []) + ["asked"]
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(work=WORK, test_it=TESTS)
    pytester.makeini("[pytest]\npythonpath = .")
    return pytester


@pytest.mark.parametrize("workers", ["Pool", "ProcessPoolExecutor"])
@pytest.mark.parametrize(
    ("method", "args"),
    [
        *((method, ()) for method in START_METHODS),
        ("spawn", ("-n2", "--dist=loadfile")),
        ("spawn", ("-p", "mpcheck", "--import-mode=importlib")),
        ("spawn", ("--import-mode=append",)),
    ],
    ids=str,
)
def test_tests_are_kept_apart(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, method: str, args: tuple[str, ...], workers: str
) -> None:
    monkeypatch.setenv("MPCHECK_TEST_METHOD", method)
    monkeypatch.setenv("MPCHECK_TEST_WORKERS", workers)
    project.runpytest_subprocess(*args).assert_outcomes(passed=12)


def test_fork_server_that_runs_before_anything_is_recorded(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import multiprocessing.forkserver

        def pytest_configure():
            multiprocessing.forkserver.ensure_running()
        """
    )
    pytester.makepyfile(
        work="from pytest_mpcheck import checkpoint",
        test_it="""
            import multiprocessing
            from work import checkpoint

            def test_it(mp_history):
                process = multiprocessing.get_context("forkserver").Process(target=checkpoint, args=("work",))
                process.start()
                process.join()
                checkpoint("joined")
                mp_history.assert_happens_before("work", "joined")
            """,
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


REPLACED = """
    import multiprocessing.pool, os, subprocess
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import popen_fork, popen_forkserver, process, reduction

    CLASSES = (
        process.BaseProcess, popen_fork.Popen, popen_forkserver.Popen, subprocess.Popen, reduction.ForkingPickler,
        multiprocessing.pool.Pool, ProcessPoolExecutor,
    )

    def state():
        return [dict(vars(one)) for one in CLASSES], os.environ.get("MPCHECK_HISTORY")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_nothing_is_replaced_without_need_and_all_is_put_back(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MPCHECK_HISTORY", raising=False)  # where this test itself is recorded
    pytester.makeconftest(
        """
        import pytest
        from replaced import state

        before = state()

        @pytest.hookimpl(trylast=True)
        def pytest_unconfigure():
            assert state() == before
            print("put back")
        """
    )
    pytester.makepyfile(
        replaced=REPLACED,
        test_without="""
            import sys
            from conftest import before, state

            def test_it(pytestconfig):
                assert "pytest_mpcheck._history._stage" not in sys.modules
                assert state() == before
            """,
        test_with="""
            from conftest import before, state

            def test_it(mp_history):
                (classes, variable), (classes_before, variable_before) = state(), before
                assert all(one != other for one, other in zip(classes, classes_before))
                assert variable and not variable_before
            """,
    )
    pytester.makeini("[pytest]\npythonpath = .")
    for arg in ("test_without.py", "--collect-only", "test_with.py"):
        result = pytester.runpytest_subprocess(arg)
        assert result.ret == 0
        result.stdout.fnmatch_lines(["put back"])


def test_pytest_within_a_recorded_test_has_a_history_of_its_own(pytester: pytest.Pytester, mp_history: History) -> None:
    checkpoint("before")
    pytester.makepyfile(
        """
        from pytest_mpcheck import checkpoint

        def test_first(mp_history):
            checkpoint("inner")
            assert [event.name for event in mp_history.events()] == ["inner"]

        def test_second(mp_history):
            checkpoint("inner")
            assert [event.name for event in mp_history.events()] == ["inner"]
        """
    )
    for run in (pytester.runpytest_inprocess, pytester.runpytest_subprocess):
        run("-p", "no:xdist").assert_outcomes(passed=2)
    checkpoint("after")
    assert [event.name for event in mp_history.events()] == ["before", "after"]


def test_a_folder_that_a_test_has_deleted_is_made_again(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import multiprocessing, os, shutil
        from pytest_mpcheck import checkpoint

        def work():
            process = multiprocessing.get_context("spawn").Process(target=checkpoint, args=("work",))
            process.start()
            process.join()
            checkpoint("joined")

        def test_clearing(mp_history):
            work()
            shutil.rmtree(os.path.dirname(mp_history._recording.folder))
            work()
            assert mp_history.events() == ()

        def test_after_that(mp_history):
            work()
            assert [event.name for event in mp_history.events()] == ["work", "joined"]
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_copy_of_pytest_changes_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, sys, threading
        from pytest_mpcheck import checkpoint

        def test_forking(mp_history):
            checkpoint("before")
            held = mp_history.hold("after")
            pid = os.fork()
            if pid == 0:
                checkpoint("copy")
                sys.exit(0)  # through all of pytest
            os.waitpid(pid, 0)
            thread = threading.Thread(target=checkpoint, args=("after",))
            thread.start()
            held.wait()
            assert not mp_history.events("released")
            checkpoint("released")
            held.release()
            thread.join()
            names = [event.name for event in mp_history.events()]
            assert names == ["before", "copy", "after", "released"]
        """
    )
    assert "1 passed" in pytester.runpytest_subprocess().stdout.str()
