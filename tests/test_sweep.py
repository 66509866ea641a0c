"""The sweep: which tests run again, what is told of those that differ, and that nothing of it breaks or hangs a run."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

CONFTEST = """
    import multiprocessing, os
    import pytest

    if os.environ.get("MPCHECK_TEST_DEFAULT"):
        multiprocessing.set_start_method(os.environ["MPCHECK_TEST_DEFAULT"])

    @pytest.fixture(autouse=True)
    def _counted(request):
        with open(request.config.rootpath / "runs", "a") as file:
            file.write(request.node.name + "\\n")
"""

SPECIMENS = """
    import multiprocessing, sys, types, unittest
    from concurrent.futures import ProcessPoolExecutor
    import pytest

    LIMIT = 1

    def double(number):
        return 2 * number

    def ask(queue):
        queue.put(LIMIT)

    def run(target, *args):
        process = multiprocessing.Process(target=target, args=args)
        process.start()
        process.join()
        assert process.exitcode == 0

    def test_twin():
        with multiprocessing.Pool(1) as pool:
            assert pool.map(double, [1, 2]) == [2, 4]

    @pytest.mark.parametrize("number", [1])
    def test_parameter(number):
        with ProcessPoolExecutor(1) as executor:
            assert executor.submit(double, number).result() == 2

    def test_starting_nothing():
        assert multiprocessing.get_start_method()

    def test_choosing():
        process = multiprocessing.get_context("spawn").Process(target=double, args=(1,))
        process.start()
        process.join()

    def test_pickle():
        run(lambda: None)

    def test_import(monkeypatch):
        module = types.ModuleType("made_up")
        exec("def target(): pass", vars(module))
        monkeypatch.setitem(sys.modules, "made_up", module)
        run(module.target)

    def test_state(monkeypatch):
        monkeypatch.setattr(sys.modules[__name__], "LIMIT", 5)
        queue = multiprocessing.Queue()
        run(ask, queue)
        assert queue.get() == 5

    def test_result():
        run(double, 1)
        assert multiprocessing.get_start_method() == "fork"

    class TestPool(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.pool = multiprocessing.Pool(1)

        @classmethod
        def tearDownClass(cls):
            cls.pool.terminate()
            cls.pool.join()

        def test_of_class(self):
            assert self.pool.apply(double, (1,)) == 2
"""

AGAIN = {"test_twin", "test_parameter[1]", "test_pickle", "test_import", "test_state", "test_result", "test_of_class"}

TABLES = """
does not pickle: 1 test
test | fork | spawn | forkserver
---*
test_specimens.py::test_pickle | passed | *Error | *Error
test_specimens.py::test_pickle [[]*]: *Error: Can't *
what to do: under spawn and forkserver the target, its arguments and every task go to the child as a pickle*

cannot import: 1 test
test | fork | spawn | forkserver
---*
test_specimens.py::test_import | passed | AssertionError | AssertionError
test_specimens.py::test_import [[]*]: AssertionError: assert 1 == 0; a child: ModuleNotFoundError: *made_up*
what to do: a child that is not forked imports the module of its target anew*

relied on inherited state: 1 test
test | fork | spawn | forkserver
---*
test_specimens.py::test_state | passed | AssertionError | AssertionError
test_specimens.py::test_state [[]*]: AssertionError: assert 1 == 5
what to do: only a forked child has what its parent had in memory at its start*

wrong result: 1 test
test | fork | spawn | forkserver
---*
test_specimens.py::test_result | passed | AssertionError | AssertionError
test_specimens.py::test_result [[]spawn]: AssertionError: assert 'spawn' == 'fork'
test_specimens.py::test_result [[]forkserver]: AssertionError: assert 'forkserver' == 'fork'
what to do: see its failure*
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("MPCHECK_TEST_DEFAULT", "fork")
    pytester.makeconftest(CONFTEST)
    return pytester


def sweep(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:randomly", *args)


def section(result: pytest.RunResult) -> list[str]:
    """Return the closing section, with the spaces in its tables as one."""
    return section_of(result.outlines)


def section_of(lines: list[str]) -> list[str]:
    begin = next(n for n, line in enumerate(lines) if "tests under other start methods" in line)
    ends = (n for n, line in enumerate(lines) if n > begin and line.startswith(("===", "!!!")))
    return "\n".join(" ".join(line.split()) for line in lines[begin + 1 : next(ends)]).rstrip().split("\n")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("default", "workers"), [("fork", 2), ("forkserver", 0), ("spawn", 0)])
def test_specimens_and_twins(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, default: str, workers: int
) -> None:
    monkeypatch.setenv("MPCHECK_TEST_DEFAULT", default)
    project.makepyfile(test_specimens=SPECIMENS)
    others = [method for method in ("fork", "spawn", "forkserver") if method != default]
    some = () if default == "fork" else ("-k", "twin or state")
    result = sweep(project, f"-n{workers}", "--junitxml=junit.xml", *some, "--mp-sweep", "test_specimens.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = section(result)
    begin = f"tests that start processes through the default context ({default}): run again under {', '.join(others)}"
    assert [line for line in told if line.startswith("LIMIT")] == [
        "LIMIT of test_specimens was 5, and is 1 in a process that imports test_specimens"
    ]
    if default != "fork":
        result.assert_outcomes(passed=1, failed=1)
        assert told[0] == f"2 {begin}, 1 differs"
        assert "test_specimens.py::test_state | passed | AssertionError | AssertionError" in told
        return
    result.assert_outcomes(passed=9, failed=8)
    otherwise = "starts processes otherwise: by a context that was chosen, or got before the tests ran: not run again"
    assert told[:2] == [f"7 {begin}, 4 differ", f"1 test {otherwise}"]
    pytest.LineMatcher(told).fnmatch_lines(TABLES.splitlines())
    runs = Counter(Path(project.path, "runs").read_text().splitlines())
    assert {name for name, count in runs.items() if count >= 3} == AGAIN
    assert {name for name, count in runs.items() if count == 1} == {"test_starting_nothing", "test_choosing"}
    names = {case.attrib["name"] for case in ElementTree.parse(project.path / "junit.xml").iter("testcase")}
    assert "test_result [spawn]" in names
    result.stdout.fnmatch_lines(["FAILED test_specimens.py::test_pickle [[]forkserver] - *"])
    collected = sweep(project, "--lf", "--collect-only", "-q", "--mp-sweep")
    found = [line.partition("::")[2] for line in collected.outlines if "::" in line]
    assert found == ["test_pickle", "test_import", "test_state", "test_result"]


def plain(lines: list[str]) -> list[str]:
    """Leave out what differs between versions of Python: how a lambda fails to pickle."""
    text = re.sub(r"AttributeError|PicklingError", "Error", "\n".join(lines))
    return re.sub(r"-{9,}", "---", re.sub(r"(in_the_end \[spawn\]: Error: Can't ).*", r"\1", text)).splitlines()


def test_example_of_the_documentation(project: pytest.Pytester) -> None:
    page = Path(__file__).parent.parent.joinpath("docs", "sweep.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [shown] = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    project.makepyfile(test_prices=example)
    result = sweep(project, "--mp-sweep", "--tb=no", "--no-header")
    assert plain(section(result)) == plain(section_of(shown.splitlines()))


APART = """
    import functools, multiprocessing
    import pytest

    def double(number):
        return 2 * number

    def run():
        process = multiprocessing.Process(target=double, args=(1,))
        process.start()
        process.join()

    def test_skipping():
        run()
        if multiprocessing.get_start_method() == "spawn":
            pytest.skip("not here")

    @functools.cache
    def kept():
        return multiprocessing.Pool(1)

    def test_keeping():
        assert kept().apply(double, (1,)) == 2

    TIMES = []

    def test_once():
        run()
        TIMES.append(1)
        assert len(TIMES) == 1

    def test_choosing_for_all():
        multiprocessing.set_start_method("spawn", force=True)
        run()
        multiprocessing.set_start_method("fork", force=True)

    def test_choosing_elsewhere():
        if multiprocessing.get_start_method() == "spawn":
            multiprocessing.set_start_method("fork", force=True)
        run()

    @pytest.mark.xfail(strict=True)
    def test_expected():
        run()
        assert multiprocessing.get_start_method() == "spawn"

    @pytest.fixture(scope="session", autouse=True)
    def server():
        with multiprocessing.Pool(1) as pool:
            yield pool

    @pytest.fixture
    def client(server):
        return server

    @pytest.mark.usefixtures("client")
    def test_of_the_fixture(client, record_property):
        print("printed")
        record_property("answer", client.apply(double, (1,)))
        assert multiprocessing.get_start_method() == "fork"

    def test_of_no_fixture():
        pass
"""


REMEDY_OF_RESULT = (
    "what to do: see its failure; the page Isolation of the documentation has what a child gets from its parent under "
    "each start method"
)

REMEDY_OF_UNSTABLE = (
    "what to do: leave nothing behind that the next run meets (files, globals, caches, ports), and wait for events, "
    "not for time"
)


def test_what_is_not_compared(project: pytest.Pytester) -> None:
    project.makepyfile(test_apart=APART)
    result = sweep(project, "-v", "-o", "junit_family=xunit1", "--junitxml=junit.xml", "--mp-sweep=spawn")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=7, xfailed=1, failed=2)
    assert section(result) == [
        "6 tests that start processes through the default context (fork): run again under spawn, 2 differ",
        "1 test sets the start method, and depends on no default: not run again",
        "",
        "wrong result: 2 tests",
        "test | fork | spawn",
        "-" * len("test_apart.py::test_of_the_fixture | xfailed | AssertionError"),
        "test_apart.py::test_expected | xfailed | failed",
        "test_apart.py::test_of_the_fixture | passed | AssertionError",
        "test_apart.py::test_expected [spawn]: [XPASS(strict)]",
        "test_apart.py::test_of_the_fixture [spawn]: AssertionError: assert 'spawn' == 'fork'",
        REMEDY_OF_RESULT,
        "",
        "started nothing when run again, so nothing was compared: 1 test",
        "test_apart.py::test_keeping",
        "what to do: what they use keeps its processes, as a pool that is made once: end it in a fixture",
        "",
        "set a start method of their own when run again, so nothing was compared: 1 test",
        "test_apart.py::test_choosing_elsewhere",
        "",
        "passed, and were skipped under another start method: 1 test",
        "test_apart.py::test_skipping",
        "",
        "end otherwise each time that they run, under one start method too, so nothing was compared: 1 test",
        "test_apart.py::test_once",
        REMEDY_OF_UNSTABLE,
    ]
    result.stdout.fnmatch_lines(
        ["sweep: 6 tests once more, under spawn", "sweep: 3 tests once more, under fork", "sweep: 2 runs differ"]
    )
    runs = Counter(Path(project.path, "runs").read_text().splitlines())
    assert runs["test_of_no_fixture"] == 1
    cases = ElementTree.parse(project.path / "junit.xml").iter("testcase")
    [case] = [case for case in cases if case.attrib["name"] == "test_of_the_fixture [spawn]"]
    assert [one.attrib["value"] for one in case.iter("property")] == ["2"]
    assert result.outlines.count("printed") == 1


HANGS = """
    import multiprocessing, time
    import pytest

    def is_forked():
        return multiprocessing.get_start_method() == "fork"

    def start(seconds):
        process = multiprocessing.Process(target=time.sleep, args=(seconds,))
        process.start()
        return process

    def test_child():
        start(0 if is_forked() else 10_000).join()

    @pytest.mark.timeout(3, method="thread")
    def test_limit_of_pytest_timeout():
        start(0)
        time.sleep(0 if is_forked() else 10_000)

    @pytest.fixture
    def slow():
        yield
        time.sleep(0 if is_forked() else 10_000)

    def test_teardown(slow):
        pool = multiprocessing.Pool(1)
        if is_forked():
            pool.terminate()
            pool.join()

    @pytest.mark.timeout(1000, func_only=True)
    def test_left_behind():
        child = start(10_000)
        assert is_forked()
        child.kill()
        child.join()
"""


def test_nothing_hangs(project: pytest.Pytester) -> None:
    project.makepyfile(test_hangs=HANGS)
    result = sweep(project, "--mp-sweep=spawn", "--mp-timeout=4")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=5, failed=3, errors=1)
    pytest.LineMatcher(section(result)).fnmatch_lines(
        [
            "4 tests *, 4 differ",
            "hung: 3 tests",
            "test_hangs.py::test_child | passed | hung (4 s)",
            "test_hangs.py::test_limit_of_pytest_timeout | passed | hung (3 s)",
            "test_hangs.py::test_teardown | passed | hung (4 s) in teardown",
            "wrong result: 1 test",
        ]
    )
    result.stdout.fnmatch_lines(["*still running after 4 s*", "*alive below the process of the test*"])


def test_worker_that_crashes_is_told(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import multiprocessing, os

        def test_crash():
            process = multiprocessing.Process(target=os.getpid)
            process.start()
            process.join()
            if multiprocessing.get_start_method() != "fork":
                os._exit(3)
        """
    )
    result = sweep(project, "-n1", "--mp-sweep=spawn")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    assert section(result)[-1] == (
        "worker gw0 has told nothing of its tests: it ended before they were all run again; what to do: see what ended "
        "it, and run without -n"
    )


def test_stopping_and_pretending(project: pytest.Pytester) -> None:
    project.makepyfile(test_specimens=SPECIMENS)
    args = "-x", "-k", "pickle or result", "--mp-platform=windows", "--mp-sweep=forkserver,spawn"
    result = sweep(project, *args)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])
    told = section(result)
    assert told[0].endswith("(fork): run again under spawn, 2 differ")
    assert told[-1] == (
        "not run again: 'forkserver' is not available on windows (pretended by --mp-platform); there is: spawn"
    )


@pytest.mark.parametrize("attribute", ["shouldstop", "shouldfail"])
def test_run_that_stops_in_between(project: pytest.Pytester, attribute: str) -> None:
    project.makepyfile(
        f"""
        import multiprocessing, os

        def test_it(request):
            process = multiprocessing.Process(target=os.getpid)
            process.start()
            process.join()
            if multiprocessing.get_start_method() == "spawn":
                request.session.{attribute} = "enough"
        """
    )
    result = sweep(project, "-q", "--mp-sweep")
    result.assert_outcomes(passed=1)
    assert section(result) == ["the run was stopped before all of them were run again: nothing is told"]
    result.stdout.fnmatch_lines(["*! *enough !*"])


def test_without_a_timer(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import multiprocessing, os, signal

        del signal.setitimer

        def test_it():
            process = multiprocessing.Process(target=os.getpid)
            process.start()
            process.join()
        """
    )
    result = sweep(project, "--mp-sweep")
    assert result.ret == pytest.ExitCode.OK
    assert section(result)[-1].startswith(
        "not run again: a test that hangs under another start method could not be ended"
    )


def test_run_that_stops_before(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it():\n    assert False\n")
    result = sweep(project, "-x", "--mp-sweep")
    result.assert_outcomes(failed=1)
    assert section(result) == ["the run was stopped before all of them were run again: nothing is told"]


def test_nothing_to_run_again(project: pytest.Pytester) -> None:
    project.mkdir("tests").joinpath("test_it.py").write_text("def test_it():\n    pass\n")
    result = sweep(project, "--mp-sweep", "tests")
    result.assert_outcomes(passed=1)
    assert section(result) == ["no test starts processes through the default context: nothing was run again"]


@pytest.mark.parametrize("args", [("--mp-sweep=spwan",), ("--mp-sweep=default",)])
def test_bad_value(pytester: pytest.Pytester, args: tuple[str, ...]) -> None:
    pytester.makepyfile("def test_it():\n    pass\n")
    result = pytester.runpytest(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: unknown start method {args[0].partition('=')[2]!r} from command line --mp-sweep: there is fork, *"]
    )


def test_nothing_is_imported_without_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_it():
            assert "pytest_mpcheck._sweeping" not in sys.modules
            """
    )
    pytester.run(sys.executable, "-m", "pytest", "-p", "no:xdist").assert_outcomes(passed=1)
