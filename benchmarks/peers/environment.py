"""`Environment`: a virtual environment for one suite, with the plugin from the checkout, built as users get it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDER = Path(__file__).with_name("recorder.py")


class Environment:
    """A virtual environment of the Python that runs this script.

    Attributes:
        python: Its interpreter.
    """

    def __init__(self, folder: Path) -> None:
        self.python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        if not self.python.exists():
            maker = "venv" if importlib.util.find_spec("ensurepip") else "virtualenv"
            # A copy, since some suites start the file behind the link, which knows nothing of the environment.
            run(sys.executable, "-m", maker, "--copies", str(folder))

    def install(self, *requirements: str, folder: Path) -> None:
        """Install what pip takes; paths among `requirements` start at `folder`."""
        if requirements:
            run(str(self.python), "-m", "pip", "install", "--quiet", *requirements, folder=folder)

    def install_plugin(self, workshop: Path) -> None:
        """Install pytest, the plugin as its checkout is now, and the recorder.

        Args:
            workshop: A folder for a copy of the checkout: building leaves nothing in the checkout itself.
        """
        shutil.rmtree(workshop, ignore_errors=True)
        shutil.copytree(CHECKOUT, workshop, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        self.install(str(workshop), folder=workshop)
        self.install("--force-reinstall", "--no-deps", str(workshop), folder=workshop)
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        shutil.copyfile(RECORDER, Path(run(str(self.python), "-c", where).strip(), "peers_recorder.py"))


def run(*command: str, folder: Path | None = None) -> str:
    """Run a command and return what it printed.

    Raises:
        SystemExit: It failed; with all of what it printed.
    """
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nended with exit status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
