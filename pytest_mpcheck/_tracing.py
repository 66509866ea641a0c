"""The trace of a run, as pytest asks for it: a test at a time, and all of them at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ._config import SETTINGS, run_of
from ._recordings import chronicle_of

if TYPE_CHECKING:
    from ._trace._run import RunTrace

__all__ = ["hand_trace_over", "open_trace", "show_trace", "take_trouble", "traced", "write_trace"]

TRACE: pytest.StashKey[RunTrace] = pytest.StashKey()
"""Where the configuration keeps the trace of the run."""

TOLD = pytest.StashKey[str]()
"""Where it keeps what became of the trace."""

_KEY = "mpcheck_trace"


def open_trace(config: pytest.Config) -> None:
    """Begin the trace that is asked for.

    Raises:
        pytest.UsageError: It cannot be written.
    """
    path = config.stash[SETTINGS].trace
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    from ._trace._run import RunTrace, check_folder

    if worker is not None:
        config.stash[TRACE] = RunTrace(worker[_KEY], worker["workerid"])
        return
    try:
        check_folder(path)
    except OSError as error:
        raise pytest.UsageError(
            f"file {config.getoption('mp_trace')!r} from command line --mp-trace cannot be written ({error}): "
            f"give the path of a file in a folder that you may write to"
        ) from None
    config.stash[TRACE] = RunTrace(run_of(config).history_folder())


def hand_trace_over(node: Any) -> None:
    """Tell a worker of pytest-xdist where to leave its part."""
    if TRACE in node.config.stash:
        node.workerinput[_KEY] = node.config.stash[TRACE].folder


@contextmanager
def traced(item: pytest.Item) -> Iterator[None]:
    """Add a test to the trace, if there is to be one, from its set-up to its teardown."""
    trace = item.config.stash.get(TRACE, None)
    if trace is None:
        yield
        return
    from ._children._lives import record_lives
    from ._history._chronicle import Chronicle

    begin = trace.begin()
    with record_lives() as log:
        try:
            yield
        finally:
            if not trace.is_copy:
                chronicle = chronicle_of(item) or Chronicle()
                trace.add(item.nodeid, threading.get_ident(), begin, chronicle, log.lives())


def write_trace(config: pytest.Config) -> None:
    """Write the trace, once no test is to come; a worker of pytest-xdist completes its part."""
    trace = config.stash.get(TRACE, None)
    if trace is None or trace.is_copy:
        return
    if hasattr(config, "workerinput"):
        config.workeroutput[_KEY] = trace.trouble  # type: ignore[attr-defined]
    elif not config.option.collectonly:
        from . import __version__

        path = config.stash[SETTINGS].trace
        if not trace.write(path, f"pytest-mpcheck {__version__}"):
            config.stash[TOLD] = f"no trace was written: {trace.trouble}"
        else:
            config.stash[TOLD] = f"trace: {path}" + (trace.trouble and f", without all of it: {trace.trouble}")


def take_trouble(node: Any) -> None:
    """Take over what a worker of pytest-xdist has met; one that crashed has sent nothing."""
    trace = node.config.stash.get(TRACE, None)
    if trace is not None:
        trace.trouble = trace.trouble or getattr(node, "workeroutput", {}).get(_KEY, "")


def show_trace(reporter: pytest.TerminalReporter) -> None:
    """Show where the trace is, or why there is none."""
    told = reporter.config.stash.get(TOLD, "")
    if told:
        reporter.write_sep("-", told)
