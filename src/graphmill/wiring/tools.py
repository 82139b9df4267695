"""Tools of workflows."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from graphmill.config import Settings
from graphmill.observation.tracing import UNTRACED, Tracing
from graphmill.outbound.client import OutboundClient
from graphmill.ports.files import FileVault
from graphmill.ports.http import HttpClient
from graphmill.service.speech.speech import Speech
from graphmill.tools.audio import audio_tools
from graphmill.tools.clock import time_tools
from graphmill.tools.configured import configured_providers
from graphmill.tools.images import Painter
from graphmill.tools.toolbox import ConfiguredTools, ToolSet
from graphmill.tools.workflow import Apps
from graphmill.wiring.outbound import http_limits, service_rules


@asynccontextmanager
async def open_tools(
    settings: Settings,
    apps: Apps,
    painter: Painter,
    speech: Speech,
    files: FileVault,
    tracing: Tracing = UNTRACED,
) -> AsyncIterator[ConfiguredTools]:
    """All tools. Each provider has a client of its own, which reaches no other's private address.
    Raises ConfigInvalid."""
    async with AsyncExitStack() as stack:

        def client_for(url: str) -> HttpClient:
            client = OutboundClient(service_rules(url))
            stack.push_async_callback(client.close)
            return tracing.http(client)

        mapped = configured_providers(
            settings.tools, apps, painter, client_for, http_limits(settings)
        )
        largest = settings.limits.uploads_mb.audio << 20
        built_in = {
            "audio": audio_tools(speech, files, largest=largest),
            "time": ToolSet(time_tools(partial(datetime.now, UTC))),
        }
        yield ConfiguredTools(tuple(mapped), built_in, base_url=settings.server.base_url)
