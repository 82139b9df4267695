"""`graphmill sandbox install`: packages for code nodes, by pip, into a folder of their own."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

import typer

from graphmill.config import Settings
from graphmill.errors import ConfigInvalid
from graphmill.sandbox.packages import requested_modules


def install_packages(settings: Settings, names: Sequence[str]) -> int:
    """Install them and say what code can import now. The exit status is pip's.

    Raises ConfigInvalid where packages here would be of no use."""
    if settings.sandbox.python_is_remote:
        raise ConfigInvalid(
            f"Code runs in the dify-sandbox at {settings.sandbox.remote.endpoint}; "
            "packages are installed there."
        )
    if find_spec("pip") is None:
        raise ConfigInvalid(
            f"{sys.executable} has no pip. Install it there (python -m ensurepip), or fill "
            f"{settings.packages_dir} with another pip install --target of the same Python."
        )
    folder = settings.packages_dir
    options = ("--disable-pip-version-check", "--upgrade", "--target", str(folder))
    command = [sys.executable, "-m", "pip", "install", *options, "--", *names]
    status = subprocess.run(command, check=False).returncode
    if status == 0:
        modules = ", ".join(requested_modules(folder))
        typer.echo(
            f"Code nodes can import {modules} ({folder}) when the server has been restarted."
        )
    return status
