"""Who descends from whom, and who could give what another process waits for, from Linux's `/proc`.

A pipe is given to by those who hold its other end, memory that is shared by those who have mapped it, a socket by those
who hold its one peer (`sock_diag(7)` tells it). Processes of other users cannot be looked at; they do not count.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import stat
import struct
from collections.abc import Set
from typing import Any

from .._process_facts import Awaited
from ._proc import read_text

__all__ = ["KinOfProc"]

_HARMLESS_NAMES = (
    *("SIGINT", "SIGTERM"),  # they come from who wants the process to end
    *("SIGILL", "SIGABRT", "SIGBUS", "SIGFPE", "SIGSEGV"),  # `faulthandler` takes them
    "SIGCHLD",  # comes from a child, and those are looked at as well
    "SIGWINCH",  # readline takes it
)

_OF_THE_C_LIBRARY = 32, 33

_PATIENCE = 1.0
"""How long the kernel has to answer, in seconds; a sandbox in its place may never do so."""

_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_AND_DUMP = 0x301
_SHOW_PEER = 4
_PEER = 2
_ONE_PEER = 1, 5
"""SOCK_STREAM and SOCK_SEQPACKET: who sends to such a socket is connected to it, and nobody else can."""


class KinOfProc:
    """Tells kinship from `/proc`."""

    def descendants(self, pid: int) -> tuple[int, ...]:
        """Return the processes that descend from one, zombies too."""
        found: list[int] = []
        todo = [pid]
        while todo:
            parent = todo.pop()
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                for thread in os.listdir(f"/proc/{parent}/task"):
                    todo += map(int, read_text(f"/proc/{parent}/task/{thread}/children").split())
            found.append(parent)
        return tuple(found[1:])

    def obstacle(self, pid: int) -> str:
        """Return what could wake a process beside what its threads wait for; empty for nothing."""
        status = read_text(f"/proc/{pid}/status")
        if "TracerPid:\t0\n" not in status:
            return "it is traced"
        if _signals(status, "SigCgt") - _harmless():
            return "it has a handler for a signal"
        with contextlib.suppress(FileNotFoundError):  # a kernel that does not tell them
            if read_text(f"/proc/{pid}/timers"):
                return "it has a timer"
        return ""

    def caught(self, pid: int) -> frozenset[int]:
        """Return the signals that a process has handlers for, but for those that wake nobody."""
        return _signals(read_text(f"/proc/{pid}/status"), "SigCgt") - _harmless()

    def is_zombie(self, pid: int) -> bool:
        """Return whether a process has ended, with all its threads, and nobody has collected it."""
        state = read_text(f"/proc/{pid}/status").partition("\nState:\t")[2][:1]
        return state == "Z" and not os.listdir(f"/proc/{pid}/fd")

    def is_helper(self, pid: int) -> bool:
        """Return whether a process is a fork server or a resource tracker.

        A fork server's children have its command line, but not that of a parent of their own.
        """
        command = read_text(f"/proc/{pid}/cmdline")
        started_by = "from multiprocessing.forkserver import main", "from multiprocessing.resource_tracker import main"
        return any(words in command for words in started_by) and command != read_text(f"/proc/{_parent(pid)}/cmdline")

    def is_watchdog(self, thread: int) -> bool:
        """Return whether a thread of this process takes no signal at all."""
        blocked = _signals(read_text(f"/proc/self/task/{thread}/status"), "SigBlk")
        return blocked >= {int(signal.SIGINT), int(signal.SIGTERM), int(signal.SIGSEGV), int(signal.SIGABRT)}

    def outsiders(self, members: Set[int]) -> tuple[int, ...]:
        """Return all other processes."""
        return tuple(pid for name in os.listdir("/proc") if name.isdecimal() and (pid := int(name)) not in members)

    def gives(self, pid: int, awaited: Set[Awaited]) -> frozenset[Awaited]:
        """Return what of the awaited a process could give."""
        found = {one for one in awaited if one.kind == "process" and one.key == str(pid)}
        ends = {f"pipe:[{one.key}]": one for one in awaited if one.kind == "pipe"}
        ends |= {f"socket:[{one.key}]": one for one in awaited if one.kind == "socket"}
        for descriptor in os.listdir(f"/proc/{pid}/fd") if ends else ():
            path = f"/proc/{pid}/fd/{descriptor}"
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                one = ends.get(os.readlink(path))
                needed = stat.S_IWUSR if one is not None and one.verb == "read" else stat.S_IRUSR
                if one is not None and os.lstat(path).st_mode & needed:
                    found.add(one)
        shared = {one.key: one for one in awaited if one.kind == "shared lock"}
        maps = read_text(f"/proc/{pid}/maps") if shared else ""
        return frozenset(found | {one for key, one in shared.items() if f" {key} " in maps})

    def peers(self, sockets: Set[str]) -> dict[str, str]:
        """Return the one other end of each of some sockets, as far as they have a single one."""
        this: Any = socket
        found: dict[str, str] = {}
        with socket.socket(this.AF_NETLINK, socket.SOCK_DGRAM, 4) as link:
            link.settimeout(_PATIENCE)
            asked = struct.pack("=BBHIIIII", this.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _SHOW_PEER, 0xFFFFFFFF, 0xFFFFFFFF)
            link.send(struct.pack("=IHHII", 16 + len(asked), _SOCK_DIAG_BY_FAMILY, _REQUEST_AND_DUMP, 1, 0) + asked)
            while True:
                answer = link.recv(1 << 18)
                while answer:
                    length, kind = struct.unpack_from("=IH", answer)
                    if kind != _SOCK_DIAG_BY_FAMILY:  # the end, or an error
                        return found
                    kind, inode, peer = _peer_of(answer[16:length])
                    if kind in _ONE_PEER and inode in sockets and peer:
                        found[inode] = peer
                    answer = answer[-(-length // 4) * 4 :]


def _peer_of(entry: bytes) -> tuple[int, str, str]:
    """Return the type of a socket, its inode and that of its peer, from one entry of the kernel's answer."""
    kind, inode = struct.unpack_from("=xBxxI", entry)
    at = 16
    while at < len(entry):
        length, attribute = struct.unpack_from("=HH", entry, at)
        if attribute == _PEER:
            return kind, str(inode), str(struct.unpack_from("=I", entry, at + 4)[0])
        at += -(-length // 4) * 4
    return kind, str(inode), ""


def _harmless() -> frozenset[int]:
    from . import STACK_SIGNAL

    named = [int(getattr(signal, name)) for name in _HARMLESS_NAMES if hasattr(signal, name)]
    return frozenset((*named, *_OF_THE_C_LIBRARY, STACK_SIGNAL or 0))


def _signals(status: str, name: str) -> frozenset[int]:
    found = re.search(rf"^{name}:\t([0-9a-f]+)", status, re.MULTILINE)
    mask = int(found[1], 16) if found else 0
    return frozenset(number for number in range(1, 65) if mask >> (number - 1) & 1)


def _parent(pid: int) -> int:
    return int(read_text(f"/proc/{pid}/status").partition("\nPPid:\t")[2].split()[0])
