"""What `multiprocessing` lets its fork server preload: it makes the server listen to what is asked of it.

It is imported there, once, and nowhere else.
"""

from __future__ import annotations

import os
import sys

_bare = frozenset(sys.modules)  # before anything else is imported

from ._request import VARIABLE  # noqa: E402
from ._server import Server  # noqa: E402

_folder = os.environ.pop(VARIABLE, "")
if _folder:
    Server(_folder, _bare).listen()
