"""Options, ini values and markers, as a user meets them."""

from __future__ import annotations

import os
import sys

import pytest

from pytest_mpcheck._platform_offers import OFFERS

METHODS = """
    import multiprocessing
    import os

    def method():
        return multiprocessing.get_start_method(allow_none=True)

    PLATFORM_DEFAULT = multiprocessing.get_all_start_methods()[0]

    def test_it(mp_start_method, mp_context, mp_process, pytestconfig):
        assert mp_context.get_start_method() == mp_start_method
        child = mp_process(method)
        assert child.result() in (None, mp_start_method)
        assert type(child.process).__name__.lower() == f"{mp_start_method}process"
        # a spawned child is told the default, which is fixed by that (multiprocessing.spawn.get_preparation_data)
        assert multiprocessing.get_start_method(allow_none=True) in (None, PLATFORM_DEFAULT)
"""


def collected(pytester: pytest.Pytester, *args: str) -> list[str]:
    result = pytester.runpytest("--collect-only", "-q", *args)
    return [line.partition("[")[2].rstrip("]") for line in result.outlines if "::" in line]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_each_start_method_is_set_for_the_child_at_hand(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(METHODS)
    result = pytester.runpytest_subprocess("-v", f"-n{workers}")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines_random(
        [
            f"*PASSED*test_it?{m}?*" if workers == "2" else f"*test_it?{m}? PASSED*"
            for m in OFFERS["linux"].start_methods
        ]
    )


def test_command_line_goes_before_ini_and_marker_before_both(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        def test_it(mp_start_method): ...
        @pytest.mark.mp(start_methods=["fork"])
        def test_marked(mp_start_method): ...
        """
    )
    pytester.makeini("[pytest]\nmp_start_methods = forkserver spawn")
    assert collected(pytester) == ["forkserver", "spawn", "fork"]
    assert collected(pytester, "--mp-start-methods=spawn") == ["spawn", "fork"]


def test_closest_marker_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.mp(start_methods=["fork"], timeout=7)

        @pytest.mark.mp(start_methods=["spawn"])
        class TestIt:
            def test_of_class(self, mp_process): assert mp_process(abs, -1)._timeout == 7

            @pytest.mark.mp(timeout=3)
            def test_itself(self, mp_process): assert mp_process(abs, -1)._timeout == 3

        def test_of_module(mp_process): assert mp_process(abs, -1)._timeout == 7
        """
    )
    assert collected(pytester) == ["spawn", "spawn", "fork"]
    pytester.runpytest_subprocess().assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("args", "ini", "message"),
    [
        (
            ["--mp-start-methods=frok"],
            "",
            "unknown start method 'frok' from command line --mp-start-methods: there is *",
        ),
        (["--mp-timeout=0"], "", "timeout '0' from command line --mp-timeout can never be kept: give a number of *"),
        (["--mp-platform=beos"], "", "unknown platform 'beos' from command line --mp-platform: there is linux, *"),
        (["--mp-guard=loud"], "", "unknown guard 'loud' from command line --mp-guard: there is off, warn, strict"),
        ([], "mp_guard = on", "unknown guard 'on' from ini mp_guard in *tox.ini: there is off, warn, strict"),
        ([], "mp_keep =\n  *", "pattern '[*]' from ini mp_keep in *tox.ini names no process: give patterns of *"),
        (
            [],
            "mp_history_limit = big",
            "history limit 'big' from ini mp_history_limit in *tox.ini is no size: give a *",
        ),
        ([], "mp_timeout = soon", "timeout 'soon' from ini mp_timeout in *tox.ini is no number: give a number of *"),
        ([], "mp_start_methods = spwan", "unknown start method 'spwan' from ini mp_start_methods in *tox.ini: *"),
        (["--mp-trace="], "", "file '' from command line --mp-trace is no name: give the path of a file *"),
        (["--mp-trace=."], "", "file '.' from command line --mp-trace is a folder: give the path of a file *"),
        (
            ["--mp-trace=no/such/trace.json"],
            "",
            "file 'no/such/trace.json' from command line --mp-trace has no folder '*such' to be in: give the path of *",
        ),
        (["--mp-trace", os.devnull], "", "file '*' from command line --mp-trace is there, and no regular file: *"),
        (["-n2", "--mp-trace=."], "", "file '.' from command line --mp-trace is a folder: give the path of a file *"),
        (["-n2"], "mp_platform = dos", "unknown platform 'dos' from ini mp_platform in *tox.ini: *"),
    ],
)
def test_nonsense_is_a_usage_error(pytester: pytest.Pytester, args: list[str], ini: str, message: str) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    result = pytester.runpytest_subprocess(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert len([line for line in result.errlines if line.strip()]) == 1


@pytest.mark.parametrize("workers", ["0", "2"])
def test_nonsense_in_a_marker_is_a_usage_error(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.mp(start_method="spawn")
        def test_it(mp_process): ...
        """
    )
    result = pytester.runpytest_subprocess(f"-n{workers}")
    assert result.ret in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.TESTS_FAILED)
    result.stdout.fnmatch_lines(
        ["usage error: unknown keyword 'start_method' in @pytest.mark.mp of *::test_it: it takes start_methods, *"]
    )
    assert "Traceback" not in result.stdout.str()


def test_method_that_the_platform_lacks_is_skipped_by_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mp_process): assert mp_process(abs, -1).result() == 1")
    result = pytester.runpytest_subprocess("--mp-platform=windows", "--mp-start-methods=fork,spawn", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED*'fork' is not available on windows (pretended by --mp-platform); there is: spawn*"]
    )


@pytest.mark.parametrize(("platform", "methods"), [(name, list(offer.start_methods)) for name, offer in OFFERS.items()])
def test_platform_may_be_pretended(pytester: pytest.Pytester, platform: str, methods: list[str]) -> None:
    pytester.makepyfile("def test_it(mp_start_method): ...")
    assert collected(pytester, f"--mp-platform={platform}") == methods
    default = ["--mp-start-methods=default"]
    assert collected(pytester, f"--mp-platform={platform}", *default) == [OFFERS[platform].default]


STARTS = """
    import multiprocessing, os, subprocess, sys
    import pytest

    def test_nothing(mp_start_method): ...

    @pytest.mark.mp
    def test_marked_and_nothing(): ...

    def test_factory_not_used(mp_process): ...

    @pytest.mark.mp
    def test_by_process():
        process = multiprocessing.get_context("spawn").Process(target=abs, args=(-1,))
        process.start()
        process.join()

    @pytest.mark.mp
    def test_by_pool():
        with multiprocessing.get_context("forkserver").Pool(1) as pool:
            pool.apply(abs, (-1,))

    @pytest.mark.mp
    def test_by_fork():
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)

    @pytest.mark.mp
    def test_by_subprocess():
        subprocess.run([sys.executable, "-c", ""], check=True)

    @pytest.mark.mp
    @pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="this interpreter has no os.posix_spawn (PyPy)")
    def test_by_posix_spawn():
        pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
        os.waitpid(pid, 0)

    @pytest.fixture(scope="module")
    def service():
        process = multiprocessing.get_context("fork").Process(target=os.read, args=(os.pipe()[0], 1))
        process.start()
        yield process
        process.kill()
        process.join()

    @pytest.mark.mp
    def test_with_service_starting(service): ...

    @pytest.mark.mp
    def test_with_service_that_runs(service): ...

    @pytest.mark.mp
    def test_skipping():
        pytest.skip("before it started anything")

    @pytest.mark.mp
    def test_failing():
        assert False, "before it started anything"

    def test_of_nobody(): ...
"""


def test_marker_without_effect_is_a_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.mp(start_methods=["spawn"])
        def test_one(): ...
        """,
        test_two="""
        import pytest
        @pytest.mark.mp(backends=["thread"])
        def test_two(mp_process): ...
        """,
        test_three="""
        import pytest
        pytestmark = pytest.mark.mp(start_methods=["spawn"], backends=["thread"])
        def test_three(): ...
        """,
    )
    result = pytester.runpytest("--collect-only")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines_random(
        [
            "usage error: start_methods in @pytest.mark.mp of *::test_one has no effect: the test does not ask*",
            "usage error: backends in @pytest.mark.mp of *::test_two has no effect: the test does not ask*",
        ]
    )


def test_test_that_starts_nothing_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(STARTS)
    result = pytester.runpytest_subprocess("--mp-start-methods=spawn")
    lacking = int(not hasattr(os, "posix_spawn"))
    result.assert_outcomes(passed=8 - lacking, failed=4, skipped=1 + lacking)
    assert (
        result.stdout.str().count("this test says that it starts processes (by an mp_* fixture or the mp marker), and")
        == 3
    )
    result.stdout.fnmatch_lines_random(
        [
            f"FAILED *::{name}*"
            for name in ("test_nothing?spawn]", "test_marked_and_nothing", "test_factory_not_used?spawn]")
        ]
    )


def test_doors_are_as_they_were(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, subprocess
        from multiprocessing.process import BaseProcess
        import pytest
        BEFORE = os.fork, subprocess.Popen.__init__, BaseProcess.start

        @pytest.mark.mp
        def test_counted(monkeypatch):
            assert os.fork is not BEFORE[0]
            os.system("")
            os.system = "replaced by the test"

        def test_later():
            assert (os.fork, subprocess.Popen.__init__, BaseProcess.start) == BEFORE
            assert os.system == "replaced by the test"
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_marker_and_options_are_documented(pytester: pytest.Pytester) -> None:
    markers = pytester.runpytest("--markers")
    markers.stdout.fnmatch_lines(
        ["@pytest.mark.mp(start_methods=None, backends=None, timeout=None, allow=None, reason=None): *"]
    )
    fixtures = pytester.runpytest("--fixtures", "-q")
    for name in ("backend", "context", "executor", "pool", "process", "script", "start_method"):
        fixtures.stdout.fnmatch_lines_random([f"mp_{name} -- *"])
    assert "no docstring" not in "\n".join(line for line in fixtures.outlines if "mp_" in line)
    usage = pytester.runpytest("--help")
    usage.stdout.fnmatch_lines_random(
        [
            "  --mp-start-methods=METHODS*",
            "  --mp-timeout=SECONDS*",
            "  --mp-platform=PLATFORM*",
            "  --mp-guard-report=PATH*",
            "  --mp-trace=PATH*",
        ]
    )


HEAVY = {"multiprocessing", "concurrent", "subprocess", "psutil", "cloudpickle", "tblib", "ctypes", "asyncio"}


def test_installed_and_unused_it_is_inert(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys, threading

        def test_it():
            assert threading.active_count() == 1
            print("loaded:", *sys.modules)
        """
    )
    loaded = []
    for args in (["-p", "no:mpcheck"], []):
        result = pytester.runpytest_subprocess("-s", "-p", "no:xdist", "-p", "no:timeout", *args)
        result.assert_outcomes(passed=1)
        (line,) = (line for line in result.outlines if "loaded:" in line)
        loaded.append({name for name in line.split() if name.partition(".")[0] in HEAVY | {"pytest_mpcheck"}})
    without, with_it = loaded
    assert "pytest_mpcheck.plugin" in with_it
    assert {name for name in with_it - without if not name.startswith("pytest_mpcheck")} == set()
    assert not any(name.startswith("pytest_mpcheck._children") for name in with_it)


def test_import_of_the_package_is_light(pytester: pytest.Pytester) -> None:
    code = "import sys; before = set(sys.modules); import pytest_mpcheck; print(*set(sys.modules) - before)"
    result = pytester.run(sys.executable, "-c", code)
    assert set(result.outlines[0].split()) <= {"pytest_mpcheck", "__future__"}


@pytest.mark.parametrize("args", [["-p", "mpcheck"], ["-p", "pytest_mpcheck.plugin"]])
@pytest.mark.parametrize("workers", ["0", "2"])
def test_it_loads_by_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, args: list[str], workers: str
) -> None:
    """By its entry point where it is installed, and by its module from a checkout; without any other plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("def test_it(mp_process): assert mp_process(abs, -1).result() == 1")
    xdist = ["-p", "xdist", "-n2"] if workers == "2" else []
    pytester.runpytest_subprocess(*args, *xdist).assert_outcomes(passed=3)
