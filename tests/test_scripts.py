"""Scripts run as a real `__main__`, as they do outside of any test, under the start method that the test is for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import MpcheckError, ScriptRun
from pytest_mpcheck._children._script_starts import _Register

RunScript = Callable[..., ScriptRun]

FACTS = """\
import multiprocessing, os, sys

SELF = sys.modules[__name__]

def child():
    print("child", __name__, multiprocessing.get_start_method(), os.path.basename(sys.argv[0]), sys.argv[1:])

if __name__ == "__main__":
    print("main", __name__, multiprocessing.get_start_method(), os.path.basename(__file__), sys.argv[1:])
    print(sys.path[0] == os.path.dirname(__file__), sys.modules["__main__"] is SELF, vars(SELF) is globals())
    print("stdin", repr(sys.stdin.read()), file=sys.stderr)
    process = multiprocessing.Process(target=child)
    process.start()
    process.join()
    sys.exit(process.exitcode + 3)
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "script.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_script_is_main(mp_script: RunScript, mp_start_method: str, write: Callable[[str], Path]) -> None:
    path = write(FACTS)
    run = mp_script(path, "one", "two")
    name = "__main__" if mp_start_method == "fork" else "__mp_main__"
    assert run.stdout.splitlines() == [
        f"main __main__ {mp_start_method} script.py ['one', 'two']",
        "True True True",
        f"child {name} {mp_start_method} script.py ['one', 'two']",
    ]
    assert run.stderr == "stdin ''\n"
    assert (run.path, run.args, run.start_method, run.exitcode) == (str(path), ("one", "two"), mp_start_method, 3)
    assert run.survivors == ()


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="nobody tells which descriptors are open")
def test_script_that_cannot_be_started_leaves_no_descriptor(mp_script: RunScript, write: Callable[[str], Path]) -> None:
    path = write("")
    mp_script(path)
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(OSError, match="too long"):
        mp_script(path, "x" * (1 << 22))
    assert len(os.listdir("/dev/fd")) == before


def test_script_may_choose_for_itself(mp_script: RunScript, write: Callable[[str], Path]) -> None:
    run = mp_script(
        write(
            "import multiprocessing as m\n"
            "print(m.get_start_method(allow_none=True))\n"
            "m.set_start_method('spawn')\n"
            "print(m.get_start_method())\n"
        )
    )
    assert run.stdout == "None\nspawn\n"


def test_script_that_fails_shows_its_own_traceback(mp_script: RunScript, write: Callable[[str], Path]) -> None:
    run = mp_script(write("def f():\n    raise LookupError('as told')\nf()\n"))
    assert run.exitcode == 1
    assert run.stderr.rstrip().endswith("LookupError: as told")
    assert 'script.py", line 2, in f' in run.stderr


def test_end_of_a_script_by_a_signal_is_told(mp_script: RunScript, write: Callable[[str], Path]) -> None:
    assert mp_script(write("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")).exitcode == -9


@pytest.mark.mp(start_methods=["fork"])
def test_what_a_script_leaves_running_is_told_and_ended(mp_script: RunScript, write: Callable[[str], Path]) -> None:
    run = mp_script(
        write(
            "import subprocess, sys\n"
            "left = subprocess.Popen([sys.executable, '-c', 'import os; os.read(os.pipe()[0], 1)'])\n"
            "left.returncode = 0\n"
        )
    )
    assert run.exitcode == 0
    assert [command.startswith(sys.executable) for command in run.survivors] == [True]
    assert "os.read" in run.survivors[0]


def test_script_past_its_deadline_is_ended(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        script="import signal\nprint('still here', flush=True)\nsignal.pause()\n",
        test_it="""
            import pytest

            @pytest.mark.mp(timeout=1)
            def test_it(mp_script):
                mp_script("script.py")
            """,
    )
    result = pytester.runpytest_subprocess("--mp-start-methods=fork")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *ChildStuck: child 'script.py' (pid *, fork) was still running after 1 s and has been ended*",
            "E *what to do: let the script end in time, or raise the limit*",
        ]
    )


class Started:
    """What `multiprocessing` keeps of a child, as far as is looked at."""

    pid = 3
    _popen = None


def test_starts_are_noted_by_the_script_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "starts"
    register, without_folder = _Register(str(path)), _Register(str(tmp_path / "nowhere" / "starts"))
    register.add(Started())
    without_folder.add(Started())
    monkeypatch.setattr("os.getpid", lambda: -1)  # as in a process that os.fork has made of the script
    register.add(Started())
    assert path.read_text() == "start 3 \n"
    assert (len(register), len(without_folder)) == (2, 1)


def test_script_that_is_not_there_is_refused(mp_script: RunScript, write: Callable[[str], Path]) -> None:
    with pytest.raises(
        MpcheckError, match=r"no script 'nowhere.py' \(looked in .*\); what to do: give the path of a file"
    ):
        mp_script("nowhere.py")
    assert mp_script(write("pass")).exitcode == 0


def test_argument_that_is_no_text_is_refused(mp_script: RunScript, write: Callable[[str], Path]) -> None:
    path = write("import sys; print(sys.argv[1])")
    wrong: Any = 3
    with pytest.raises(
        MpcheckError, match=r"argument 3 of a script is no text; what to do: give it as str, such as '3'"
    ):
        mp_script(path, wrong)
    assert mp_script(path, Path("some")).stdout == "some\n"


def test_failing_test_shows_what_its_scripts_wrote(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        script="import os; os.write(2, b'complaint')\n",
        test_it="def test_it(mp_script): assert mp_script('script.py').stderr == ''",
    )
    result = pytester.runpytest_subprocess("--mp-start-methods=fork")
    result.stdout.fnmatch_lines(["-* Captured stderr of script script.py call -*", "complaint"])


def test_output_of_a_script_passes_through_without_capture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        script="print('from the script')\n",
        test_it="def test_it(mp_script): assert mp_script('script.py').stdout == 'from the script\\n'",
    )
    result = pytester.runpytest_subprocess("-s", "--mp-start-methods=fork")
    result.assert_outcomes(passed=1)
    assert result.stdout.str().count("from the script") == 1
