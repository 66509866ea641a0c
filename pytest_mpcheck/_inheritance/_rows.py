"""What is looked at in a worker, and how the process that starts it marks what is its own.

To add a row, write a mark and put it into ``ROWS``; nothing else knows the list.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from . import _process_marks, _python_marks, _state

__all__ = ["MARKS", "ROWS", "Row"]

MARKS = ("s", "a", "b")
"""The marks that are set: before the fork server starts, before the worker does, while the worker lives."""


class Row(NamedTuple):
    """One kind of thing that a worker might have of the process that starts it.

    Attributes:
        label: What it is called in the table.
        word: The word of `Snapshot`, or the name for `probe`.
        mark: Marks it while the context is open, given one of `MARKS`.
    """

    label: str
    word: str
    mark: Callable[[str], AbstractContextManager[object]]


ROWS = (
    Row("module globals", f"{_state.__name__}:board", _python_marks.module_global),
    Row("values patched by monkeypatch", "colorsys:ONE_THIRD", _python_marks.patched),
    Row("environment", "environ", _process_marks.environment),
    Row("working directory", "cwd", _process_marks.folder),
    Row("sys.path", "sys_path", _python_marks.path),
    Row("sys.modules", "sys_modules", _python_marks.module),
    Row("meta-path hooks", "meta_path", _python_marks.finder),
    Row("state of random", "random_state", _python_marks.random_state),
    Row("state of numpy.random", "numpy_random_state", _python_marks.numpy_random_state),
    Row("state of torch's generator", "torch_random_state", _python_marks.torch_random_state),
    Row("signal handlers", "signal_handlers", _process_marks.handler),
    Row("ignored signals", "signal_handlers", _process_marks.ignored),
    Row("signal mask", "signal_mask", _process_marks.blocked),
    Row("umask", "umask", _process_marks.umask),
    Row("open descriptors", "descriptors", _process_marks.descriptor),
    Row("threads", "threads", _python_marks.thread),
    Row("held locks", "held_locks", _python_marks.held),
    Row("warning filters", "warning_filters", _python_marks.warning_filter),
    Row("logging handlers", "log_handlers", _python_marks.log_handler),
    Row("locale", "locale_settings", _process_marks.locale),
    Row("asyncio's loop", "event_loop", _python_marks.event_loop),
    Row("context variables", "context_variables", _python_marks.context_variable),
    Row("decimal context", "decimal_context", _python_marks.decimal),
)
"""In the order in which they are told."""
