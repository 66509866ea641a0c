"""Where a child leaves what it has to tell: one set of files for each, in the folder of its test.

Guarantees: whatever a child did to its files, reading them neither blocks, nor raises, nor takes more memory than its
limit (an outcome: twice its size). A file that is gone reads as empty. An outcome is sealed with a checksum: what is
damaged is told as such, and nothing that stands in it is run.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import stat
from binascii import crc32
from typing import IO, Any

from .. import _records
from .._record import record
from .._records import Exited, Outcome, Raised, Returned
from .._regular_file import open_regular_file

__all__ = ["EVIDENCE_LIMIT", "TEXT_LIMIT", "Station"]

TEXT_LIMIT = 16 * 1024 * 1024
"""How much of a child's output is given as text to whoever asks for it, in bytes: the last of it."""

EVIDENCE_LIMIT = 1024 * 1024
"""How much of it a report keeps, which an error may carry about for long."""

_BLOCK = 1024 * 1024

_SEAL = 4
"""Length of the checksum at the end of an outcome, in bytes."""


@record(frozen=True, slots=True)
class Station:
    """The files of one child; both ends know it.

    Attributes:
        folder: The folder of the test.
        number: Which child of the test this is.
    """

    folder: str
    number: int

    def path(self, what: str) -> str:
        """Return the path of one of the files: ``stdout``, ``stderr``, ``told``, ``stacks`` ..."""
        return os.path.join(self.folder, f"{self.number}.{what}")

    def read(self, what: str, limit: int = TEXT_LIMIT) -> str:
        """Return the text that a file has by now; beyond the limit, a line that says so and the end of it.

        Args:
            what: Which file.
            limit: The most that is read of it, in bytes.
        """
        size = self.size(what)
        if not size:
            return ""
        before = max(0, size - limit)
        text = self.read_bytes(what, before, limit).decode("utf-8", errors="replace")
        note = f"[pytest-mpcheck: {before:,} bytes before this line are left out]\n" if before else ""
        return note + text.replace("\r\n", "\n")  # as Windows writes it

    def size(self, what: str) -> int:
        """Return how much a file has by now, in bytes; 0 when there is no such file."""
        try:
            status = os.stat(self.path(what))
        except OSError:
            return 0
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    def read_bytes(self, what: str, position: int = 0, limit: int = TEXT_LIMIT) -> bytes:
        """Return what a file has by now from a position on, up to a limit; nothing when there is no such file."""
        with contextlib.suppress(OSError), open_regular_file(self.path(what)) as file:
            file.seek(position)
            return file.read(limit)
        return b""

    def write_outcome(self, outcome: Outcome) -> None:
        """Leave the outcome so that it is either there as a whole or not at all.

        Raises:
            OSError: The files of this process are at a limit, or somebody has deleted the folder.
            MemoryError: There is none left.
        """
        partial = self.path("partial")
        try:
            with open(partial, "wb") as file:
                seal = _Seal(file)
                pickle.dump(outcome, seal, pickle.HIGHEST_PROTOCOL)
                file.write(seal.checksum.to_bytes(_SEAL, "big"))
            os.chmod(partial, 0o600)  # whatever umask the target has left
            os.replace(partial, self.path("outcome"))
        except BaseException:
            with contextlib.suppress(OSError):  # it may be what fills the disk
                os.unlink(partial)
            raise

    def read_outcome(self, code: int) -> Outcome:
        """Return the outcome that a child left which has ended by itself.

        Args:
            code: Its exit code.

        Returns:
            The outcome; an `Exited` when it left none, with the obstacle when there is one that cannot be read.
        """
        try:
            with open_regular_file(self.path("outcome")) as file:
                return _unseal(file)
        except FileNotFoundError:
            gone = not os.path.isdir(self.folder)
            return Exited(code, f"its folder {self.folder} was deleted before the end of the test" if gone else "")
        except Exception as error:  # unpickling what is no pickle may raise anything
            reason = f"{type(error).__name__}: {error}"
            return Exited(code, f"the file that it left for its outcome cannot be read ({reason})")


class _Seal:
    """Writes to a file, and sums up what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.checksum = 0
        self._file = file

    def write(self, data: Any) -> int:
        self.checksum = crc32(data, self.checksum)
        return self._file.write(data)


class _OutcomeReader(pickle.Unpickler):
    """Makes records alone; the value or the exception in them is bytes still."""

    def find_class(self, module: str, name: str) -> Any:
        if module == _records.__name__ and name in _records.__all__:
            return getattr(_records, name)
        raise pickle.UnpicklingError(f"an outcome has no {module}.{name} in it")


def _unseal(file: IO[bytes]) -> Outcome:
    length = os.fstat(file.fileno()).st_size - _SEAL
    checksum = 0
    for start in range(0, length, _BLOCK):
        checksum = crc32(file.read(min(_BLOCK, length - start)), checksum)
    if file.read(_SEAL) != checksum.to_bytes(_SEAL, "big"):
        raise pickle.UnpicklingError("it is damaged: its checksum is another")
    file.seek(0)
    outcome = _OutcomeReader(file).load()
    if not isinstance(outcome, (Returned, Raised)):
        raise pickle.UnpicklingError(f"it is no outcome but a {type(outcome).__name__}")
    return outcome
