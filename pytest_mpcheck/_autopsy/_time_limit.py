"""Being the first to look when pytest-timeout ends a test.

pytest-timeout either sets a handler for SIGALRM, which raises in the test, or starts a `threading.Timer`, whose
function ends the whole process. Both stand in plain sight once it has set them; so we put ourselves in front of what
stands there, and the examination begins at exactly the moment at which the test is out of time. (A timer of our own, a
little earlier, would examine tests that end in time, or be too late.)

Where a proof of a deadlock is asked for, the thread of the test must wait on meanwhile. A handler of a signal
interrupts it; so the handler returns, by which Python goes on to wait, a thread of ours looks, and the signal comes
once more. That costs a moment, and is done only where the test waits for others.

Guarantees: a test that ends in time is not touched, and one that does not is ended as ever, whatever the examination
meets. Where neither is found, because somebody else keeps the time, nothing is done.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._records import Deadlock

__all__ = ["looking_first"]

_PROOF = 1.7
"""After how many seconds the signal comes once more; a proof takes less: the `PATIENCE` of `_last_look`."""


@contextmanager
def looking_first(
    examine: Callable[[Deadlock | None], str], tell: Callable[[str], None], prove: Callable[[], Deadlock | None] | None
) -> Iterator[None]:
    """Put an examination in front of the time limit that is set inside the block.

    Args:
        examine: Examines, given what was proved; returns a text, empty when there is nothing to tell.
        tell: Tells the text when the process is about to end. When the test is to fail the text is a note of the
            exception that it fails with.
        prove: Proves a deadlock, in another thread than the test's; ``None`` where nobody wants a proof.
    """
    threads, handler = threading.enumerate(), _handler()
    yield
    set_now: Any = _handler()
    if set_now is not handler and callable(set_now):
        signal.signal(vars(signal)["SIGALRM"], _noting(set_now, examine, prove))
        if prove is not None:
            _forget_in_forks()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and thread not in threads:
            thread.function = _telling(thread.function, lambda: examine(prove() if prove else None), tell)


def _handler() -> object:
    number = getattr(signal, "SIGALRM", None)
    return None if number is None else signal.getsignal(number)


_forks_forget = False


def _forget_in_forks() -> None:
    """Let forked children drop the handler, of which nothing could be proved: they have no timer for it anyway."""
    global _forks_forget  # noqa: PLW0603 (it cannot be taken back, so it is done once)
    if not _forks_forget and hasattr(os, "register_at_fork"):
        _forks_forget = True
        os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    if getattr(_handler(), "__module__", None) == __name__:
        with contextlib.suppress(ValueError):  # not in the thread that may
            signal.signal(vars(signal)["SIGALRM"], signal.SIG_DFL)


def _noting(
    handler: Callable[[int, Any], object],
    examine: Callable[[Deadlock | None], str],
    prove: Callable[[], Deadlock | None] | None,
) -> Callable[[int, Any], None]:
    proofs: list[Deadlock | None] = []
    attempts: list[threading.Thread] = []

    def look_and_go_on(number: int, frame: Any) -> None:
        __tracebackhide__ = True
        text = ""
        with contextlib.suppress(Exception):  # whatever it is, the time is up
            if prove and not attempts and _may_be_deadlocked(frame):
                attempts.append(threading.Thread(target=_keep, args=(prove, proofs), name="mpcheck-proof", daemon=True))
                attempts[0].start()
                vars(signal)["setitimer"](vars(signal)["ITIMER_REAL"], _PROOF)
                return
        with contextlib.suppress(Exception):
            text = examine(proofs[0] if proofs else None)
        try:
            handler(number, frame)
        except BaseException as error:
            if text:
                error.add_note(text)
            raise

    return look_and_go_on


def _may_be_deadlocked(frame: Any) -> bool:
    from .._deadlocks._last_look import may_be_deadlocked

    return may_be_deadlocked(frame)


def _keep(prove: Callable[[], Deadlock | None], proofs: list[Deadlock | None]) -> None:
    with contextlib.suppress(Exception):
        proofs.append(prove())


def _telling(
    function: Callable[..., object], examine: Callable[[], str], tell: Callable[[str], None]
) -> Callable[..., None]:
    def look_and_go_on(*args: Any, **kwargs: Any) -> None:
        with contextlib.suppress(Exception):  # whatever it is, the time is up
            if text := examine():
                tell(text)
        function(*args, **kwargs)

    return look_and_go_on
