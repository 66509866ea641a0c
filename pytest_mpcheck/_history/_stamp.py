"""The place of the sender, sent along with a message, so that who receives it records what it follows.

Guarantees: nobody sees a stamp. What is pickled turns into the item itself when it is unpickled, by whomever; so it
makes no difference whether the receiver is recorded too. It needs a receiver that can import this module.
"""

from __future__ import annotations

from ._log import follow, is_own

__all__ = ["Stamped", "receive"]


class Stamped:
    """An item on its way, for what pickles it and does nothing else with it.

    Args:
        item: The item.
        place: Where its sender stands, as of `here`.
    """

    __slots__ = ("_item", "_place")

    def __init__(self, item: object, place: tuple[str, int]) -> None:
        self._item = item
        self._place = place

    def __repr__(self) -> str:
        return repr(self._item)

    def __reduce__(self) -> tuple[object, ...]:
        return receive, (self._item, *self._place)


def receive(item: object, key: str, sequence: int) -> object:
    """Record what a message follows, unless this process has sent it itself.

    Args:
        item: What was sent.
        key: Who has sent it.
        sequence: Up to where it had recorded by then.

    Returns:
        What was sent.
    """
    if not is_own(key):
        follow("message", key, sequence)
    return item
