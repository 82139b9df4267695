"""Runs the node: values, tools and memory first, then the strategy."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pydantic import ValidationError

from graphmill.dsl.rules import ModelUse, ToolUse
from graphmill.engine.context import NodeContext
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.usage import Usage, usage_metadata, usage_object
from graphmill.errors import ModelError, StoreError, ToolError
from graphmill.nodes.agent.data import PARAMETERS, AgentData, Asked, ToolChoice
from graphmill.nodes.agent.function_calling import call_functions
from graphmill.nodes.agent.log import AgentLog
from graphmill.nodes.agent.react import reason_and_act
from graphmill.nodes.agent.toolset import open_toolset
from graphmill.nodes.agent.values import VariableMissing, fill, prepare, selectors_in
from graphmill.nodes.agent.work import Work
from graphmill.nodes.base import NodePorts, NodeType
from graphmill.nodes.prompts.memory import Memory, room_for_memory
from graphmill.nodes.prompts.text import PromptInvalid
from graphmill.nodes.tool.messages import Gathered
from graphmill.ports.models import Message, Role
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value

_STRATEGIES: Final[Mapping[str, Callable[[Work], Awaitable[None]]]] = {
    "function_calling": call_functions,
    "react": reason_and_act,
}
"""By name in lower case."""
_DETAIL: Final = "high"


class Agent:
    def __init__(self, node_id: str, data: AgentData, ports: NodePorts) -> None:
        self._id = node_id
        self._name = data.agent_strategy_name
        self._strategy = _STRATEGIES.get(data.agent_strategy_name.lower())
        self._parameters = {name: prepare(given) for name, given in data.agent_parameters.items()}
        self._memory = Memory(data.memory, _DETAIL, ports.conversations) if data.memory else None
        self._ports = ports

    async def run(self, context: NodeContext) -> Outcome:
        pool = context.pool
        if self._strategy is None:
            known = ", ".join(_STRATEGIES)
            return Failed(f"Failed to get agent strategy: there is no {self._name!r}, only {known}")
        try:
            inputs = self._values(pool, is_logged=True)
            asked = Asked.model_validate(self._values(pool))
        except VariableMissing as error:
            return Failed(str(error))
        except ValidationError as error:
            return Failed(f"Failed to invoke agent: {_complaint(error)}")
        usage: Usage | None = None
        try:
            work = await self._prepared(asked, context)
            try:
                await self._strategy(work)
            finally:
                usage = work.usage
        except (ModelError, ToolError, PromptInvalid, StoreError) as error:
            return Failed(f"Failed to invoke agent: {error}", inputs=inputs, usage=usage)
        return await self._outcome(work, inputs)

    def _values(self, pool: Pool, *, is_logged: bool = False) -> dict[str, Value]:
        """Of a parameter that no strategy has, None. Raises VariableMissing."""
        return {
            name: fill(tree, pool, is_logged=is_logged) if name in PARAMETERS else None
            for name, tree in self._parameters.items()
        }

    async def _prepared(self, asked: Asked, context: NodeContext) -> Work:
        """Raises ToolError, ModelError, PromptInvalid and StoreError."""
        return Work(
            asked,
            context,
            self._ports.models,
            await open_toolset(asked.tools, self._ports.tools),
            await self._history(asked, context),
            Gathered(self._id, context, self._ports.files),
            AgentLog(self._id, context.progress),
        )

    async def _history(self, asked: Asked, context: NodeContext) -> tuple[Message, ...]:
        if self._memory is None:
            return ()
        prompt = [Message(Role.USER, asked.instruction), Message(Role.USER, asked.query)]
        room = room_for_memory(self._ports.models, asked.model.ref, {}, prompt)
        turns = await self._memory.turns(context.run, room=room)
        return tuple(message for turn in turns for message in turn)

    async def _outcome(self, work: Work, inputs: dict[str, Value]) -> Succeeded:
        outputs = await work.gathered.end()
        log = work.log.mappings()
        outputs["usage"] = usage_object(work.usage)
        outputs["json"] = [*log, {"data": []}]
        metadata: dict[str, Value] = {
            "tool_info": {"icon": None, "agent_strategy": self._name},
            "agent_log": log,
            **usage_metadata(work.usage),
        }
        return Succeeded(outputs, inputs, metadata=metadata, usage=work.usage)


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    path = ".".join(map(str, first["loc"]))
    return f"the parameter {path!r} is wrong: {first['msg']}"


def _build(node_id: str, data: AgentData, ports: NodePorts) -> Agent:
    return Agent(node_id, data, ports)


def _output_names(data: AgentData) -> frozenset[str]:
    return frozenset({"text", "usage", "files", "json"})


def _reads(data: AgentData) -> tuple[Selector, ...]:
    given = data.agent_parameters.values()
    return tuple(selector for each in given for selector in selectors_in(prepare(each)))


def _tools(data: AgentData) -> tuple[ToolUse, ...]:
    """As far as the file lists them."""
    given = data.agent_parameters.get("tools")
    entries = given.value if given is not None and given.type == "constant" else ()
    path = ("agent_parameters", "tools", "value")
    uses = []
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            choice = ToolChoice.model_validate(entry)
        except ValidationError:
            continue
        if choice.enabled:
            ref = choice.ref
            uses.append(ToolUse(ref.provider, ref.name, (*path, index, "provider_name")))
    return tuple(uses)


def _models(data: AgentData) -> tuple[ModelUse, ...]:
    given = data.agent_parameters.get("model")
    match given.value if given is not None else None:
        case {"provider": str(provider), "model": str(name)}:
            path = ("agent_parameters", "model", "value", "provider")
            return (ModelUse(provider, name, path),)
        case _:
            return ()


AGENT: Final = NodeType(
    "agent",
    AgentData,
    _build,
    output_names=_output_names,
    reads=_reads,
    tools=_tools,
    models=_models,
)
