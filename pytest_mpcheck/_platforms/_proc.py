"""What each thread of a process waits for, from Linux's `/proc` alone.

Guarantees: what is not known for sure is not told: `ThreadWait.awaited` is empty unless *all* that could wake the
thread is named in it (signals apart). Nothing is done to the process, it is only looked at. Needs the right to trace it
(`ptrace(2)`), which a process has over its own descendants; without it, and on a machine whose system calls are not
listed here, nothing is known.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Callable, Iterable

from .._process_facts import Awaited, ThreadWait

__all__ = ["read_text", "waits_of"]

_NUMBERS = {
    62: {  # x86_64, by its number in the head of an ELF file
        0: "read", 1: "write", 7: "poll", 19: "read", 20: "write", 23: "select", 34: "pause", 35: "sleep",
        42: "connect", 43: "accept", 44: "write", 45: "read", 46: "write", 47: "read", 61: "wait4", 72: "file lock",
        73: "file lock", 128: "sigwait", 130: "pause", 202: "futex", 219: "restart", 230: "sleep", 232: "epoll_wait",
        247: "waitid", 270: "pselect", 271: "ppoll", 281: "epoll_wait", 288: "accept", 441: "epoll_pwait2",
    },
    183: {  # aarch64
        22: "epoll_wait", 25: "file lock", 32: "file lock", 63: "read", 64: "write", 65: "read", 66: "write",
        72: "pselect", 73: "ppoll", 95: "waitid", 98: "futex", 101: "sleep", 115: "sleep", 128: "restart",
        133: "pause", 137: "sigwait", 202: "accept", 203: "connect", 206: "write", 207: "read", 211: "write",
        212: "read", 242: "accept", 260: "wait4", 441: "epoll_pwait2",
    },
}  # fmt: skip
"""The system calls in which threads wait."""

_FUTEX_WAITS = 0, 6, 9, 11, 13
_FUTEX_PRIVATE = 128
_FUTEX_COMMAND = 127

_P_ALL, _P_PID, _P_PIDFD = 0, 1, 3

_Found = tuple[str, bool, tuple[Awaited, ...]]


def waits_of(pid: int) -> tuple[ThreadWait, ...]:
    """Return what each living thread of a process waits for; nothing for a process that may not be looked at."""
    try:
        calls = _NUMBERS.get(_machine(pid), {})
        threads = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
        found = [_wait_of(pid, thread, calls) for thread in threads]
    except (OSError, ValueError, struct.error):  # it has ended meanwhile, or is not ours to look at
        return ()
    return tuple(wait for wait in found if wait is not None)


def _machine(pid: int) -> int:
    with open(f"/proc/{pid}/exe", "rb") as file:
        head = file.read(20)
    return int.from_bytes(head[18:20], "little") if head[4:6] == b"\x02\x01" else 0


def _wait_of(pid: int, thread: int, calls: dict[int, str]) -> ThreadWait | None:
    folder = f"/proc/{pid}/task/{thread}"
    try:
        status = read_text(f"{folder}/status")
        words = read_text(f"{folder}/syscall").split()
    except (FileNotFoundError, ProcessLookupError):  # this thread has ended
        return None
    state = status.partition("\nState:\t")[2][:1]
    if state in "ZX":
        return None
    switches = sum(int(number) for number in re.findall(r"ctxt_switches:\t(\d+)", status))
    what, timed, awaited = _tell(pid, state, words, calls)
    return ThreadWait(thread, what, timed, awaited, switches)


def _tell(pid: int, state: str, words: list[str], calls: dict[int, str]) -> _Found:
    if state in "Tt":
        return ("is stopped" if state == "T" else "is stopped by a debugger"), False, ()
    if words[0] == "running":
        return "runs", False, ()
    call = calls.get(int(words[0]), "")
    try:
        return _TELLERS.get(call, _tell_other)(pid, call, [int(word, 16) for word in words[1:7]])
    except OSError:  # a descriptor was closed meanwhile
        return _tell_other(pid, call, [])


def _tell_other(pid: int, call: str, args: list[int]) -> _Found:
    if call == "sleep":
        return "sleeps for a time", True, ()
    if call in ("pause", "sigwait"):
        return "waits for a signal", call == "sigwait" and args[2] != 0, ()
    if call == "file lock":
        return "waits for the lock of a file", False, ()
    if call in ("accept", "connect"):
        return "waits for a connection", False, ()
    return "waits in the kernel", False, ()


def _tell_futex(pid: int, call: str, args: list[int]) -> _Found:
    if args[1] & _FUTEX_COMMAND not in _FUTEX_WAITS:
        return _tell_other(pid, call, args)
    timed = args[3] != 0
    for_a_time = ", for a time" if timed else ""
    memory = "" if args[1] & _FUTEX_PRIVATE else _shared_memory(pid, args[0])
    if memory:
        return f"waits for a lock of several processes{for_a_time}", timed, (Awaited("shared lock", memory),)
    return f"waits for a lock{for_a_time}", timed, (Awaited("lock", f"{pid}:{args[0]:x}"),)


def _shared_memory(pid: int, address: int) -> str:
    """Return the device and inode of the memory at an address, empty when no other process can have it."""
    for line in read_text(f"/proc/{pid}/maps").splitlines():
        start, _, end = line.split(" ", 1)[0].partition("-")
        if int(start, 16) <= address < int(end, 16):
            _, permissions, _, device, inode, *_ = line.split()
            return f"{device} {inode}" if permissions[3] == "s" else ""
    raise ValueError(f"no memory at {address:x} in process {pid}")


def _tell_transfer(pid: int, call: str, args: list[int]) -> _Found:
    awaited, name = _awaited(pid, args[0])
    return f"waits to {call} {'from' if call == 'read' else 'to'} {name}", False, awaited


def _tell_descriptors(pid: int, descriptors: Iterable[int], timed: bool) -> _Found:
    for_a_time = ", for a time" if timed else ""
    found = [_awaited(pid, descriptor) for descriptor in descriptors]
    if not found:
        return ("sleeps for a time" if timed else "waits for a signal"), timed, ()
    known = all(awaited for awaited, _ in found)
    objects = tuple(dict.fromkeys(one for awaited, _ in found for one in awaited)) if known else ()
    return f"waits for {' or '.join(dict.fromkeys(name for _, name in found))}{for_a_time}", timed, objects


def _tell_poll(pid: int, call: str, args: list[int]) -> _Found:
    timed = args[2] != 0 if call == "ppoll" else _signed(args[2]) >= 0
    entries = struct.iter_unpack("=ihh", _memory(pid, args[0], 8 * (args[1] & 0xFFFF)))
    return _tell_descriptors(pid, [descriptor for descriptor, _, _ in entries if descriptor >= 0], timed)


def _tell_select(pid: int, call: str, args: list[int]) -> _Found:
    count = _signed(args[0])
    bits = 0
    for address in args[1:4]:
        if address:
            bits |= int.from_bytes(_memory(pid, address, -(-count // 64) * 8), "little")
    return _tell_descriptors(pid, [number for number in range(count) if bits >> number & 1], args[4] != 0)


def _tell_epoll(pid: int, call: str, args: list[int]) -> _Found:
    timed = args[3] != 0 if call == "epoll_pwait2" else _signed(args[3]) >= 0
    targets = re.findall(r"^tfd:\s*(\d+)", read_text(f"/proc/{pid}/fdinfo/{_signed(args[0])}"), re.MULTILINE)
    return _tell_descriptors(pid, map(int, targets), timed)


def _tell_wait4(pid: int, call: str, args: list[int]) -> _Found:
    return _tell_process(pid, _signed(args[0]))


def _tell_waitid(pid: int, call: str, args: list[int]) -> _Found:
    kind, which = _signed(args[0]), _signed(args[1])
    if kind == _P_PIDFD:
        awaited, name = _awaited(pid, which)
        return f"waits for {name}", False, awaited
    return _tell_process(pid, {_P_ALL: -1, _P_PID: which}.get(kind, 0))


def _tell_process(pid: int, which: int) -> _Found:
    if which == -1:
        return "waits for the end of any of its children", False, (Awaited("children", str(pid)),)
    if which <= 0:
        return "waits for the end of a process of a group", False, ()
    return f"waits for process {which} to end", False, (Awaited("process", str(which)),)


_TELLERS: dict[str, Callable[[int, str, list[int]], _Found]] = {
    "futex": _tell_futex,
    "read": _tell_transfer,
    "write": _tell_transfer,
    "poll": _tell_poll,
    "ppoll": _tell_poll,
    "select": _tell_select,
    "pselect": _tell_select,
    "epoll_wait": _tell_epoll,
    "epoll_pwait2": _tell_epoll,
    "wait4": _tell_wait4,
    "waitid": _tell_waitid,
}


def _awaited(pid: int, descriptor: int) -> tuple[tuple[Awaited, ...], str]:
    """Return what a descriptor stands for, and its name; nothing for what anybody might give at any time."""
    path = f"/proc/{pid}/fd/{descriptor}"
    name = os.readlink(path)
    if found := re.fullmatch(r"pipe:\[(\d+)\]", name):
        mode = os.lstat(path).st_mode
        verb = "read" if mode & stat.S_IRUSR else "write"
        if mode & stat.S_IRUSR and mode & stat.S_IWUSR:  # one that was opened once more by its path
            return (), f"pipe {found[1]}"
        return (Awaited("pipe", found[1], verb),), f"pipe {found[1]}"
    if found := re.fullmatch(r"socket:\[(\d+)\]", name):
        return (Awaited("socket", found[1]),), f"socket {found[1]}"
    if "pidfd" in name and (whose := re.search(r"^Pid:\t(\d+)", _fdinfo(pid, descriptor), re.MULTILINE)):
        return (Awaited("process", whose[1]),), f"process {whose[1]} to end"
    return (), name


def _fdinfo(pid: int, descriptor: int) -> str:
    return read_text(f"/proc/{pid}/fdinfo/{descriptor}")


def _memory(pid: int, address: int, size: int) -> bytes:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        file.seek(address)
        return file.read(size)


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def read_text(path: str) -> str:
    """Return what a file of `/proc` says."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
