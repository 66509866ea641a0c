"""What children log is heard by the handlers of the test, once, in the order of its time, with who logged it."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from typing import Any

import pytest

from pytest_mpcheck._children._voice import _LoggingFinder
from pytest_mpcheck.fixtures import ProcessFactory

LOGGER = logging.getLogger("shop.prices")


def log(*words: object) -> int:
    LOGGER.warning("the price of %s is %s", *words)
    LOGGER.info("looked up")
    return os.getpid()


def test_caplog_has_the_records_of_a_child(mp_process: ProcessFactory, caplog: pytest.LogCaptureFixture) -> None:
    child = mp_process(log, "a pear", 4, name="clerk")
    pid = child.result()
    assert caplog.record_tuples == [("shop.prices", logging.WARNING, "the price of a pear is 4")]
    record = caplog.records[0]
    assert (record.processName, record.process, record.funcName) == ("clerk", pid, "log")
    assert record.message == record.getMessage() == "the price of a pear is 4"
    assert caplog.text.endswith(f" [child 'clerk' pid {pid}] the price of a pear is 4\n")
    assert child.stderr == ""


def test_levels_are_those_of_the_test(mp_process: ProcessFactory, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="shop")
    mp_process(log, "a pear", 4).result()
    assert caplog.messages == ["the price of a pear is 4", "looked up"]
    caplog.clear()
    caplog.set_level(logging.ERROR, logger="shop")
    mp_process(log, "a plum", 5).result()
    assert caplog.messages == []


def test_logging_that_is_switched_off_is_so_in_a_child(
    mp_process: ProcessFactory, caplog: pytest.LogCaptureFixture
) -> None:
    logging.disable(logging.WARNING)
    try:
        mp_process(log, "a pear", 4).result()
    finally:
        logging.disable(logging.NOTSET)
    assert caplog.messages == []


def test_records_of_workers_come_with_their_results(
    mp_pool: Any, mp_executor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (pid,) = mp_pool(1).starmap(log, [("a pear", 4)])
    assert [(record.process, record.message) for record in caplog.records] == [(pid, "the price of a pear is 4")]
    caplog.clear()
    pid = mp_executor(1).submit(log, "a plum", 5).result()
    assert [(record.process, record.message) for record in caplog.records] == [(pid, "the price of a plum is 5")]


def test_records_of_several_children_come_in_order(
    mp_process: ProcessFactory, mp_context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    turns = [mp_context.Semaphore(0) for _ in range(2)]

    def target(number: int, mine: Any, other: Any) -> None:
        for turn in range(3):
            mine.acquire()
            LOGGER.warning("turn %s of %s", turn, number)
            other.release()

    children = [mp_process(target, number, turns[number], turns[1 - number]) for number in range(2)]
    turns[0].release()
    while any(child.is_alive() for child in children):  # both have ended before the first is joined
        pass
    for child in children:
        child.result()
    assert caplog.messages == [f"turn {turn} of {number}" for turn in range(3) for number in range(2)]


def test_exceptions_and_extras_arrive(mp_process: ProcessFactory, caplog: pytest.LogCaptureFixture) -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    class Word(str):
        __slots__ = ()

    def target() -> None:
        try:
            raise LookupError("no pear")
        except LookupError:
            extra = {"basket": ["pear", 1], "shape": object, "word": Word("ripe"), "hostile": Hostile()}
            LOGGER.exception("lost", extra=extra)

    mp_process(target).result()
    record: Any = caplog.records[0]
    assert "LookupError: no pear" in caplog.text
    assert record.basket == ["pear", 1]
    assert record.shape == "<class 'object'>"
    assert (record.word, type(record.word)) == ("ripe", str)
    assert record.hostile == "<repr() of it raised RuntimeError>"


def test_an_exception_that_somebody_has_formatted_stays_so(
    mp_process: ProcessFactory, caplog: pytest.LogCaptureFixture
) -> None:
    def target() -> None:
        class Shorten(logging.Filter):
            def filter(self, record: logging.LogRecord) -> bool:
                record.exc_text = "in short: lost"
                return True

        LOGGER.addFilter(Shorten())
        LOGGER.error("lost", exc_info=LookupError("no pear"))

    mp_process(target).result()
    assert caplog.records[0].exc_text == "in short: lost"


def test_a_record_that_makes_no_text_raises_where_it_was_logged(mp_process: ProcessFactory) -> None:
    def target() -> None:
        LOGGER.warning("%d pears", "many")

    with pytest.raises(TypeError, match="%d"):
        mp_process(target).result()


def test_records_that_a_child_forwards_itself_are_not_told_twice(
    mp_process: ProcessFactory, mp_context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    queue = mp_context.Queue()

    def target(queue: Any) -> None:
        logging.root.addHandler(logging.handlers.QueueHandler(queue))
        LOGGER.warning("forwarded")

    child = mp_process(target, queue)
    record = queue.get()
    logging.getLogger(record.name).handle(record)
    child.result()
    assert caplog.messages == ["forwarded"]


def test_a_handler_of_a_logger_that_does_not_propagate_hears_a_child(
    mp_process: ProcessFactory, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("aloof")
    logger.addHandler(caplog.handler)
    logger.propagate = False
    try:
        mp_process(logger.warning, "to itself").result()
    finally:
        logger.propagate = True
        logger.removeHandler(caplog.handler)
    assert caplog.messages == ["to itself"]


def test_many_records_long_ones_and_damaged_ones(mp_process: ProcessFactory, caplog: pytest.LogCaptureFixture) -> None:
    def target() -> None:
        for number in range(1500):
            LOGGER.warning("number %s", number)
        LOGGER.warning("x" * 1_000_000)

    child = mp_process(target)
    child._worker.wait(30)
    station = child._worker.station
    assert station is not None
    assert station.size("told") > 3 * 1024 * 1024
    with open(station.path("told"), "ab") as file:
        file.write(b"no number\nabc\n" + b"\x00" * 3 + b"\n\n4e\nhalf a li")
    child.result()
    assert caplog.messages == [*(f"number {number}" for number in range(1500)), "x" * 1_000_000]


def test_what_a_childs_child_logs_is_heard(mp_process: ProcessFactory, caplog: pytest.LogCaptureFixture) -> None:
    def target() -> None:
        import multiprocessing

        process = multiprocessing.get_context("fork").Process(target=log, args=("a pear", 4), name="apprentice")
        process.start()
        process.join()

    mp_process(target).result()
    assert [(record.processName, record.message) for record in caplog.records] == [
        ("apprentice", "the price of a pear is 4")
    ]


REPORT = """
    import logging
    import pytest

    def talk(text, level=logging.WARNING):
        logging.getLogger("shop").log(level, text)

    def test_it(mp_process):
        logging.getLogger("shop").warning("before")
        mp_process(talk, "within", name="clerk").result()
        mp_process(talk, "a detail", logging.INFO, name="clerk").result()
        logging.getLogger("shop").warning("after")
        assert False

    def test_unheard(mp_process, mp_context):
        logged, never = mp_context.Event(), mp_context.Event()
        def target(logged, never):
            logging.getLogger("shop").warning("unheard")
            logged.set()
            never.wait()
        mp_process(target, logged, never, name="tardy")
        logged.wait()
        assert False
    """


@pytest.mark.parametrize("workers", ["0", "2"])
def test_report_shows_what_children_log(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(REPORT)
    result = pytester.runpytest_subprocess(f"-n{workers}", "--log-level=INFO", "--log-file=the.log")
    result.assert_outcomes(failed=6)
    for _ in range(3):
        result.stdout.re_match_lines(
            [
                r"-+ Captured log call -+",
                r"WARNING .*\.py:8 before",
                r"WARNING .*\.py:5 \[child 'clerk' pid \d+\] within",
                r"INFO .*\.py:5 \[child 'clerk' pid \d+\] a detail",
                r"WARNING .*\.py:11 after",
            ]
        )
    result.stdout.re_match_lines_random([r"-+ Captured log call -+", r"WARNING .* \[child 'tardy' pid \d+\] unheard"])
    text = result.stdout.str()
    assert text.count("] unheard") == 3
    assert "Captured stderr" not in text
    if workers == "0":
        assert pytester.path.joinpath("the.log").read_text().count("a detail") == 3


def test_log_cli_shows_what_children_log(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(REPORT)
    result = pytester.runpytest_subprocess("--log-cli-level=INFO", "-k", "test_it", "--show-capture=no")
    assert result.stdout.str().count("] within") == 3
    assert result.stdout.str().count("] a detail") == 3


def test_without_listeners_logging_in_a_child_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import logging

        def talk():
            logging.getLogger("shop").warning("to whom it may concern")
            return len(logging.root.handlers)

        def test_it(mp_process):
            child = mp_process(talk)
            assert child.result() == 0
            assert child.stderr == "to whom it may concern\\n"
        """
    )
    pytester.runpytest_subprocess("-p", "no:logging").assert_outcomes(passed=3)


def test_where_logging_is_not_to_be_found_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert _LoggingFinder(lambda: None).find_spec("logging") is None
    assert _LoggingFinder(lambda: None).find_spec("another") is None


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
def test_a_child_that_does_not_log_does_not_import_logging(pytester: pytest.Pytester, start_method: str) -> None:
    pytester.makepyfile(
        target="""
            import importlib.util, sys

            def state():
                return "logging" in sys.modules, "_LoggingFinder" in [type(finder).__name__ for finder in sys.meta_path]

            def work(how):
                if how == "logs":
                    assert importlib.util.find_spec("logging").name == "logging"
                    assert state() == (False, True)
                    import logging
                    logging.warning("heard")
                return state()
            """,
        program="""
            import sys, target
            if __name__ == "__main__":
                import logging
                from pytest_mpcheck._children._nursery import Nursery
                logging.basicConfig(format="%(processName)s: %(message)s", stream=sys.stdout)
                nursery = Nursery(sys.argv[1], 30, [], echo=lambda: "nowhere")
                for how in "does not", "logs":
                    print(how, nursery.start(target.work, (how,), "worker", None).result())
                nursery.close()
            """,
    )
    result = pytester.run(sys.executable, "program.py", start_method)
    result.stdout.re_match_lines(
        [r"does not \(False, True\)", r"worker: \[child 'worker' pid \d+\] heard", r"logs \(True, False\)"],
        consecutive=True,
    )
