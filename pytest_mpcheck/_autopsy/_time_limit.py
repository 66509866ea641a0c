"""Being the first to look when pytest-timeout ends a test.

pytest-timeout either sets a handler for SIGALRM, which raises in the test, or starts a `threading.Timer`, whose
function ends the whole process. Both stand in plain sight once it has set them; so we put ourselves in front of what
stands there, and the examination begins at exactly the moment at which the test is out of time. (A timer of our own, a
little earlier, would examine tests that end in time, or be too late.)

Guarantees: a test that ends in time is not touched, and one that does not is ended as ever, whatever the examination
meets. Where neither is found, because somebody else keeps the time, nothing is done.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["looking_first"]


@contextmanager
def looking_first(examine: Callable[[], str], tell: Callable[[str], None]) -> Iterator[None]:
    """Put an examination in front of the time limit that is set inside the block.

    Args:
        examine: Examines; returns a text, empty when there is nothing to tell.
        tell: Tells the text when the process is about to end. When the test is to fail the text is a note of the
            exception that it fails with.
    """
    threads, handler = threading.enumerate(), _handler()
    yield
    set_now: Any = _handler()
    if set_now is not handler and callable(set_now):
        signal.signal(vars(signal)["SIGALRM"], _noting(set_now, examine))
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and thread not in threads:
            thread.function = _telling(thread.function, examine, tell)


def _handler() -> object:
    number = getattr(signal, "SIGALRM", None)
    return None if number is None else signal.getsignal(number)


def _noting(handler: Callable[[int, Any], object], examine: Callable[[], str]) -> Callable[[int, Any], None]:
    def look_and_go_on(number: int, frame: Any) -> None:
        __tracebackhide__ = True
        text = ""
        with contextlib.suppress(Exception):  # whatever it is, the time is up
            text = examine()
        try:
            handler(number, frame)
        except BaseException as error:
            if text:
                error.add_note(text)
            raise

    return look_and_go_on


def _telling(
    function: Callable[..., object], examine: Callable[[], str], tell: Callable[[str], None]
) -> Callable[..., None]:
    def look_and_go_on(*args: Any, **kwargs: Any) -> None:
        with contextlib.suppress(Exception):  # whatever it is, the time is up
            if text := examine():
                tell(text)
        function(*args, **kwargs)

    return look_and_go_on
