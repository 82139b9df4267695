"""Tools as a configuration opens them, and calls of one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from graphmill.config import Settings
from graphmill.dsl.tools import ToolProvider
from graphmill.nodes.tool.arguments import fit_arguments
from graphmill.ports.tools import Invocation, Tool, ToolMessage, ToolRef
from graphmill.tools.toolbox import ConfiguredTools
from graphmill.tools.workflow import Apps, NoApps
from graphmill.variables.values import Value
from graphmill.wiring.models import open_models
from graphmill.wiring.speech import open_speech
from graphmill.wiring.tools import open_tools
from tests.nodes.http_stand_ins import FilesInMemory
from tests.nodes.running import context_of

INVOCATION = Invocation(context_of({}).run, "key")


@asynccontextmanager
async def opened(
    *entries: Mapping[str, Any],
    folder: Path = Path(),
    apps: Apps | None = None,
    files: FilesInMemory | None = None,
    **settings: Any,
) -> AsyncIterator[ConfiguredTools]:
    read = Settings.model_validate({"tools": list(entries), **settings}, context={"folder": folder})
    files = files or FilesInMemory()
    async with (
        open_models(read, files) as models,
        open_speech(read) as speech,
        open_tools(read, apps or NoApps(), models, speech, files) as tools,
    ):
        yield tools


async def find(tools: ConfiguredTools, name: str, provider: str = "time") -> Tool:
    return await tools.find(ToolRef(ToolProvider("builtin", provider, provider), name))


async def call(
    tools: ConfiguredTools, name: str, arguments: Mapping[str, Value], provider: str = "time"
) -> Sequence[ToolMessage]:
    tool = await find(tools, name, provider)
    return (await tool.invoke(fit_arguments(tool.parameters, arguments), INVOCATION)).messages
