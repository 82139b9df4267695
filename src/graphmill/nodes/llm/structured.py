"""Asking for a reply of a given form where the model's provider cannot be asked for one."""

from collections.abc import Mapping, Sequence

from graphmill.ports.models import Message, Role
from graphmill.variables.values import Value, to_json


def with_schema(messages: Sequence[Message], schema: Mapping[str, Value]) -> tuple[Message, ...]:
    """The messages, the first of them telling the model what form its reply must have."""
    demand = (
        "Reply with one JSON object and nothing else: no explanation, no code fence. "
        f"It must match this JSON schema:\n{to_json(dict(schema))}"
    )
    first = messages[0]
    if first.role is Role.SYSTEM and isinstance(first.content, str):
        return (Message(Role.SYSTEM, f"{first.content}\n\n{demand}"), *messages[1:])
    return (Message(Role.SYSTEM, demand), *messages)
