"""``python -m pytest_mpcheck script``: reads, runs, tells.

Guarantees: no process and no file of what was run outlives the command, however it ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from .._errors import BadSetting, MpcheckError
from .._keeper._run import Run as Keeping
from .._platforms import available_kinds
from .._settings import parse_settings
from ._causes import causes_of
from ._experiment import Experiment
from ._laboratory import Laboratory
from ._markdown import Blocks
from ._program import Program
from ._reading import read_programs
from ._words import heading, lines_of

__all__ = ["compare_start_methods"]


def compare_start_methods(
    path: str,
    args: Sequence[str],
    *,
    start_methods: str,
    timeout: str,
    blocks: Blocks,
    tell: Callable[[str], None],
) -> bool:
    """Run the programs of a file under each start method, and print what differs.

    Args:
        path: The file.
        args: Arguments for its programs.
        start_methods: As ``--mp-start-methods``.
        timeout: As ``--mp-timeout``.
        blocks: Which blocks of a page make a program.
        tell: Hears how far it got.

    Returns:
        Whether every program did the same under each start method, and ended.

    Raises:
        MpcheckError: There is nothing to run, or a value makes no sense.
    """
    raw: dict[str, tuple[object, str]] = {
        "start_methods": (start_methods, "command line --start-methods"),
        "timeout": (timeout, "command line --timeout"),
    }
    settings = parse_settings(raw)
    kinds = settings.kinds(settings.start_methods, available_kinds())
    for kind in kinds:
        if kind.obstacle:
            raise BadSetting(f"start method {kind.obstacle}")
    programs = read_programs(path, blocks)
    if not programs:
        raise MpcheckError(
            f"{path} has no block of Python to run; what to do: give a page with a fence such as ```python"
        )
    keeping = Keeping("off", (), lambda: os.dup(2), has_controller=False)
    methods = tuple(kind.name for kind in kinds)
    try:
        same = [_compare(program, tuple(args), methods, keeping, settings.timeout, tell) for program in programs]
        return all(same)
    finally:
        keeping.sweep()
        keeping.close()


def _compare(
    program: Program,
    args: tuple[str, ...],
    methods: tuple[str, ...],
    keeping: Keeping,
    timeout: float,
    tell: Callable[[str], None],
) -> bool:
    laboratory = Laboratory(keeping.new_scope, timeout)
    experiment = Experiment(methods[0])
    try:
        for method in methods:
            tell(f"{program.title} under {method}")
            experiment.look(method, lambda start_method, manner: laboratory.run(program, args, start_method, manner))
    finally:
        laboratory.close()
    contrasts = {method: experiment.contrast(method) for method in methods}
    causes = causes_of(program, experiment, contrasts)
    print(heading(program, methods), "", *lines_of(program, experiment, contrasts, causes), "", sep="\n", flush=True)
    ended = all(run.exitcode is not None for runs in experiment.runs.values() for run in runs)
    return ended and not any(contrast.differs for contrast in contrasts.values())
