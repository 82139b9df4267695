"""The tools of an MCP server.

`mcp_session.py` holds everything that needs the SDK. It is imported with the first use, because
that costs a server more memory and start-up time than everything else together.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from graphmill.engine.run import Run
from graphmill.ports.http import HttpClient, HttpLimits
from graphmill.ports.tools import Parameter, Tool, ToolResult
from graphmill.tools.toolbox import unknown_tool
from graphmill.variables.values import Value

LISTED_SECONDS: Final = 300.0
"""How long a server's list of tools is taken for what it still is."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is spoken to (streamable HTTP), and how."""

    url: str
    headers: Mapping[str, str]
    http: HttpClient
    """Must let requests through to `url`."""
    limits: HttpLimits


class McpProvider:
    """`toolbox.Provider`: one server. A call has a session of its own, so no run can break that of
    another."""

    def __init__(self, endpoint: Endpoint, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._tools: dict[str, Tool] = {}
        self._listed_at: float | None = None
        self._listing = asyncio.Lock()

    async def tool(self, name: str) -> Tool:
        async with self._listing:
            is_old = self._listed_at is None or self._clock() - self._listed_at > LISTED_SECONDS
            if is_old or name not in self._tools:
                self._tools = {each.name: each for each in await self._list()}
                self._listed_at = self._clock()
        try:
            return self._tools[name]
        except KeyError:
            raise unknown_tool(name, self._tools) from None

    async def _list(self) -> "list[McpTool]":
        # Half a second of imports, which nobody else is to wait for.
        await asyncio.to_thread(import_module, "graphmill.tools.mcp_session")
        # Keeps start-up fast and an idle server small.
        from graphmill.tools.mcp_session import list_tools  # noqa: PLC0415

        return await list_tools(self._endpoint)


@dataclass(frozen=True, slots=True)
class McpTool:
    """`ports.Tool`"""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    endpoint: Endpoint

    async def invoke(self, arguments: Mapping[str, Value], run: Run) -> ToolResult:
        # Keeps start-up fast and an idle server small.
        from graphmill.tools.mcp_session import call_tool  # noqa: PLC0415

        return ToolResult(await call_tool(self.endpoint, self.name, arguments))
