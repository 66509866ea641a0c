"""How processes have ended that this one has started, and whether anybody has looked.

Guarantees: nothing is collected that nobody has collected. What returns an exit status returns it as ever; one that the
caller drops, which the code of the call tells, counts as not looked at.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from opcode import opname
from types import FrameType
from typing import Any

from .. import _platforms
from .._copies import COPIES
from ._replacements import Place, Replacements

__all__ = ["Exits"]


class Exits:
    """What is known of ends, by pid, while it is open."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.seen: set[int] = set()
        self.signalled: set[int] = set()
        self._replacements = Replacements(
            [
                *(
                    place
                    for package in COPIES
                    for place in (
                        Place(f"{package}.process", "BaseProcess", "exitcode", self._property),
                        *(
                            Place(f"{package}.process", "BaseProcess", name, self._sending)
                            for name in ("terminate", "kill", "interrupt")
                        ),
                        *(
                            Place(f"{package}.{module}", "Popen", name, self._polling)
                            for module, name in (
                                ("popen_fork", "poll"),
                                ("popen_forkserver", "poll"),
                                ("popen_spawn_win32", "wait"),
                            )
                        ),
                    )
                ),
                Place("subprocess", "Popen", "returncode", self._returncode, is_new=True),
                *(Place("subprocess", "Popen", name, self._collecting) for name in ("poll", "wait")),
                *(Place("subprocess", "Popen", name, self._sending) for name in ("send_signal", "terminate", "kill")),
                Place("subprocess", "", "run", self._running),
                *(Place("os", "", name, self._reaping) for name in ("wait", "waitpid", "wait3", "wait4")),
                *(Place("os", "", name, self._killing) for name in ("kill", "killpg")),
            ]
        )

    def open(self) -> None:
        """Begin."""
        self._replacements.open()

    def close(self) -> None:
        """End."""
        self._replacements.close()

    def code(self, pid: int) -> int | None:
        """Return the exit code of a child, negative for a signal; ``None`` while it runs, or where nobody knows."""
        code = self.codes.get(pid)
        return _platforms.uncollected(pid) if code is None else code

    def forget(self, pid: int) -> None:
        """Forget a process: another one may get its pid."""
        self.codes.pop(pid, None)
        self.seen.discard(pid)
        self.signalled.discard(pid)

    def _property(self, original: property) -> property:
        assert original.fget is not None
        read: Callable[[Any], int | None] = original.fget

        def exitcode(process: Any) -> int | None:
            code = read(process)
            if code is not None and not _is_in(sys._getframe(1), *COPIES):
                self.seen.add(process.pid)
            return code

        return property(functools.wraps(read)(exitcode), original.fset, original.fdel, original.__doc__)

    def _polling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def polling(popen: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(popen, *args, **kwargs)
            if popen.returncode is not None:
                self.codes[popen.pid] = popen.returncode
            return result

        return polling

    def _returncode(self, _: None) -> property:
        """Make an attribute that is one of the object's own, as ever, but tells when it is read and set."""

        def get(popen: Any) -> int | None:
            try:
                code: int | None = vars(popen)["returncode"]
            except KeyError:
                raise AttributeError(
                    f"{type(popen).__name__!r} object has no attribute 'returncode'", name="returncode", obj=popen
                ) from None
            if code is not None and not _is_in(sys._getframe(1), "subprocess", "asyncio"):
                self.seen.add(popen.pid)
            return code

        def put(popen: Any, code: int | None) -> None:
            vars(popen)["returncode"] = code
            if code is not None:
                self.codes[popen.pid] = code

        def remove(popen: Any) -> None:
            del vars(popen)["returncode"]

        return property(get, put, remove)

    def _collecting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def collecting(popen: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            code = original(popen, *args, **kwargs)
            frame: FrameType | None = sys._getframe(1)
            if code is not None:
                while frame is not None and _is_in(frame, "subprocess") and frame.f_code.co_name in _HANDING_ON:
                    frame = frame.f_back
                if frame is not None and not _is_in(frame, "subprocess", "asyncio") and not _drops(frame):
                    self.seen.add(popen.pid)
            return code

        return collecting

    def _running(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Let what `subprocess.run` gives back count as looked at, and an exception too."""

        @functools.wraps(original)
        def run(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            before = set(self.codes)
            is_seen = True
            try:
                result = original(*args, **kwargs)
                is_seen = not _drops(sys._getframe(1))
                return result
            finally:
                if is_seen:
                    self.seen.update(self.codes.keys() - before)

        return run

    def _sending(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def sending(process: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            self.signalled.add(process.pid)
            return original(process, *args, **kwargs)

        return sending

    def _killing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def killing(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            result = original(*args, **kwargs)
            self.signalled.update(args[:1])
            return result

        return killing

    def _reaping(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def reaping(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            result = original(*args, **kwargs)
            pid, status = result[:2]
            if pid:
                with suppress(ValueError):  # it has stopped, or goes on
                    self.codes[pid] = os.waitstatus_to_exitcode(status)
                frame = sys._getframe(1)
                if not _is_in(frame, *COPIES, "subprocess") and not _drops(frame):
                    self.seen.add(pid)
            return result

        return reaping


_HANDING_ON = frozenset(("call", "check_call"))
"""Functions of `subprocess` that return what they have from `Popen.wait`."""


def _is_in(frame: FrameType, *packages: str) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in packages and ".test" not in name


def _drops(frame: FrameType) -> bool:
    """Return whether the caller whose call is under way has no use for what it returns."""
    code = frame.f_code.co_code
    following = frame.f_lasti + 2
    while following < len(code) and opname[code[following]] == "CACHE":
        following += 2
    return following < len(code) and opname[code[following]] == "POP_TOP"
