"""The server's side: fetches a document and has it parsed in the sandbox, some at a time."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graphmill.documents.kinds import Kind, kind_of
from graphmill.errors import (
    CodeFailed,
    CodeUnavailable,
    DocumentUnreadable,
    FileNotFound,
    NoWall,
    OutboundRefused,
    StoreError,
)
from graphmill.ports.code import CodeRunner
from graphmill.ports.files import FileVault
from graphmill.variables.files import File

CHILD: Final = "graphmill.documents.child"
"""The module that the sandbox must have loaded."""

TEXT_CHARACTERS: Final = 2_500_000
"""The longest text that a document may have."""

_CALL: Final = f"from {CHILD} import main"
_TOO_LONG: Final = "Reading the document takes too long (config documents.seconds)."
_TOO_LARGE: Final = "Reading the document takes too much memory (config documents.memory_mb)."
_REASONS: Final[Mapping[str, str]] = {
    "Timeout": _TOO_LONG,
    "CpuTimeExceeded": _TOO_LONG,
    "MemoryError": _TOO_LARGE,
    "OutputTooLarge": f"The document has more text than {TEXT_CHARACTERS} characters.",
}
"""By what the sandbox says of code that failed."""

_BROKEN: Final = "The document is broken, or needs more memory than config documents.memory_mb."
"""When the parser crashed: libraries of C do both for lack of memory and for broken files."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    bytes: int
    """Of one document."""
    running: int
    """Documents that are read at a time."""
    waiting: int = 1000
    """Documents that may wait for that."""


class Documents:
    """`ports.documents.DocumentReader`."""

    def __init__(self, files: FileVault, runner: CodeRunner, limits: DocumentLimits) -> None:
        """`runner` must have loaded the module `CHILD`."""
        self._files = files
        self._runner = runner
        self._limits = limits
        self._places = asyncio.Semaphore(limits.running)
        self._waiting = 0

    async def text_of(self, file: File) -> str:
        kind = kind_of(file.extension, file.mime_type)
        await self._take_place()
        try:
            return await self._parse(kind, await self._fetch(file))
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        # Before the document is fetched: those that wait hold no bytes.
        if self._waiting >= self._limits.waiting:
            raise DocumentUnreadable("Too many documents wait to be read. Try again later.")
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1

    async def _fetch(self, file: File) -> bytes:
        try:
            return await self._files.read(file, limit=self._limits.bytes)
        except (
            FileNotFound,
            StoreError,
            OutboundRefused,
            ConnectionError,
            TimeoutError,
            ValueError,
        ) as error:
            raise DocumentUnreadable(f"Error downloading file: {error}") from error

    async def _parse(self, kind: Kind, content: bytes) -> str:
        inputs = {"kind": str(kind), "content": b64encode(content).decode("ascii")}
        try:
            answer = (await self._runner.run("python3", _CALL, inputs)).value
        except CodeFailed as error:
            raise DocumentUnreadable(_REASONS.get(error.kind, _BROKEN)) from error
        except NoWall as error:
            raise DocumentUnreadable(
                f"Documents cannot be read on this host: {error.reason}."
            ) from error
        except CodeUnavailable as error:
            raise DocumentUnreadable(f"Documents cannot be read now: {error}") from error
        match answer:
            case {"text": str(text)}:
                return text
            case {"refusal": str(refusal)}:
                raise DocumentUnreadable(refusal)
            case _:
                raise DocumentUnreadable(_BROKEN)
