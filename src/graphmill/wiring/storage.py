"""What lasts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from graphmill.config import Settings
from graphmill.config.storage import StorageKind
from graphmill.errors import ConfigInvalid
from graphmill.files.local import LocalFiles
from graphmill.files.s3 import S3Files
from graphmill.ports.files import FileStore
from graphmill.storage.database import Database, open_database
from graphmill.storage.prune import Pruner


@dataclass(frozen=True, slots=True)
class Storage:
    """What lasts: the database and the bytes of files."""

    database: Database
    files: FileStore
    pruner: Pruner


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """Open it, with the tables of this version. Raises ConfigInvalid or StoreError."""
    url = settings.database_url
    async with (
        open_files(settings, settings.storage.kind) as files,
        open_database(
            None if url is None else url.get_secret_value(), settings.data_dir
        ) as database,
    ):
        pruner = Pruner(database, files, settings.retention, tasks_days=settings.ocs.retention_days)
        yield Storage(database, files, pruner)


@asynccontextmanager
async def open_files(settings: Settings, kind: StorageKind) -> AsyncIterator[FileStore]:
    """The file store of that kind. Raises ConfigInvalid."""
    if kind is StorageKind.LOCAL:
        yield LocalFiles(settings.data_dir / "files")
        return
    if settings.storage.s3.bucket is None:
        raise ConfigInvalid("storage.s3.bucket is missing: name the bucket for the files")
    files = S3Files(settings.storage.s3)
    try:
        yield files
    finally:
        await files.close()
