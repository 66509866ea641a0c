"""The project's own suite. Nothing here is needed by users of the plugin."""

from __future__ import annotations

pytest_plugins = ["pytester"]
