"""What a child does, that the guard has reached, to leave word of things with a name that it makes.

`note_names` travels as code in what `multiprocessing` sends to every child that is not forked (see `_reach`); the
module is never loaded there. Guarantees: it needs nothing but what every such child has loaded, never fails, and
changes nothing of what the child does. Word is a file ``made-PID`` with a line for each semaphore, segment of shared
memory and folder for sockets; of a child that makes none of them there is no trace.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["note_names"]


def note_names(folder: str) -> None:
    """Begin.

    Args:
        folder: Where to leave word.
    """
    import os
    import sys

    def note(sort: str, name: str) -> None:
        try:
            file = os.open(f"{folder}/made-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, f"{sort} {name}\n".encode())
            finally:
                os.close(file)
        except OSError:  # there is no room, or no such folder any more
            pass

    tracker: Any = sys.modules.get("multiprocessing.resource_tracker")
    util: Any = sys.modules.get("multiprocessing.util")
    register = getattr(tracker, "register", None)
    get_temp_dir = getattr(util, "get_temp_dir", None)

    def registering(name: str, rtype: str) -> Any:
        result = register(name, rtype)  # type: ignore[misc]
        if rtype in ("semaphore", "shared_memory") and sys._getframe(1).f_locals.get("create", True):
            note(rtype, name)  # else it is attached to one that others have made
        return result

    def getting() -> Any:
        is_new = sys.modules["multiprocessing.process"].current_process()._config.get("tempdir") is None
        path = get_temp_dir()  # type: ignore[misc]
        if is_new:
            note("folder", path)
        return path

    registering._mpcheck = getting._mpcheck = True  # type: ignore[attr-defined]
    if register is not None and not hasattr(register, "_mpcheck"):
        tracker.register = registering
    if get_temp_dir is not None and not hasattr(get_temp_dir, "_mpcheck"):
        util.get_temp_dir = getting
