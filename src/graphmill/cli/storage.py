"""`graphmill storage copy`: all files into the other file store."""

import asyncio
from functools import partial

import typer

from graphmill.config import Settings
from graphmill.config.storage import StorageKind
from graphmill.storage.copy import Copied, copy_files
from graphmill.wiring.storage import open_files, open_storage

_OTHER = {StorageKind.S3: StorageKind.LOCAL, StorageKind.LOCAL: StorageKind.S3}


def copy_all(settings: Settings, to: StorageKind) -> int:
    """Copy what is not there yet. The exit status: 1 when a file could not be copied. Raises
    ConfigInvalid or StoreError; call it again then."""
    copied = asyncio.run(_copy(settings, to))
    typer.echo(
        f"Copied {copied.copied} files to {to}; {copied.skipped} were there, "
        f"{copied.failed} could not be copied."
    )
    return 1 if copied.failed else 0


async def _copy(settings: Settings, to: StorageKind) -> Copied:
    async with (
        open_storage(settings) as storage,
        open_files(settings, _OTHER[to]) as source,
        open_files(settings, to) as target,
    ):
        return await copy_files(
            storage.database, source, target, tell=partial(typer.echo, err=True)
        )
