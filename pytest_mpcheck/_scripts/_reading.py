"""A file becomes programs: a script, a notebook, or a page in Markdown, as the ending of its name says."""

from __future__ import annotations

import os

from .._errors import MpcheckError
from ._markdown import Blocks, read_page
from ._notebook import read_notebook
from ._program import Program

__all__ = ["read_programs"]

_PAGES = (".md", ".markdown")


def read_programs(path: str, blocks: Blocks = "auto") -> tuple[Program, ...]:
    """Find out what is to be run of a file.

    Args:
        path: The file.
        blocks: Which blocks of a page make a program.

    Returns:
        Its programs, in their order; none for a page without Python.

    Raises:
        MpcheckError: There is no such file, it cannot be read, or what stands in it is no program.
    """
    if not os.path.isfile(path):
        raise MpcheckError(
            f"no file {path!r} (looked in {os.getcwd()}); what to do: give the path of a script, a notebook or a page "
            f"in Markdown"
        )
    ending = os.path.splitext(path)[1].lower()
    try:
        with open(path, "rb") as file:
            data = file.read() if ending in (".ipynb", *_PAGES) else b""
    except OSError as error:
        raise MpcheckError(f"{path} cannot be read ({error}); what to do: make it readable") from None
    if ending == ".ipynb":
        return (read_notebook(path, data),)
    if ending in _PAGES:
        try:
            text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            raise MpcheckError(f"{path} is no text in UTF-8 ({error}); what to do: save it as UTF-8") from None
        return read_page(path, text, blocks)
    return (Program(path),)
