"""What `multiprocessing` lets its fork server preload: it makes the server listen to what is asked of it.

It is imported there, once, and nowhere else.
"""

from __future__ import annotations

import os

from ._request import VARIABLE
from ._server import Server

_folder = os.environ.pop(VARIABLE, "")
if _folder:
    Server(_folder).listen()
