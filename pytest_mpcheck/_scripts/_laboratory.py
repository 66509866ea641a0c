"""`Laboratory`: where programs are run.

Guarantees: what a run starts has ended before the next one begins, and nothing of any of them outlives `close`, however
this process ends. A file that is written so that something can be run is gone with it.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable

from .._children._echo import Echo
from .._children._grounds import Grounds
from .._children._script import Guise, Manner, run_script
from .._children._station import Station
from .._errors import ChildStuck
from .._history._recollection import Recollection
from .._keeper._scope import Scope
from .._words import RAISE_THE_LIMIT
from ._program import Program
from ._run import Run, starts_of

__all__ = ["Laboratory"]

_OUR_FRAME = re.compile(r'^([ |]*)File "[^"\n]*_script_main\.py", line .*\n(?:\1  .*\n)*', re.MULTILINE)
"""A frame of what runs a script, which nobody wants to see in its tracebacks."""

_OUR_LINE = re.compile(r", started by the test at [^\n]*?:\d+ in \w+")
"""Where the script was started: by this module, of which nobody wants to know."""

_RAISE_THE_LIMIT = "raise the limit (--timeout, --mp-timeout)"


class Laboratory:
    """Runs programs, one after another.

    Args:
        new_scope: Makes a scope, with its folder, for what is run here.
        timeout: How long one run may take, in seconds.
    """

    def __init__(self, new_scope: Callable[[], Scope], timeout: float) -> None:
        self.timeout = timeout
        self._grounds = Grounds(new_scope())
        self._numbers = itertools.count(1)

    def run(self, program: Program, args: tuple[str, ...], start_method: str, manner: Manner = "watched") -> Run:
        """Run a program to its end, or to its deadline.

        Args:
            program: The program.
            args: Its arguments.
            start_method: The default start method in it.
            manner: How it is run.
        """
        station = Station(self._grounds.folder, next(self._numbers))
        file = program.path if program.text is None else self._written(program, station)
        guise = Guise(program.path, program.folder, program.folder if program.at_home else os.getcwd())

        def told(text: str) -> str:
            return program.told(_OUR_FRAME.sub("", text), file)

        survivors: tuple[str, ...] = ()
        exitcode: int | None = None
        stuck = ""
        try:
            done = run_script(
                file,
                args,
                start_method,
                station,
                self.timeout,
                Echo(lambda: "nowhere"),
                Recollection(),
                guise=guise,
                manner=manner,
            )
            exitcode, stdout, stderr = done.exitcode, done.stdout, done.stderr
            survivors = tuple(map(told, done.survivors))
        except ChildStuck as error:
            stdout, stderr = station.read("stdout"), station.read("stderr")
            stuck = told(_OUR_LINE.sub("", str(error)).replace(RAISE_THE_LIMIT, _RAISE_THE_LIMIT))
        starts = starts_of(station.read("starts"))
        return Run(start_method, exitcode, told(stdout), told(stderr), survivors, starts, stuck)

    def close(self) -> None:
        """End whatever a run has left, and take its files away."""
        self._grounds.clear()

    def _written(self, program: Program, station: Station) -> str:
        """Write a program into a file of its own, which its children find again."""
        folder = station.path("program")
        os.mkdir(folder)
        stem = os.path.splitext(os.path.basename(program.path))[0]
        path = os.path.join(folder, f"{stem}.py")
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(program.text or "")
        return path
