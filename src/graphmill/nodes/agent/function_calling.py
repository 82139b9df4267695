"""The strategy for models that can call tools themselves."""

from graphmill.nodes.agent.prompts import system_prompt
from graphmill.nodes.agent.work import Work
from graphmill.ports.models import Message, Role
from graphmill.variables.values import Value


async def call_functions(work: Work) -> None:
    """Let the model call tools, round by round, until it calls none; in the last round it has none.

    Everything that it says is text of the node. Raises ModelError and StoreError."""
    system = system_prompt(work.asked)
    messages = [
        *([Message(Role.SYSTEM, system)] if system else ()),
        *work.history,
        Message(Role.USER, work.asked.query),
    ]
    schemas = tuple(each.schema for each in work.tools.values())
    for number in range(1, work.asked.maximum_iterations + 1):
        is_last = number == work.asked.maximum_iterations
        entry = await work.log.begin(f"ROUND {number}", {})
        tools = () if is_last else schemas
        reply = await work.think(messages, entry, tools=tools, is_shown=True)
        # A model may call what it was not given.
        calls = () if is_last else reply.tool_calls
        messages.append(Message(Role.ASSISTANT, reply.text, calls))
        responses: list[Value] = []
        for call in calls:
            said = await work.act(call, entry)
            messages.append(Message(Role.TOOL, said, tool_call_id=call.id))
            responses.append({"tool_call_name": call.name, "tool_response": said})
        await work.log.end(
            entry, {"output": {"llm_response": reply.text, "tool_responses": responses}}
        )
        if not calls:
            return
