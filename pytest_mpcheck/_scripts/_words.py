"""What an experiment has shown -> lines of text. Pure."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence

from .._table import format_table
from .._words import exit_words, signal_name, tail
from ._causes import Cause
from ._contrast import Contrast
from ._diff import unified
from ._experiment import Experiment
from ._lines import Lines, TextContrast, error_lines, keyed, output_lines
from ._program import Program
from ._run import Run

__all__ = ["heading", "lines_of", "verdict_of"]

_HEADER = ("start method", "runs", "exit code", "stdout", "stderr", "children", "verdict")


def heading(program: Program, methods: Sequence[str]) -> str:
    """Tell in one line what was compared, and where."""
    under = " and ".join(filter(None, (", ".join(methods[:-1]), methods[-1])))
    return (
        f"{program.title} under {under} ({platform.python_implementation()} {platform.python_version()}, "
        f"{platform.system()})"
    )


def lines_of(
    program: Program, experiment: Experiment, contrasts: Mapping[str, Contrast], causes: Sequence[Cause]
) -> list[str]:
    """Tell what differs and why.

    Args:
        program: The program.
        experiment: What is known of its runs.
        contrasts: What differs, by start method, the reference first.
        causes: Why it differs.

    Returns:
        A table, the differences, the causes and the notes, with empty lines between them.
    """
    rows = [_row(experiment, contrast, causes) for contrast in contrasts.values()]
    lines = format_table([_HEADER, *rows]).splitlines()
    for part in (
        _differences(experiment, contrasts),
        _causes(causes),
        _notes(program, experiment, contrasts),
    ):
        lines += part
    return lines


def _row(experiment: Experiment, contrast: Contrast, causes: Sequence[Cause]) -> tuple[str, ...]:
    method = contrast.start_method
    runs = experiment.runs[method]
    is_reference = method == experiment.reference
    is_compared = not is_reference and not any(
        run.stuck for some in (runs, experiment.runs[experiment.reference]) for run in some
    )
    kinds = _kinds(causes, method)
    verdict = "differs" if contrast.differs else "reference" if is_reference else "same"
    return (
        method,
        str(len(runs)),
        " or ".join(dict.fromkeys(_exit(run) for run in runs)),
        _stream([output_lines(run.stdout) for run in runs], contrast.stdout, is_compared),
        _stream([error_lines(run.stderr) for run in runs], contrast.stderr, is_compared),
        _children(runs[-1]),
        f"{verdict}: {kinds}" if kinds else verdict,
    )


def verdict_of(experiment: Experiment, contrast: Contrast, causes: Sequence[Cause]) -> str:
    """Tell in one line why a program has failed under a start method."""
    method, reference = contrast.start_method, experiment.reference
    if contrast.differs:
        kinds = _kinds(causes, method) or _kinds(causes, reference)
        return f"{kinds}: under {method} it does not do what it does under {reference}"
    return f"fails under {method}: {_how(experiment.runs[method][-1].exitcode)}"


def _kinds(causes: Sequence[Cause], method: str) -> str:
    return ", ".join(dict.fromkeys(cause.finding.kind for cause in causes if method in cause.start_methods))


def _how(exitcode: int | None) -> str:
    return "it did not end" if exitcode is None else exit_words(exitcode)


def _exit(run: Run) -> str:
    if run.exitcode is None:
        return "did not end"
    return signal_name(-run.exitcode) if run.exitcode < 0 else str(run.exitcode)


def _stream(runs: Sequence[Lines], contrast: TextContrast, is_compared: bool) -> str:
    size = _count(len(runs[0]), "line") if runs[0] else "-"
    if contrast.differs:
        counts = ((contrast.missing.total(), "missing"), (contrast.extra.total(), "more"))
        return ", ".join(f"{count} {word}" for count, word in counts if count)
    if contrast.torn:
        return "the same, but torn"
    if contrast.reordered:
        return "the same, in another order"
    return "the same" if is_compared and runs[0] else size


def _children(run: Run) -> str:
    words = [str(len(run.starts))] if run.starts else ["none"]
    if run.failures:
        words.append(f"{run.failures.total()} failed")
    if run.survivors:
        words.append(f"{len(run.survivors)} left running")
    return ", ".join(words)


def _differences(experiment: Experiment, contrasts: Mapping[str, Contrast]) -> Iterator[str]:
    """Yield the differences of outputs, alike ones once."""
    reference = experiment.reference
    first = experiment.runs[reference][0]
    of_stdout, of_stderr = experiment.varies
    shown: dict[tuple[str, ...], list[str]] = {}
    for method, contrast in contrasts.items():
        last = experiment.runs[method][-1]
        for stream, there, here, text, varies in (
            ("stdout", output_lines(first.stdout), output_lines(last.stdout), contrast.stdout, of_stdout),
            ("stderr", error_lines(first.stderr), error_lines(last.stderr), contrast.stderr, of_stderr),
        ):
            if text.differs:
                names = f"{stream} under {reference}", ""
                body = unified(names, keyed(there, varies), keyed(here, varies), text)
                shown.setdefault((stream, *body), []).append(method)
    for (stream, top, _, *body), methods in shown.items():
        yield from ("", top, f"+++ {stream} under {', '.join(methods)}", *body)


def _causes(causes: Sequence[Cause]) -> Iterator[str]:
    for cause in causes:
        finding = cause.finding
        yield from ("", f"{finding.kind} ({', '.join(cause.start_methods)}): {finding.what}")
        if finding.where:
            yield f"    where: {finding.where}"
        yield from (f"    {line}" for line in finding.evidence.splitlines())
        yield f"    what to do: {finding.remedy}"


def _notes(program: Program, experiment: Experiment, contrasts: Mapping[str, Contrast]) -> Iterator[str]:
    notes = [*program.notes, *_about_runs(experiment, contrasts)]
    if program.path.endswith(".ipynb") and any(run.starts for runs in experiment.runs.values() for run in runs):
        notes.append(
            "it was run as one script; in Jupyter itself a child of spawn or forkserver finds nothing that a cell "
            "defines: put what it needs into a module"
        )
    if notes:
        yield ""
    yield from (f"note: {note}" for note in notes)
    runs = [run for runs in experiment.runs.values() for run in runs]
    codes = {run.exitcode for run in runs}
    if len(codes) == 1 and (code := codes.pop()) != 0:
        alike = " alike under every start method" if len(experiment.runs) > 1 else ""
        yield from ("", f"It fails{alike}: {_how(code)}")
        yield from (f"    {line}" for line in (runs[0].stuck or tail(runs[0].stderr)).splitlines())


def _about_runs(experiment: Experiment, contrasts: Mapping[str, Contrast]) -> Iterator[str]:
    everything = {method: experiment.runs[method] for method in contrasts}
    if not any(run.starts for runs in everything.values() for run in runs):
        yield "it started no process through multiprocessing: a start method could change nothing"
    for method, runs in everything.items():
        used = dict.fromkeys(start.method for run in runs for start in run.starts)
        if used and method not in used:
            yield f"under {method} it started its processes by {', '.join(used)}: it chooses the start method itself"
    first = experiment.runs[experiment.reference][0]
    lines, varies = output_lines(first.stdout), experiment.varies[0]
    numbers = sorted({key for line, key in zip(lines, keyed(lines, varies), strict=True) if line != key})
    if numbers:
        few = ", ".join(map(repr, numbers[:3])) + (" ..." if len(numbers) > 3 else "")
        yield f"numbers vary from run to run under one start method, and were not compared: {few}"
    if any(not positions for positions in varies.values()):
        yield "not every run under one start method printed the same lines; those that it did not were not compared"
    for runs in everything.values():
        if any(run.survivors for run in runs) and not any(one.survivors for one in contrasts.values()):
            yield f"it left processes running, which were ended: {'; '.join(runs[-1].survivors)}"
            break


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
