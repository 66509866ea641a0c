"""Notebooks: the code cells of an ``.ipynb`` file, from the first to the last, are one program.

What is read is what the format of notebooks promises (nbformat 4, https://nbformat.readthedocs.io: "The Notebook file
format"): ``cells`` with a ``cell_type`` and a ``source``, which is a text or a list of texts to be joined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .._errors import MpcheckError
from .._excerpts import repr_of
from ._magics import without_magics
from ._program import Part, Program, check_syntax

__all__ = ["read_notebook"]

_SKIPPED = "skip-execution"
"""The tag of cells that nbclient does not run either."""

_RIGHT = "mend the cell, or tag it skip-execution"


def read_notebook(path: str, data: bytes) -> Program:
    """Make a program of a notebook.

    Args:
        path: Its path.
        data: What the file holds.

    Raises:
        MpcheckError: It is damaged, of another format or another language, has no code, or a cell is no Python.
    """
    notebook = _parse(path, data)
    _check_language(path, notebook)
    lines: list[str] = []
    parts: list[Part] = []
    notes: list[str] = []
    for number, cell in enumerate(_code_cells(path, notebook), 1):
        name = f"code cell {number}"
        if _SKIPPED in _tags(cell):
            notes.append(f"left out: {name}, which is tagged {_SKIPPED}")
            continue
        plain = without_magics(_source(path, name, cell))
        parts.append(Part(len(lines) + 1, name))
        lines += plain.text.split("\n")
        notes += [f"left out, as it is IPython's: {name}, line {line}: {magic}" for line, magic in plain.left_out]
    if not parts:
        raise MpcheckError(f"notebook {path} has no code cell to run; what to do: give one that has")
    program = Program(path, "\n".join([*lines, ""]), parts=tuple(parts), notes=tuple(notes), at_home=True)
    check_syntax(program, _RIGHT)
    return program


def _parse(path: str, data: bytes) -> Mapping[str, Any]:
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"it is no JSON ({type(error).__name__}: {error})") from None
    version = notebook.get("nbformat") if isinstance(notebook, dict) else None
    if isinstance(version, int) and version < 4:
        raise MpcheckError(
            f"notebook {path} is of nbformat {version}, which is read no more; what to do: save it anew in Jupyter, or "
            f"run `jupyter nbconvert --to notebook --inplace {path}`"
        )
    if version != 4 or not isinstance(notebook.get("cells"), list):
        raise _damaged(path, "it has no list of cells of nbformat 4")
    result: dict[str, Any] = notebook
    return result


def _code_cells(path: str, notebook: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for number, cell in enumerate(notebook["cells"], 1):
        if not isinstance(cell, dict) or "cell_type" not in cell:
            raise _damaged(path, f"its cell {number} is {repr_of(cell)}, and no cell")
        if cell["cell_type"] == "code":
            yield cell


def _source(path: str, name: str, cell: Mapping[str, Any]) -> str:
    source = cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise _damaged(path, f"the source of {name} is {repr_of(source)}, and no text")
    return source.replace("\r\n", "\n").removesuffix("\n")


def _tags(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tuple(tags) if isinstance(tags, list) else ()


def _check_language(path: str, notebook: Mapping[str, Any]) -> None:
    metadata = notebook.get("metadata")
    for key, word in (("language_info", "name"), ("kernelspec", "language")):
        about = metadata.get(key) if isinstance(metadata, dict) else None
        language = about.get(word) if isinstance(about, dict) else None
        if isinstance(language, str) and "python" not in language.lower():
            raise MpcheckError(f"notebook {path} is in {language!r}; what to do: give one in Python")


def _damaged(path: str, why: str) -> MpcheckError:
    return MpcheckError(
        f"{path} is no notebook that can be read: {why}; what to do: give a file that Jupyter has saved"
    )
