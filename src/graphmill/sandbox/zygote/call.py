"""One call, in a child of its own: read the request, take on limits, run, answer, exit."""

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import complaints
import framing
import kernel
import languages
from seccomp import Filter

RECURSION = 1000
THREAD_STACK = 512 << 10

# Kept before strangers' code can put something else in its place. Dify refuses NaN and infinities.
_encode: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class Capped(io.TextIOBase):
    """Keeps the beginning of what is printed and counts the rest."""

    def __init__(self, characters: int) -> None:
        self.rest = characters
        self.parts: list[str] = []
        self.dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        kept = text[: max(0, self.rest)]
        if kept:
            self.parts.append(kept)
        self.rest -= len(kept)
        self.dropped += len(text) - len(kept)
        return len(text)

    def text(self) -> str:
        note = f"\n... {self.dropped} more characters" if self.dropped else ""
        return "".join(self.parts) + note


def answer(descriptor: int, wall: Filter | None, packages: Sequence[str]) -> None:
    """Serve the request on `descriptor`; `packages` come on top of the standard library."""
    request = framing.receive(descriptor)
    output, errors = Capped(request["log_characters"]), Capped(request["log_characters"])
    sys.stdout, sys.stderr = output, errors
    threading.stack_size(THREAD_STACK)
    sys.setrecursionlimit(RECURSION)
    _reseed()
    kernel.limit(
        memory_bytes=request["memory_bytes"],
        cpu_seconds=request["cpu_seconds"],
        threads=request["threads"],
    )
    if wall is not None:
        wall.load()
    reply = _run(request, packages)
    reply["output"], reply["errors"] = output.text(), errors.text()
    framing.send(descriptor, _encode(reply))


def _reseed() -> None:
    """The standard library does it by itself after a fork; NumPy's numbers would repeat."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _run(request: dict[str, Any], packages: Sequence[str]) -> dict[str, Any]:
    try:
        result = languages.RUN[request["language"]](request["source"], request["inputs"])
        size, limit = len(_encode(result)), request["result_characters"]
        if size > limit:
            message = f"The result has {size} characters as JSON, {limit} are allowed."
            return {"ok": False, "kind": "OutputTooLarge", "message": message}
        return {"ok": True, "result": result}
    except MemoryError:
        message = "MemoryError: the code needs more memory than it may have"
        return {"ok": False, "kind": "MemoryError", "message": message}
    except BaseException as error:
        message = complaints.describe(error, request["language"], packages)
        return {"ok": False, "kind": type(error).__name__, "message": message}


def exit_now() -> None:
    """Without finalizers: the author may have left some."""
    os._exit(0)
