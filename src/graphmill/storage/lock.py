"""One server a data folder: a second one would take the first one's runs for interrupted."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from graphmill.errors import ConfigInvalid, StoreDenied

if sys.platform != "win32":
    import fcntl

FILE_NAME: Final = "server.lock"


@contextmanager
def only_server(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for this process; the system lets go of it however the process ends.

    Raises ConfigInvalid when another server has it, StoreDenied when nobody can have it. Windows
    has no such lock."""
    if sys.platform == "win32":
        yield
        return
    with _opened(data_dir) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ConfigInvalid(
                f"data_dir: another server (process {file.read() or 'unknown'}) works in "
                f"{data_dir}. Stop it, or give this one a folder of its own."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _opened(data_dir: Path) -> TextIO:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (data_dir / FILE_NAME).open("a+", encoding="ascii")
    except OSError as error:
        raise StoreDenied(f"The folder {data_dir} cannot be used: {error.strerror}") from error
