"""`Experiment`: runs a program often enough to know what differs between start methods.

Guarantees: the first start method, the reference, is run twice, so that what varies by itself is no difference. Any
other is run once; only when that differs both are run again, until what differs has been seen twice in the same way, or
three times. Other lines instead of some, and nothing else, may be chance (a set of texts, a choice at random): such a
difference has been seen four times. What did not end by its deadline is not run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from .._children._script import Manner
from ._contrast import Contrast, contrast_runs, varies_in
from ._lines import Varying, error_lines, keyed, output_lines
from ._run import Run

__all__ = ["Conduct", "Experiment"]

Conduct: TypeAlias = Callable[[str, Manner], Run]
"""Runs the program once, under a start method and in a manner."""

_MOST_RUNS = 3

_MOST_RUNS_FOR_CHANCE = 4


class Experiment:
    """What is known of a program's runs.

    Args:
        reference: The start method that others are compared with.
    """

    def __init__(self, reference: str) -> None:
        self.reference = reference
        self.runs: dict[str, list[Run]] = {}
        self.imported: Run | None = None

    @property
    def varies(self) -> tuple[Varying, Varying]:
        """What varies from run to run, in stdout and in stderr."""
        return varies_in(self.runs)

    def look(self, start_method: str, conduct: Conduct) -> Contrast:
        """Run the program under a start method, and under the reference as far as that has not been done.

        Args:
            start_method: The start method.
            conduct: Runs the program.

        Returns:
            What differs from the reference; nothing when it is the reference itself.
        """
        self._run(self.reference, 2, conduct)
        if start_method == self.reference:
            return Contrast(start_method)
        self._run(start_method, 1, conduct)
        for number in range(2, _MOST_RUNS_FOR_CHANCE + 1):
            if self._is_settled(start_method, number):
                break
            for method in (start_method, self.reference):
                self._run(method, number, conduct)
        contrast = self.contrast(start_method)
        again = (contrast.stdout.extra, start_method), (contrast.stdout.missing, self.reference)
        if self.imported is None and any(lines and method != "fork" for lines, method in again):
            self.imported = conduct(start_method, "imported")
        return contrast

    def contrast(self, start_method: str) -> Contrast:
        """Compare what is known of a start method with what is known of the reference."""
        if start_method == self.reference:
            return Contrast(start_method)
        return contrast_runs(self.runs[self.reference], self.runs[start_method], self.varies)

    def _run(self, start_method: str, number: int, conduct: Conduct) -> None:
        runs = self.runs.setdefault(start_method, [])
        while len(runs) < number and not any(run.stuck for run in runs):
            runs.append(conduct(start_method, "watched"))

    def _is_settled(self, start_method: str, number: int) -> bool:
        """Return whether the runs that are there are enough without another one, which would have this number."""
        contrast = self.contrast(start_method)
        if not contrast.differs:
            return True
        if contrast.may_be_chance or number == 2:
            return False
        return number > _MOST_RUNS or (self._is_steady(start_method) and self._is_steady(self.reference))

    def _is_steady(self, start_method: str) -> bool:
        """Return whether all runs under a start method went alike."""
        of_stdout, of_stderr = self.varies
        marks = [
            (
                run.exitcode,
                Counter(keyed(output_lines(run.stdout), of_stdout)),
                Counter(keyed(error_lines(run.stderr), of_stderr)),
                run.failures,
            )
            for run in self.runs[start_method]
        ]
        return all(mark == marks[0] for mark in marks)
