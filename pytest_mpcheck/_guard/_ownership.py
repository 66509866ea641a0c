"""Who owns what was made, while the lives of tests and of fixtures of wider scope overlap.

Guarantees: what is made during the setup or the teardown of a fixture of wider scope is the fixture's; what is made
meanwhile by a thread of the fixture, or by a pool or executor of its own, too. All else is the test's. Nothing is
looked at before a span's first door.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Collection, Hashable, Iterable

from ._watcher import Made, Span

__all__ = ["Ownership", "Tenure"]

Look = tuple[frozenset[Hashable], ...]
"""What each watcher saw: its keys."""


class Tenure:
    """A span, and what is known of what it owns.

    Attributes:
        span: The span.
        has_begun: Whether a door was passed in it.
        before: For each watcher, the keys of what does not belong to it.
        gain: For each watcher, the keys of what came during the setup of a fixture; empty when nothing was made in it.
        threads: Those that the setup of a fixture has started.
    """

    def __init__(self, span: Span) -> None:
        self.span = span
        self.has_begun = False
        self.before: Look = ()
        self.gain: Look = ()
        self.threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

    def made_by(self, makers: Collection[int]) -> bool:
        """Return whether one of some objects, given by their identities, belongs to the span."""
        objects = (made.object() for made in self.span.made if made.object is not None)
        return any(id(one) in makers for one in objects if one is not None)

    def note_threads(self, before: Collection[threading.Thread]) -> None:
        """Note the threads that a fixture of wider scope has started."""
        self.threads.update(thread for thread in threading.enumerate() if thread not in before)


class Ownership:
    """All tenures of a run that have not ended.

    Args:
        look: Lets each watcher look.

    Attributes:
        test: That of the test that runs, if it has one yet.
    """

    def __init__(self, look: Callable[[], Look]) -> None:
        self.test: Tenure | None = None
        self._look = look
        self._at_work: list[Tenure] = []
        self._lasting: list[Tenure] = []
        self._apart: dict[int, tuple[Tenure, Look]] = {}

    def enter(self, tenure: Tenure) -> None:
        """Let the setup of a fixture of wider scope begin."""
        self._at_work.append(tenure)

    def settle(self, tenure: Tenure) -> None:
        """Let the setup of a fixture of wider scope be over: what came during it is its own."""
        self._at_work.remove(tenure)
        self._lasting.append(tenure)
        if tenure.has_begun:
            tenure.gain = _without(self._look(), tenure.before)
            self._give_to_others(tenure, tenure.gain)

    def enter_again(self, tenure: Tenure) -> None:
        """Let the teardown of a fixture of wider scope begin."""
        self._at_work.append(tenure)
        if tenure.has_begun:
            now = self._look()
            gain = tenure.gain or tuple(frozenset[Hashable]() for _ in now)  # begun by one of its threads
            tenure.before = _without(now, gain)

    def leave(self, tenure: Tenure) -> None:
        """Let a test, or the teardown of a fixture of wider scope, be over."""
        if tenure is self.test:
            self.test = None
        else:
            self._at_work.remove(tenure)
            self._lasting.remove(tenure)
            if tenure.has_begun:
                self._give_to_others(tenure, _without(self._look(), tenure.before))
        tenure.span.wider = tuple(other.span for other in (*self._lasting, *self._at_work) if other.has_begun)

    def owner(self, made: Made) -> Tenure | None:
        """Return whose something is that is about to be made by this thread; ``None`` for nobody's."""
        if self._lasting:
            thread = threading.current_thread()
            for tenure in reversed(self._lasting):
                if thread in tenure.threads or tenure.made_by(made.makers):
                    return tenure
        return self._at_work[-1] if self._at_work else self.test

    def begin_apart(self, made: Made, tenure: Tenure) -> None:
        """Let a fixture of wider scope make something while somebody else is at work: that one has no part in it."""
        if tenure in self._lasting and any(other.has_begun for other in self._others(tenure)):
            self._apart[id(made)] = tenure, self._look()

    def end_apart(self, made: Made) -> None:
        """Let that be made."""
        if id(made) in self._apart:
            tenure, before = self._apart.pop(id(made))
            self._give_to_others(tenure, _without(self._look(), before))

    def begin(self, tenure: Tenure) -> None:
        """Look what is there before something is made for the first time in a span."""
        tenure.before = self._look()
        tenure.has_begun = True

    def spans(self) -> list[Span]:
        """Return the spans that have not ended."""
        return [tenure.span for tenure in self._everybody()]

    def _give_to_others(self, tenure: Tenure, keys: Look) -> None:
        for other in self._others(tenure):
            if other.has_begun:
                other.before = tuple(old | new for old, new in zip(other.before, keys, strict=True))

    def _others(self, tenure: Tenure) -> list[Tenure]:
        return [other for other in self._everybody() if other is not tenure]

    def _everybody(self) -> Iterable[Tenure]:
        """Return each once: a fixture that is torn down is at work, and lasts until that is over."""
        return dict.fromkeys((*self._at_work, *self._lasting, *((self.test,) if self.test else ())))


def _without(look: Look, earlier: Look) -> Look:
    """Return what was seen and is not in another look."""
    return tuple(keys - old for keys, old in zip(look, earlier, strict=True))
