"""The whole server behind HTTP: real apps, real storage in a temporary folder.

One server serves all tests of a module; tests that count things name their own users."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from graphmill.server import create_app, server_config
from graphmill.service.services import Services
from graphmill.wiring.server import build
from tests.api.dify.client import Api, settings
from tests.api.serving import served


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def services(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Services]:
    async with build(settings(tmp_path_factory.mktemp("data"))) as services:
        yield services


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def api(services: Services) -> AsyncIterator[Api]:
    """Without sockets: an answer is complete before a test sees it."""
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        yield Api(http)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def live_api(services: Services) -> AsyncIterator[Api]:
    """Over loopback, for tests in which something happens while an answer is on its way."""
    config = server_config(create_app(services), services.settings.server)
    async with (
        served(config) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
    ):
        yield Api(http)
