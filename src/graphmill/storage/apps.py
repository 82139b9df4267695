"""Apps and their versions, as they were at some time: old versions stay runnable."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from graphmill.ids import workflow_id_of
from graphmill.storage.database import Database
from graphmill.storage.tables import apps, workflow_versions


@dataclass(frozen=True, slots=True)
class StoredApp:
    id: str
    slug: str
    name: str
    mode: str


@dataclass(frozen=True, slots=True)
class StoredVersion:
    id: str
    app_id: str
    created_at: float
    """When this server first saw it."""
    content: str
    """The text of the workflow file."""

    @property
    def name(self) -> str:
        """As logs show it, in UTC: `2026-11-21 10:00:00.123456`."""
        return datetime.fromtimestamp(self.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


_ADD_APP = insert(apps)
_SAVE_APP = _ADD_APP.on_conflict_do_update(
    index_elements=["id"],
    set_={name: _ADD_APP.excluded[name] for name in ("slug", "name", "mode")},
)
_SAVE_VERSION = insert(workflow_versions).on_conflict_do_nothing()
_VERSION = select(workflow_versions).where(
    workflow_versions.c.id == bindparam("id"), workflow_versions.c.app_id == bindparam("app_id")
)


class AppStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_app(self, app: StoredApp) -> None:
        """Add the app, or take over what has changed."""
        await self._database.write(
            _SAVE_APP, id=app.id, slug=app.slug, name=app.name, mode=app.mode
        )

    async def save_version(self, app_id: str, content: str, *, created_at: float) -> StoredVersion:
        """The version with this content: the one that is stored already, or else a new one."""
        version_id = workflow_id_of(app_id, content)
        known = await self.get_version(app_id, version_id)
        if known is not None:
            return known
        version = StoredVersion(version_id, app_id, created_at, content)
        await self._database.write(
            _SAVE_VERSION, id=version_id, app_id=app_id, created_at=created_at, content=content
        )
        return version

    async def get_version(self, app_id: str, version_id: str) -> StoredVersion | None:
        row = await self._database.fetch_one(_VERSION, app_id=app_id, id=version_id)
        return None if row is None else StoredVersion(*row)
