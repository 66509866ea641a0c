"""`Program`: what is run as ``__main__``, and where its lines stand for the user."""

from __future__ import annotations

import ast
import os
import re
import warnings
from dataclasses import dataclass

from .._errors import MpcheckError

__all__ = ["Part", "Program", "check_syntax", "syntax_error"]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a program that has a name and line numbers of its own.

    Attributes:
        first: The line of the program that is its line 1.
        name: What users call it: ``code cell 3``.
    """

    first: int
    name: str


@dataclass(frozen=True, slots=True)
class Program:
    """What is run as ``__main__``.

    Attributes:
        path: The file that it stands in, as the user named it.
        text: Its text; ``None`` when it is the file itself.
        name: Which of the programs of its file it is: ``line 12``; empty when it is the only one.
        parts: Where its lines stand, by their first lines; empty when they have the numbers that they have in the file.
        notes: What was left out of it, a sentence each.
        at_home: Whether it runs in the folder of its file, and not where the command was given.
    """

    path: str
    text: str | None = None
    name: str = ""
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    at_home: bool = False

    @property
    def title(self) -> str:
        """How it is called in messages."""
        return f"{self.path}, {self.name}" if self.name else self.path

    @property
    def folder(self) -> str:
        """The folder of its file."""
        return os.path.dirname(os.path.abspath(self.path))

    def source(self) -> bytes:
        """Return its text, as it is now.

        Raises:
            OSError: Its file cannot be read.
        """
        if self.text is not None:
            return self.text.encode("utf-8")
        with open(self.path, "rb") as file:
            return file.read()

    def place(self, line: int) -> str:
        """Return where a line of it stands, as the user would look for it."""
        where, number = self._where(line)
        return f"{self.path}, {where}, line {number}" if where else f"{self.path}:{number}"

    def told(self, text: str, ran_as: str) -> str:
        """Return what the program wrote with the places in it as the user knows them.

        Args:
            text: What it wrote: tracebacks, warnings, anything.
            ran_as: The path of the file that was run in its stead.
        """
        if self.text is None or ran_as not in text:
            return text
        file = re.escape(ran_as)
        text = re.sub(f'File "{file}", line (\\d+)', lambda found: self._as_frame(int(found[1])), text)
        text = re.sub(f"{file}:(\\d+)(?=:)", lambda found: self.place(int(found[1])), text)
        return text.replace(ran_as, self.path)

    def _as_frame(self, line: int) -> str:
        where, number = self._where(line)
        return f'File "{self.path}", {where}, line {number}' if where else f'File "{self.path}", line {number}'

    def _where(self, line: int) -> tuple[str, int]:
        for part in reversed(self.parts):
            if part.first <= line:
                return part.name, line - part.first + 1
        return "", line


def syntax_error(text: str, flags: int = 0) -> SyntaxError | None:
    """Return why a text is no Python; ``None`` when it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the text: whoever runs it gets them
        try:
            compile(text, "<program>", "exec", flags, dont_inherit=True)
        except SyntaxError as error:
            return error
        except (MemoryError, RecursionError, ValueError) as error:  # nested too deep; half of a character
            return SyntaxError(str(error), ("<program>", 1, 1, ""))
    return None


def check_syntax(program: Program, right: str) -> None:
    """Refuse a program that is no Python.

    Args:
        program: The program; it has a text.
        right: What would be right, as a sentence that follows "what to do: ".

    Raises:
        MpcheckError: It is no Python; says where and why.
    """
    text = program.text or ""
    error = syntax_error(text)
    if error is None:
        return
    place = program.place(error.lineno or 1)
    if syntax_error(text, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT) is None:
        why = "`await` outside of a function works in IPython only"
        right = "call asyncio.run(...), which works in a script and in its children too"
    else:
        why = f"no Python ({type(error).__name__}: {error.msg})"
    raise MpcheckError(f"{place}: {why}; what to do: {right}")
