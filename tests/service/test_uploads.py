"""Files that callers send or runs make, and the links to them (`service-api §17`)."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from graphmill.errors import (
    FileNameMissing,
    FileNotFound,
    FileTooLarge,
    InvalidParameter,
    SignatureInvalid,
)
from graphmill.service.services import Services
from graphmill.storage.end_users import EndUser
from graphmill.storage.uploads import Upload
from graphmill.variables.files import File
from tests.service.world import USER, app_of, opened, pieces, save, start

MIB = 1024 * 1024


async def read(services: Services, upload: Upload) -> bytes:
    return b"".join([chunk async for chunk in services.uploads.open(upload)])


async def follow(services: Services, url: str | None) -> Upload:
    """What a link leads to."""
    assert url is not None
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    segments = parts.path.removeprefix("/files/").split("/")
    kind, file_id = segments if segments[0] == "tools" else reversed(segments)
    return await services.uploads.find_signed(
        kind,
        file_id.partition(".")[0],
        timestamp=query["timestamp"][0],
        nonce=query["nonce"][0],
        signature=query["sign"][0],
    )


def stored_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "data" / "files").rglob("*") if path.is_file()]


async def test_upload_is_recorded_as_it_was_sent(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        upload = await save(
            services, "Plan.final.PDF", b"one ", b"two", mime_type="application/pdf"
        )
        app = app_of(services)
        user = await services.end_users.ensure(app.id, USER)
    assert ("Plan.final.PDF", "pdf", "application/pdf", 7) == (
        upload.name,
        upload.extension,
        upload.mime_type,
        upload.size,
    )
    assert (app.id, user.id) == (upload.app_id, upload.end_user_id)
    assert sha256(b"one two").hexdigest() == upload.sha256


@pytest.mark.parametrize(
    ("sent", "kept", "extension"),
    [
        ("a", "a", ""),
        (".hidden", ".hidden", ""),
        ("Übersicht 1?.txt", "Übersicht 1?.txt", "txt"),
        ("a" * 200, "a" * 200, ""),
        ("a" * 201 + ".b.TXT", "a" * 200 + ".txt", "txt"),
        ("a." + "b" * 250 + ".txt", "a.txt", "txt"),
    ],
    ids=[
        "no extension",
        "dot file",
        "odd letters",
        "just fits",
        "too long",
        "cut at its first dot",
    ],
)
async def test_name_is_kept(tmp_path: Path, sent: str, kept: str, extension: str) -> None:
    async with opened(tmp_path) as services:
        upload = await save(services, sent, b"x")
    assert (kept, extension) == (upload.name, upload.extension)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("", FileNameMissing),
        ("../a.txt", InvalidParameter),
        ("a\\b.txt", InvalidParameter),
    ],
)
async def test_name_that_cannot_be_is_refused(
    tmp_path: Path, name: str, refusal: type[Exception]
) -> None:
    async with opened(tmp_path) as services:
        with pytest.raises(refusal):
            await save(services, name, b"x")
    assert [] == stored_files(tmp_path)


@pytest.mark.parametrize(
    ("name", "limit"),
    [("a.png", 2), ("a.mp3", 3), ("a.webm", 4), ("a.txt", 1), ("a.xyz", 1), ("a", 1)],
    ids=["image", "audio", "video", "document", "unknown", "no extension"],
)
async def test_size_is_limited_by_the_kind_of_file(tmp_path: Path, name: str, limit: int) -> None:
    limits = {"uploads_mb": {"image": 2, "audio": 3, "video": 4, "document": 1}}
    async with opened(tmp_path, limits=limits) as services:
        assert limit * MIB == services.uploads.limit_of(name)
        assert limit * MIB == (await save(services, name, *[bytes(MIB)] * limit)).size
        with pytest.raises(FileTooLarge, match=f"larger than {limit} MB"):
            await save(services, name, *[bytes(MIB)] * limit, b"x")
    assert 1 == len(stored_files(tmp_path))


async def test_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError("gone")

    async def owner() -> EndUser:
        raise AssertionError("nobody asks for the owner of half a file")

    async with opened(tmp_path) as services:
        with pytest.raises(ConnectionError, match="gone"):
            await services.uploads.save(
                name="a", mime_type="text/plain", chunks=broken(), owner=owner
            )
    assert [] == stored_files(tmp_path)


async def test_upload_whose_owner_is_refused_leaves_nothing(tmp_path: Path) -> None:
    async def owner() -> EndUser:
        raise InvalidParameter("too long")

    async with opened(tmp_path) as services:
        with pytest.raises(InvalidParameter):
            await services.uploads.save(
                name="a",
                mime_type="text/plain",
                chunks=pieces(b"x"),
                owner=owner,
            )
    assert [] == stored_files(tmp_path)


# --- links -----------------------------------------------------------------------------------


async def test_link_leads_to_the_bytes(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        upload = await save(services, "a.txt", b"hello")
        url = services.uploads.url_of(services.uploads.file_of(upload))
        assert url is not None
        assert url.startswith(f"http://127.0.0.1:8000/files/{upload.id}/file-preview?timestamp=")
        found = await follow(services, url)
        assert (upload, b"hello") == (found, await read(services, found))


async def test_public_url_is_what_links_begin_with(tmp_path: Path) -> None:
    server = {"public_url": "https://flows.example.com/dify/"}
    async with opened(tmp_path, server=server) as services:
        upload = await save(services, "a.txt", b"hello")
        url = services.uploads.url_of(services.uploads.file_of(upload))
    assert url is not None
    assert url.startswith(f"https://flows.example.com/dify/files/{upload.id}/")


async def test_file_that_a_run_made_has_a_link_of_its_own_kind(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        live = await start(services, {"q": "x"})
        file = await services.uploads.keep(
            b"made", filename="a.txt", mime_type="text/plain", run=live.run
        )
        url = services.uploads.url_of(file)
        assert url is not None
        assert f"/files/tools/{file.related_id}.txt?" in url
        found = await follow(services, url)
        assert b"made" == await read(services, found)
        assert live.run.end_user_id == found.end_user_id


async def test_link_of_one_kind_opens_no_file_of_the_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        upload = await save(services, "a.txt", b"hello")
        file = services.uploads.file_of(upload)
        made = File(type="document", transfer_method="tool_file", related_id=file.related_id)
        with pytest.raises(FileNotFound):
            await follow(services, services.uploads.url_of(made))


async def test_forged_link_opens_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        upload = await save(services, "a.txt", b"hello")
        other = await save(services, "b.txt", b"other")
        url = services.uploads.url_of(services.uploads.file_of(upload)) or ""
        with pytest.raises(SignatureInvalid):
            await follow(services, url.replace(upload.id, other.id))


async def test_remote_file_is_where_it_is(tmp_path: Path) -> None:
    url = "https://example.com/a.png"
    file = File(type="image", transfer_method="remote_url", remote_url=url)
    async with opened(tmp_path) as services:
        assert url == services.uploads.url_of(file)
