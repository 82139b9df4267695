"""The tools of an MCP server.

`mcp_session.py` holds everything that needs the SDK. It is imported with the first use, because
that costs a server more memory and start-up time than everything else together.
"""

import asyncio
import time
from collections.abc import Callable
from importlib import import_module
from typing import Final

from graphmill.ports.tools import Tool
from graphmill.tools.mcp_endpoint import Endpoint
from graphmill.tools.toolbox import unknown_tool

LISTED_SECONDS: Final = 300.0
"""How long a server's list of tools is taken for what it still is."""


class McpProvider:
    """`toolbox.Provider`: one server. A call has a session of its own, so no run can break that of
    another."""

    def __init__(self, endpoint: Endpoint, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._tools: dict[str, Tool] = {}
        self._listed_at: float | None = None
        self._listing = asyncio.Lock()

    def has(self, name: str) -> bool:
        """What it has, it is asked for with the first call."""
        return True

    async def tool(self, name: str) -> Tool:
        async with self._listing:
            is_old = self._listed_at is None or self._clock() - self._listed_at > LISTED_SECONDS
            if is_old or name not in self._tools:
                self._tools = await self._list()
                self._listed_at = self._clock()
        try:
            return self._tools[name]
        except KeyError:
            raise unknown_tool(name, self._tools) from None

    async def _list(self) -> dict[str, Tool]:
        # Half a second of imports, which nobody else is to wait for.
        await asyncio.to_thread(import_module, "graphmill.tools.mcp_session")
        # Keeps start-up fast and an idle server small.
        from graphmill.tools.mcp_session import list_tools  # noqa: PLC0415

        return await list_tools(self._endpoint)
