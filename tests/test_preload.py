"""Children of the fork server start with what is preloaded there; no child imports pytest that did not ask for it."""

from __future__ import annotations

import importlib
import multiprocessing.forkserver
import os
import re
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_mpcheck._children._preload import _servers
from pytest_mpcheck._children._runner import is_runner
from pytest_mpcheck._children._trial import Trial
from pytest_mpcheck.fixtures import ProcessFactory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork server")

SCRIPT = str(Path(sysconfig.get_path("scripts")) / "pytest")

forkserver = pytest.mark.mp(start_methods=["forkserver"])

HEAVY = """
    import os
    from pytest import mark

    with open(os.environ["IMPORTS"], "a") as file:
        print(__name__, "imported in pid", os.getpid(), file=file)

    def loaded():
        return "_pytest" in __import__("sys").modules

    @mark.parametrize("number", range(2))
    def test_child(mp_process, number):
        assert mp_process(loaded).result()

    def test_library(mp_context):
        with mp_context.Pool(1) as pool:
            assert pool.apply(loaded)
"""

HELPER = """
    import os, sys

    def unwanted():
        names = ("pytest", "_pytest", "xdist", "execnet", "test_a_heavy", "test_b_lean")
        return [name for name in names if name in sys.modules]

    def note():
        assert unwanted() == []
        with open(os.environ["SERVERS"], "a") as file:
            print(os.getppid(), file=file)
"""

LEAN = """
    import pytest
    from lean_helper import note, unwanted
    import pytest as same

    pytestmark = [pytest.mark.timeout(60), same.mark.filterwarnings("error")]

    @pytest.fixture(scope="module")
    def one():
        return 1

    @pytest.fixture
    def two(one):
        return 2 * one

    @same.mark.usefixtures("two")
    class TestClass:
        @pytest.mark.parametrize("value", [same.param(1, id="one", marks=pytest.mark.skip(reason="as told")), 2])
        def test_marked(self, mp_process, value, two):
            assert mp_process(self.twice, value).result() == two * value
            assert mp_process(fails).result() == "1"

        def twice(self, number):
            assert unwanted() == ["test_b_lean"]
            return 2 * number

    def fails():
        with pytest.raises(ZeroDivisionError) as caught:
            1 // 0
        assert pytestmark[0].args == (60,)  # whatever is read of a mark is the real thing
        assert same.mark.timeout.name == "timeout"
        assert "pytest" in unwanted()
        return str(len(caught.traceback))

    def test_child(mp_process):
        assert mp_process(unwanted).result() == []

    def test_local(mp_process):
        assert mp_process(lambda: unwanted()).result() == ["test_b_lean"]

    def test_pool(mp_pool, mp_executor):
        assert mp_pool(1).apply(unwanted) == []
        assert mp_executor(1).submit(unwanted).result() == []

    def test_library(mp_context, mp_start_method):
        process = mp_context.Process(target=note)
        process.start()
        process.join()
        assert process.exitcode == 0
"""


@pytest.fixture(autouse=True)
def _server_that_listens() -> None:
    """End a fork server that an earlier test has started without the plugin: it would have to be left as it is."""
    server: Any = multiprocessing.forkserver._forkserver
    if server._forkserver_pid not in _servers:
        server._stop()


@pytest.mark.parametrize(
    ("command", "args", "workers"),
    [
        pytest.param([SCRIPT], ["--import-mode=importlib"], 1, id="script-importlib"),
        pytest.param([sys.executable, "-m", "pytest"], ["-n2", "--dist=loadscope"], 2, id="module-xdist"),
    ],
)
def test_children_import_what_they_ask_for(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, command: list[str], args: list[str], workers: int
) -> None:
    imports, servers = pytester.path / "imports", pytester.path / "servers"
    monkeypatch.setenv("IMPORTS", str(imports))
    monkeypatch.setenv("SERVERS", str(servers))
    pytester.makepyfile(test_a_heavy=HEAVY, test_b_lean=LEAN, lean_helper=HELPER)
    result = pytester.run(*command, *args, "-p", "no:cacheprovider", "--mp-start-methods=spawn,forkserver")
    result.assert_outcomes(passed=2 * 3 + 2 * 5, skipped=2)
    result.stdout.no_fnmatch_line("*not preloaded*")
    # once where it is collected, and by each spawned child; for all children of the fork server one trial, one import
    assert len(imports.read_text().splitlines()) == workers + 3 + 2
    assert len(servers.read_text().splitlines()) == 2


def environment(*names: str) -> tuple[list[str | None], str, bool]:
    return [os.environ.get(name) for name in names], os.getcwd(), "added" in sys.path


def put_environment(queue: Any, *names: str) -> None:
    queue.put(environment(*names))


def test_what_monkeypatch_changes_reaches_children_of_a_running_server(
    mp_process: ProcessFactory, mp_context: Any, mp_start_method: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MPCHECK_TO_GO", "set before the server may have been started")
    mp_process(abs, -1).result()  # now it runs
    monkeypatch.setenv("MPCHECK_NEW", "n\N{LATIN SMALL LETTER E WITH ACUTE}w \udcff")
    monkeypatch.delenv("MPCHECK_TO_GO")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("added")
    names = "MPCHECK_NEW", "MPCHECK_TO_GO", "PYTEST_CURRENT_TEST"
    expected = environment(*names)
    assert expected[0][:2] == ["n\N{LATIN SMALL LETTER E WITH ACUTE}w \udcff", None]
    assert mp_process(environment, *names).result() == expected
    queue = mp_context.SimpleQueue()
    process = mp_context.Process(target=put_environment, args=(queue, *names))
    process.start()
    assert queue.get() == expected
    process.join()
    with mp_context.Pool(1) as pool:
        assert pool.apply(environment, names) == expected
        pool.close()
        pool.join()


def libraries() -> tuple[set[str], set[str]]:
    """Return which of the libraries that unwind stacks of C are loaded: here, and in the parent."""
    here, parent = (Path(f"/proc/{pid}/maps").read_text() for pid in ("self", os.getppid()))
    return set(re.findall(r"libgcc_s[^/\n]*$", here, re.M)), set(re.findall(r"libgcc_s[^/\n]*$", parent, re.M))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is loaded")
@pytest.mark.skipif(sys.version_info < (3, 14), reason="faulthandler loads nothing before Python 3.14")
@forkserver
def test_no_child_loads_what_faulthandler_needs(mp_process: ProcessFactory) -> None:
    child, server = mp_process(libraries).result()
    assert child == server


def write_to_descriptors() -> None:
    os.write(1, b"to descriptor 1\n")
    os.write(2, b"to descriptor 2\n")
    print("printed")


@pytest.mark.parametrize("number", [1, 2])
def test_output_goes_to_the_test_that_starts_a_child(
    mp_context: Any, capfd: pytest.CaptureFixture[str], number: int
) -> None:
    for _ in range(number):
        process = mp_context.Process(target=write_to_descriptors)
        process.start()
        process.join()
        assert process.exitcode == 0
    out, err = capfd.readouterr()
    assert out == "to descriptor 1\nprinted\n" * number
    assert err == "to descriptor 2\n" * number


def test_closed_streams_are_in_nobodys_way(mp_context: Any) -> None:
    kept = os.dup(1)
    os.close(1)
    try:
        process = mp_context.Process(target=abs, args=(1,))
        process.start()
        process.join()
        assert process.exitcode == 0
    finally:
        os.dup2(kept, 1)
        os.close(kept)


class Project:
    """A module in a folder of its own, which notes each of its imports."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.name = f"of_{folder.name}"  # what is another one time and again is no longer preloaded
        self._monkeypatch = monkeypatch
        monkeypatch.syspath_prepend(str(folder))

    def write(self, text: str, folder: Path | None = None) -> None:
        log = self.folder / "imports"
        (folder or self.folder).joinpath(f"{self.name}.py").write_text(
            f"import os\nwith open({str(log)!r}, 'a') as file:\n    print(os.getpid(), file=file)\n{text}\n"
        )
        log.write_text("")

    def module(self) -> ModuleType:
        """Import the module here, from the file that it has now."""
        self._monkeypatch.delitem(sys.modules, self.name, raising=False)
        importlib.invalidate_caches()
        return importlib.import_module(self.name)

    def imports(self) -> int:
        return len((self.folder / "imports").read_text().splitlines())

    def is_preloaded(self) -> bool:
        """Return whether it was imported here, in the trial and in the server, and not by each child.

        Once a child may have imported it: the server forgets all modules of users when one of them has become another,
        such as the conftest of another folder, that an earlier test has left for it to notice.
        """
        return self.imports() in (3, 4)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Project(tmp_path, monkeypatch)


Value = Callable[[Callable[..., Any]], Any]


@pytest.fixture(params=["fixture", "library"])
def value(request: pytest.FixtureRequest, mp_process: ProcessFactory, mp_context: Any) -> Value:
    """Call a function in a child, and return what it returns."""
    if request.param == "fixture":
        return lambda function: mp_process(function).result()

    def value(function: Callable[..., Any]) -> Any:
        with mp_context.Pool(1) as pool:
            return pool.apply(function)

    return value


def times(value: Value, function: Callable[..., Any], number: int = 5) -> set[Any]:
    return {value(function) for _ in range(number)}


@forkserver
def test_a_module_is_imported_once_for_all_children(value: Value, project: Project) -> None:
    project.write("def f(): return 1")
    module = project.module()
    assert times(value, module.f) == {1}
    is_pool = value.__qualname__.endswith("value")  # which does not tell what its tasks will be
    assert project.imports() == 1 + 5 if is_pool else project.is_preloaded()


@forkserver
def test_a_changed_module_is_imported_anew(mp_process: ProcessFactory, project: Project, tmp_path: Path) -> None:
    def results() -> set[Any]:
        return times(lambda function: mp_process(function).result(), module.f)

    project.write("def f(): return 'first'")
    module = project.module()
    assert results() == {"first"}
    module.f.__globals__["f"] = module.f  # what a test changes here stays here
    project.write("def f(): return 'second, of another size'")
    module = project.module()
    assert results() == {"second, of another size"}
    assert project.is_preloaded()
    other = tmp_path / "other"
    other.mkdir()
    project._monkeypatch.syspath_prepend(str(other))
    project.write("def f(): return 'third, elsewhere'", other)
    module = project.module()
    assert results() == {"third, elsewhere"}
    project.write("def f(): return 'fourth, behind our back'", other)
    assert mp_process(module.f).result() == "fourth, behind our back"


@forkserver
def test_what_was_read_at_import_holds(
    mp_process: ProcessFactory, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODE", "one")
    monkeypatch.delenv("MODE_2", raising=False)
    project.write("MODE = os.environ['MODE'], os.environ.get('MODE_2'), os.getcwd()\ndef f(): return MODE")
    module = project.module()
    cwd = os.getcwd()
    for _ in range(5):
        assert mp_process(module.f).result() == ("one", None, cwd)
    assert project.is_preloaded()
    monkeypatch.setenv("UNREAD", "changed")
    assert mp_process(module.f).result() == ("one", None, cwd)
    assert project.is_preloaded()
    monkeypatch.setenv("MODE_2", "two")
    assert mp_process(module.f).result() == ("one", "two", cwd)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODE_2")
    assert mp_process(module.f).result() == ("one", None, str(tmp_path))


FAULTS = {
    "import threading\nthreading.Thread(target=threading.Event().wait, name='stray', daemon=True).start()": (
        "leaves a thread running: threads['stray'] runs, daemon"
    ),
    "import _thread, threading\n_thread.start_new_thread(threading.Event().wait, ())": "starts something: threads that",
    "file = open(__file__)": "leaves something open: descriptors[",
    "import os\nos.environ['CHANGED'] = 'x'": "changes the environment: environ['CHANGED'] 'x'",
    "import os\nos.chdir('/')": "changes the working directory: cwd '/'",
    "import signal\nsignal.signal(signal.SIGUSR1, print)": "sets a handler of a signal: signal_handlers['SIGUSR1'] ",
    "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)": (
        "leaves something open: descriptors["
    ),
    "import os\nif os.fork() == 0: os.read(os.pipe()[0], 1)": "starts something: a process runs",
    "import random\nrandom.seed(1)": "seeds random or draws from it: random_state ",
    "import os\nos.write(1, b'hello')": "prints 'hello'",
    "raise ValueError('as told')": "raises ValueError: as told",
    "import os\nos._exit(3)": "ends the process (exit code 3)",
    "import os\nos.kill(os.getpid(), 15)": "ends the process (signal 15)",
}


@pytest.mark.parametrize("text", FAULTS, ids=lambda text: text.partition("\n")[2] or text)
def test_a_trial_tells_what_an_import_does(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("fine", "also_fine"):
        (tmp_path / f"{name}.py").write_text("import random, subprocess, threading, warnings\nwarnings.warn('told')\n")
    (tmp_path / "faulty.py").write_text(text)
    trial = Trial(["fine", "faulty", "also_fine"], str(tmp_path))
    assert trial.passed == ["fine"], trial.reason
    assert trial.failed == "faulty"
    assert trial.reason.startswith(FAULTS[text])


def test_a_trial_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("pytest_mpcheck._children._trial._LIMIT", 0.1)
    (tmp_path / "endless.py").write_text("import threading\nthreading.Event().wait()")
    trial = Trial(["endless"], str(tmp_path))
    assert (trial.passed, trial.failed, trial.reason) == ([], "endless", "does not end within 0.1 s")


UNSAFE = """
    import os, sys, threading, time
    import beside

    {text}

    def here():
        return "beside" in sys.modules, os.getppid()

    def test_children(mp_process):
        assert len({{mp_process(here).result() for _ in range(3)}}) == 1
"""


def test_what_is_not_preloaded_is_told_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        beside="",
        test_prints=UNSAFE.format(text="print('hello')"),
        test_keeps=UNSAFE.format(text="PID = os.getpid()"),
        test_starts=UNSAFE.format(
            text="threading.Thread(target=time.sleep, args=(60,), name='a', daemon=True).start()"
        ),
        test_fine=UNSAFE.format(text=""),
    )
    result = pytester.runpytest_subprocess("--mp-start-methods=forkserver", "-p", "no:cacheprovider", "-n1")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "=* not preloaded for children of the fork server =*",
            "test_keeps: when it is imported it keeps test_keeps.PID, which is another thing in each process",
            "test_prints: when it is imported it prints 'hello*",
            "test_starts: when it is imported it leaves a thread running: threads?'a'? runs, daemon",
            "each child that needs them imports them; what to do: *",
        ],
        consecutive=True,
    )


def test_a_server_that_runs_already_stays_as_it_is(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        conftest="""
            import multiprocessing
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["fileinput"])
        """,
        test_early="""
            import os, sys
            import multiprocessing.forkserver as forkserver
            from conftest import context

            def here():
                return "fileinput" in sys.modules, "colorsys" in sys.modules, os.getppid()

            def test_before_mp(tmp_path):
                process = context.Process(target=abs, args=(1,))
                process.start()
                process.join()

            def test_mp(mp_process):
                fileinput, colorsys, server = mp_process(here).result()
                assert (fileinput, colorsys) == (True, False)
                assert mp_process(here).result()[2] == server
                assert forkserver._forkserver._preload_modules == ["fileinput"]
                context.set_forkserver_preload(["fileinput", "colorsys"])
                forkserver._forkserver._stop()
                fileinput, colorsys, other = mp_process(here).result()
                assert (fileinput, colorsys) == (True, True)
                assert other != server
                assert forkserver._forkserver._preload_modules == ["fileinput", "colorsys"]
        """,
    )
    result = pytester.runpytest_subprocess("--mp-start-methods=forkserver", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "=* not preloaded for children of the fork server =*",
            "all modules: the fork server (pid *) ran before the first mp test, and has what it had; *",
            "what to do: start no forkserver child before, *",
        ],
        consecutive=True,
    )


def test_runner_is_known() -> None:
    script, user = ModuleType("__main__"), ModuleType("__main__")
    vars(script)["console_main"] = pytest.console_main
    vars(user)["console_main"] = test_runner_is_known
    assert is_runner(script)
    assert not is_runner(user)
    assert not is_runner(None)
    module = ModuleType("__main__")
    module.__spec__ = importlib.util.find_spec("pytest")
    assert is_runner(module)
    module.__spec__ = importlib.util.find_spec("json")
    assert not is_runner(module)
