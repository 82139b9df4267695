"""The strategy for models that know nothing of tools: they write what is to be called (ReAct)."""

from graphmill.nodes.agent.prompts import FINAL, OBSERVATION, react_prompt
from graphmill.nodes.agent.work import Work
from graphmill.nodes.replies.json_text import first_json
from graphmill.nodes.replies.thinking import without_thoughts
from graphmill.ports.models import Message, Role, ToolCall
from graphmill.variables.values import Value, to_json

_ANSWER = "Final Answer:"


async def reason_and_act(work: Work) -> None:
    """Let the model think, act and observe, round by round, until it answers; in the last round it
    is told to.

    The text of the node is the answer. Raises ModelError and StoreError."""
    system = Message(Role.SYSTEM, react_prompt(work.asked, work.tools))
    messages = [system, *work.history, Message(Role.USER, work.asked.query)]
    for number in range(1, work.asked.maximum_iterations + 1):
        is_last = number == work.asked.maximum_iterations
        entry = await work.log.begin(f"ROUND {number}", {})
        if is_last and number > 1:
            messages.append(Message(Role.USER, FINAL))
        reply = await work.think(messages, entry, stop=(OBSERVATION,))
        action = read_action(reply.text, str(number))
        if isinstance(action, str) or is_last:
            answer = action if isinstance(action, str) else without_thoughts(reply.text).strip()
            await work.gathered.say(answer)
            await work.log.end(entry, {"output": {"llm_response": reply.text}})
            return
        said = await work.act(action, entry)
        messages += [
            Message(Role.ASSISTANT, reply.text),
            Message(Role.USER, f"{OBSERVATION} {said}"),
        ]
        await work.log.end(
            entry, {"output": {"llm_response": reply.text, "tool_responses": [said]}}
        )


def read_action(text: str, call_id: str) -> ToolCall | str:
    """The call that the model wants, or its answer. Text without an action is an answer."""
    visible = without_thoughts(text)
    found = first_json(visible, "{")
    if not isinstance(found, dict) or not isinstance(found.get("action"), str):
        return visible.rpartition(_ANSWER)[2].strip()
    given: Value = found.get("action_input", {})
    name = str(found["action"])
    if name.lower().replace("_", " ") == "final answer":
        return given if isinstance(given, str) else to_json(given)
    return ToolCall(call_id, name, given if isinstance(given, str) else to_json(given))
