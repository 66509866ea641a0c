"""Programs as test items: scripts, notebooks and pages that ``--mp-scripts`` names, an item for each start method.

Guarantees: such a file is never imported into pytest, unless it is a test module as well. Nothing of this is loaded,
and no hook is called, where nobody asks for it.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Generator, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ._config import SETTINGS, run_of
from ._platforms import available_kinds

if TYPE_CHECKING:
    from ._scripts._experiment import Experiment
    from ._scripts._program import Program

__all__ = ["collect_scripts"]


def collect_scripts(config: pytest.Config) -> None:
    """Let pytest collect what the option or the ini value names.

    What the option names is run besides what the arguments name, unless these name some of it. What the ini value names
    is run as test modules are: when it lies where pytest looks, and all of it where there is no argument.

    Raises:
        pytest.UsageError: A pattern of the command line names nothing, or a value makes no sense.
    """
    from ._scripts._markdown import BLOCKS

    ini = f" in {config.inipath}" if config.inipath else ""
    blocks = config.getini("mp_script_blocks")
    if blocks not in BLOCKS:
        raise pytest.UsageError(f"unknown {blocks!r} from ini mp_script_blocks{ini}: there is {', '.join(BLOCKS)}")
    asked = _found(config.getoption("mp_scripts") or (), config.invocation_params.dir, "command line --mp-scripts")
    folder = config.inipath.parent if config.inipath else config.rootpath
    usual = _found(config.getini("mp_scripts"), folder, f"ini mp_scripts{ini}")
    config.pluginmanager.register(_Collection(frozenset((*asked, *usual)), blocks), "mpcheck-scripts")
    arguments = [_path_of(config, argument) for argument in config.args]
    if not any(path in asked or path in usual for path in arguments):
        has_arguments = config.args_source is pytest.Config.ArgsSource.ARGS
        wanted = asked if has_arguments else dict.fromkeys((*asked, *usual))
        config.args += [str(path) for path in wanted if not any(path.is_relative_to(one) for one in arguments)]


def _found(patterns: Iterable[str], folder: Path, origin: str) -> tuple[Path, ...]:
    found: dict[Path, None] = {}
    for pattern in patterns:
        names = sorted(glob.glob(pattern, root_dir=folder, recursive=True))
        paths = [path for name in names if (path := Path(os.path.abspath(folder / name))).is_file()]
        if not paths:
            raise pytest.UsageError(
                f"pattern {pattern!r} from {origin} matches no file (looked in {folder}): give one that does, such as "
                f"'examples/*.py' or 'docs/**/*.md'"
            )
        found |= dict.fromkeys(paths)
    return tuple(found)


def _path_of(config: pytest.Config, argument: str) -> Path:
    return Path(os.path.abspath(config.invocation_params.dir / argument.partition("::")[0]))


class _Collection:
    """The plugin that collects programs.

    Args:
        paths: Their files.
        blocks: Which blocks of a page make a program.
    """

    def __init__(self, paths: frozenset[Path], blocks: str) -> None:
        self._paths = paths
        self._blocks = blocks

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
        collectors = yield
        if file_path not in self._paths:
            return collectors
        if not _is_test_module(parent.config, file_path):  # named as an argument, it would be imported
            collectors = [one for one in collectors if not isinstance(one, pytest.Module)]
        return [*collectors, ScriptFile.from_parent(parent, path=file_path, blocks=self._blocks)]


def _is_test_module(config: pytest.Config, path: Path) -> bool:
    patterns = config.getini("python_files")
    return any(fnmatch(str(path) if "/" in pattern else path.name, pattern) for pattern in patterns)


class ScriptFile(pytest.File):
    """A file that holds programs.

    Args:
        blocks: Which blocks of a page make a program.
        rest: As for any file.
    """

    def __init__(self, *, blocks: Any, **rest: Any) -> None:
        super().__init__(**rest)
        self._blocks = blocks

    def collect(self) -> Iterator[ScriptItem]:
        """Yield an item for each program and start method; one that fails when the file cannot be read."""
        from ._errors import MpcheckError
        from ._scripts._experiment import Experiment
        from ._scripts._reading import read_programs

        try:
            programs = read_programs(str(self.path), self._blocks)
        except MpcheckError as error:
            yield ScriptItem.from_parent(self, name="__main__", obstacle=str(error))
            return
        settings = self.config.stash[SETTINGS]
        kinds = settings.kinds(settings.start_methods, available_kinds())
        reference = next((kind.name for kind in kinds if not kind.obstacle), "")
        for program in programs:
            experiment = Experiment(reference)
            for kind in kinds:
                name = f"{program.name.replace(' ', '-') or '__main__'}[{kind.name}]"
                item = ScriptItem.from_parent(
                    self,
                    name=name,
                    nodeid=f"{self.nodeid}::{name}",  # which pytest 9.2 takes apart as that of a test with parameters
                    program=program,
                    experiment=experiment,
                    start_method=kind.name,
                )
                if kind.obstacle:
                    item.add_marker(pytest.mark.skip(reason=kind.obstacle))
                yield item


class ScriptItem(pytest.Item):
    """A program under one start method. It passes when it ends with 0 and does what it does under the reference.

    Args:
        program: The program; ``None`` when there is none.
        experiment: What is known of its runs; the items of one program share it.
        start_method: The start method.
        obstacle: Why there is no program.
        rest: As for any item.
    """

    def __init__(
        self,
        *,
        program: Program | None = None,
        experiment: Experiment | None = None,
        start_method: str = "",
        obstacle: str = "",
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self._program = program
        self._experiment = experiment
        self._start_method = start_method
        self._obstacle = obstacle

    def runtest(self) -> None:
        """Run the program, and the reference as far as that has not been done in this process."""
        from ._scripts._laboratory import Laboratory

        program, experiment = self._program, self._experiment
        if program is None or experiment is None:
            pytest.fail(self._obstacle, pytrace=False)
        laboratory = Laboratory(run_of(self.config).new_scope, self.config.stash[SETTINGS].timeout)
        try:
            contrast = experiment.look(
                self._start_method, lambda start_method, manner: laboratory.run(program, (), start_method, manner)
            )
        finally:
            laboratory.close()
        if contrast.differs or all(run.exitcode != 0 for run in experiment.runs[self._start_method]):
            pytest.fail(self._told(program, experiment), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Tell where the item stands."""
        return self.path, 0, self.name  # a skip has to have a line

    def _told(self, program: Program, experiment: Experiment) -> str:
        from ._scripts._causes import causes_of
        from ._scripts._words import heading, lines_of, verdict_of

        methods = tuple(dict.fromkeys((experiment.reference, self._start_method)))
        contrasts = {method: experiment.contrast(method) for method in methods}
        causes = causes_of(program, experiment, contrasts)
        verdict = verdict_of(experiment, contrasts[self._start_method], causes)
        return "\n".join([verdict, heading(program, methods), "", *lines_of(program, experiment, contrasts, causes)])
