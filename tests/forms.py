"""Workflows that ask people, for tests of any layer."""

from typing import Any, Final

from tests.dsl.files import edges, node, workflow_text

ACTIONS: Final = [
    {"id": "ok", "title": "Approve", "button_style": "primary"},
    {"id": "no", "title": "Reject"},
]
NOTE: Final = {
    "type": "paragraph",
    "output_variable_name": "note",
    "default": {"type": "constant", "value": "none"},
}


def asking(node_id: str = "h", **data: Any) -> dict[str, Any]:
    """A human-input node; with a note as its only field unless `data` says otherwise."""
    defaults = {
        "title": f"Ask {node_id}",
        "form_content": "Approve {{#start.topic#}}? {{#$output.note#}}",
        "inputs": [NOTE],
        "user_actions": ACTIONS,
    }
    return node(node_id, "human-input", **{**defaults, **data})


def start(*names: str, **types: str) -> dict[str, Any]:
    variables = [
        {"variable": name, "label": name, "type": types.get(name, "text-input"), "required": False}
        for name in names or ("topic",)
    ]
    return node("start", "start", title="Start", variables=variables)


def end(node_id: str = "end", **outputs: str) -> dict[str, Any]:
    shown = [
        {"variable": name, "value_selector": selector.split(".")}
        for name, selector in outputs.items()
    ]
    return node(node_id, "end", title="End", outputs=shown)


def approval(**data: Any) -> str:
    """Asks once: `ok` ends with the note as `said`, `no` with the action as `refused`."""
    nodes = [
        start(),
        asking(**data),
        end("yes", said="h.note", how="h.__action_value", whole="h.__rendered_content"),
        end("nay", refused="h.__action_id"),
    ]
    return workflow_text(nodes, edges("start>h", "h:ok>yes", "h:no>nay"))
