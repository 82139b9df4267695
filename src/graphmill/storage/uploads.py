"""What is known of stored files; their bytes are in the file store."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Select, bindparam, delete, insert, select

from graphmill.errors import StoreError
from graphmill.jsontext import storable
from graphmill.storage.database import Database, Row
from graphmill.storage.tables import unfinished_files, uploads


class UploadKind(StrEnum):
    UPLOAD = "upload"
    """Sent by a caller."""
    TOOL = "tool"
    """Made by a run."""


@dataclass(frozen=True, slots=True)
class NewUpload:
    id: str
    app_id: str
    end_user_id: str
    """Who owns it: the caller who sent it, or whose run made it."""
    kind: UploadKind
    name: str
    extension: str
    """Lower case, without its dot; empty when there is none."""
    mime_type: str
    size: int
    sha256: str
    """In hex."""
    key: str
    """Of its bytes in the file store."""
    created_at: float


@dataclass(frozen=True, slots=True)
class Upload(NewUpload):
    number: int
    """Counts files from 1 and is never used twice: Nextcloud's clients know a file by it."""


_COLUMNS = [column for column in uploads.c if column.name != "number"]
_UPLOADS: Select[Row] = select(*_COLUMNS, uploads.c.number)

_ADD = insert(uploads).values({column.name: bindparam(column.name) for column in _COLUMNS})
_ANNOUNCE = insert(unfinished_files)
_FORGET_UNFINISHED = delete(unfinished_files).where(unfinished_files.c.key == bindparam("key"))
_GET = _UPLOADS.where(uploads.c.id == bindparam("id"))
_BY_NUMBER = _UPLOADS.where(uploads.c.number == bindparam("number"))
_DELETE = delete(uploads).where(uploads.c.id == bindparam("id"))
MAX_NUMBER = 2**31 - 1
"""What clients can count to."""


class UploadStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def announce(self, key: str, *, at: float) -> None:
        """Bytes will be written under `key`. Await it before, then call `add` or `forget`; what a
        process leaves that dies between them, retention takes away. Raises StoreError."""
        await self._database.write(_ANNOUNCE, key=key, created_at=at)

    async def forget(self, key: str) -> None:
        """Nothing lies under `key`, which was announced. Raises StoreError."""
        await self._database.write(_FORGET_UNFINISHED, key=key)

    async def add(self, upload: NewUpload) -> Upload:
        """Its bytes are there. Raises StoreError."""
        values = {column.name: getattr(upload, column.name) for column in _COLUMNS}
        await self._database.write_all(
            [
                (_ADD, {**values, "name": storable(upload.name)}),
                (_FORGET_UNFINISHED, {"key": upload.key}),
            ]
        )
        added = await self.get(upload.id)
        if added is None:
            raise StoreError(f"The record of file {upload.id} is gone; was it pruned at once?")
        return added

    async def get(self, upload_id: str) -> Upload | None:
        """Whose it is, the caller has to check."""
        row = await self._database.fetch_one(_GET, id=upload_id)
        return None if row is None else _upload(row)

    async def get_by_number(self, number: int) -> Upload | None:
        """Whose it is, the caller has to check."""
        if not 0 < number <= MAX_NUMBER:
            return None
        row = await self._database.fetch_one(_BY_NUMBER, number=number)
        return None if row is None else _upload(row)

    async def delete(self, upload_id: str) -> None:
        await self._database.write(_DELETE, id=upload_id)


def _upload(row: Row) -> Upload:
    upload_id, app_id, end_user_id, kind, *others = row
    return Upload(upload_id, app_id, end_user_id, UploadKind(kind), *others)
