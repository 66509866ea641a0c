"""`Contrast`: in what the runs under one start method differ from those under another. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ._lines import SAME, Lines, TextContrast, Varying, contrast_texts, error_lines, merged, output_lines, varying
from ._run import Run

__all__ = ["Contrast", "contrast_runs", "varies_in"]


@dataclass(frozen=True, slots=True)
class Contrast:
    """In what runs differ.

    Attributes:
        start_method: The start method of the runs.
        ended: Whether they ended and the others did not, or the other way round.
        exitcode: Whether no exit code of the ones is one of the others.
        stdout: How the output differs.
        stderr: How what was written to stderr differs, tracebacks apart.
        children: Whether children failed in another way, or there were none.
        survivors: Whether another number of processes was left running.
    """

    start_method: str
    ended: bool = False
    exitcode: bool = False
    stdout: TextContrast = SAME
    stderr: TextContrast = SAME
    children: bool = False
    survivors: bool = False

    @property
    def differs(self) -> bool:
        """Whether there is any difference."""
        return self.stdout.differs or self._differs_otherwise

    @property
    def may_be_chance(self) -> bool:
        """Whether lines are there instead of others, and nothing else differs."""
        return bool(self.stdout.missing and self.stdout.extra) and not self._differs_otherwise

    @property
    def _differs_otherwise(self) -> bool:
        return self.ended or self.exitcode or self.stderr.differs or self.children or self.survivors


def varies_in(runs: Mapping[str, Sequence[Run]]) -> tuple[Varying, Varying]:
    """Find out what varies from run to run, in stdout and in stderr, whatever start method showed it."""
    return (
        merged(varying(_outputs(some)) for some in runs.values()),
        merged(varying(_errors(some)) for some in runs.values()),
    )


def contrast_runs(reference: Sequence[Run], runs: Sequence[Run], varies: tuple[Varying, Varying]) -> Contrast:
    """Compare runs under one start method with those under another.

    Args:
        reference: The runs that are compared with.
        runs: The runs.
        varies: What varies by itself, in stdout and in stderr.
    """
    method = runs[0].start_method
    stuck = [all(run.stuck for run in side) for side in (reference, runs)]
    if any(stuck):  # what it wrote until then is a matter of time
        return Contrast(method, ended=not all(stuck))
    there, here = ([run for run in side if not run.stuck] for side in (reference, runs))
    of_stdout, of_stderr = varies
    return Contrast(
        method,
        exitcode=not {run.exitcode for run in there} & {run.exitcode for run in here},
        stdout=contrast_texts(_outputs(there), _outputs(here), of_stdout),
        stderr=contrast_texts(_errors(there), _errors(here), of_stderr),
        children=_differ([run.failures for run in there], [run.failures for run in here])
        or any(run.starts for run in there) is not any(run.starts for run in here),
        survivors=_differ([_survivors(run) for run in there], [_survivors(run) for run in here]),
    )


def _outputs(runs: Iterable[Run]) -> list[Lines]:
    return [output_lines(run.stdout) for run in runs]


def _errors(runs: Iterable[Run]) -> list[Lines]:
    return [error_lines(run.stderr) for run in runs]


def _survivors(run: Run) -> Counter[int]:
    return Counter({0: len(run.survivors)})


def _differ(there: Sequence[Counter[int]], here: Sequence[Counter[int]]) -> bool:
    """Return whether some count lies in ranges that have nothing in common."""
    for key in set().union(*there, *here):
        ranges = [[counter[key] for counter in side] for side in (there, here)]
        if max(ranges[0]) < min(ranges[1]) or max(ranges[1]) < min(ranges[0]):
            return True
    return False
