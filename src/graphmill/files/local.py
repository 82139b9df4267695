"""Files in a folder of this machine.

A file is written beside its place and renamed: it is there whole or not at all.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from graphmill.errors import FileNotFound, StoreDenied, StoreError, StoreFull, StoreUnreachable

CHUNK: Final = 256 * 1024
"""Bytes read at a time."""

_FAULTS: Final[dict[int, type[StoreError]]] = {
    errno.EACCES: StoreDenied,
    errno.EPERM: StoreDenied,
    errno.EROFS: StoreDenied,
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
    errno.EFBIG: StoreFull,
}


class LocalFiles:
    """A `FileStore`. Blocking calls run in threads, so a slow disk does not hold up the server."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        path = self._path(key)
        beside = _unfinished(path)
        size = 0
        with _translated():
            file = await asyncio.to_thread(_create, beside)
        try:
            try:
                async for chunk in chunks:
                    with _translated():
                        await asyncio.to_thread(file.write, chunk)
                    size += len(chunk)
            finally:
                with _translated():
                    await asyncio.to_thread(file.close)
            with _translated():
                await asyncio.to_thread(os.replace, beside, path)
        except BaseException:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        return size

    async def open(self, key: str) -> AsyncIterator[bytes]:
        path = self._path(key)
        try:
            with _translated():
                file = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            raise FileNotFound(f"No file is stored under {key!r}.") from None
        with file:
            while True:
                with _translated():
                    chunk = await asyncio.to_thread(file.read, CHUNK)
                if not chunk:
                    return
                yield chunk

    async def link(self, key: str, *, content_type: str, disposition: str | None) -> str | None:
        return None

    async def size(self, key: str) -> int | None:
        try:
            with _translated():
                return (await asyncio.to_thread(self._path(key).stat)).st_size
        except FileNotFoundError:
            return None

    async def delete(self, key: str) -> None:
        await _remove(self._path(key))

    async def undo(self, key: str) -> None:
        path = self._path(key)
        await _remove(_unfinished(path))
        await _remove(path)

    def _path(self, key: str) -> Path:
        path = self._root / key
        # Keys are made by us, never from what a caller sent.
        assert path.is_relative_to(self._root), key
        assert ".." not in path.parts, key
        return path


def _unfinished(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".{path.name}.part")


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


async def _remove(path: Path) -> None:
    with _translated(), suppress(FileNotFoundError):
        await asyncio.to_thread(path.unlink)


@contextmanager
def _translated() -> Iterator[None]:
    """The one seam between the operating system's errors and ours; a missing file passes."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        fault = _FAULTS.get(error.errno or 0, StoreUnreachable)
        raise fault(f"The file store failed: {error.strerror or error}.") from error
