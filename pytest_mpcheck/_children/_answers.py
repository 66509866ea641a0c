"""Answers of workers on their way into a pool or an executor: both ends.

Guarantees: an answer that cannot be read back becomes the error of its own task; the standard library's pool would lose
the thread that reads, and every wait with it (cpython#79492), its executor all of its workers. A copy of a worker,
which a task has forked and which came out of that task too, does not answer: it would do so a second time, and then go
on as one more worker.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sys
import threading
import weakref
from collections.abc import Callable
from multiprocessing.process import current_process
from multiprocessing.reduction import ForkingPickler
from typing import Any

from .._errors import NotPicklable
from .._excerpts import reason_of

__all__ = ["AnswerQueue", "read_with_care"]

_read = threading.local()
"""Holds, while a message is unpickled, the label that stands at its beginning."""


class AnswerQueue:
    """The worker's end: a queue into which the worker puts answers; in all else the queue itself.

    Args:
        queue: The queue of the standard library.
        task: Tells the task at hand.
    """

    def __init__(self, queue: Any, task: Callable[[], str]) -> None:
        self._queue = queue
        self._task = task
        self._pid = os.getpid()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def put(self, answer: Any) -> None:
        """Send an answer, with a label that can be read whatever the answer is; end the process when it is a copy."""
        if os.getpid() != self._pid:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(0)
        blank = _without_value(answer)
        if blank is not None:
            who = f"worker {current_process().name!r} (pid {self._pid}) answered the task {self._task()}"
            answer = _Label(blank, who), answer
        self._queue.put(answer)


class _Label:
    """What stands before an answer: the same without its value, and who gave it to which task."""

    def __init__(self, blank: Any, who: str) -> None:
        self._fields = blank, who

    def __reduce__(self) -> Any:
        return _note_label, self._fields


def _note_label(*fields: Any) -> None:
    _read.label = fields


def read_with_care(reader: Any) -> Callable[[], Any]:
    """Return what to call in the place of ``reader.recv``.

    Args:
        reader: The reading end of the pipe that the answers come by.
    """
    this = weakref.ref(reader)  # the reader may be made to hold on to this function

    def receive() -> Any:
        connection = this()
        assert connection is not None
        data = connection.recv_bytes()
        _read.label = None
        try:
            message = ForkingPickler.loads(data)
        except BaseException as reason:  # of anybody's; this is no thread that a Ctrl-C or a plugin would interrupt
            if _read.label is None:
                raise
            blank, who = _read.label
            return _failed(blank, who, reason)
        return message if _read.label is None else message[1]

    return receive


def _without_value(answer: Any) -> Any:
    """Return an answer without its value; ``None`` for a message that is none."""
    if isinstance(answer, tuple):  # of a pool: (job, index, (success, value))
        return answer[:2]
    if hasattr(answer, "work_id"):  # of an executor: a _ResultItem
        blank = copy.copy(answer)
        blank.result = blank.exception = None
        return blank
    return None


def _failed(blank: Any, who: str, reason: BaseException) -> Any:
    error = NotPicklable(
        f"{who}, but what it returned or raised could not be read back here ({reason_of(reason)}); what to do: return "
        "plain data, and raise exceptions that can be made again from what they pickle as"
    )
    if isinstance(blank, tuple):
        return (*blank, (False, error))
    blank.exception = error
    return blank
