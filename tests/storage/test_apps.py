"""Apps and versions: the same content is the same version, and none is lost."""

from sqlalchemy import select

from graphmill.ids import app_id_of, workflow_id_of
from graphmill.storage.apps import AppStore, StoredApp, StoredVersion
from graphmill.storage.database import Database
from graphmill.storage.tables import apps, workflow_versions
from tests.storage.records import APP, CREATED_AT


async def test_an_app_is_what_was_saved_last(database: Database) -> None:
    store = AppStore(database)
    await store.save_app(StoredApp(APP, "hello", "Hello", "workflow"))
    await store.save_app(StoredApp(APP, "hello", "Hello again", "workflow"))
    assert [(APP, "hello", "Hello again", "workflow")] == await database.fetch_all(select(apps))


async def test_a_version_has_the_id_of_its_content(database: Database) -> None:
    store = AppStore(database)
    version = await store.save_version(APP, "content", created_at=CREATED_AT)
    assert workflow_id_of(APP, "content") == version.id
    assert version == await store.get_version(APP, version.id)


async def test_content_that_is_known_stays_the_version_it_is(database: Database) -> None:
    store = AppStore(database)
    first = await store.save_version(APP, "one\ntwo", created_at=CREATED_AT)
    assert first == await store.save_version(APP, "one\r\ntwo", created_at=CREATED_AT + 1)
    assert [(first.id,)] == await database.fetch_all(select(workflow_versions.c.id))


async def test_a_version_belongs_to_its_app(database: Database) -> None:
    store = AppStore(database)
    version = await store.save_version(APP, "content", created_at=CREATED_AT)
    assert await store.get_version(app_id_of("other"), version.id) is None


def test_a_version_is_named_for_the_moment_it_was_seen() -> None:
    version = StoredVersion("id", APP, 1_764_115_200.25, "content")
    assert "2025-11-26 00:00:00.250000" == version.name
