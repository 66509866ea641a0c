"""`Trial`: imports modules in a forked copy of the server, to see what they leave behind.

Guarantees: what is imported there does nothing to the server, whatever it does, and what it has started ends with it.
It comes to an end.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import re
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from typing import Any

from .. import _platforms
from .._excerpts import reason_of, shortened
from .._probes._words import WORDS, Unmeasurable
from ._keepsakes import keepsakes

__all__ = ["Trial"]

system: Any = os  # nothing of this runs on Windows, where a type checker would miss it
signals: Any = signal

_LIMIT = 30.0
"""How long an import may take, in seconds."""

_TOLD = 200

_TRACES = {
    "threads": "leaves a thread running",
    "descriptors": "leaves something open",
    "environ": "changes the environment",
    "cwd": "changes the working directory",
    "umask": "changes the umask",
    "signal_handlers": "sets a handler of a signal",
    "signal_mask": "changes which signals are blocked",
    "locale_settings": "changes the locale",
    "random_state": "seeds random or draws from it",
    "event_loop": "sets a loop of asyncio",
    "context_variables": "sets a context variable",
    "decimal_context": "changes the context of decimal",
}
"""The words of `Snapshot` that no import may change, and what it does then."""

_LIBRARY = re.compile(r"\.so[.\d]* \(read\)$")
"""A descriptor of a library, which PyPy keeps for as long as it uses that."""


class Trial:
    """The trial of some modules, one after the other, up to the first that fails.

    Args:
        names: The modules.
        folder: Where there is room for a file.

    Attributes:
        passed: Those that leave nothing behind.
        failed: The one that does; empty when there is none.
        reason: What it does.
        kept: By module and name, what they keep that may be another thing in each process.
    """

    def __init__(self, names: Sequence[str], folder: str) -> None:
        self.passed: list[str] = []
        self.failed, self.reason = "", ""
        self.kept: dict[tuple[str, str], str] = {}
        reader, writer = os.pipe()
        pid = system.fork()
        if pid == 0:  # pragma: ends by SIGKILL
            _be_the_copy(names, folder, reader, writer)
        os.close(writer)
        try:
            self._listen(reader, list(names))
        finally:
            os.close(reader)
            with contextlib.suppress(OSError):
                system.killpg(pid, signals.SIGKILL)  # with all that it has started
            with contextlib.suppress(OSError):
                os.kill(pid, signals.SIGKILL)  # should it not have come as far as to have a group of its own
            _, status = os.waitpid(pid, 0)
        if self.failed and not self.reason:
            self.reason = _ending(status)

    def _listen(self, reader: int, names: list[str]) -> None:
        with open(reader, "rb", buffering=0, closefd=False) as file:
            while names:
                self.failed = names[0]
                if not wait([reader], _LIMIT):
                    self.reason = f"does not end within {_LIMIT:g} s"
                    return
                try:
                    self.reason, kept = _read(file)
                except EOFError:  # it has ended
                    return
                if self.reason:
                    return
                self.passed.append(names.pop(0))
                self.kept |= kept
        self.failed = ""


def _read(file: Any) -> Any:
    head = file.read(4)
    size = int.from_bytes(head, "big")
    data = b""
    while len(data) < size:
        more = file.read(size - len(data))
        if not more:
            raise EOFError
        data += more
    if not head:
        raise EOFError
    return pickle.loads(data)


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"ends the process (exit code {code})" if code >= 0 else f"ends the process (signal {-code})"


def _be_the_copy(names: Sequence[str], folder: str, reader: int, writer: int) -> None:  # pragma: ends by SIGKILL
    """Import, tell of each, and end."""
    try:
        system.setsid()
        os.close(reader)
        signal.set_wakeup_fd(-1)
        output = os.open(os.path.join(folder, "output"), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        for number in (1, 2):
            os.dup2(output, number)
        for name in names:
            before = set(sys.modules)
            reason = _reason(name, output)
            new = [name for name in sys.modules if name not in before]
            data = pickle.dumps((reason, {} if reason else keepsakes(new)))
            os.write(writer, len(data).to_bytes(4, "big") + data)
            if reason:
                break
    finally:
        _platforms.end_self()


def _reason(name: str, output: int) -> str:
    gc.collect()  # what is open and forgotten is closed by that, here as after the import
    before = dict(_look())
    try:
        with warnings.catch_warnings(action="ignore"):
            importlib.import_module(name)
    except BaseException as error:
        return f"raises {shortened(reason_of(error), _TOLD)}"
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if size := os.fstat(output).st_size:
        text = system.pread(output, min(size, _TOLD), 0).decode("utf-8", errors="replace")
        return f"prints {text!r}"
    gc.collect()
    for word, now in _look():
        was = before.get(word, {})
        for place in {**was, **now}:
            if was.get(place) != now.get(place):
                what = _TRACES.get(word, "starts something")
                return f"{what}: {shortened(' '.join((place, now.get(place, 'is no more'))), _TOLD)}"
    return ""


def _look() -> Iterator[tuple[str, Mapping[str, str]]]:
    for word in _TRACES:
        with contextlib.suppress(Unmeasurable):
            yield word, {place: text for place, text in WORDS[word].measure(word).items() if not _LIBRARY.search(text)}
    yield "native", {"threads that Python does not know of": str(_platforms.thread_count())}
    yield "children", {"a process": "runs"} if _has_children() else {}


def _has_children() -> bool:
    try:
        os.waitpid(-1, system.WNOHANG)
    except ChildProcessError:
        return False
    return True
