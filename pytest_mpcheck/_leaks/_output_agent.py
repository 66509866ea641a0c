"""What a child does, that the guard has reached, to leave word of the output that it holds.

`note_output` travels as code in what `multiprocessing` sends to every child that is not forked (see `_reach`); the
module is never loaded there. Guarantees: it needs nothing but what every such child has loaded, never fails, and
changes nothing of what the child prints, nor when. A child that writes nothing to a buffered standard output leaves no
trace.

Word is a file ``output-PID``, mapped into memory, so that whoever kills the child does not kill the word: how many
bytes the child's standard output holds back (7 bytes), whether all of them are told (1), and the first 4,000 of them.
Where several threads print, nothing holds the count together, and it is zero from then on.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["note_output"]


def note_output(folder: str) -> None:  # noqa: PLR0915 (it travels as one function)
    """Begin.

    Args:
        folder: Where to leave word.
    """
    import io
    import os
    import sys
    from _thread import get_ident
    from _weakref import ref
    from contextlib import suppress

    try:
        stream: Any = sys.stdout
        raw: Any = stream.buffer.raw
        sorts = type(stream), type(stream.buffer), type(raw)
        is_device = os.fstat(raw.fileno()).st_mode & 0o170000 == 0o020000 and not raw.isatty()  # nobody reads it
        is_known = "write" in vars(stream)
        if sorts != (io.TextIOWrapper, io.BufferedWriter, io.FileIO) or stream.write_through or is_device or is_known:
            return
    except (AttributeError, OSError, TypeError, ValueError):  # it is closed, or of another make
        return
    stream_of: Any = ref(stream)  # whoever drops the stream must find it flushed at once
    raw_of: Any = ref(raw)
    head, room = 8, 4000
    owner, thread, written, gone = 0, 0, 0, 0  # who prints; bytes that went into the stream, and out of it
    is_whole = True
    memory: Any = None

    def begin() -> None:
        nonlocal owner, thread, written, gone, is_whole, memory
        import mmap

        owner, thread, written, gone, is_whole, memory = os.getpid(), get_ident(), 0, 0, True, None
        try:
            file = os.open(f"{folder}/output-{owner}", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(file, bytes(head + room))  # else a full disk would kill us later
                options: Any = {"trackfd": False} if sys.version_info >= (3, 13) else {}
                memory = mmap.mmap(file, head + room, **options)
            finally:
                os.close(file)
        except (OSError, TypeError, ValueError):  # there is no room, or no such folder any more
            pass

    def tell() -> None:
        nonlocal written, gone, is_whole, memory
        if written <= gone:
            written, gone, is_whole = 0, 0, True
        if memory is not None and get_ident() != thread:
            memory[:head] = bytes(head)
            memory = None
        elif memory is not None:
            memory[:head] = (written - gone).to_bytes(head - 1, "little") + bytes((is_whole,))

    def write(text: str, /) -> Any:
        nonlocal written
        this = stream_of()
        if owner != os.getpid():  # the first time, or a copy of who has begun
            begin()
        try:
            data = text.encode(this.encoding, this.errors)
        except (AttributeError, TypeError, UnicodeError):  # it is refused below, as it would be without us
            data = b""
        if os.linesep != "\n":
            data = data.replace(b"\n", os.linesep.encode())
        if memory is not None and not gone and written < room:
            memory[head + written : head + min(written + len(data), room)] = data[: room - written]
        written += len(data)  # before some of it may get out
        try:
            return io.TextIOWrapper.write(this, text)
        except BaseException:
            written = gone  # nobody knows how much of it is held
            raise
        finally:
            tell()

    def write_raw(data: Any, /) -> Any:
        nonlocal gone, is_whole
        count = io.FileIO.write(raw_of(), data)
        if count and owner == os.getpid():
            gone += count
            is_whole = False  # the first of what is told is out
            tell()
        return count

    def flush() -> None:
        nonlocal written, gone
        io.TextIOWrapper.flush(stream_of())
        if owner == os.getpid():
            written = gone = 0
            tell()

    with suppress(AttributeError):  # streams of other interpreters are not to be changed
        raw.write, stream.write, stream.flush = write_raw, write, flush
