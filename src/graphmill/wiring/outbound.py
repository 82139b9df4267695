"""Clients for what is outside, each with rules of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from graphmill.config import Settings
from graphmill.errors import ConfigInvalid
from graphmill.outbound.client import OutboundClient
from graphmill.outbound.guard import OutboundRules
from graphmill.outbound.urls import Target
from graphmill.ports.http import HttpLimits, Timeouts


@asynccontextmanager
async def open_outbound(settings: Settings) -> AsyncIterator[OutboundClient]:
    async with open_client(rules_of("http_request.allow", settings.http_request.allow)) as client:
        yield client


@asynccontextmanager
async def open_client(
    rules: OutboundRules, *, proxy: str | None = None
) -> AsyncIterator[OutboundClient]:
    client = OutboundClient(rules, proxy=proxy)
    try:
        yield client
    finally:
        await client.close()


def rules_of(name: str, allowed: Sequence[str]) -> OutboundRules:
    try:
        return OutboundRules.parse(allowed, name)
    except ValueError as error:
        raise ConfigInvalid(f"{name}: {error}") from None


def service_rules(*endpoints: str | None) -> OutboundRules:
    """The operator's own services are mostly at private addresses; no workflow says where they
    are. Raises ConfigInvalid."""
    try:
        targets = [Target.parse(endpoint) for endpoint in endpoints if endpoint is not None]
    except ValueError as error:
        raise ConfigInvalid(str(error)) from None
    return OutboundRules(hosts=frozenset((target.host, target.port) for target in targets))


def http_limits(settings: Settings) -> HttpLimits:
    timeouts = settings.http_request.timeout_seconds
    sizes = settings.http_request.max_response_bytes
    return HttpLimits(
        Timeouts(timeouts.connect, timeouts.read, timeouts.write), sizes.text, sizes.binary
    )
