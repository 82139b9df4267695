"""From one file store to the other."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from graphmill.config.storage import S3Settings
from graphmill.errors import StoreUnreachable
from graphmill.files.local import LocalFiles
from graphmill.files.s3 import S3Files
from graphmill.ids import new_id
from graphmill.ports.files import FileStore
from graphmill.storage.copy import AT_A_TIME, Copied, copy_files
from graphmill.storage.database import Database
from graphmill.storage.uploads import NewUpload, UploadKind, UploadStore
from tests.files.streams import content, pieces

Stores = tuple[FileStore, FileStore]


@pytest.fixture(params=["to s3", "to local"])
async def stores(
    request: pytest.FixtureRequest, s3: S3Settings, tmp_path: Path
) -> AsyncIterator[Stores]:
    """Where files lie, and where they are copied to."""
    local, remote = LocalFiles(tmp_path / "files"), S3Files(s3)
    yield (local, remote) if request.param == "to s3" else (remote, local)
    await remote.close()


async def add(database: Database, files: FileStore, whole: bytes) -> str:
    key = f"ab/{new_id()}"
    await files.write(key, pieces(whole))
    await UploadStore(database).add(
        NewUpload(
            new_id(), "app", "user", UploadKind.UPLOAD, "a", "", "text/plain", len(whole),
            sha256(whole).hexdigest(), key, 1.0,
        )
    )  # fmt: skip
    return key


async def copy(database: Database, stores: Stores) -> tuple[Copied, list[str]]:
    told: list[str] = []
    return await copy_files(database, *stores, tell=told.append), told


async def test_all_files_are_copied_once(database: Database, stores: Stores) -> None:
    source, target = stores
    files = {await add(database, source, b"%d" % i): b"%d" % i for i in range(AT_A_TIME + 1)}
    assert (Copied(copied=len(files)), []) == await copy(database, stores)
    assert files == {key: await content(target, key) for key in files}
    assert (Copied(skipped=len(files)), []) == await copy(database, stores)


async def test_a_copy_of_another_size_is_made_anew(database: Database, stores: Stores) -> None:
    source, target = stores
    key = await add(database, source, b"whole")
    await target.write(key, pieces(b"wh"))
    assert (Copied(copied=1), []) == await copy(database, stores)
    assert b"whole" == await content(target, key)


async def test_what_is_missing_or_damaged_is_told(database: Database, stores: Stores) -> None:
    source, target = stores
    missing, damaged, sound = [await add(database, source, b"whole") for _ in range(3)]
    await source.delete(missing)
    await source.write(damaged, pieces(b"other"))
    copied, told = await copy(database, stores)
    assert Copied(copied=1, failed=2) == copied
    assert {missing, damaged} == {line.split(" ")[0] for line in told}
    assert [None, None, 5] == [await target.size(key) for key in (missing, damaged, sound)]


async def test_parts_that_a_killed_copy_left_are_taken_away(
    database: Database, tmp_path: Path, s3: S3Settings
) -> None:
    local, remote = LocalFiles(tmp_path / "files"), S3Files(s3)
    key = await add(database, local, b"whole")
    bucket = f"{s3.endpoint_url}/{s3.bucket}"
    async with httpx.AsyncClient() as client:
        begun = await client.post(f"{bucket}/{s3.prefix}/{key}?uploads")
        before = (await client.get(f"{bucket}?uploads")).text
        assert (Copied(copied=1), []) == await copy(database, (local, remote))
        after = (await client.get(f"{bucket}?uploads")).text
    await remote.close()
    assert (200, True, False) == (begun.status_code, key in before, key in after)


async def test_an_interrupted_copy_goes_on(database: Database, tmp_path: Path) -> None:
    source, target = LocalFiles(tmp_path / "from"), _Failing(tmp_path / "to")
    for number in range(3 * AT_A_TIME):
        await add(database, source, b"%d" % number)
    with pytest.raises(StoreUnreachable):
        await copy(database, (source, target))
    target.is_away = False
    copied, _ = await copy(database, (source, target))
    assert 3 * AT_A_TIME == copied.copied + copied.skipped
    assert copied.skipped >= AT_A_TIME


class _Failing(LocalFiles):
    """Is away after the first files."""

    is_away = True
    _written = 0

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        self._written += 1
        if self.is_away and self._written > AT_A_TIME:
            raise StoreUnreachable("The file store cannot be reached.")
        return await super().write(key, chunks)
