"""Files: their bytes, and what nodes do with them."""

from collections.abc import AsyncIterator
from typing import Protocol

from graphmill.engine.run import Run
from graphmill.variables.files import File


class FileVault(Protocol):
    """Files as nodes see them: read what a value points to, keep what a node made."""

    async def read(self, file: File, *, limit: int) -> bytes:
        """The bytes of `file`, fetched through the guarded client when it is remote.

        Raises FileNotFound, or ValueError when there are more than `limit` bytes."""
        ...

    async def save(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        """Keep `content` as a file that `run` made (`tool_file`); it belongs to the run's end
        user."""
        ...


class FileStore(Protocol):
    """Where the bytes of files lie. Keys are chosen by the caller and never derived from a file
    name."""

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store a stream whole or not at all; the number of bytes. Raises StoreError."""
        ...

    def open(self, key: str) -> AsyncIterator[bytes]:
        """Raises FileNotFound when there is nothing under `key`, StoreError otherwise."""
        ...

    async def link(self, key: str, *, content_type: str, disposition: str | None) -> str | None:
        """Where anybody gets the bytes from the store itself for some minutes, with these headers
        (`Content-Disposition` is the second); None when they come by this server only. Raises
        StoreError."""
        ...

    async def size(self, key: str) -> int | None:
        """Bytes under `key`; None when there is nothing. Raises StoreError."""
        ...

    async def delete(self, key: str) -> None:
        """Deleting what is not there is no error. Raises StoreError."""
        ...

    async def undo(self, key: str) -> None:
        """Delete what is under `key`, and what a process left that died while it wrote there.
        Raises StoreError."""
        ...
