"""The client against a server on loopback that sends and does what a test says."""

import asyncio
import gzip
import socket
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from graphmill.errors import OutboundRefused
from graphmill.outbound.client import MAX_REDIRECTS, OutboundClient
from graphmill.outbound.guard import OutboundRules
from graphmill.ports.http import HttpRequest, Timeouts
from tests.outbound.local_server import Answer, Received, local_server, reply
from tests.outbound.loopback import loopback_client

QUICK = Timeouts(connect=0.2, read=0.2, write=0.2)
PATIENT_SECONDS = 10.0


@pytest.fixture
async def client() -> AsyncIterator[OutboundClient]:
    async with loopback_client() as client:
        yield client


async def fetch(client: OutboundClient, request: HttpRequest, limit: int = 1000) -> bytes:
    async with client.request(request) as response:
        return await response.read(limit=limit)


async def get(client: OutboundClient, url: str) -> bytes:
    return await fetch(client, HttpRequest("GET", url))


def redirect_to(location: str, status: int = 302) -> Answer:
    return reply(status, headers=[("Location", location)])


def answer_by_path(answers: dict[str, Answer]) -> Answer:
    async def answer(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await answers[received.target](received, reader, writer)

    return answer


def resolving(monkeypatch: pytest.MonkeyPatch, answers: Callable[[str], Sequence[str]]) -> None:
    """Let names resolve to what `answers` says; addresses stay what they are."""

    async def getaddrinfo(host: str, port: int, **hints: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers(host)
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


# --- requests and answers ------------------------------------------------------------------------


async def test_a_request_arrives_as_it_was_written(client: OutboundClient) -> None:
    async with local_server(reply(201, b"made", [("X-A", "1"), ("x-a", "2")])) as server:
        request = HttpRequest(
            "PUT",
            f"{server.url}/p q?a=%2f",
            params=[("b", "1"), ("b", "2")],
            headers={"X-Custom": "é", "Content-Type": "text/x"},
            body=(b"one ", b"", b"two"),
        )
        async with client.request(request) as response:
            assert 201 == response.status
            assert {"content-length": "4", "x-a": "1, 2"} == dict(response.headers)
            assert f"{server.url}/p%20q?a=%2f&b=1&b=2" == response.url
            assert 4 == response.length
            assert b"made" == await response.read(limit=100)
    received = server.received[0]
    assert ("PUT", "/p%20q?a=%2f&b=1&b=2") == (received.method, received.target)
    assert b"one two" == received.body
    assert {
        "host": f"127.0.0.1:{server.port}",
        "x-custom": "é",
        "content-type": "text/x",
        "content-length": "7",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
    } == {name: value for name, value in received.headers.items() if name != "user-agent"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", [(), (b"payload",)], ids=["bodiless", "body"])
async def test_every_method_may_have_a_body_and_gets_no_content_type(
    client: OutboundClient, method: str, body: Sequence[bytes]
) -> None:
    async with local_server(reply(200, b"ok")) as server:
        answer = await fetch(client, HttpRequest(method, server.url, body=body))
    assert (b"" if method == "HEAD" else b"ok") == answer
    assert b"".join(body) == server.received[0].body
    assert "content-type" not in server.received[0].headers


async def test_framing_headers_of_the_caller_are_not_sent(client: OutboundClient) -> None:
    headers = {"Content-Length": "1", "Transfer-Encoding": "chunked", "Accept-Encoding": "br"}
    async with local_server(reply()) as server:
        await fetch(client, HttpRequest("POST", server.url, headers=headers, body=(b"four",)))
    assert b"four" == server.received[0].body
    assert "gzip, deflate" == server.received[0].headers["accept-encoding"]
    assert "transfer-encoding" not in server.received[0].headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nY: b"}, {"X": "a\nb"}, {"X": "a\x00"}, {"X": "\x1b"}, {"X": "\ud800"},
        {"X Y": "a"}, {"X:": "a"}, {"": "a"}, {"X\r\n": "a"}, {"Ü": "a"},
    ],
)  # fmt: skip
async def test_headers_that_would_become_others_are_refused(
    client: OutboundClient, headers: dict[str, str]
) -> None:
    async with local_server(reply()) as server:
        with pytest.raises(ValueError, match="header"):
            await fetch(client, HttpRequest("GET", server.url, headers=headers))
    assert [] == server.received


async def test_credentials_of_the_url_become_a_header(client: OutboundClient) -> None:
    async with local_server(reply()) as server:
        await get(client, server.url.replace("//", "//user:pass@"))
        own = {"authorization": "Bearer own"}
        url = server.url.replace("//", "//user:pass@")
        await fetch(client, HttpRequest("GET", url, headers=own))
    sent = [received.headers["authorization"] for received in server.received]
    assert ["Basic dXNlcjpwYXNz", "Bearer own"] == sent


async def test_cookies_are_not_kept(client: OutboundClient) -> None:
    async with local_server(reply(headers=[("Set-Cookie", "a=b")])) as server:
        await get(client, server.url)
        await get(client, server.url)
    assert "cookie" not in server.received[1].headers


async def test_connections_are_used_again(client: OutboundClient) -> None:
    async with local_server(reply(200, b"ok")) as server:
        for _ in range(3):
            await get(client, server.url)
    assert 1 == server.connections


async def test_a_header_value_that_is_no_utf8_is_read_as_latin_1(client: OutboundClient) -> None:
    async with (
        local_server(reply(headers=[("X", "caf\xe9")])) as server,
        client.request(HttpRequest("GET", server.url)) as response,
    ):
        assert "café" == response.headers["x"]


async def test_a_proxy_in_the_environment_is_not_used(
    client: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with local_server(reply(200, b"direct")) as server:
        assert b"direct" == await get(client, server.url)


# --- the guard -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0", "localhost", "LOCALHOST",
        "localhost.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "１２７.0.0.1", "127。0。0。1", "user@127.0.0.1",
    ],
)  # fmt: skip
async def test_loopback_is_refused_in_every_spelling(host: str) -> None:
    client = OutboundClient(OutboundRules())
    async with local_server(reply()) as server:
        with pytest.raises(OutboundRefused, match=r"http_request\.allow"):
            await get(client, f"http://{host}:{server.port}/")
    await client.close()
    assert 0 == server.connections


async def test_a_name_is_refused_by_the_address_it_leads_to(
    client: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, lambda name: ["10.0.0.1"])
    with pytest.raises(OutboundRefused, match=r"intra\.example:80 \(private address behind"):
        await get(client, "http://intra.example/")


async def test_only_the_permitted_addresses_of_a_name_are_tried(
    client: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, lambda name: ["10.0.0.1", "169.254.169.254", "127.0.0.1"])
    async with local_server(reply(200, b"third")) as server:
        assert b"third" == await get(client, f"http://mixed.example:{server.port}/")


async def test_a_name_that_changes_its_mind_is_checked_again(
    client: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: every look-up is checked, and nothing but its result is connected to."""
    looked_up: list[str] = []

    def answers(name: str) -> list[str]:
        looked_up.append(name)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["10.0.0.1"]

    resolving(monkeypatch, answers)
    async with local_server(reply(200, b"first", [("Connection", "close")])) as server:
        assert b"first" == await get(client, f"http://rebind.example:{server.port}/")
        # Another port is another look-up.
        with pytest.raises(OutboundRefused):
            await get(client, "http://rebind.example:1/")
    assert 2 == len(looked_up)


async def test_a_redirect_is_checked_like_a_request() -> None:
    async with (
        local_server(reply(200, b"secret")) as inside,
        local_server(redirect_to(f"{inside.url}/admin")) as outside,
    ):
        client = OutboundClient(OutboundRules.parse([f"127.0.0.1:{outside.port}"]))
        with pytest.raises(OutboundRefused, match=f"127.0.0.1:{inside.port}"):
            await get(client, outside.url)
        await client.close()
    assert [] == inside.received


# --- redirects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "method", "followed_by", "body"),
    [
        (301, "GET", "GET", b""),
        (301, "POST", "GET", b""),
        (301, "PUT", "PUT", b"data"),
        (302, "POST", "GET", b""),
        (302, "PUT", "GET", b""),
        (302, "HEAD", "HEAD", b"data"),
        (303, "POST", "GET", b""),
        (303, "DELETE", "GET", b""),
        (307, "POST", "POST", b"data"),
        (308, "PATCH", "PATCH", b"data"),
    ],
)
async def test_a_redirect_keeps_or_changes_the_method(
    client: OutboundClient, status: int, method: str, followed_by: str, body: bytes
) -> None:
    answers = {"/": redirect_to("/next", status), "/next": reply(200, b"here")}
    async with local_server(answer_by_path(answers)) as server:
        headers = {"Content-Type": "text/x", "Authorization": "a", "X-Key": "k"}
        sent = (b"data",) if method != "GET" else ()
        await fetch(client, HttpRequest(method, server.url, headers=headers, body=sent))
    last = server.received[-1]
    assert (followed_by, body) == (last.method, last.body)
    assert ("content-type" in last.headers) == (bool(body) or method == "GET" == followed_by)
    assert ("a", "k") == (last.headers["authorization"], last.headers["x-key"])


async def test_credentials_do_not_follow_to_another_origin(client: OutboundClient) -> None:
    headers = {"Authorization": "a", "Cookie": "c", "X-Key": "k", "Host": "virtual", "X-Other": "o"}
    async with local_server(reply()) as other, local_server(redirect_to(other.url)) as server:
        request = HttpRequest(
            "GET", server.url, headers=headers, credential_headers=frozenset({"x-key"})
        )
        await fetch(client, request)
    assert {"authorization", "cookie", "x-key"} <= server.received[0].headers.keys()
    assert "virtual" == server.received[0].headers["host"]
    received = other.received[0].headers
    assert not {"authorization", "cookie", "x-key"} & received.keys()
    assert ("o", f"127.0.0.1:{other.port}") == (received["x-other"], received["host"])


async def test_endless_redirects_end(client: OutboundClient) -> None:
    async with local_server(redirect_to("/again")) as server:
        with pytest.raises(ConnectionError, match="redirects more than 20 times"):
            await get(client, server.url)
    assert MAX_REDIRECTS + 1 == len(server.received)


@pytest.mark.parametrize("location", ["ftp://h/", "file:///etc/passwd", "http://a b/"])
async def test_a_redirect_to_nowhere_is_an_error(client: OutboundClient, location: str) -> None:
    async with local_server(redirect_to(location)) as server:
        with pytest.raises(ConnectionError, match="redirects, but"):
            await get(client, server.url)


async def test_a_redirect_without_a_location_is_the_answer(client: OutboundClient) -> None:
    async with local_server(reply(302, b"look elsewhere")) as server:
        assert b"look elsewhere" == await get(client, server.url)


# --- bodies --------------------------------------------------------------------------------------


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"text" * 50_000)),
        ("GZip ", gzip.compress(b"text" * 50_000)),
        ("x-gzip", gzip.compress(b"text" * 25_000) * 2),
        ("gzip", gzip.compress(b"text" * 50_000) + b"\x00padding"),
        ("deflate", zlib.compress(b"text" * 50_000)),
        ("deflate", raw_deflate(b"text" * 50_000)),
        ("identity", b"text" * 50_000),
        ("", b"text" * 50_000),
    ],
    ids=["gzip", "spelling", "members", "padding", "zlib", "raw-deflate", "identity", "none"],
)
async def test_a_packed_body_is_unpacked(
    client: OutboundClient, coding: str, packed: bytes
) -> None:
    headers = [("Content-Encoding", coding)] if coding else []
    async with (
        local_server(reply(200, packed, headers)) as server,
        client.request(HttpRequest("GET", server.url)) as response,
    ):
        assert b"text" * 50_000 == await response.read(limit=200_000)
        assert (None if coding else 200_000) == response.length


async def test_a_coding_that_was_not_asked_for_is_left_alone(client: OutboundClient) -> None:
    async with local_server(reply(200, b"???", [("Content-Encoding", "br")])) as server:
        assert b"???" == await get(client, server.url)


@pytest.mark.parametrize(
    ("coding", "data"),
    [("gzip", b"not packed"), ("gzip", gzip.compress(b"a" * 999)[:-9]), ("deflate", b"\xff\xff")],
)
async def test_a_broken_packed_body_is_an_error(
    client: OutboundClient, coding: str, data: bytes
) -> None:
    async with local_server(reply(200, data, [("Content-Encoding", coding)])) as server:
        with pytest.raises(ConnectionError, match=f"no valid {coding}"):
            await get(client, server.url)


async def test_the_head_of_a_packed_answer_has_no_body_to_unpack(client: OutboundClient) -> None:
    async with local_server(reply(200, b"x", [("Content-Encoding", "gzip")])) as server:
        assert b"" == await fetch(client, HttpRequest("HEAD", server.url))


@pytest.mark.parametrize("size", [99, 100, 101, 5000])
async def test_reading_stops_one_byte_behind_the_limit(client: OutboundClient, size: int) -> None:
    async with local_server(reply(200, b"x" * size)) as server:
        content = await fetch(client, HttpRequest("GET", server.url), limit=100)
    assert min(size, 101) == len(content)


async def test_a_decompression_bomb_is_not_unpacked_behind_the_limit(
    client: OutboundClient,
) -> None:
    """The limit is for unpacked bytes; no more than one step of 64 KiB is unpacked in excess."""
    packer = zlib.compressobj(level=9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    async with local_server(reply(200, bomb, [("Content-Encoding", "gzip")])) as server:
        async with client.request(HttpRequest("GET", server.url)) as response:
            chunks = response.chunks()
            assert 64 * 1024 >= max([len(await anext(chunks)) for _ in range(40)])
        content = await fetch(client, HttpRequest("GET", server.url), limit=100_000)
    assert 100_001 == len(content)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    ],
    ids=["long-header", "many-headers", "no-http", "bad-length"],
)
async def test_a_head_beyond_all_measure_is_an_error(client: OutboundClient, head: bytes) -> None:
    async def answer(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(head)
        await writer.drain()

    async with local_server(answer) as server:
        with pytest.raises(ConnectionError, match="sent no valid HTTP"):
            await get(client, server.url)


# --- what goes wrong -----------------------------------------------------------------------------


async def hang(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read()


async def hang_within_the_body(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await reader.read()


@pytest.mark.parametrize("answer", [hang, hang_within_the_body])
async def test_a_silent_server_is_not_waited_for(client: OutboundClient, answer: Answer) -> None:
    async with local_server(answer) as server, asyncio.timeout(PATIENT_SECONDS):
        with pytest.raises(TimeoutError, match=r"sent nothing for 0\.2 seconds"):
            await fetch(client, HttpRequest("GET", server.url, timeouts=QUICK))
        await server.left.wait()


async def test_a_connection_that_does_not_come_about_is_not_waited_for(
    client: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(host: str, port: int, **hints: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    async with asyncio.timeout(PATIENT_SECONDS):
        with pytest.raises(TimeoutError, match=r"No connection to http://slow\.example within"):
            await fetch(client, HttpRequest("GET", "http://slow.example/", timeouts=QUICK))


async def test_a_peer_that_takes_nothing_is_not_waited_for(client: OutboundClient) -> None:
    connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    listener = await asyncio.start_server(lambda *streams: connections.append(streams), "127.0.0.1")
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    request = HttpRequest("POST", url, body=(bytes(30_000_000),), timeouts=QUICK)
    async with listener, asyncio.timeout(PATIENT_SECONDS):
        with pytest.raises(TimeoutError, match=r"did not take the request within 0\.2 seconds"):
            await fetch(client, request)
        reader, writer = connections[0]
        assert len(await reader.read()) < 30_000_000
        writer.close()


async def test_a_closed_port_is_named(client: OutboundClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConnectionError, match=f"Cannot connect to http://127.0.0.1:{port}"):
            await get(client, f"http://127.0.0.1:{port}/")


async def test_a_name_without_an_address_is_named(
    client: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(host: str, port: int, **hints: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(ConnectionError, match=r"name no\.example cannot be resolved: Name or"):
        await get(client, "http://no.example/")


async def test_a_server_that_hangs_up_is_named(client: OutboundClient) -> None:
    async def hang_up(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.close()

    async with local_server(hang_up) as server:
        with pytest.raises(ConnectionError, match="closed the connection before it answered"):
            await fetch(client, HttpRequest("POST", server.url))


async def test_a_server_that_breaks_off_is_named(client: OutboundClient) -> None:
    async def break_off(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        writer.close()

    async with local_server(break_off) as server:
        with pytest.raises(ConnectionError, match="broke off in the middle"):
            await get(client, server.url)


async def test_plain_http_behind_https_is_no_connection(client: OutboundClient) -> None:
    def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        with pytest.raises(ConnectionError, match="Cannot connect to https://"):
            await get(client, f"https://127.0.0.1:{port}/")


async def test_a_cancelled_request_closes_its_connection(client: OutboundClient) -> None:
    async with local_server(hang) as server, asyncio.timeout(PATIENT_SECONDS):
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(get(client, server.url))
            await server.asked.wait()
            task.cancel()
        await server.left.wait()


async def test_leaving_an_answer_unread_closes_its_connection(client: OutboundClient) -> None:
    async with local_server(hang_within_the_body) as server, asyncio.timeout(PATIENT_SECONDS):
        async with client.request(HttpRequest("GET", server.url)):
            pass
        await server.left.wait()


async def test_a_closed_client_opens_again(client: OutboundClient) -> None:
    async with local_server(reply(200, b"ok")) as server:
        await get(client, server.url)
        await client.close()
        assert b"ok" == await get(client, server.url)


async def test_many_requests_run_side_by_side(client: OutboundClient) -> None:
    async def slowly(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await asyncio.sleep(0.2)
        await reply(200, b"ok")(received, reader, writer)

    async with local_server(slowly) as server, asyncio.timeout(PATIENT_SECONDS):
        assert [b"ok"] * 150 == await asyncio.gather(*(get(client, server.url) for _ in range(150)))
    assert 150 == server.connections


def test_the_client_does_not_load_aiohttp_before_it_is_used() -> None:
    code = "import sys, graphmill.outbound.client; print('aiohttp' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert "False" == result.stdout.strip()
