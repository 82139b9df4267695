"""tool: what a tool is called with, and what its call ends with (`nodes §11`)."""

from collections.abc import Mapping
from typing import Final, Literal

from graphmill.dsl.rules import ToolUse
from graphmill.dsl.tools import ToolProvider
from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.usage import usage_metadata
from graphmill.errors import StoreError, ToolError, ToolFailed
from graphmill.nodes.base import NodeData, NodePorts, NodeType
from graphmill.nodes.tool.arguments import GivenValue, GivenValues, Settings, Source, fit_arguments
from graphmill.nodes.tool.messages import Gathered
from graphmill.ports.files import FileVault
from graphmill.ports.tools import Invocation, Tool, Toolbox, ToolRef
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, Value


class ToolData(NodeData):
    provider_id: str
    provider_type: Literal[
        "builtin", "plugin", "api", "workflow", "app", "mcp", "dataset-retrieval"
    ]
    provider_name: str = ""
    tool_name: str
    tool_parameters: GivenValues
    tool_configurations: Settings
    plugin_unique_identifier: str | None = None

    @property
    def provider(self) -> ToolProvider:
        return ToolProvider(self.provider_type, self.provider_id, self.provider_name)


class ToolNode:
    def __init__(self, node_id: str, data: ToolData, toolbox: Toolbox, files: FileVault) -> None:
        self._id = node_id
        self._ref = ToolRef(data.provider, data.tool_name)
        self._sources = _sources(data.tool_parameters)
        self._settings = _sources(data.tool_configurations)
        self._toolbox = toolbox
        self._files = files
        self._info: dict[str, Value] = {
            "provider_type": data.provider_type,
            "provider_id": data.provider_id,
            "plugin_unique_identifier": data.plugin_unique_identifier,
        }

    async def run(self, context: NodeContext) -> Outcome:
        pool = context.pool
        try:
            tool = await self._toolbox.find(self._ref)
        except ToolError as error:
            return Failed(f"Failed to get tool runtime: {error}", "ToolRuntimeResolutionError")
        inputs = self._inputs(tool, pool)
        values = {**self._values(tool, pool), **_found(self._settings, pool)}
        invocation = Invocation(context.run, context.idempotency_key)
        try:
            result = await tool.invoke(fit_arguments(tool.parameters, values), invocation)
        except (ToolFailed, ValueError) as error:
            message = f"Failed to invoke tool: {error}"
            return Failed(message, "ToolRuntimeInvocationError", inputs)
        gathered = Gathered(self._id, context, self._files)
        try:
            for each in result.messages:
                await gathered.take(each)
        except StoreError as error:
            return Failed(str(error), "ToolFileError", inputs)
        metadata: dict[str, Value] = {"tool_info": self._info}
        if result.usage is not None:
            metadata |= usage_metadata(result.usage)
        return Succeeded(await gathered.end(), inputs, metadata=metadata, usage=result.usage)

    def _values(self, tool: Tool, pool: Pool) -> dict[str, Value]:
        """By name. Raises ValueError when a required one is to come from a variable that is not
        there."""
        required = {each.name for each in tool.parameters if each.required}
        values: dict[str, Value] = {}
        for name, source in self._sources.items():
            value = source.value(pool)
            if not isinstance(value, Missing):
                values[name] = value
            elif name in required:
                assert source.selector is not None, "templates are never missing"
                raise ValueError(f"Variable {list(source.selector)} does not exist")
        return values

    def _inputs(self, tool: Tool, pool: Pool) -> dict[str, Value]:
        """For the logs; of a name that the tool does not declare, nothing is shown."""
        declared = {each.name for each in tool.parameters}
        shown = {name: source.shown(pool) for name, source in self._sources.items()}
        return {
            name: value if name in declared else None
            for name, value in shown.items()
            if not isinstance(value, Missing)
        }


def _sources(given: Mapping[str, GivenValue]) -> dict[str, Source]:
    return {name: Source(value) for name, value in given.items()}


def _found(sources: Mapping[str, Source], pool: Pool) -> dict[str, Value]:
    values = {name: source.value(pool) for name, source in sources.items()}
    return {name: value for name, value in values.items() if not isinstance(value, Missing)}


def _build(node_id: str, data: ToolData, ports: NodePorts) -> ToolNode:
    return ToolNode(node_id, data, ports.tools, ports.files)


def _reads(data: ToolData) -> tuple[Selector, ...]:
    given = (*data.tool_parameters.values(), *data.tool_configurations.values())
    return tuple(selector for each in given for selector in Source(each).selectors)


def _extras(data: ToolData, ports: NodePorts) -> dict[str, Value] | None:
    icon = ports.tools.icon(data.provider)
    return None if icon is None else {"icon": icon}


def _tools(data: ToolData) -> tuple[ToolUse, ...]:
    return (ToolUse(data.provider, data.tool_name, ("provider_id",)),)


TOOL: Final = NodeType(
    "tool",
    ToolData,
    _build,
    retries=True,
    reads=_reads,
    extras=_extras,
    tools=_tools,
)
