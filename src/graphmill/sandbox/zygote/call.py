"""One call, in a child of its own: read the request, take on limits, run, answer, exit."""

import io
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import framing
import kernel
import languages
from seccomp import Filter

RECURSION = 1000
THREAD_STACK = 512 << 10
ERROR_CHARACTERS = 20_000

# Kept before strangers' code can put something else in their place.
_encode: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False).encode


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


def answer(descriptor: int, wall: Filter | None) -> None:
    """Serve the request that waits on `descriptor`."""
    request = framing.receive(descriptor)
    output, errors = Capped(request["log_characters"]), Capped(request["log_characters"])
    sys.stdout, sys.stderr = output, errors
    threading.stack_size(THREAD_STACK)
    sys.setrecursionlimit(RECURSION)
    kernel.limit(
        memory_bytes=request["memory_bytes"],
        cpu_seconds=request["cpu_seconds"],
        threads=request["threads"],
    )
    if wall is not None:
        wall.load()
    reply = _run(request)
    reply["output"], reply["errors"] = output.text(), errors.text()
    framing.send(descriptor, _encode(reply))


def _run(request: dict[str, Any]) -> dict[str, Any]:
    try:
        result = languages.RUN[request["language"]](request["source"], request["inputs"])
        text = _encode(result)
        if len(text) > request["result_characters"]:
            limit = request["result_characters"]
            return _failure(
                "OutputTooLarge", f"the result has {len(text)} characters, {limit} are allowed"
            )
        return {"ok": True, "result": result}
    except MemoryError:
        return _failure("MemoryError", "MemoryError: the code needs more memory than it may have")
    except BaseException as error:
        return _failure(type(error).__name__, _describe(error))


def _failure(kind: str, message: str) -> dict[str, Any]:
    return {"ok": False, "kind": kind, "message": message[:ERROR_CHARACTERS]}


def _describe(error: BaseException) -> str:
    """As an interpreter would print it, with the author's own lines only."""
    try:
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == languages.SOURCE
        ]
        lines = traceback.format_list(frames[-5:])
        head = ["Traceback (most recent call last):\n"] if lines else []
        return "".join([*head, *lines, *traceback.format_exception_only(error)]).rstrip()
    except BaseException:
        return type(error).__name__


def exit_now() -> None:
    """Without finalizers: the author may have left some."""
    os._exit(0)
