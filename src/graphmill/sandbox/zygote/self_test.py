"""What must not be possible behind the walls, tried. Run like strangers' code, before any of it."""

import mmap
import os
import socket
from collections.abc import Callable
from pathlib import Path

ENVIRONMENT = {
    "TZ", "LC_CTYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"
}  # fmt: skip


def main(memory_bytes: int) -> dict[str, list[str]]:
    """`breaches` names what could be done."""
    attempts: dict[str, Callable[[], object]] = {
        "read files": lambda: Path("/etc/passwd").read_bytes(),
        "list folders": lambda: list(Path("/").iterdir()),
        "open sockets": socket.socket,
        "start processes": _fork,
        "map executable memory": lambda: mmap.mmap(
            -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        ),
        "take more memory than allowed": lambda: bytearray(memory_bytes),
        "send signals": lambda: os.kill(os.getppid(), 0),
    }
    breaches = [name for name, attempt in attempts.items() if _works(attempt)]
    if set(os.environ) - ENVIRONMENT:
        breaches.append("see the environment")
    return {"breaches": breaches}


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, MemoryError):
        return False
    return True


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
