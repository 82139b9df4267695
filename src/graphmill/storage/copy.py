"""Copies the bytes of all files from one file store to another."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import bindparam, select

from graphmill.errors import FileNotFound
from graphmill.ports.files import FileStore
from graphmill.storage.database import Database
from graphmill.storage.tables import uploads

AT_A_TIME: Final = 8
"""Files on their way."""

_NEXT: Final = (
    select(uploads.c.number, uploads.c.key, uploads.c.size, uploads.c.sha256)
    .where(uploads.c.number > bindparam("after"))
    .order_by(uploads.c.number)
    .limit(AT_A_TIME)
)


@dataclass(slots=True)
class Copied:
    """How many files."""

    copied: int = 0
    skipped: int = 0
    """There already."""
    failed: int = 0


async def copy_files(
    database: Database, source: FileStore, target: FileStore, *, tell: Callable[[str], None]
) -> Copied:
    """Copy what `target` has not; `tell` hears what cannot be copied. Can be interrupted and called
    again. Raises StoreError."""
    total, after = Copied(), 0
    while rows := await database.fetch_all(_NEXT, after=after):
        try:
            async with asyncio.TaskGroup() as tasks:
                for _, key, size, digest in rows:
                    tasks.create_task(_copy(source, target, key, size, digest, total, tell))
        except ExceptionGroup as failed:
            # The store that failed for one file did so for all: one sentence is enough.
            raise failed.exceptions[0] from failed
        after = rows[-1][0]
    return total


async def _copy(
    source: FileStore,
    target: FileStore,
    key: str,
    size: int,
    digest: str,
    total: Copied,
    tell: Callable[[str], None],
) -> None:
    if await target.size(key) == size:
        total.skipped += 1
        return
    # A copy that was killed may have left something.
    await target.undo(key)
    try:
        await target.write(key, _compared(source.open(key), digest))
    except FileNotFound:
        tell(f"{key} is not in the store it should be copied from")
        total.failed += 1
    except _Damaged:
        tell(f"{key} is not what was uploaded: its hash is another one")
        total.failed += 1
    else:
        total.copied += 1


class _Damaged(Exception):
    """The bytes are not those that were uploaded."""


async def _compared(chunks: AsyncIterator[bytes], digest: str) -> AsyncIterator[bytes]:
    """The chunks; fails after the last one, so that nothing is stored, if their hash is another."""
    found = sha256()
    async for chunk in chunks:
        found.update(chunk)
        yield chunk
    if found.hexdigest() != digest:
        raise _Damaged
