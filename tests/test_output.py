"""What children write to descriptors 1 and 2 belongs to the child, whoever writes it and however pytest captures."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from typing import Any

import pytest

from pytest_mpcheck.fixtures import ProcessFactory


def write_everywhere() -> None:
    print("by print")
    print("to stderr", file=sys.stderr)
    os.write(1, b"by descriptor\n")
    subprocess.run([sys.executable, "-c", "print('by a program')"], check=True)
    sys.stdout.write("without a line end")


def test_output_is_the_childs(mp_process: ProcessFactory, capfd: pytest.CaptureFixture[str]) -> None:
    child = mp_process(write_everywhere)
    child.result()
    assert child.stdout == "by print\nby descriptor\nby a program\nwithout a line end"
    assert child.stderr == "to stderr\n"
    assert capfd.readouterr() == (child.stdout, child.stderr)


@pytest.mark.parametrize("name", ["capfd", "capsys", "capteesys", "capfdbinary", "capsysbinary"])
def test_fixtures_that_capture_see_what_children_write(
    mp_process: ProcessFactory, name: str, request: pytest.FixtureRequest
) -> None:
    capture = request.getfixturevalue(name)
    print("before")
    mp_process(write_everywhere).result()
    print(" after")
    out, err = capture.readouterr()
    if name.endswith("binary"):
        out, err = out.decode(), err.decode()
    assert out == "before\nby print\nby descriptor\nby a program\nwithout a line end after\n"
    assert err == "to stderr\n"


def test_fixtures_that_capture_see_what_workers_write(
    mp_pool: Any, mp_executor: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mp_pool(1).map(say, ["to a pool"]) == [9]
    assert capsys.readouterr() == ("to a pool\n", "")
    assert mp_executor(1).submit(say, "to an executor").result() == 14
    assert capsys.readouterr() == ("to an executor\n", "")


def say(text: str) -> int:
    print(text)
    return len(text)


def test_bytes_that_are_no_text_reach_who_reads_bytes(
    mp_process: ProcessFactory, mp_context: Any, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    written, go_on = mp_context.Event(), mp_context.Event()

    def target(written: Any, go_on: Any) -> None:
        os.write(1, b"\xff\xc3")  # no text, and half an e with an accent
        written.set()
        go_on.wait()
        os.write(1, b"\xa9")

    child = mp_process(target, written, go_on)
    written.wait()
    child._echo.pump()
    go_on.set()
    child.result()
    assert capfdbinary.readouterr() == (b"\xff\xc3\xa9", b"")


@pytest.mark.usefixtures("capfd")
def test_a_stream_without_bytes_gets_text(mp_process: ProcessFactory) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        mp_process(os.write, 1, b"\xff").result()
    assert stream.getvalue() == "\N{REPLACEMENT CHARACTER}"


def test_output_is_there_while_the_child_runs(mp_process: ProcessFactory, mp_context: Any) -> None:
    printed, go_on = mp_context.Event(), mp_context.Event()

    def target(printed: Any, go_on: Any) -> None:
        print("first")
        printed.set()
        go_on.wait()
        print("second")

    child = mp_process(target, printed, go_on)
    printed.wait()
    assert child.stdout == "first\n"
    assert child.is_alive()
    go_on.set()
    child.result()
    assert child.stdout == "first\nsecond\n"


def test_output_outlives_a_killed_child(mp_process: ProcessFactory, mp_context: Any) -> None:
    printed = mp_context.Event()

    def target(printed: Any) -> None:
        print("last words")
        printed.set()
        os.read(os.pipe()[0], 1)  # for ever

    child = mp_process(target, printed)
    printed.wait()
    child.kill()
    child.join()
    assert child.stdout == "last words\n"


def test_output_that_is_no_text_is_told(mp_process: ProcessFactory) -> None:
    child = mp_process(os.write, 1, b"\xff\n")
    child.result()
    assert child.stdout == "\N{REPLACEMENT CHARACTER}\n"


def test_more_output_than_a_pipe_holds_blocks_nobody(mp_process: ProcessFactory) -> None:
    child = mp_process(os.write, 1, b"x" * 1_000_000)
    child.join()
    assert len(child.stdout) == 1_000_000


SECTIONS = """
    import os, signal
    import pytest

    def talk(fail):
        print("said by print")
        os.write(2, b"said by descriptor\\n")
        if fail:
            raise ValueError("as told")

    def square(number):
        print("squaring", number)
        return number * number

    def test_failing(mp_process):
        mp_process(talk, True, name="talker").result()

    def test_failing_here(mp_process):
        mp_process(talk, False, name="talker").result()
        assert False

    def test_passing(mp_process):
        mp_process(talk, False, name="quiet").result()

    def test_failing_beside_a_pool(mp_pool):
        assert mp_pool(1).map(square, [3]) == [8]
"""


@pytest.mark.parametrize(
    ("capture", "workers"), [("fd", "0"), ("fd", "2"), ("sys", "0"), ("no", "0"), ("no", "2"), ("tee-sys", "0")]
)
def test_failing_test_shows_what_its_children_wrote(pytester: pytest.Pytester, capture: str, workers: str) -> None:
    pytester.makepyfile(SECTIONS)
    result = pytester.runpytest_subprocess(f"--capture={capture}", f"-n{workers}")
    result.assert_outcomes(passed=3, failed=9)
    for method in ("fork", "spawn", "forkserver"):
        result.stdout.re_match_lines_random(
            [
                rf"-+ Captured stdout of child 'talker' \(pid \d+, {method}\) call -+",
                rf"-+ Captured stderr of child 'talker' \(pid \d+, {method}\) call -+",
                rf"-+ Captured stdout of child '\S+PoolWorker-\d+' \(pid \d+, {method}\) call -+",
            ]
        )
    text = result.stdout.str()
    echoed = 3 if capture in ("no", "tee-sys") and workers == "0" else 0
    assert text.count("child 'quiet'") == 0
    assert text.count("said by print") - echoed * 3 == 6
    assert text.count("squaring 3") - echoed == 3


def test_no_capture_passes_output_through_as_it_comes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        import pytest
        import pytest_mpcheck

        def talk(go_on, name):
            print("from", name)
            print("to stderr", name, file=sys.stderr)
            go_on.wait()

        def test_it(mp_process, mp_context, mp_start_method):
            go_on = mp_context.Event()
            child = mp_process(talk, go_on, mp_start_method)
            while "from" not in child.stdout:
                pass
            child._echo.pump()  # what a wait does at each look
            print("before the child's end", mp_start_method)
            go_on.set()
            child.result()

        @pytest.mark.mp(start_methods=["fork"])
        def test_stuck(mp_process, mp_context):
            child = mp_process(talk, mp_context.Event(), "stuck")
            while "from" not in child.stdout:
                pass
            with pytest.raises(pytest_mpcheck.ChildStuck):
                child.join(timeout=0.1)
        """
    )
    result = pytester.runpytest_subprocess("-s", "-p", "no:cacheprovider", "--mp-start-methods=fork,forkserver")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        ["*from fork", "before the child's end fork", "*from forkserver", "before the child's end forkserver"]
    )
    assert result.stdout.str().count("from fork\n") == 1
    assert result.stderr.str().count("to stderr fork\n") == 1
    assert result.stdout.str().count("from stuck\n") == 1


@pytest.mark.parametrize("capture", ["fd", "sys", "no", "tee-sys"])
def test_what_a_fixture_captures_is_told_once(pytester: pytest.Pytester, capture: str) -> None:
    pytester.makepyfile(
        """
        import pytest

        def talk(text):
            print("said", text)

        def test_earlier(mp_process):
            mp_process(talk, "earlier").result()

        @pytest.mark.parametrize("name", ["capfd", "capsys"])
        def test_read(mp_process, name, request):
            capture = request.getfixturevalue(name)
            mp_process(talk, "to be read").result()
            assert capture.readouterr() == ("said to be read\\n", "")

        def test_left(mp_process, capfd):
            mp_process(talk, "to be left").result()
            assert False

        def test_late(mp_process, capsys):
            mp_process(talk, "late")
            raise ValueError

        def test_late_and_passed(mp_process, capsys):
            mp_process(talk, "unheard")
            mp_process(talk, "and last")
        """
    )
    # a fork server that an earlier test has started
    result = pytester.runpytest_subprocess(f"--capture={capture}", "--mp-start-methods=forkserver", "-p", "no:randomly")
    result.assert_outcomes(passed=4, failed=2)
    text = result.stdout.str()
    assert text.count("said earlier") == (capture in ("no", "tee-sys"))
    assert text.count("said to be left") == 1
    # the child may have been ended before; what it says in the last moment is shown as it comes, and in the report
    assert text.count("said late") <= 1 + (capture == "tee-sys")
    assert "said to be read" not in text.replace('"said to be read', "")
