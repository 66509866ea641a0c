"""What a file holds that is to be run: notebooks, pages in Markdown, scripts; and where its lines stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_mpcheck import MpcheckError
from pytest_mpcheck._scripts._magics import without_magics
from pytest_mpcheck._scripts._markdown import read_page
from pytest_mpcheck._scripts._notebook import read_notebook
from pytest_mpcheck._scripts._program import Program
from pytest_mpcheck._scripts._reading import read_programs
from pytest_mpcheck._scripts._top_level import calls_at_top_level

# ---------------------------------------------------------------- notebooks


def cell(source: object, kind: str = "code", **metadata: object) -> dict[str, object]:
    return {"cell_type": kind, "metadata": metadata, "source": source}


def notebook(*cells: object, **rest: object) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **rest}).encode()


def test_code_cells_of_a_notebook_are_one_program() -> None:
    program = read_notebook(
        "some.ipynb",
        notebook(
            cell("# a title", "markdown"),
            cell(["import os\n", "a = 1\n"]),
            cell("no Python", "raw"),
            cell("this is no Python", tags=["skip-execution"]),
            cell("b = 2\nb", tags="none"),
        ),
    )
    assert program.text == "import os\na = 1\nb = 2\nb\n"
    assert [program.place(line) for line in (1, 2, 3, 4)] == [
        "some.ipynb, code cell 1, line 1",
        "some.ipynb, code cell 1, line 2",
        "some.ipynb, code cell 3, line 1",
        "some.ipynb, code cell 3, line 2",
    ]
    assert program.notes == ("left out: code cell 2, which is tagged skip-execution",)
    assert program.at_home
    assert program.source() == b"import os\na = 1\nb = 2\nb\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(
            b"{", r"some.ipynb is no notebook that can be read: it is no JSON \(JSONDecodeError", id="cut off"
        ),
        pytest.param(b"\xff", r"is no JSON \(UnicodeDecodeError", id="bytes"),
        pytest.param(b"[" * 100_000, r"is no JSON \((RecursionError|JSONDecodeError)", id="deep"),
        pytest.param(b"[]", "has no list of cells of nbformat 4", id="list"),
        pytest.param(notebook(nbformat="4"), "has no list of cells of nbformat 4", id="version is text"),
        pytest.param(notebook(nbformat=3), "is of nbformat 3, .* what to do: save it anew", id="old"),
        pytest.param(notebook(cells={}), "has no list of cells", id="cells are no list"),
        pytest.param(notebook(3), "its cell 1 is 3, and no cell", id="cell is a number"),
        pytest.param(notebook({"source": ""}), "its cell 1 is .*, and no cell", id="cell without type"),
        pytest.param(notebook(cell(["a", 3])), "the source of code cell 1 is .*, and no text", id="source is a number"),
        pytest.param(notebook(cell("a", "markdown")), "has no code cell to run", id="no code"),
        pytest.param(notebook(metadata={"language_info": {"name": "julia"}}), "is in 'julia'", id="language"),
        pytest.param(notebook(metadata={"kernelspec": {"language": "R"}}), "is in 'R'", id="kernel"),
        pytest.param(
            notebook(cell("a = 1"), cell("a\nb c")),
            r"some.ipynb, code cell 2, line 2: no Python \(SyntaxError: .*; what to do: mend the cell",
            id="no Python",
        ),
        pytest.param(notebook(cell("a = '\ud800'")), r"code cell 1, line 1: no Python \(SyntaxError", id="half"),
        pytest.param(
            notebook(cell("names = !ls")), "code cell 1, line 1: no Python", id="what IPython gives is wanted"
        ),
        pytest.param(
            notebook(cell("import asyncio\nawait asyncio.sleep(0)")),
            "code cell 1, line 2: `await` outside of a function works in IPython only; what to do: call asyncio.run",
            id="await",
        ),
    ],
)
def test_notebook_that_cannot_be_run_gives_one_clear_error(data: bytes, says: str) -> None:
    with pytest.raises(MpcheckError, match=says):
        read_notebook("some.ipynb", data)


@pytest.mark.parametrize("metadata", [{"language_info": {"name": "ipython"}}, {"kernelspec": 3}, []])
def test_notebook_of_python_or_nobody_knows_what(metadata: Any) -> None:
    assert read_notebook("some.ipynb", notebook(cell("a"), metadata=metadata)).text == "a\n"


MAGICS = {
    "none": ("a = '''\n%x\n''' + str(3\n% 2)\n", "a = '''\n%x\n''' + str(3\n% 2)\n", []),
    "line": ("%matplotlib inline\na = 1", "pass\na = 1", [(1, "%matplotlib inline")]),
    "block": ("if a:\n    !ls *.py", "if a:\n    pass", [(2, "!ls *.py")]),
    "in a text": ("%cd /\na = '''\n%x\n'''\n!x", "pass\na = '''\n%x\n'''\npass", [(1, "%cd /"), (5, "!x")]),
    "question": ("print?\n?print\na = 1", "pass\npass\na = 1", [(1, "print?"), (2, "?print")]),
    "several lines": ("!pip install a \\\n  b\na", "pass\n\na", [(1, "!pip install a \\")]),
    "no next line": ("!pip install a \\", "pass", [(1, "!pip install a \\")]),
    "time": ("  \n%time a = 1\na", "  \na = 1\na", []),
    "cell around Python": ("\n%%time -q\na = 1", "\n\na = 1", [(2, "%%time -q")]),
    "cell of a shell": ("%%bash\nls\nls", "\n\n", [(1, "%%bash (the whole cell)")]),
    "assignment": ("a = !ls\n", "a = !ls\n", []),
    "other mistake": ("%cd /\na b", "pass\na b", [(1, "%cd /")]),
}


@pytest.mark.parametrize(("source", "text", "left_out"), MAGICS.values(), ids=MAGICS)
def test_what_is_of_ipython_is_left_out(source: str, text: str, left_out: list[tuple[int, str]]) -> None:
    plain = without_magics(source)
    assert (plain.text, list(plain.left_out)) == (text, left_out)
    assert plain.text.count("\n") == source.count("\n")


def test_what_is_left_out_of_a_notebook_is_told() -> None:
    program = read_notebook("some.ipynb", notebook(cell("a = 1"), cell("a\n%who")))
    assert program.notes == ("left out, as it is IPython's: code cell 2, line 2: %who",)


# ---------------------------------------------------------------- pages

PAGE = """\
# A page
```python
import os
```
- in a list

  ````Python title="some"
  def double(n):
      '''
      ```
      '''

      return 2 * n
  ````
~~~ {.py}
double(3)
~~~
```python skip
no Python at all
```
```pycon
>>> 1 + 1
2
```
```python
>>> 1 + 1
```
```console
$ python
```
<!-- one line -->
<!--
```python
also no Python
```
-->
``` inline ` ```
```
nothing
```
```py
print(double(4))
"""


def test_blocks_of_a_page_are_one_program_with_the_lines_of_the_page() -> None:
    (program,) = read_page("some.md", PAGE)
    assert program.text is not None
    lines = program.text.split("\n")
    assert {number: line for number, line in enumerate(lines, 1) if line} == {
        3: "import os",
        8: "def double(n):",
        9: "    '''",
        10: "    ```",
        11: "    '''",
        13: "    return 2 * n",
        16: "double(3)",
        42: "print(double(4))",
    }
    assert (program.name, program.place(13), program.title) == ("", "some.md:13", "some.md")
    assert program.notes == (
        "left out, as its fence says so: the block at some.md:19",
        "left out: the session at some.md:22, which doctest can run",
        "left out: the session at some.md:26, which doctest can run",
    )


GUARDED = """\
```python
a = 1
```
```python
if "__main__" == __name__:
    print(a)
```
```python
b = 2
```
```python
if __name__ == "__main__":
    print(b)
else:
    print("not reached")
```
```python
c = 3
```
"""


@pytest.mark.parametrize(
    ("blocks", "lines", "names"),
    [
        ("auto", [[2, 5, 6], [2, 9, 12, 13, 14, 15]], ["line 5", "line 12"]),
        ("page", [[2, 5, 6, 9, 12, 13, 14, 15, 18]], [""]),
        ("each", [[2], [5, 6], [9], [12, 13, 14, 15], [18]], ["line 2", "line 5", "line 9", "line 12", "line 18"]),
    ],
)
def test_which_blocks_make_a_program(blocks: Any, lines: list[list[int]], names: list[str]) -> None:
    programs = read_page("some.md", GUARDED, blocks)
    texts = [(program.text or "").split("\n") for program in programs]
    assert [[number for number, line in enumerate(text, 1) if line] for text in texts] == lines
    assert [program.name for program in programs] == names


def test_page_with_a_mistake_is_refused() -> None:
    says = r"some.md:3: no Python \(SyntaxError: .*\); what to do: mend the block, or write `skip` behind `python`"
    with pytest.raises(MpcheckError, match=says):
        read_page("some.md", "```python\na = 1\na b\n```\n")
    with pytest.raises(MpcheckError, match="no Python"):
        read_page("some.md", "```python\na = '\0'\n```\n")
    assert read_page("some.md", "# nothing\n```c\na b\n```\n<!-- no end\n```python\na b\n```\n") == ()


# ---------------------------------------------------------------- files


def test_ending_of_the_name_says_what_a_file_is(tmp_path: Path) -> None:
    page, script, book = (tmp_path / name for name in ("a.MD", "a.py", "a.ipynb"))
    page.write_bytes(b"\xef\xbb\xbf```python\r\na = 1\r\n```\r\n")
    script.write_bytes(b"a b")
    book.write_bytes(notebook(cell("a")))
    assert [program.text for program in read_programs(str(page))] == ["\na = 1\n\n\n"]
    assert read_programs(str(script)) == (Program(str(script)),)
    assert read_programs(str(script))[0].source() == b"a b"
    assert [program.text for program in read_programs(str(book))] == ["a\n"]


def test_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MpcheckError, match=r"no file '.*' \(looked in .*\); what to do: give the path of a script"):
        read_programs(str(tmp_path))
    page = tmp_path / "a.md"
    page.write_bytes(b"\xff")
    with pytest.raises(MpcheckError, match=r"a.md is no text in UTF-8 \(.*\); what to do: save it as UTF-8"):
        read_programs(str(page))

    def fail(*_: object) -> None:
        raise PermissionError("not for you")

    monkeypatch.setattr("builtins.open", fail)
    with pytest.raises(MpcheckError, match=r"cannot be read \(not for you\); what to do: make it readable"):
        read_programs(str(page))


def test_places_are_told_as_the_user_knows_them() -> None:
    book = read_notebook("some.ipynb", notebook(cell("a\nb"), cell("c")))
    text = "File \"/tmp/x.py\", line 2, in f\n/tmp/x.py:3: Warning\n<module from '/tmp/x.py'>"
    assert book.told(text, "/tmp/x.py") == (
        'File "some.ipynb", code cell 1, line 2, in f\n'
        "some.ipynb, code cell 2, line 1: Warning\n<module from 'some.ipynb'>"
    )
    (page,) = read_page("some.md", "```python\na\n```\n")
    assert page.told('File "/tmp/x.py", line 2\n', "/tmp/x.py") == 'File "some.md", line 2\n'
    assert page.told("nothing", "/tmp/x.py") == "nothing"
    assert Program("x.py").told("x.py:3: Warning", "x.py") == "x.py:3: Warning"


# ---------------------------------------------------------------- what an import runs

TOP = """\
import os
def f():
    g()
class C: pass
async def h(): pass
f()
try:
    print(1)
except OSError:
    print(2)
else:
    f()
if __name__ == "__main__":
    print(3)
else:
    print(4)
for _ in ():
    print(5)
"""


def test_calls_that_an_import_makes() -> None:
    def places(text: str) -> str:
        return calls_at_top_level(Program("x.py", text))

    assert places(TOP) == "x.py:8; x.py:10; x.py:16; and 1 more"
    assert places("f()\nif a:\n    g()\n") == "x.py:1; x.py:3"
    assert places("a = 1\n") == ""
    assert places("a b") == ""
    assert calls_at_top_level(Program("/nowhere/x.py")) == ""
