"""A single run on the terminal; nothing is stored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from graphmill.config import Settings
from graphmill.models.configured import ConfiguredModels
from graphmill.observation.metrics import Metrics
from graphmill.observation.tracing import Tracing
from graphmill.ports.knowledge import Knowledge, NoKnowledge
from graphmill.service.bench import Bench
from graphmill.service.files.loose import LooseFiles
from graphmill.storage.knowledge import SqlKnowledge
from graphmill.storage.memory import MemoryJournal
from graphmill.tools.workflow import NoApps
from graphmill.wiring.knowledge import open_knowledge
from graphmill.wiring.observation import Observation
from graphmill.wiring.outbound import open_outbound
from graphmill.wiring.outside import open_outside
from graphmill.wiring.runs import run_limits
from graphmill.wiring.storage import open_storage


@asynccontextmanager
async def build_bench(settings: Settings) -> AsyncIterator[Bench]:
    """Raises ConfigInvalid, and StoreError where there is a base of knowledge."""
    unobserved = Observation({}, Metrics({}), is_counted=False, tracing=Tracing())
    async with open_outbound(settings) as http:
        files = LooseFiles(http)
        knowledge = partial(_open_knowledge, settings)
        async with open_outside(settings, http, files, NoApps(), knowledge, unobserved) as outside:
            bench = Bench(outside.ports, files, MemoryJournal(), limits=run_limits(settings))
            try:
                yield bench
            finally:
                await bench.close()


@asynccontextmanager
async def _open_knowledge(settings: Settings, models: ConfiguredModels) -> AsyncIterator[Knowledge]:
    """The database is left alone unless there is a base in it."""
    if not settings.knowledge:
        yield NoKnowledge()
        return
    async with (
        open_storage(settings) as storage,
        open_knowledge(settings, SqlKnowledge(storage.database), models) as knowledge,
    ):
        yield knowledge
