"""Runs a script as `__main__` under a start method; started by its path, as the first thing in a fresh interpreter.

``python .../_script_main.py LIFELINE START_METHOD STATION MANNER FOLDER NAME SCRIPT [ARG ...]``: LIFELINE is a
descriptor whose far end closes when the process of the test is gone, or -1; STATION is how the paths of the script's
files begin; MANNER is ``plain``, ``watched`` or ``imported``; FOLDER goes first on `sys.path`, and NAME is
`sys.argv[0]`.

The script finds what it would find under ``python SCRIPT``: a module `__main__` with its own file, so that children
started by spawn and forkserver import it again as they do outside of any test; its folder first on `sys.path`; its own
`sys.argv`. The start method is only what the platform's default is changed to: the script may still choose its own
once.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
import os
import sys
from types import ModuleType
from typing import Any


def main() -> None:
    """Become the script."""
    lifeline, start_method, station, manner, folder, name, script, *args = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from pytest_mpcheck import _platforms
    from pytest_mpcheck._children._arming import arm
    from pytest_mpcheck._history._layout import VARIABLE
    from pytest_mpcheck._keeper._doors import Doors

    Doors(os.environ[_platforms.MARK]).open()
    arm(f"{station}partial", f"{station}stacks")
    if VARIABLE in os.environ:  # else nobody wants to know what its processes do
        from pytest_mpcheck._history import _attach

        _attach.find()
    if lifeline != "-1":  # pragma: always on Linux
        _platforms.follow_parent(int(lifeline))
    default: Any = multiprocessing.context._default_context
    default._default_context = multiprocessing.get_context(start_method)
    if manner == "watched":
        from pytest_mpcheck._children._script_starts import note_starts

        note_starts(f"{station}starts")
    sys.argv[:] = [name, *args]
    sys.path[0] = folder
    module = ModuleType("__main__")
    if manner == "imported":  # as `multiprocessing.spawn` does it in a child
        module.__name__ = "__mp_main__"
        sys.modules["__mp_main__"] = module
        multiprocessing.current_process()._inheriting = True  # type: ignore[attr-defined]
    module.__file__ = script
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules["__main__"] = module
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec", dont_inherit=True)
    exec(code, vars(module))


if __name__ == "__main__":
    main()
