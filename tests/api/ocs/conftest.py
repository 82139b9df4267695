"""One server for all tests of a module; tests that count things start their own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.ocs.client import Ocs, opened
from tests.api.ocs.wire import Wire, on_loopback


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ocs(tmp_path_factory: pytest.TempPathFactory, echo_url: str) -> AsyncIterator[Ocs]:
    async with opened(tmp_path_factory.mktemp("ocs"), echo_url) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def wire(ocs: Ocs) -> AsyncIterator[Wire]:
    async with on_loopback(ocs) as wire:
        yield wire
