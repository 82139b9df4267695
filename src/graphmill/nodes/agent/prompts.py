"""What a model is told about its task and its tools."""

from collections.abc import Mapping
from typing import Final

from graphmill.nodes.agent.data import Asked
from graphmill.nodes.agent.toolset import AgentTool
from graphmill.variables.values import to_json

OBSERVATION: Final = "Observation:"
"""Begins what a tool gave; a model that writes it itself is stopped there."""
FINAL: Final = (
    "No more tools can be called. Give your final answer now, from what you know by now, as "
    '{"action": "Final Answer", "action_input": "..."}.'
)
_CONTEXT: Final = "What is known about it:"
_REACT: Final = """\
Answer the user's question. Work step by step: think about what is missing, call a tool to find it
out, read what it gave, and go on until you know the answer.

You have these tools, one a line, with the JSON schema of their parameters:
{tools}

In each step write one thought and one action, and nothing after it:

Thought: what you know, and what you need next
Action:
```json
{{"action": "name of a tool", "action_input": {{"parameter": "value"}}}}
```

The user's next message then begins with "Observation:" and holds what the tool gave. Never write an
observation yourself. When you know the answer, write:

Thought: I know the answer
Action:
```json
{{"action": "Final Answer", "action_input": "the answer, in the language of the question"}}
```
"""


def system_prompt(asked: Asked) -> str:
    """What the author of the workflow says."""
    context = f"{_CONTEXT}\n{asked.context}" if asked.context else ""
    return "\n\n".join(filter(None, (asked.instruction, context)))


def react_prompt(asked: Asked, tools: Mapping[str, AgentTool]) -> str:
    """The same, and how to call tools."""
    lines = [
        f"{name}: {each.schema.description} {to_json(dict(each.schema.parameters))}"
        for name, each in tools.items()
    ]
    how = _REACT.format(tools="\n".join(lines) or "(none: answer at once)")
    return "\n\n".join(filter(None, (system_prompt(asked), how)))
