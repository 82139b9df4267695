"""Keys by which callers recognise their requests again: which run a key started."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from graphmill.engine.run import RequestKey, Run
from graphmill.jsontext import storable
from graphmill.storage.database import Database
from graphmill.storage.tables import request_keys

ADD_REQUEST_KEY: Final = insert(request_keys).on_conflict_do_nothing()
"""In the commit that stores the beginning of the run: there is never one without the other."""
_FIND: Final = select(request_keys.c.run_id, request_keys.c.fingerprint).where(
    request_keys.c.app_id == bindparam("app_id"), request_keys.c.key == bindparam("key")
)


@dataclass(frozen=True, slots=True)
class UsedKey:
    run_id: str
    fingerprint: str


class RequestKeyStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, app_id: str, key: str) -> UsedKey | None:
        """Raises StoreError."""
        row = await self._database.fetch_one(_FIND, app_id=app_id, key=storable(key))
        return None if row is None else UsedKey(*row)


def row_of(run: Run, key: RequestKey) -> dict[str, Any]:
    """For `ADD_REQUEST_KEY`."""
    return {
        "app_id": run.app_id,
        "key": storable(key.text),
        "run_id": run.id,
        "fingerprint": key.fingerprint,
    }
