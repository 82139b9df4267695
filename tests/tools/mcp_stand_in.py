"""An MCP server of the official SDK in a process of its own: `python mcp_stand_in.py` prints its
port."""

import asyncio
import base64
import os
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp_types import (
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

server = MCPServer("stand-in")


def tell(what: object) -> None:
    """Whoever started the process reads this."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


PICTURE = base64.b64encode(b"\x89PNG").decode()


@server.tool(description="Adds two numbers.")
def add(a: int, b: int = 1) -> dict[str, int]:
    return {"sum": a + b}


@server.tool()
def say(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=text)])


@server.tool()
def everything() -> CallToolResult:
    return CallToolResult(
        content=[
            TextContent(text="hello"),
            TextContent(text='[{"a": 1}, {"a": 2}]'),
            ImageContent(data=PICTURE, mime_type="image/png"),
            EmbeddedResource(resource=TextResourceContents(uri="x:1", text="inside")),
            EmbeddedResource(
                resource=BlobResourceContents(uri="x:2", blob=PICTURE, mime_type="image/png")
            ),
            ResourceLink(uri="https://example.org/r", name="r"),
        ]
    )


@server.tool()
def broken_file() -> CallToolResult:
    return CallToolResult(content=[ImageContent(data="?", mime_type="image/png")])


@server.tool()
def fail() -> CallToolResult:
    return CallToolResult(content=[TextContent(text="out of paper")], is_error=True)


@server.tool()
def huge() -> CallToolResult:
    return CallToolResult(content=[TextContent(text="x" * 3_000_000)])


@server.tool()
def crash() -> None:
    os._exit(1)


@server.tool()
async def hang() -> str:
    tell("hanging")
    try:
        await asyncio.sleep(60)
    finally:
        tell("ended")
    return "never"


class Announcing(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        tell(self.servers[0].sockets[0].getsockname()[1])


if __name__ == "__main__":
    app = server.streamable_http_app()
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
    sys.exit(Announcing(config).run())
