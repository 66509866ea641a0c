"""Warnings of children are the test's: shown with the child's name, and errors where they are errors in the test."""

from __future__ import annotations

import sys
import threading
import warnings
from typing import Any

import pytest

from pytest_mpcheck.fixtures import ProcessFactory


class OwnWarning(UserWarning):
    pass


class StubbornWarning(UserWarning):
    """A warning that cannot be made again from its pickle."""

    def __init__(self, text: str, other: str) -> None:
        super().__init__(f"{text} {other}")


def warn(text: str, category: type[Warning] = UserWarning) -> str:
    warnings.warn(text, category, stacklevel=1)
    return text


@pytest.mark.filterwarnings("always")
def test_pytest_warns_hears_a_child(mp_process: ProcessFactory) -> None:
    with pytest.warns(UserWarning, match="^careful$") as heard:
        assert mp_process(warn, "careful", name="nervous").result() == "careful"
    assert [(str(w.message), w.category) for w in heard] == [("careful", UserWarning)]
    assert heard[0].filename == __file__
    assert str(heard[0].line).endswith("# in child 'nervous'")


@pytest.mark.filterwarnings("always")
def test_warnings_of_workers_are_heard_with_their_results(mp_pool: Any, mp_executor: Any) -> None:
    pool = mp_pool(1)
    with pytest.warns(UserWarning, match="^by map$"):
        assert pool.map(warn, ["by map"]) == ["by map"]
    with pytest.warns(UserWarning, match="^by apply$"):
        assert pool.apply(warn, ("by apply",)) == "by apply"
    items = pool.imap(warn, ["by imap"])
    assert next(items) == "by imap"
    pool.close()
    with pytest.warns(UserWarning, match="^by imap$"):
        pool.join()
    executor = mp_executor(1)
    with pytest.warns(UserWarning, match="^by submit$"):
        assert executor.submit(warn, "by submit").result() == "by submit"
    future = executor.submit(warn, "by exception")
    with pytest.warns(UserWarning, match="^by exception$"):
        assert future.exception() is None
    executor.submit(warn, "by shutdown")
    with pytest.warns(UserWarning, match="^by shutdown$"):
        executor.shutdown()


@pytest.mark.filterwarnings("error")
def test_a_warning_that_is_an_error_is_one_in_a_child(mp_process: ProcessFactory) -> None:
    def target() -> str:
        try:
            warn("careful")
        except UserWarning as error:
            return f"raised {error}"
        return "went on"

    assert mp_process(target).result() == "raised careful"
    with pytest.raises(UserWarning, match="careful"):
        mp_process(warn, "careful").result()


@pytest.mark.filterwarnings("ignore")
def test_a_warning_that_is_ignored_is_so_in_a_child(
    mp_process: ProcessFactory, recwarn: pytest.WarningsRecorder
) -> None:
    warnings.simplefilter("ignore")  # recwarn would hear all
    mp_process(warn, "careful").result()
    assert list(recwarn) == []


@pytest.mark.filterwarnings("ignore", "error:careful", "ignore:.*:DeprecationWarning")
@pytest.mark.parametrize(("text", "category", "raises"), [("careful", UserWarning, True), ("ok", UserWarning, False)])
def test_filters_by_text_hold(mp_process: ProcessFactory, text: str, category: type[Warning], raises: bool) -> None:
    child = mp_process(warn, text, category)
    if raises:
        with pytest.raises(category, match=text):
            child.result()
    else:
        child.result()


def test_a_warning_of_the_compiler_is_heard(mp_process: ProcessFactory) -> None:
    with pytest.warns((SyntaxWarning, DeprecationWarning), match="invalid escape sequence"):
        mp_process(exec, r"'\d'").join()


def test_filters_by_a_class_that_only_the_child_imports_hold(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        lib="""
            import warnings
            class LibWarning(UserWarning): pass
            class Worse(LibWarning): pass
            class Unrelated(UserWarning): pass
            def warn(name):
                warnings.warn("careful", globals()[name])
            """,
        test_it="""
            import importlib, warnings
            import pytest

            def work(name):
                return importlib.import_module("lib").warn(name)

            @pytest.mark.filterwarnings("error::lib.LibWarning")
            @pytest.mark.parametrize("name", ["LibWarning", "Worse"])
            def test_error(mp_process, name):
                with pytest.raises(UserWarning, match="careful"):
                    mp_process(work, name).result()

            @pytest.mark.filterwarnings("error::lib.LibWarning")
            def test_fine(mp_process):
                mp_process(work, "Unrelated").result()
            """,
    )
    methods = "fork" if sys.implementation.name == "pypy" else "fork,spawn,forkserver"  # PyPy asks no metaclass
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", f"--mp-start-methods={methods}")
    count = len(methods.split(","))
    result.assert_outcomes(passed=3 * count, warnings=count)


@pytest.mark.filterwarnings("always")
def test_a_warning_that_cannot_be_made_again_is_told(mp_process: ProcessFactory) -> None:
    def target() -> None:
        warnings.warn(StubbornWarning("very", "stubborn"), stacklevel=1)

    with pytest.warns(UserWarning, match="^StubbornWarning: very stubborn$"):
        mp_process(target).result()


@pytest.mark.filterwarnings("always")
def test_a_warning_that_does_not_pickle_is_told(mp_process: ProcessFactory) -> None:
    def target() -> None:
        warning = OwnWarning("with a lock")
        warning.lock = threading.Lock()  # type: ignore[attr-defined]
        warnings.warn(warning, stacklevel=1)

    with pytest.warns(UserWarning, match="^OwnWarning: with a lock$"):
        mp_process(target).result()


@pytest.mark.filterwarnings("always")
def test_a_warning_from_no_file_is_told(mp_process: ProcessFactory) -> None:
    def target() -> None:
        warnings.warn_explicit("made up", UserWarning, "nowhere.py", 7)

    with pytest.warns(UserWarning, match="made up") as heard:
        mp_process(target, name="inventor").result()
    assert (heard[0].filename, heard[0].lineno) == ("nowhere.py", 7)
    assert heard[0].line == "# in child 'inventor'"


@pytest.mark.filterwarnings("always")
def test_what_a_child_catches_itself_is_not_told(mp_process: ProcessFactory, recwarn: pytest.WarningsRecorder) -> None:
    def target() -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warn("caught")
        return [str(warning.message) for warning in caught]

    assert mp_process(target).result() == ["caught"]
    assert list(recwarn) == []


@pytest.mark.filterwarnings("always")
def test_warnings_outlive_a_killed_child(mp_process: ProcessFactory, mp_context: Any) -> None:
    warned = mp_context.Event()

    def target(warned: Any) -> None:
        warn("last words")
        warned.set()
        threading.Event().wait()

    child = mp_process(target, warned)
    warned.wait()
    child.kill()
    with pytest.warns(UserWarning, match="last words"):
        child.join()


SUMMARY = """
    import warnings
    import pytest

    def talk(text):
        warnings.warn(text)

    def test_it(mp_process):
        mp_process(talk, "careful", name="nervous").result()

    def test_unheard(mp_process):
        mp_process(talk, "late", name="tardy")

    def test_pool(mp_pool):
        mp_pool(1).map(talk, ["in a pool"])

    def test_quiet(mp_process):
        mp_process(abs, -1)
    """


@pytest.mark.parametrize("workers", ["0", "2"])
def test_summary_names_the_child(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(SUMMARY)
    result = pytester.runpytest_subprocess(f"-n{workers}")
    result.assert_outcomes(passed=12, warnings=9)
    result.stdout.re_match_lines_random(
        [
            r"  .*test_summary_names_the_child.py:5: UserWarning: careful",
            r"    warnings.warn\(text\)  # in child 'nervous'",
            r"    warnings.warn\(text\)  # in child 'tardy'",
            r"    warnings.warn\(text\)  # in child '\S+PoolWorker-\d+'",
        ]
    )


def test_command_line_makes_errors_in_children(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUMMARY)
    result = pytester.runpytest_subprocess("-Werror::UserWarning", "-p", "no:cacheprovider", "-rf")
    result.assert_outcomes(passed=3, failed=9)
    result.stdout.fnmatch_lines_random(
        ["E*UserWarning: careful", "E*UnseenFailure*UserWarning: late, and nobody looked"]
    )


def test_ini_makes_errors_in_children(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUMMARY)
    pytester.makeini("[pytest]\nfilterwarnings = error:care\n")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=9, failed=3, warnings=6)


def test_without_the_recorder_of_pytest_warnings_are_printed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUMMARY)
    result = pytester.runpytest_subprocess("-p", "no:warnings", "-s", "-k", "test_it", "--mp-start-methods=spawn")
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines(["*:5: UserWarning: careful", "*  # in child 'nervous'"])
