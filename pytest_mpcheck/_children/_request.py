"""What the process of the tests asks of its fork server, and what that answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ._modules import ModuleFile

__all__ = ["ANSWER", "REQUEST", "VARIABLE", "Answer", "Request", "stamp"]

VARIABLE = "MPCHECK_PRELOAD"
"""The variable of the environment that names the folder of the requests to a server that is started."""

REQUEST = "request"
"""The file, in the folder of its number, in which a request is left."""

ANSWER = "answer"
"""The file beside it in which the server answers."""


class Request(NamedTuple):
    """What is to be imported.

    Attributes:
        names: The modules.
        origins: By name of a module, the path of its file.
        files: Where those are that a plain import would not find, or not as they should be.
        path: `sys.path`, as it is here.
        environ: The environment, as it is here.
        cwd: The working directory.
    """

    names: tuple[str, ...]
    origins: Mapping[str, str]
    files: tuple[ModuleFile, ...]
    path: tuple[str, ...]
    environ: Mapping[str, str]
    cwd: str


class Answer(NamedTuple):
    """What has become of a request.

    Attributes:
        done: The modules that were imported.
        refused: By name, why one was not.
        has_forgotten: Whether a module had become another one, so that what was imported before is offered no more.
    """

    done: tuple[str, ...]
    refused: Mapping[str, str]
    has_forgotten: bool


def stamp(path: str | None) -> tuple[int, int] | None:
    """Tell what a module's file looks like, so that both ends see when it changes; ``None`` where there is none."""
    try:
        status = os.stat(path) if path else None
    except OSError:
        return None
    return status and (status.st_mtime_ns, status.st_size)
