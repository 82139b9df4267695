"""What datasets are searched in, and what fills the bases among them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from graphmill.config import Settings
from graphmill.config.knowledge import KnowledgeSettings
from graphmill.knowledge.configured import ConfiguredKnowledge, MappedSource
from graphmill.knowledge.external import ExternalSource
from graphmill.knowledge.local import LocalSource
from graphmill.knowledge.source import Source
from graphmill.models.configured import ConfiguredModels
from graphmill.observation.tracing import UNTRACED, Tracing
from graphmill.ports.knowledge import KnowledgeStore
from graphmill.service.files.loose import LooseFiles
from graphmill.storage.knowledge import SqlKnowledge
from graphmill.wiring.models import open_models
from graphmill.wiring.outbound import open_client, open_outbound, service_rules
from graphmill.wiring.sandbox import open_documents
from graphmill.wiring.storage import open_storage

if TYPE_CHECKING:
    from graphmill.knowledge.intake import Intake


@asynccontextmanager
async def open_knowledge(
    settings: Settings,
    store: KnowledgeStore,
    models: ConfiguredModels,
    tracing: Tracing = UNTRACED,
) -> AsyncIterator[ConfiguredKnowledge]:
    """All datasets. Each service has a client of its own, as tools have."""
    async with AsyncExitStack() as stack:

        async def source_of(entry: KnowledgeSettings) -> Source:
            if entry.kind == "local":
                return LocalSource(entry, store, models)
            rules = service_rules(entry.endpoint)
            client = await stack.enter_async_context(open_client(rules))
            return ExternalSource(entry, tracing.http(client))

        sources = [MappedSource(entry, await source_of(entry)) for entry in settings.knowledge]
        yield ConfiguredKnowledge(sources, models)


@asynccontextmanager
async def open_intake(
    settings: Settings, entry: KnowledgeSettings
) -> AsyncIterator[tuple["Intake", LooseFiles]]:
    """What takes documents into the base of `entry`, and where it finds them. Raises ConfigInvalid
    or StoreError."""
    # Keeps start-up fast: no server takes anything in.
    from graphmill.knowledge.intake import Intake  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        files = LooseFiles(await stack.enter_async_context(open_outbound(settings)))
        storage = await stack.enter_async_context(open_storage(settings))
        documents = await stack.enter_async_context(open_documents(settings, files))
        models = await stack.enter_async_context(open_models(settings, files))
        yield Intake(entry, SqlKnowledge(storage.database), models, documents), files
