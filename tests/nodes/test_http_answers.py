"""http-request: what it makes of the answer, or of none (`nodes §10`)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.nodes.base import NodePorts
from graphmill.ports.http import HttpLimits, Timeouts
from tests.nodes.http_stand_ins import (
    FilesInMemory,
    api_key,
    config,
    echo_server,
    http_ports,
    run,
    sent,
)
from tests.outbound.local_server import Answer, Received, local_server, reply


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with echo_server() as url:
        yield url


@pytest.fixture
async def ports() -> AsyncIterator[NodePorts]:
    async with http_ports() as ports:
        yield ports


@pytest.mark.parametrize("status", [200, 204, 301, 304, 401, 404, 501])
async def test_any_answer_is_a_success_without_recourse(
    echo: str, ports: NodePorts, status: int
) -> None:
    outcome = await run(ports, config(f"{echo}/status/{status}"))
    body = "" if status in (204, 304) else "status body"
    headers = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body))}
    record = {"request": f"GET /status/{status} HTTP/1.1\r\nHost: {echo[7:]}\r\n\r\n"}
    outputs = {"status_code": status, "body": body, "headers": headers, "files": []}
    assert Succeeded(outputs, process_data=record) == outcome


@pytest.mark.parametrize("status", [301, 404])
async def test_an_error_status_is_a_failure_with_recourse(
    echo: str, ports: NodePorts, status: int
) -> None:
    outcome = await run(ports, config(f"{echo}/status/{status}"), has_recourse=True)
    assert isinstance(outcome, Failed)
    assert (f"Request failed with status code {status}", "HTTPResponseCodeError") == (
        outcome.error, outcome.error_type,
    )  # fmt: skip
    assert (status, "status body") == (outcome.outputs["status_code"], outcome.outputs["body"])
    assert "request" in outcome.process_data


@pytest.mark.parametrize("has_recourse", [False, True], ids=["alone", "with recourse"])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_some_statuses_are_failures_in_any_case(
    echo: str, ports: NodePorts, status: int, has_recourse: bool
) -> None:
    outcome = await run(ports, config(f"{echo}/status/{status}"), has_recourse=has_recourse)
    assert isinstance(outcome, Failed)
    assert f"Request to {echo}/status/{status} failed with status code {status}" == outcome.error
    assert ("HttpRequestNodeError", {}) == (outcome.error_type, outcome.outputs)
    assert "request" in outcome.process_data


@pytest.mark.parametrize(
    ("path", "mime_type", "extension", "size"),
    [
        ("/pic.png?size=1", "image/png", ".png", 70),
        ("/doc.pdf", "application/pdf", ".pdf", 19),
        ("/bytes", "application/octet-stream", ".bin", 256),
    ],
)
async def test_a_file_in_the_answer_is_kept(
    echo: str, path: str, mime_type: str, extension: str, size: int
) -> None:
    files = FilesInMemory()
    async with http_ports(files) as ports:
        outcome = await run(ports, config(echo + path))
    assert isinstance(outcome, Succeeded)
    [(content, filename, saved_type)] = files.saved
    assert (size, mime_type) == (len(content), saved_type)
    assert re.fullmatch(r"[0-9a-f]{32}" + re.escape(extension), filename)
    assert "" == outcome.outputs["body"]
    [file] = outcome.outputs["files"]
    assert "saved-1" == file.related_id


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/text.txt", "remote text file\n"),
        ("/html", "<p>hé</p>"),
        ("/csv", "a,b\n1,2\n"),
        ("/gbk", "你好，世界。这是一个测试文本。"),
        ("/latin1", "café olé déjà vu"),
        ("/jsonarr", '[1, "two", {"three": 3}]'),
        ("/empty", ""),
    ],
)
async def test_text_in_the_answer_is_read_in_its_charset(
    echo: str, ports: NodePorts, path: str, body: str
) -> None:
    outcome = await run(ports, config(echo + path))
    assert isinstance(outcome, Succeeded)
    assert (body, []) == (outcome.outputs["body"], outcome.outputs["files"])


async def test_redirects_are_followed(echo: str, ports: NodePorts) -> None:
    got, record = await sent(ports, config(f"{echo}/redirect"))
    assert ("/target", [["from", "redirect"]]) == (got["path"], got["query"])
    assert "GET /redirect HTTP/1.1" == record.splitlines()[0]


async def test_a_custom_key_stays_with_its_origin(echo: str, ports: NodePorts) -> None:
    async with local_server(reply(302, headers=[("Location", f"{echo}/away")])) as server:
        data = config(server.url, authorization=api_key("custom", "k", "X-Api-Key"))
        got, _ = await sent(ports, data)
    assert "k" == server.received[0].headers["x-api-key"]
    assert "x-api-key" not in got["headers"]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/big", "File size is too large, max size is 10.00 MB, but current size is 11.44 MB."),
        ("/bigtext", "Text size is too large, max size is 1.00 MB, but current size is 1.91 MB."),
    ],
)
async def test_an_answer_beyond_the_limit_is_a_failure(
    echo: str, ports: NodePorts, path: str, error: str
) -> None:
    outcome = await run(ports, config(echo + path))
    record = {"request": f"GET {path} HTTP/1.1\r\nHost: {echo[7:]}\r\n\r\n"}
    assert Failed(error, "ResponseSizeError", process_data=record) == outcome


def slow(seconds: float) -> Answer:
    async def answer(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await asyncio.sleep(seconds)
        await reply(200, b"late")(received, reader, writer)

    return answer


@pytest.mark.parametrize(
    ("seconds", "default", "is_answered"),
    [
        ({"read": 0.2}, 30.0, False),
        ({"read": 30}, 0.2, True),
        ({"read": 0}, 0.2, False),
        (None, 0.2, False),
        ({"max_read_timeout": 30}, 0.2, False),
    ],
    ids=["shorter", "longer", "zero", "null", "editor's copy"],
)
async def test_a_timeout_of_the_node_takes_the_place_of_the_servers(
    seconds: Any, default: float, is_answered: bool
) -> None:
    limits = HttpLimits(Timeouts(read=default))
    async with local_server(slow(1.0)) as server, http_ports(limits=limits) as ports:
        outcome = await run(ports, config(server.url, timeout=seconds))
    if is_answered:
        assert isinstance(outcome, Succeeded)
    else:
        assert isinstance(outcome, Failed)
        assert f"{server.url} sent nothing for 0.2 seconds" == outcome.error
        assert "HttpRequestNodeError" == outcome.error_type


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://10.0.0.1/x", r"Refused to connect to 10\.0\.0\.1:80 \(private address\)"),
        ("http://127.0.0.1:1/", "Cannot connect to http://127.0.0.1:1"),
        ("http://exa mple/", "names no host that could be reached"),
    ],
)
async def test_what_the_client_says_is_the_error(ports: NodePorts, url: str, error: str) -> None:
    outcome = await run(ports, config(url))
    assert isinstance(outcome, Failed)
    assert re.search(error, outcome.error)
    assert "HttpRequestNodeError" == outcome.error_type
    assert "request" in outcome.process_data


async def test_a_header_that_would_become_two_is_refused(echo: str, ports: NodePorts) -> None:
    data = config(echo, authorization=api_key("custom", "{{#start.k#}}"))
    outcome = await run(ports, data, values={"start": {"k": "a\r\nX-Custom: b"}})
    assert isinstance(outcome, Failed)
    assert "The header 'Authorization' must not contain control characters" == outcome.error


async def test_cancelling_the_node_closes_its_connection(ports: NodePorts) -> None:
    async def hang(
        received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()

    async with local_server(hang) as server, asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run(ports, config(server.url)))
        await server.asked.wait()
        task.cancel()
        await server.left.wait()
