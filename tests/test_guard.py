"""The guard: when it is on, whom it ends, whom it leaves alone, what it tells, and that it leaves no trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pytest_mpcheck._clock import Deadline, wait_until

LEAVES = """
    import os, signal, subprocess, sys
    import pytest

    CODE = (
        "import os, signal, sys; "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "file = open(sys.argv[1] + '.partial', 'w'); "
        "file.write(str(os.getpid())); "
        "file.close(); "
        "os.rename(sys.argv[1] + '.partial', sys.argv[1]); "
        "os.read(os.pipe()[0], 1)"
    )

    def start(name, **options):
        path = os.path.join(os.environ["MPCHECK_TEST_PIDS"], name)
        process = subprocess.Popen([sys.executable, "-I", "-c", CODE, path], stdin=subprocess.DEVNULL, **options)
        while not os.path.exists(path):
            os.sched_yield()
        return process

    kept = []

    def test_leaving_it():
        kept.append(start("left"))

    def test_ending_it():
        process = start("ended")
        process.kill()
        process.wait()

    def test_session_of_its_own():
        kept.append(start("session", start_new_session=True))

    def test_without_a_mark():
        kept.append(start("scrubbed", env={}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def start_in_background_of_a_shell():
        path = os.path.join(os.environ["MPCHECK_TEST_PIDS"], "background")
        command = ["sh", "-c", '"$@" >&- 2>&- &', "sh", sys.executable, "-I", "-c", CODE, path]
        subprocess.run(command, env={}, check=True)
        while not os.path.exists(path):
            os.sched_yield()

    def test_background_of_a_shell():
        start_in_background_of_a_shell()

    def test_background_of_a_shell_at_a_sudden_end():
        start_in_background_of_a_shell()
        os.kill(os.getpid(), signal.SIGKILL)

    def test_forked_without_a_mark():
        pid = os.fork()
        if pid == 0:
            os.closerange(3, 256)
            start("forked").wait()
            os._exit(0)
        while not os.path.exists(os.path.join(os.environ["MPCHECK_TEST_PIDS"], "forked")):
            os.sched_yield()

    def test_killed():
        kept.append(start("left"))
        os.kill(os.getpid(), signal.SIGKILL)
"""


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Pids:
    """What the tests of a run have started, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> int:
        return int((self.folder / name).read_text())

    def is_left(self, name: str) -> bool:
        """Return whether it is still there; whoever is about to end gets the time."""
        return not wait_until(lambda: not is_alive(self[name]), Deadline(20))


@pytest.fixture
def pids(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pids]:
    folder = pytester.mkdir("pids")
    monkeypatch.setenv("MPCHECK_TEST_PIDS", str(folder))
    monkeypatch.delenv("MPCHECK_SCOPE", raising=False)
    pytester.makepyfile(test_it=LEAVES)
    pids = Pids(folder)
    yield pids
    for path in folder.iterdir():
        if is_alive(pids[path.name]):
            os.kill(pids[path.name], signal.SIGKILL)


@pytest.mark.parametrize(
    ("args", "ini", "guard"),
    [
        ([], "", "off"),
        (["-p", "mpcheck"], "", "warn"),
        (["-p", "pytest_mpcheck.plugin"], "", "warn"),
        (["-p", "mpcheck", "-p", "pytest_mpcheck.plugin"], "", "warn"),
        ([], "addopts = -p mpcheck", "warn"),
        (["--mp-guard=strict"], "mp_guard = off", "strict"),
        ([], "mp_guard = warn", "warn"),
        (["-p", "mpcheck"], "mp_guard = off", "off"),
        (["-p", "mpcheck", "--mp-guard=off"], "", "off"),
    ],
)
@pytest.mark.parametrize("workers", ["0", "1"])
def test_naming_the_plugin_puts_the_guard_on(
    pytester: pytest.Pytester, args: list[str], ini: str, guard: str, workers: str
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile(
        f"""
        import os

        BEFORE = os.environ.get("MPCHECK_SCOPE")

        def test_it(pytestconfig):
            from pytest_mpcheck._config import SETTINGS
            assert pytestconfig.stash[SETTINGS].guard == {guard!r}
            assert (os.environ.get("MPCHECK_SCOPE") is not None) == {guard != "off"}
        """
    )
    pytester.runpytest_subprocess(f"-n{workers}", *args, "-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_is_left_is_ended_and_told(pytester: pytest.Pytester, pids: Pids, workers: str) -> None:
    result = pytester.runpytest_subprocess("-p", "mpcheck", f"-n{workers}", "-k", "leaving or ending")
    result.assert_outcomes(passed=2)
    where = "at the end of the run" if workers == "0" else "at the end of worker gw0"
    result.stdout.fnmatch_lines(
        [
            "=* processes left by the run =*",
            f"1 process still running {where}, ended now:",
            f"    pid {pids['left']}: * -I -c*",
            "what to do: join or terminate them where they are started; mp_keep names those that are to stay",
        ]
    )
    assert not pids.is_left("left")


def test_nothing_is_told_of_what_has_ended(pytester: pytest.Pytester, pids: Pids) -> None:
    result = pytester.runpytest_subprocess("-p", "mpcheck", "-k", "ending")
    result.assert_outcomes(passed=1)
    assert "left by the run" not in result.stdout.str()
    assert result.stderr.str() == ""


def test_guard_that_is_off_touches_nothing(pytester: pytest.Pytester, pids: Pids) -> None:
    result = pytester.runpytest_subprocess("-k", "leaving")
    result.assert_outcomes(passed=1)
    assert "left by the run" not in result.stdout.str()
    assert is_alive(pids["left"])


@pytest.mark.parametrize("guard", ["warn", "strict"])
def test_session_of_its_own_is_told_and_left_alone(pytester: pytest.Pytester, pids: Pids, guard: str) -> None:
    result = pytester.runpytest_subprocess(f"--mp-guard={guard}", "-k", "session")
    result.assert_outcomes(passed=1, errors=int(guard == "strict"))  # of a test, what is still there is a leak then
    if guard == "warn":
        result.stdout.fnmatch_lines(
            ["1 process in a session of its own at the end of the run, left alone:", f"    pid {pids['session']}: *"]
        )
        assert is_alive(pids["session"])
    else:
        result.stdout.fnmatch_lines(["1 process still running at the end of the run, ended now:"])
        assert not pids.is_left("session")


@pytest.mark.parametrize("guard", ["warn", "strict"])
def test_what_is_to_be_kept_is_left_alone_untold(pytester: pytest.Pytester, pids: Pids, guard: str) -> None:
    pytester.makeini("[pytest]\nmp_keep =\n    {nobody}\n    *pids/left")
    result = pytester.runpytest_subprocess(f"--mp-guard={guard}", "-k", "leaving or session")
    result.assert_outcomes(passed=2, errors=int(guard == "strict"))
    result.stdout.fnmatch_lines([f"    pid {pids['session']}: *"])
    assert f"pid {pids['left']}" not in result.stdout.str()
    assert is_alive(pids["left"])


def test_process_without_a_mark_is_known_by_its_start(pytester: pytest.Pytester, pids: Pids) -> None:
    pytester.runpytest_subprocess("-p", "mpcheck", "-k", "without_a_mark").assert_outcomes(passed=2)
    assert not pids.is_left("scrubbed")
    assert not pids.is_left("forked")


@pytest.mark.skipif(sys.platform != "linux", reason="a brand that every descendant inherits is Linux's")
@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("is_sudden", [False, True])
def test_background_of_a_shell_is_known_by_its_brand(
    pytester: pytest.Pytester, pids: Pids, workers: str, is_sudden: bool
) -> None:
    tests = "at_a_sudden_end" if is_sudden else "background and not sudden"
    result = pytester.runpytest_subprocess("-p", "mpcheck", "-n", workers, "-k", tests, "--max-worker-restart=0")
    assert not pids.is_left("background")
    if not is_sudden:
        result.stdout.fnmatch_lines(["*processes left by the run*", f"    pid {pids['background']}: *"])


@pytest.mark.parametrize("workers", ["0", "1"])
def test_keeper_ends_and_tells_what_a_killed_pytest_leaves(
    pytester: pytest.Pytester, pids: Pids, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    temporary = pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = pytester.popen(
        [sys.executable, "-m", "pytest", "-p", "mpcheck", f"-n{workers}", "-k", "killed", "--max-worker-restart=0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = process.communicate(timeout=60)[1]  # up to the end of the keeper, who holds it too
    assert not is_alive(pids["left"])
    assert " ended before its run was over, by a signal, a crash or os._exit:\n" in told
    assert f"\n1 process still running after it, ended now:\n    pid {pids['left']}: " in told
    assert wait_until(lambda: not list(temporary.iterdir()), Deadline(20))


def test_keeper_is_nobodys_child(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os
        import psutil, pytest

        @pytest.mark.mp(start_methods=["fork"])
        def test_it(mp_process):
            mp_process(int).join()
            assert psutil.Process().children() == []
            with pytest.raises(ChildProcessError):
                os.wait()
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


BREAKS = """
    import os, signal, sys
    import psutil, pytest

    def keepers():
        lines = {process: " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])}
        return [process for process, line in lines.items() if "_main.py" in line and f" {os.getpid()}:" in line]

    @pytest.mark.mp(start_methods=["fork"])
    def test_without_a_keeper(mp_process):
        mp_process(int).join()
        for process in keepers():
            process.kill()

    @pytest.mark.mp(start_methods=["fork"])
    def test_closing_everything(mp_process):
        mp_process(int).join()
        os.closerange(20, 256)

    def test_forking():
        pid = os.fork()
        if pid == 0:
            sys.exit(0)  # pytest in the child goes on, and ends its run
        os.waitpid(pid, 0)
        assert os.path.isdir(os.environ["MPCHECK_SCOPE"])
"""


@pytest.mark.parametrize("test", ["without_a_keeper", "closing_everything", "forking"])
def test_rude_test_does_no_harm(pytester: pytest.Pytester, test: str) -> None:
    pytester.makepyfile(test_it=BREAKS)
    result = pytester.runpytest_subprocess("-p", "mpcheck", "-p", "no:xdist", "-k", test)
    assert result.ret == 0
    assert "1 passed" in result.outlines[-1]


@pytest.mark.parametrize("guard", ["off", "warn", "strict"])
def test_everything_is_as_it_was(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    temporary = pytester.mkdir("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.delenv("MPCHECK_SCOPE", raising=False)
    pytester.makepyfile(
        """
        import subprocess, sys

        def test_it(mp_process):
            assert mp_process(abs, -1).result() == 1
            subprocess.run([sys.executable, "-c", ""], check=True)
        """
    )
    import _posixsubprocess
    import resource

    def state() -> list[object]:
        doors: list[object] = [_posixsubprocess.fork_exec, vars(subprocess)["_fork_exec"], os.fork]
        environ = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        limits = resource.getrlimit(15) if sys.platform == "linux" else ()  # RLIMIT_RTTIME
        return [*doors, getattr(os, "posix_spawn", None), environ, open_files(), limits]

    before = state()
    pytester.runpytest_inprocess(f"--mp-guard={guard}", "--mp-start-methods=spawn").assert_outcomes(passed=1)
    assert state() == before
    assert [path for path in temporary.iterdir() if path.name.startswith("mpcheck-")] == []


def open_files() -> list[str]:
    """Return what is open that has to do with the plugin."""
    return [file.path for file in psutil.Process().open_files() if "mpcheck-" in file.path]


GRANDCHILDREN = """
    import os, subprocess, sys
    import pytest

    CODE = "import os; os.write(1, str(os.getpid()).encode()); os.close(1); os.read(os.pipe()[0], 1)"

    def parent(sort):
        if sort == "forked":
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.setpgid(0, 0)
                os.write(write, b".")
                os.read(os.pipe()[0], 1)
            os.read(read, 1)
            return pid
        options = {
            "redirected": {},
            "scrubbed": {"env": {}},
            "session": {"start_new_session": True},
        }[sort]
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", CODE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, **options,
        )
        assert int(process.stdout.read()) == process.pid
        process.returncode = 0
        return process.pid

    @pytest.mark.parametrize("sort", ["forked", "redirected", "scrubbed", "session"])
    def test_it(mp_process, sort):
        pid = mp_process(parent, sort).result()
        with open(os.environ["MPCHECK_TEST_PIDS"] + "/" + sort, "w") as file:
            file.write(str(pid))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_grandchildren_end_with_their_test(pytester: pytest.Pytester, pids: Pids, method: str) -> None:
    pytester.makepyfile(test_it=GRANDCHILDREN)
    sorts = ["redirected", "scrubbed", *(["forked"] if hasattr(os, "pidfd_open") else [])]  # it holds the sentinel
    result = pytester.runpytest_subprocess(f"--mp-start-methods={method}", "-k", " or ".join([*sorts, "session"]))
    result.assert_outcomes(passed=len(sorts) + 1)
    assert [name for name in sorts if is_alive(pids[name])] == []
    assert is_alive(pids["session"])


INTERRUPTED = """
    import os, signal
    import pytest
    from pytest_mpcheck._children._child import Child

    def stay():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.read(os.pipe()[0], 1)

    def pid_of(path):
        with open(path, "w") as file:
            file.write(str(os.getpid()))
        stay()

    def start_another(path):
        if os.fork() == 0:
            pid_of(path)
        pid_of(path + "-parent")

    def test_it(mp_process, mp_pool, monkeypatch):
        folder = os.environ["MPCHECK_TEST_PIDS"]
        names = ["child", "pool", "grandchild", "grandchild-parent"]
        mp_process(pid_of, f"{folder}/child")
        mp_pool(1).apply_async(pid_of, (f"{folder}/pool",))
        mp_process(start_another, f"{folder}/grandchild")
        while not all(os.path.exists(f"{folder}/{name}") and os.path.getsize(f"{folder}/{name}") for name in names):
            os.sched_yield()

        def interrupted(self, grace=None):
            raise KeyboardInterrupt

        monkeypatch.setattr(Child, "end", interrupted)
        monkeypatch.setattr(monkeypatch, "undo", lambda: None)  # it would come before the end of the fixtures
        assert False
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_interrupt_while_children_are_ended_kills_them(pytester: pytest.Pytester, pids: Pids, method: str) -> None:
    pytester.makepyfile(test_it=INTERRUPTED)
    result = pytester.runpytest_subprocess(f"--mp-start-methods={method}", "test_it.py")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    for name in ("child", "pool", "grandchild", "grandchild-parent"):
        assert not pids.is_left(name)
