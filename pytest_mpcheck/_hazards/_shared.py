"""What came through a fork and was used on both sides.

Guarantees: told is use that was seen. For a connection to a database the child's is enough: what it leads to is in the
midst of talking to another process. A file, a socket or an event loop has to be used by two children, or by a child and
its parent: files and sockets while the child lived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .._finding import Finding
from ._fork import Fork
from ._sorts import Sort

__all__ = ["findings"]


class _Use(NamedTuple):
    where: str
    method: str
    is_both: bool


def findings(told: Iterable[tuple[Fork, list[list[str]]]], where: Callable[[Fork], str]) -> Iterator[Finding]:
    """Yield what was used on both sides.

    Args:
        told: Forks, and what their children have told.
        where: Names the child of a fork.
    """
    uses: dict[str, list[_Use]] = {}
    things: dict[str, tuple[Sort, str, str]] = {}
    for fork, notes in told:
        for word, *rest in notes:
            token, method = (*rest, "", "")[:2]
            if word == "used" and token in fork.belongings:
                things[token] = fork.belongings[token]
                here = fork.used_here.get(token)
                who = f"{where(fork)}: {method}()" + (f", and {here}() in the process of the test" if here else "")
                uses.setdefault(token, []).append(_Use(where(fork), who, here is not None))
    for token, users in uses.items():
        sort, path, cls = things[token]
        if sort == "database" or len(users) > 1 or users[0].is_both:
            kind, what, remedy = _WORDS[sort]
            yield Finding(
                kind=kind,
                what=f"{what}: {path} ({cls})",
                where="; ".join(use.where for use in users),
                evidence="\n".join(use.method for use in users),
                remedy=remedy,
            )


_CONNECT = (
    "connect in the child (a pool's: in the initializer); two processes with one connection get each other's answers, "
    "or damage the file"
)

_WORDS: dict[Sort, tuple[str, str, str]] = {
    "database": (
        "shared-connection",
        "a connection to a database was made before a fork and used in the child",
        _CONNECT,
    ),
    "file": (
        "shared-descriptor",
        "an open file came through a fork unasked and was used on both sides, which have one position in common",
        "hand over the path and open the file in the child; os.pread and os.pwrite need no position",
    ),
    "socket": (
        "shared-descriptor",
        "a socket came through a fork unasked and was used on both sides, which take each other's data",
        "connect in the child; or hand the socket over as an argument, and close it in the parent",
    ),
    "loop": (
        "shared-event-loop",
        "an event loop of asyncio came through a fork and was used on both sides, which have one selector in common",
        "make a loop in the child (asyncio.run does), or start the process by spawn or forkserver",
    ),
}
