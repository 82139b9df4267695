"""One agent at work: its calls of model and tools, with what they cost and what is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphmill.engine.context import NodeContext
from graphmill.engine.usage import Usage
from graphmill.errors import ToolFailed
from graphmill.nodes.agent.data import Asked
from graphmill.nodes.agent.log import AgentLog, Entry
from graphmill.nodes.agent.toolset import AgentTool, observation, read_arguments
from graphmill.nodes.prompts.call import Reply, whole_reply
from graphmill.nodes.prompts.messages import recorded_call
from graphmill.nodes.prompts.parameters import Parameters
from graphmill.nodes.tool.messages import Gathered
from graphmill.ports.models import ChatRequest, Message, Models, ToolCall, ToolSchema
from graphmill.ports.tools import BlobMessage, FileMessage, Invocation
from graphmill.variables.values import Value


@dataclass(slots=True)
class Work:
    """What both strategies do their work with."""

    asked: Asked
    context: NodeContext
    models: Models
    tools: Mapping[str, AgentTool]
    history: tuple[Message, ...]
    """What was said before in the conversation."""
    gathered: Gathered
    log: AgentLog
    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    """Of tools, so far."""

    async def think(
        self,
        messages: list[Message],
        parent: Entry,
        *,
        tools: tuple[ToolSchema, ...] = (),
        stop: tuple[str, ...] = (),
        is_shown: bool = False,
    ) -> Reply:
        """The model's reply, logged; `is_shown`: is it text of the node, piece by piece? Raises
        ModelError."""
        entry = await self.log.begin(f"{self.asked.model.model} Thought", {}, parent)
        parameters = Parameters(self.asked.model.completion_params)
        request = ChatRequest(
            self.asked.model.ref,
            tuple(messages),
            parameters=parameters.render(self.context.pool),
            stop=(*parameters.stop, *stop),
            tools=tools,
            user=self.context.run.end_user_id,
        )
        say = self.gathered.say if is_shown else None
        reply = await whole_reply(self.models.chat(request), say)
        self.usage += reply.usage
        calls: list[Value] = [recorded_call(call) for call in reply.tool_calls]
        await self.log.end(entry, {"output": reply.text, "tool_calls": calls}, usage=reply.usage)
        return reply

    async def act(self, call: ToolCall, parent: Entry) -> str:
        """What the model is told that `call` came to, logged; also when it came to nothing. Raises
        StoreError."""
        asked: dict[str, Value] = {"tool_call_name": call.name, "tool_call_args": call.arguments}
        entry = await self.log.begin(f"CALL {call.name}", asked, parent)
        try:
            said = await self._call(call)
        except ToolFailed as error:
            said = f"The tool failed: {error}"
            await self.log.end(entry, {**asked, "output": said}, error=str(error))
        else:
            await self.log.end(entry, {**asked, "output": said})
        return said

    async def _call(self, call: ToolCall) -> str:
        chosen = self.tools.get(call.name)
        if chosen is None:
            raise ToolFailed(f"There is no tool {call.name!r}, only {', '.join(self.tools)}")
        self.calls += 1
        # After a crash the model may ask for something else in the same place.
        key = f"{self.context.idempotency_key}:{self.calls}:{call.name}:{call.arguments}"
        invocation = Invocation(self.context.run, key)
        result = await chosen.call(read_arguments(call.arguments), invocation)
        if result.usage is not None:
            self.usage += result.usage
        for message in result.messages:
            if isinstance(message, FileMessage | BlobMessage):
                await self.gathered.take(message)
        return observation(result.messages)
