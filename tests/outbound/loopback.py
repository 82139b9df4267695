"""The real client, allowed to reach servers of tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graphmill.outbound.client import OutboundClient
from graphmill.outbound.guard import OutboundRules


@asynccontextmanager
async def loopback_client() -> AsyncIterator[OutboundClient]:
    client = OutboundClient(OutboundRules.parse(["127.0.0.0/8"]))
    try:
        yield client
    finally:
        await client.close()
