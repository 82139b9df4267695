"""The operator's models."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from graphmill.config import Settings
from graphmill.config.models import ModelSettings
from graphmill.models import demo
from graphmill.models.configured import ConfiguredModels
from graphmill.observation.tracing import UNTRACED, Tracing
from graphmill.outbound.guard import OutboundRules
from graphmill.ports.files import FileVault
from graphmill.ports.models import ModelCall
from graphmill.wiring.outbound import open_client, service_rules


@asynccontextmanager
async def open_models(
    settings: Settings,
    files: FileVault,
    tracing: Tracing = UNTRACED,
    told: Callable[[ModelCall], None] = lambda call: None,
) -> AsyncIterator[ConfiguredModels]:
    """The operator's models; providers without a proxy, or with the same one, share a client."""
    async with AsyncExitStack() as stack:
        clients = {
            proxy: await stack.enter_async_context(
                open_client(_provider_rules(settings.models, proxy), proxy=proxy)
            )
            for proxy in {entry.proxy for entry in settings.models}
        }
        models = ConfiguredModels(
            settings.models, files, lambda entry: tracing.calls(clients[entry.proxy]), told
        )
        stack.callback(models.close)
        yield models


def _provider_rules(entries: Sequence[ModelSettings], proxy: str | None) -> OutboundRules:
    reached = [entry for entry in entries if entry.proxy == proxy]
    hosts = service_rules(proxy, *(entry.base_url for entry in reached)).hosts
    if any(entry.kind == "demo" for entry in reached):
        hosts |= {(demo.HOST, None)}
    return OutboundRules(hosts=hosts)
