"""What workers have registered: providers of task types, as they described them."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from graphmill.jsontext import decode
from graphmill.storage.database import Database
from graphmill.storage.tables import ocs_providers


@dataclass(frozen=True, slots=True)
class StoredProvider:
    id: int
    worker_id: str
    name: str
    """The id that the worker gave it."""
    provider: str
    """JSON."""
    custom_task_type: str | None
    """JSON."""

    def description(self) -> dict[str, Any]:
        """What `provider` says."""
        content: dict[str, Any] = decode(self.provider.encode())
        return content


_ALL: Final = select(
    ocs_providers.c.id,
    ocs_providers.c.worker_id,
    ocs_providers.c.name,
    ocs_providers.c.provider,
    ocs_providers.c.custom_task_type,
).order_by(ocs_providers.c.id)
_INSERT: Final = insert(ocs_providers)
_SAVE: Final = _INSERT.on_conflict_do_update(
    index_elements=["worker_id", "name"],
    set_={
        "provider": _INSERT.excluded.provider,
        "custom_task_type": _INSERT.excluded.custom_task_type,
    },
).values({name: bindparam(name) for name in ("worker_id", "name", "provider", "custom_task_type")})
_DELETE: Final = delete(ocs_providers).where(
    ocs_providers.c.worker_id == bindparam("worker_id"), ocs_providers.c.name == bindparam("name")
)


class ProviderStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[StoredProvider]:
        """In the order in which they came."""
        return [StoredProvider(*row) for row in await self._database.fetch_all(_ALL)]

    async def save(
        self, worker_id: str, name: str, provider: str, custom_task_type: str | None
    ) -> None:
        """Another one of that name is replaced."""
        await self._database.write(
            _SAVE,
            worker_id=worker_id,
            name=name,
            provider=provider,
            custom_task_type=custom_task_type,
        )

    async def delete(self, worker_id: str, name: str) -> None:
        await self._database.write(_DELETE, worker_id=worker_id, name=name)
