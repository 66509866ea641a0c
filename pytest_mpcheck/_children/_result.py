"""What a child left becomes, here, the value it returned or the exception it raised."""

from __future__ import annotations

import pickle

from .._errors import ChildDied
from .._excerpts import reason_of, repr_of
from .._records import ChildReport, Exited, Raised, Returned
from .._words import ending, message

__all__ = ["exception_of", "result_of"]


def result_of(report: ChildReport) -> object:
    """Return what the target returned, or raise what it raised.

    Args:
        report: A child that has ended.

    Returns:
        The value.

    Raises:
        BaseException: What the target raised, with the child's frames.
        ChildDied: There is no result, or what was returned or raised could not be brought here as it was.
    """
    __tracebackhide__ = True
    if isinstance(report.outcome, Returned):
        return _value_of(report, report.outcome)
    raise exception_of(report)


def exception_of(report: ChildReport) -> BaseException:
    """Make the exception that stands for how a child ended.

    Args:
        report: A child that has ended, and did not return.

    Returns:
        What the target raised, with the child's frames; a `ChildDied` where that cannot be.
    """
    outcome = report.outcome
    if not isinstance(outcome, Raised):
        remedy = "see its output; let it return, or use assert_exited() if it is meant to end this way"
        if isinstance(outcome, Exited) and outcome.obstacle:
            remedy = "let the target keep its hands off the files of its test"
        return ChildDied(message(ending(outcome), report, remedy), report)
    error, obstacle = _load(outcome)
    if error is None:
        what = f"{ending(outcome)}\nand this exception could not be brought here as it was ({obstacle})"
        return ChildDied(
            message(what, report, "raise exceptions that pickle, of classes that stand in modules"), report
        )
    if isinstance(error, KeyboardInterrupt):  # raised here it would end the whole run
        died = ChildDied(message(ending(outcome), report, "see who sent it SIGINT"), report)
        died.__cause__ = error
        return died
    return error


def _value_of(report: ChildReport, outcome: Returned) -> object:
    __tracebackhide__ = True
    try:
        return pickle.loads(outcome.value)
    except (Exception, SystemExit) as reason:  # loading runs code of anybody's
        what = f"returned, but what it returned could not be read back here ({reason_of(reason)})"
        remedy = "return plain data, or objects that can be made again in the process of the test"
        raise ChildDied(message(what, report, remedy), report) from reason


def _load(outcome: Raised) -> tuple[BaseException | None, str]:
    if outcome.exception is None:
        return None, outcome.obstacle
    try:
        error = pickle.loads(outcome.exception)
    except (Exception, SystemExit) as reason:  # loading runs code of the exception's class
        return None, reason_of(reason)
    if not isinstance(error, BaseException):
        return None, f"TypeError: it came back from pickling as {repr_of(error)}"
    return error, ""
