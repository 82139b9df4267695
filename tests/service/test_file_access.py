"""Files as requests name them and nodes read them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.errors import FileNotFound, InvalidParameter
from graphmill.service.files.access import FileAccess
from graphmill.service.services import Services
from graphmill.storage.end_users import EndUser
from graphmill.variables.file_references import FileReference
from graphmill.variables.files import File, TransferMethod
from tests.outbound.loopback import loopback_client
from tests.service.world import USER, app_of, echo, opened, save, start


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    for slug in ("echo", "other"):
        (tmp_path / f"{slug}.yml").write_text(echo())
    async with opened(tmp_path, {"workflow": "echo.yml"}, {"workflow": "other.yml"}) as services:
        yield services


@pytest.fixture
async def files(services: Services) -> AsyncIterator[FileAccess]:
    async with loopback_client() as http:
        yield FileAccess(services.uploads, http)


async def user_of(services: Services, name: str = USER, slug: str = "echo") -> EndUser:
    return await services.end_users.ensure(app_of(services, slug).id, name)


def stored(file_id: str, method: TransferMethod = TransferMethod.LOCAL_FILE) -> FileReference:
    return FileReference(method, stored_id=file_id)


def remote(url: str) -> FileReference:
    return FileReference(TransferMethod.REMOTE_URL, url=url)


async def test_upload_is_found_by_its_owner(services: Services, files: FileAccess) -> None:
    upload = await save(services, "Plan.PDF", b"hello", mime_type="application/pdf")
    file = await files.find(stored(upload.id), user=await user_of(services))
    expected = File(
        type="document",
        transfer_method="local_file",
        filename="Plan.PDF",
        extension=".pdf",
        mime_type="application/pdf",
        size=5,
        related_id=upload.id,
    )
    assert expected == file
    assert file.address is not None
    assert f"/files/{upload.id}/file-preview?" in file.address


@pytest.mark.parametrize(
    ("name", "slug"), [("somebody else", "echo"), (USER, "other")], ids=["user", "app"]
)
async def test_upload_is_hidden_from_others(
    services: Services, files: FileAccess, name: str, slug: str
) -> None:
    upload = await save(services, "a.txt", b"hello")
    with pytest.raises(InvalidParameter) as refusal:
        await files.find(stored(upload.id), user=await user_of(services, name, slug))
    assert "Invalid upload file" == str(refusal.value)


async def test_unknown_files_are_refused(services: Services, files: FileAccess) -> None:
    user, unknown = await user_of(services), "7b2e8f0a-0000-4000-8000-000000000000"
    with pytest.raises(InvalidParameter, match="Invalid upload file"):
        await files.find(stored(unknown), user=user)
    with pytest.raises(InvalidParameter, match=f"ToolFile {unknown} not found"):
        await files.find(stored(unknown, TransferMethod.TOOL_FILE), user=user)


async def test_file_that_a_run_made_is_found_as_such_only(
    services: Services, files: FileAccess
) -> None:
    live = await start(services, {"q": "x"})
    made = await files.save(b"made", filename="a.txt", mime_type="text/plain", run=live.run)
    assert made.related_id is not None
    user = await user_of(services)
    assert made == await files.find(stored(made.related_id, TransferMethod.TOOL_FILE), user=user)
    with pytest.raises(InvalidParameter, match="Invalid upload file"):
        await files.find(stored(made.related_id), user=user)


async def test_remote_file_is_described(
    services: Services, files: FileAccess, echo_url: str
) -> None:
    file = await files.find(remote(f"{echo_url}/pic.png?x=1"), user=await user_of(services))
    assert ("image", "pic.png", ".png", "image/png", 70) == (
        file.type,
        file.filename,
        file.extension,
        file.mime_type,
        file.size,
    )


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/a.png", "http://10.0.0.1/a.png", "http://[/a.png", "httpx://a/b"],
    ids=["dead", "guarded", "no URL", "no HTTP"],
)
async def test_remote_file_that_cannot_be_reached_is_refused(
    services: Services, files: FileAccess, url: str
) -> None:
    with pytest.raises(InvalidParameter, match="cannot be reached") as refusal:
        await files.find(remote(url), user=await user_of(services))
    assert url in str(refusal.value)


async def test_nodes_read_stored_and_remote_files(
    services: Services, files: FileAccess, echo_url: str
) -> None:
    user = await user_of(services)
    upload = await save(services, "a.txt", b"hel", b"lo")
    assert b"hello" == await files.read(await files.find(stored(upload.id), user=user), limit=5)
    picture = await files.find(remote(f"{echo_url}/pic.png"), user=user)
    assert b"\x89PNG" == (await files.read(picture, limit=100))[:4]


async def test_file_above_the_limit_is_not_read(
    services: Services, files: FileAccess, echo_url: str
) -> None:
    user = await user_of(services)
    upload = await save(services, "a.txt", b"hello")
    with pytest.raises(ValueError, match="more than 4 bytes"):
        await files.read(await files.find(stored(upload.id), user=user), limit=4)
    picture = await files.find(remote(f"{echo_url}/pic.png"), user=user)
    with pytest.raises(ValueError, match="more than 69 bytes"):
        await files.read(picture, limit=69)


async def test_file_that_is_gone_is_not_found(files: FileAccess, echo_url: str) -> None:
    gone = File(
        "document", "local_file", "a.txt", related_id="7b2e8f0a-0000-4000-8000-000000000000"
    )
    for file in (
        gone,
        File("image", "remote_url", "a.png", remote_url=f"{echo_url}/status/404"),
        File("image", "remote_url", "a.png"),
    ):
        with pytest.raises(FileNotFound):
            await files.read(file, limit=100)
