"""Bytes into a file store and out of it."""

from collections.abc import AsyncIterator

from graphmill.ports.files import FileStore


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken(*parts: bytes) -> AsyncIterator[bytes]:
    """Ends before its end."""
    for part in parts:
        yield part
    raise ConnectionResetError


async def content(store: FileStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.open(key)])
