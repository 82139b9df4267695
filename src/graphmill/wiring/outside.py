"""The outside: code, documents, models, tools, speech and knowledge."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from graphmill.config import Settings
from graphmill.models.configured import ConfiguredModels
from graphmill.nodes.base import NodePorts
from graphmill.ports.files import FileVault
from graphmill.ports.http import HttpClient
from graphmill.ports.knowledge import Knowledge
from graphmill.sandbox.runner import Sandbox
from graphmill.sandbox.templates import SandboxTemplates
from graphmill.service.speech.speech import Speech
from graphmill.tools.toolbox import ConfiguredTools
from graphmill.tools.workflow import Apps
from graphmill.wiring.models import open_models
from graphmill.wiring.observation import Observation
from graphmill.wiring.outbound import http_limits
from graphmill.wiring.sandbox import open_documents, open_sandbox
from graphmill.wiring.speech import open_speech
from graphmill.wiring.tools import open_tools


@dataclass(frozen=True, slots=True)
class Outside:
    ports: NodePorts
    """As nodes see it."""
    sandbox: Sandbox
    models: ConfiguredModels
    speech: Speech
    tools: ConfiguredTools


@asynccontextmanager
async def open_outside(
    settings: Settings,
    http: HttpClient,
    files: FileVault,
    apps: Apps,
    open_knowledge: Callable[[ConfiguredModels], AbstractAsyncContextManager[Knowledge]],
    observed: Observation,
) -> AsyncIterator[Outside]:
    """`apps`: those that can be tools. Raises ConfigInvalid."""
    async with (
        open_sandbox(settings) as sandbox,
        open_documents(settings, files) as documents,
        open_models(settings, files, observed.tracing, observed.metrics.model_called) as models,
        open_speech(settings) as speech,
        open_tools(settings, apps, models, speech, files, observed.tracing) as tools,
        open_knowledge(models) as knowledge,
    ):
        ports = NodePorts(
            http=observed.tracing.http(http),
            files=files,
            templates=SandboxTemplates(sandbox),
            code=sandbox,
            documents=documents,
            models=observed.tracing.models(models),
            http_limits=http_limits(settings),
            tools=tools,
            knowledge=knowledge,
            reasoning_chunks=settings.server.reasoning_chunks,
        )
        yield Outside(ports, sandbox, models, speech, tools)
