"""What a file's URL and one request tell about it (`service-api §9.2`)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from graphmill.errors import OutboundRefused
from graphmill.outbound.client import OutboundClient
from graphmill.outbound.guard import OutboundRules
from graphmill.outbound.remote_files import describe_remote_file
from graphmill.variables.files import File
from tests.outbound.local_server import Received, local_server, reply
from tests.outbound.loopback import loopback_client


@pytest.fixture
async def client() -> AsyncIterator[OutboundClient]:
    async with loopback_client() as client:
        yield client


@pytest.mark.parametrize(
    ("path", "headers", "filename", "extension", "mime_type", "file_type"),
    [
        ("/pic.png?x=1", [], "pic.png", ".png", "image/png", "image"),
        ("/a%20b.PDF", [], "a b.PDF", ".pdf", "application/pdf", "document"),
        ("/pic.png", [("Content-Type", "text/plain")], "pic.png", ".png", "image/png", "image"),
        ("/get", [("Content-Type", "image/jpeg; q=1")], "get", ".jpg", "image/jpeg", "image"),
        (
            "/x.png",
            [("Content-Disposition", 'attachment; filename="blob.bin"')],
            "blob.bin", ".bin", "application/octet-stream", "custom",
        ),
        (
            "/x",
            [("Content-Disposition", "inline; filename=a.txt; filename*=UTF-8''%C3%A9.mp3")],
            "é.mp3", ".mp3", "audio/mpeg", "audio",
        ),
        ("/", [], None, None, None, "custom"),
        ("", [("Content-Type", "video/mp4")], None, ".mp4", "video/mp4", "video"),
    ],
)  # fmt: skip
async def test_a_remote_file_is_described_by_its_head(
    client: OutboundClient,
    path: str,
    headers: list[tuple[str, str]],
    filename: str | None,
    extension: str | None,
    mime_type: str | None,
    file_type: str,
) -> None:
    async with local_server(reply(200, b"12345", headers)) as server:
        url = server.url + path
        file = await describe_remote_file(client, url)
    expected = File(file_type, "remote_url", filename, extension, mime_type, size=5, remote_url=url)
    assert expected == file
    assert ["HEAD"] == [received.method for received in server.received]


@pytest.mark.parametrize("status", [405, 501])
async def test_a_server_without_head_is_asked_by_get(client: OutboundClient, status: int) -> None:
    async def answer(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        refused = received.method == "HEAD"
        await reply(status if refused else 200, b"12345")(received, reader, writer)

    async with local_server(answer) as server:
        file = await describe_remote_file(client, f"{server.url}/a.txt")
    assert ("a.txt", 5) == (file.filename, file.size)
    assert ["HEAD", "GET"] == [received.method for received in server.received]


@pytest.mark.parametrize("status", [204, 403, 404, 500])
async def test_an_error_leaves_what_the_url_tells(client: OutboundClient, status: int) -> None:
    headers = [("Content-Type", "text/html"), ("Content-Disposition", "inline; filename=no")]
    async with local_server(reply(status, b"", headers)) as server:
        file = await describe_remote_file(client, f"{server.url}/a.png")
    assert ("a.png", "image/png", -1) == (file.filename, file.mime_type, file.size)


async def test_a_packed_answer_has_no_known_size(client: OutboundClient) -> None:
    async with local_server(reply(200, b"12345", [("Content-Encoding", "gzip")])) as server:
        assert -1 == (await describe_remote_file(client, server.url)).size


async def test_a_redirect_is_followed_but_the_file_keeps_its_url(client: OutboundClient) -> None:
    async with (
        local_server(reply(200, b"12345", [("Content-Type", "image/png")])) as target,
        local_server(reply(302, headers=[("Location", f"{target.url}/other.gif")])) as server,
    ):
        file = await describe_remote_file(client, f"{server.url}/short")
    assert ("short", ".png", 5) == (file.filename, file.extension, file.size)
    assert f"{server.url}/short" == file.remote_url


async def test_a_forbidden_address_is_not_asked() -> None:
    client = OutboundClient(OutboundRules())
    async with local_server(reply()) as server:
        with pytest.raises(OutboundRefused):
            await describe_remote_file(client, server.url)
    await client.close()
    assert [] == server.received
