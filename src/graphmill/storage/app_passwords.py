"""App passwords that were made by logging in, and those that were revoked."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from graphmill.storage.database import Database
from graphmill.storage.tables import app_passwords


@dataclass(frozen=True, slots=True)
class StoredAppPassword:
    fingerprint: str
    """Hash of a password that is random and long: nobody can guess what belongs to it."""
    user_id: str
    name: str
    """Of the device."""
    created_at: float
    revoked_at: float | None = None


_ALL: Final = select(app_passwords)
_INSERT: Final = insert(app_passwords)
_SAVE: Final = _INSERT.on_conflict_do_update(
    index_elements=["fingerprint"], set_={"revoked_at": _INSERT.excluded.revoked_at}
).values({column.name: bindparam(column.name) for column in app_passwords.c})


class AppPasswordStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[StoredAppPassword]:
        return [StoredAppPassword(*row) for row in await self._database.fetch_all(_ALL)]

    async def save(self, password: StoredAppPassword) -> None:
        """New, or with another `revoked_at`."""
        values = {column.name: getattr(password, column.name) for column in app_passwords.c}
        await self._database.write(_SAVE, **values)
