"""Python code in pydantic-monty, an interpreter in Rust that has no way to files, network or
processes: for hosts whose kernel offers no wall.

It knows a part of Python and of its standard library, and says so where that is not enough. Its
workers are processes of their own, so one that crashes or takes too long harms nobody. This module
is imported where it is used, for most servers have no use for its library.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final, Literal

from pydantic_monty import (
    AsyncMonty,
    CollectString,
    Frame,
    MontyCrashedError,
    MontyError,
    MontyRuntimeError,
    MontySyntaxError,
)

from graphmill import jsontext
from graphmill.errors import CodeFailed, CodeUnavailable
from graphmill.ports.code import CodeResult
from graphmill.sandbox.answers import CPU_TIME_EXCEEDED, CRASHED, check_depth
from graphmill.sandbox.limits import CodeLimits, Places, timed_out
from graphmill.variables.values import Value

CALLS_PER_WORKER: Final = 500
MESSAGE_CHARACTERS: Final = 20_000
FRAMES: Final = 5

# Each piece is a snippet of its own, so lines of the source count from its first one. All end in
# None: the value of a snippet would come here, whatever its size.
_BEFORE: Final = """\
import json
from base64 import b64decode
from json import dumps as __dumps, loads as __loads
None"""
_CALL: Final = """\
__result = __dumps(main(**__loads(__inputs)), allow_nan=False, ensure_ascii=False)
None"""
_ANSWER: Final = "print(__result, end='')\nNone"
_SOURCE: Final = "<python-input-1>"
"""What Monty calls the second snippet, which is the source."""
_HINT: Final = (
    "This server runs code nodes in pydantic-monty, which knows only a part of Python and its "
    "standard library. All of it is there on Linux with seccomp, or in a dify-sandbox."
)


class Monty:
    """`ports.CodeRunner` for python3. The first call starts its workers."""

    def __init__(self, limits: CodeLimits) -> None:
        self._limits = limits
        self._places = Places(limits)
        self._starting = asyncio.Lock()
        self._opened = AsyncExitStack()
        self._pool: AsyncMonty | None = None

    async def run(self, language: str, source: str, inputs: Mapping[str, Value]) -> CodeResult:
        """Raises CodeFailed for what the author did, CodeUnavailable when Monty does not start."""
        assert language == "python3", "Monty is chosen for Python only"
        limits = self._limits
        limits.check_source(source)
        pool = await self._ready()
        await self._places.take()
        try:
            # Not before: those that wait hold no copy of their inputs.
            encoded = limits.encode(inputs).decode()
            async with asyncio.timeout(limits.wall_seconds):
                return await self._call(pool, source, encoded)
        except TimeoutError:
            raise timed_out(limits.wall_seconds) from None
        finally:
            self._places.release()

    async def start(self) -> None:
        """Raises CodeUnavailable when it cannot."""
        await self._ready()

    async def close(self) -> None:
        await self._opened.aclose()

    async def _ready(self) -> AsyncMonty:
        async with self._starting:
            if self._pool is None:
                pool = AsyncMonty(
                    max_processes=self._limits.running, max_checkouts_per_worker=CALLS_PER_WORKER
                )
                try:
                    self._pool = await self._opened.enter_async_context(pool)
                except (OSError, RuntimeError, MontyError) as error:
                    raise CodeUnavailable(f"pydantic-monty does not start: {error}.") from error
            return self._pool

    async def _call(self, pool: AsyncMonty, source: str, inputs: str) -> CodeResult:
        limits = self._limits
        printed = _Printed(limits.log_characters)
        answer = CollectString(max_bytes=4 * limits.result_characters)
        session = pool.checkout(
            limits={
                "max_memory": limits.memory_bytes,
                "max_feed_duration_secs": limits.cpu_seconds,
                "max_total_sleep_secs": limits.wall_seconds,
            },
            os_policy={
                "sleep": "system",
                "sleep_system_max": limits.wall_seconds,
                "timezone": "utc",
            },
        )
        try:
            async with session:
                await session.feed_run(_BEFORE)
                await session.feed_run(f"{source}\nNone", print_callback=printed)
                await session.feed_run(_CALL, inputs={"__inputs": inputs}, print_callback=printed)
                try:
                    await session.feed_run(_ANSWER, print_callback=answer)
                except MontyRuntimeError:
                    raise _too_large(limits.result_characters) from None
        except MontyError as error:
            raise _failure_of(error, source, printed.text("stdout")) from None
        return self._read(answer.output, printed)

    def _read(self, answer: str, printed: "_Printed") -> CodeResult:
        """What came is strangers' data: they could have put anything in place of the answer."""
        if len(answer) > self._limits.result_characters:
            raise _too_large(self._limits.result_characters)
        try:
            value = jsontext.decode(answer.encode())
        except ValueError:
            raise CodeFailed("The code sandbox gave an answer that cannot be read.") from None
        check_depth(value, answer.count("[") + answer.count("{"))
        return CodeResult(value, printed.text("stdout"), printed.text("stderr"))


class _Printed:
    """Keeps the beginning of what code prints."""

    def __init__(self, characters: int) -> None:
        self._parts: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._room = dict.fromkeys(self._parts, characters)

    def __call__(self, stream: Literal["stdout", "stderr"], text: str) -> None:
        kept = text[: self._room[stream]]
        self._room[stream] -= len(kept)
        if kept:
            self._parts[stream].append(kept)

    def text(self, stream: str) -> str:
        return "".join(self._parts[stream])


def _too_large(characters: int) -> CodeFailed:
    return CodeFailed(
        f"The result has more than {characters} characters as JSON.", kind="OutputTooLarge"
    )


def _failure_of(error: MontyError, source: str, output: str) -> CodeFailed:
    inner = error.exception()
    frames = error.traceback() if isinstance(error, MontyRuntimeError | MontySyntaxError) else []
    if isinstance(error, MontyCrashedError):
        kind, message = CRASHED
    elif isinstance(inner, TimeoutError) and not frames:
        # Its own limit; one that the code raised has come through a line of it.
        kind, message = CPU_TIME_EXCEEDED
    elif isinstance(inner, MemoryError):
        kind, message = "MemoryError", "MemoryError: the code needs more memory than it may have"
    else:
        kind, message = type(inner).__name__, _described(error, frames, source)
        if isinstance(inner, ImportError | NotImplementedError):
            message = f"{message}\n{_HINT}"
    return CodeFailed(message, kind=kind, output=output)


def _described(error: MontyError, frames: list[Frame], source: str) -> str:
    """As an interpreter would print it, with the author's own lines only."""
    own = [frame for frame in frames if frame.filename == _SOURCE][-FRAMES:]
    head = ["Traceback (most recent call last):"] if own else []
    return "\n".join([*head, *(_shown(frame, source) for frame in own), str(error)])[
        :MESSAGE_CHARACTERS
    ]


def _shown(frame: Frame, source: str) -> str:
    lines = source.splitlines()
    text = lines[frame.line - 1].strip() if frame.line <= len(lines) else ""
    place = f", in {frame.function_name}" if frame.function_name else ""
    return f'  File "<code>", line {frame.line}{place}\n    {text}'
