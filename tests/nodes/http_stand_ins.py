"""What http-request nodes are made of and talk to in tests: an echo server, files in memory."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

from graphmill.engine.outcome import Outcome, Succeeded
from graphmill.engine.run import Run
from graphmill.errors import FileNotFound
from graphmill.nodes.base import NodePorts
from graphmill.ports.http import HttpLimits
from graphmill.variables.files import File
from tests.conformance import fakes
from tests.nodes.running import NO_PORTS, run_waiting_node
from tests.outbound.loopback import loopback_client
from tests.threaded_server import serving


class FilesInMemory:
    """`ports.FileVault`: contents by `related_id`, and what was saved."""

    def __init__(self, contents: dict[str, bytes] | None = None) -> None:
        self.contents = contents or {}
        self.saved: list[tuple[bytes, str, str]] = []

    async def read(self, file: File, *, limit: int) -> bytes:
        try:
            content = self.contents[file.related_id or ""]
        except KeyError:
            raise FileNotFound("no such file") from None
        if len(content) > limit:
            raise ValueError("too large")
        return content

    async def save(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        assert run.id == "run-1"
        self.saved.append((content, filename, mime_type))
        return File("custom", "tool_file", filename, size=len(content), related_id="saved-1")


def echo_server() -> AbstractContextManager[str]:
    """The kit's echo server in a thread; its URL."""
    return serving(fakes.Server(("127.0.0.1", 0), fakes.Echo))


@asynccontextmanager
async def http_ports(
    files: FilesInMemory | None = None, limits: HttpLimits | None = None
) -> AsyncIterator[NodePorts]:
    """Ports with a real client that may reach loopback."""
    async with loopback_client() as client:
        ports = replace(NO_PORTS, http=client, files=files or FilesInMemory())
        yield replace(ports, http_limits=limits) if limits else ports


def config(url: str, **data: Any) -> dict[str, Any]:
    return {
        "method": "get",
        "url": url,
        "headers": "",
        "params": "",
        "authorization": {"type": "no-auth", "config": None},
        "body": {"type": "none", "data": []},
        "timeout": {"max_connect_timeout": 0, "max_read_timeout": 0, "max_write_timeout": 0},
        **data,
    }


def text_body(kind: str, *values: str) -> dict[str, Any]:
    return {"type": kind, "data": [{"key": "", "type": "text", "value": each} for each in values]}


def api_key(kind: str, key: str, header: str = "") -> dict[str, Any]:
    return {"type": "api-key", "config": {"type": kind, "api_key": key, "header": header}}


async def run(ports: NodePorts, data: dict[str, Any], **options: Any) -> Outcome:
    return await run_waiting_node("http-request", data, ports=ports, **options)


async def sent(
    ports: NodePorts, data: dict[str, Any], start: dict[str, Any] | None = None
) -> tuple[dict[str, Any], str]:
    """What the echo server describes, and the record of the request."""
    outcome = await run(ports, data, values={"start": start or {}})
    assert isinstance(outcome, Succeeded), outcome
    record = outcome.process_data["request"]
    assert isinstance(record, str)
    return json.loads(str(outcome.outputs["body"])), record
