"""Did they end, how, and did somebody wait for them?"""

from __future__ import annotations

import os
import signal as signals
from multiprocessing.process import BaseProcess

from .._children._child import Child
from .._words import exit_words

__all__ = ["assert_exited", "assert_joined"]

_DEFAULT_TIMEOUT = 30.0


def assert_exited(child: Child | BaseProcess, code: int = 0, *, signal: str | int | None = None) -> None:
    """Assert that a child ends, and how; waits for its end.

    Args:
        child: A `Child`, or a `multiprocessing.Process`.
        code: The exit code that it should end with.
        signal: The signal that should end it instead, by name (``"SIGKILL"``) or number.

    Raises:
        AssertionError: It ended otherwise.
        ChildStuck: A `Child` did not end before its deadline.
        ValueError: There is no such signal, or both a code and a signal are given.
    """
    __tracebackhide__ = True
    if signal is not None and code:
        raise ValueError(f"code={code} and signal={signal!r}: a child ends by one of them; give only one")
    expected = code if signal is None else -_signal_number(signal)
    if isinstance(child, Child):
        child.join()
    else:
        child.join(_DEFAULT_TIMEOUT)
    actual = child.exitcode
    if actual != expected:
        evidence = _evidence(child)
        raise AssertionError(f"{_who(child)}: {exit_words(actual)}, expected: {exit_words(expected)}{evidence}")


def assert_joined(*children: Child | BaseProcess) -> None:
    """Assert that children have ended *and* that somebody has waited for them; does not wait itself.

    What is not joined stays in the process table as a zombie, and nobody knows how it ended.

    Args:
        children: Each a `Child` or a `multiprocessing.Process`; at least one.

    Raises:
        AssertionError: One is still running, or has ended and was not waited for.
        ValueError: No child was given.
    """
    __tracebackhide__ = True
    if not children:
        raise ValueError("assert_joined() of no children proves nothing: give at least one")
    failures = [f"{_who(child)}: {state}" for child in children if (state := _not_joined(child))]
    if failures:
        raise AssertionError("\n".join(failures))


def _not_joined(child: Child | BaseProcess) -> str:
    process = child.process if isinstance(child, Child) else child
    if not isinstance(process, BaseProcess):  # a thread
        return "still running" if process.is_alive() else ""
    popen = getattr(process, "_popen", None)
    if popen is not None and popen.returncode is None:  # is_alive() and exitcode would collect the status themselves
        return "still running, or it has ended and nobody has waited for it; call join()"
    return ""


def _signal_number(signal: str | int) -> int:
    if isinstance(signal, int):
        return signal
    try:
        return signals.Signals[signal].value
    except KeyError:
        names = ", ".join(sorted(member.name for member in signals.Signals))
        raise ValueError(f"unknown signal {signal!r}: there is {names}") from None


def _who(child: Child | BaseProcess) -> str:
    method = child.start_method if isinstance(child, Child) else getattr(child, "_start_method", None) or "default"
    return f"child {child.name!r} (pid {child.pid}, {method})"


def _evidence(child: Child | BaseProcess) -> str:
    text = child.stderr.strip() if isinstance(child, Child) else ""
    return f"{os.linesep}last of its stderr:\n{text}" if text else ""
