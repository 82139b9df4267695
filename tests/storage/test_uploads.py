"""Records of stored files."""

from dataclasses import asdict

from graphmill.ids import new_id
from graphmill.storage.database import Database
from graphmill.storage.tables import uploads
from graphmill.storage.uploads import NewUpload, Upload, UploadKind, UploadStore
from tests.storage.records import APP, CREATED_AT


def new_upload(name: str = "plan.pdf") -> NewUpload:
    return NewUpload(
        new_id(), APP, "user", UploadKind.TOOL, name, "pdf", "application/pdf", 5, "00ff", "k",
        CREATED_AT,
    )  # fmt: skip


async def test_an_upload_is_found_by_its_id(database: Database) -> None:
    store, upload = UploadStore(database), new_upload()
    added = await store.add(upload)
    assert Upload(**asdict(upload), number=1) == added
    assert added == await store.get(upload.id)
    assert UploadKind.TOOL is added.kind
    assert await store.get(new_id()) is None


async def test_numbers_are_never_used_twice(database: Database) -> None:
    store = UploadStore(database)
    assert [1, 2] == [(await store.add(new_upload())).number for _ in range(2)]
    await database.write(uploads.delete())
    assert 3 == (await store.add(new_upload())).number


async def test_a_name_may_be_any_text(database: Database) -> None:
    added = await UploadStore(database).add(new_upload("Пл\ud800ан.pdf"))
    assert "Пл\\ud800ан.pdf" == added.name
