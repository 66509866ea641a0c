"""A family of processes, each of which lives on when pytest has ended; also a program that is one of them.

Guarantees: it needs nothing but the standard library, and of that little. A member writes its pid into the folder of
the family, whole or not at all, once it is what it is to be. By turns members are *stubborn*: they note SIGTERM, and
live on. All ignore SIGINT.

A name tells who is who: ``spawn-plain-daemon.scrubbed`` was started by a daemon that plain `multiprocessing` spawned.

===========  =========================================================================
`born`       forked with `os.fork`
`executed`   started with `subprocess`, with the environment and streams of its parent
`scrubbed`   started with `subprocess`, without any environment, its streams elsewhere
`started`    started with `multiprocessing`, which lets no daemon do so
===========  =========================================================================
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

STUBBORN = ("daemon", "scrubbed", "started")
"""The last words of the names of those that SIGTERM does not end."""

SORTS = ("executed", "scrubbed", *(("born",) if hasattr(os, "fork") else ()))
"""What everybody may start."""


LIFETIME = 6000
"""How often a member looks whether it is released: some minutes. Nobody is to stay where he who looks on was killed."""


def children_of(name: str) -> list[str]:
    """Return the names of those that a child of this name starts."""
    return [f"{name}.{sort}" for sort in (*SORTS, *(() if name.endswith("-daemon") else ("started",)))]


def live(folder: str, name: str, parent: bool = False) -> None:
    """Be a member, after having started one's own children.

    Args:
        folder: Where the family meets.
        name: Who this is.
        parent: Whether it has children of its own. One of a fixture ends when the file ``release`` is there.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    children = [start(folder, child) for child in children_of(name)] if parent else []

    def note(number: int, frame: object) -> None:
        write(folder, f"{name}.terminated", "")

    stubborn = name.replace(".", "-").rpartition("-")[2] in STUBBORN
    signal.signal(signal.SIGTERM, note if stubborn else signal.SIG_DFL)
    write(folder, f"{name}.pid", str(os.getpid()))
    is_released = parent and "-fixture-" in name
    for _ in range(LIFETIME):
        if is_released and os.path.exists(os.path.join(folder, "release")):
            break
        time.sleep(0.05)
    del children
    os._exit(0)  # nobody waits for the grandchildren


def start(folder: str, name: str, new_session: bool = False) -> object:
    """Start a member of the sort that its name tells; return what holds it."""
    sort = name.rpartition(".")[2]
    if sort == "born":
        pid = os.fork()
        if pid == 0:
            live(folder, name)
        return pid
    if sort == "started":
        import multiprocessing

        context: Any = multiprocessing.get_context(name.partition("-")[0])
        process = context.Process(target=live, args=(folder, name))
        process.start()
        return (process,)
    import subprocess

    scrubbed = sort == "scrubbed"
    streams = subprocess.DEVNULL if scrubbed else None
    return subprocess.Popen(
        [sys.executable, "-I", "-S", os.path.abspath(__file__), folder, name],
        env={key: os.environ[key] for key in ("SYSTEMROOT",) if key in os.environ} if scrubbed else None,
        stdin=streams,
        stdout=streams,
        stderr=streams,
        start_new_session=new_session,
    )


def write(folder: str, name: str, text: str) -> None:
    """Write a file of the family, whole or not at all."""
    path = os.path.join(folder, name)
    with open(f"{path}-{os.getpid()}", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)


if __name__ == "__main__":
    live(sys.argv[1], sys.argv[2])
