"""Where a child leaves what it has to tell: one set of files for each, in the folder of its test."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from typing import cast

from .._records import Outcome

__all__ = ["Station"]


@dataclass(frozen=True, slots=True)
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

    def read(self, what: str) -> str:
        """Return the text that a file has by now; empty when there is no such file."""
        text = self.read_bytes(what).decode("utf-8", errors="replace")
        return text.replace("\r\n", "\n")  # as Windows writes it

    def read_bytes(self, what: str, position: int = 0) -> bytes:
        """Return what a file has by now from a position on; nothing when there is no such file."""
        try:
            with open(self.path(what), "rb") as file:
                file.seek(position)
                return file.read()
        except FileNotFoundError:
            return b""

    def write_outcome(self, outcome: Outcome) -> None:
        """Leave the outcome so that it is either there as a whole or not at all."""
        partial = self.path("partial")
        with open(partial, "wb") as file:
            pickle.dump(outcome, file)
        os.replace(partial, self.path("outcome"))

    def read_outcome(self) -> Outcome | None:
        """Return the outcome that the child left, ``None`` when it left none."""
        try:
            with open(self.path("outcome"), "rb") as file:
                return cast(Outcome, pickle.load(file))
        except FileNotFoundError:
            return None
