"""The workflows of the fixture (`nextcloud-ocs §21.1`), as files."""

from typing import Any

from tests.dsl.files import edges, node, page, workflow_text

Node = dict[str, Any]


def _text(name: str, **more: Any) -> Node:
    return {"variable": name, "label": name.title(), "type": "paragraph", "required": True, **more}


def _start(*variables: Node) -> Node:
    return node("start", "start", title="Start", variables=list(variables))


def _end(*outputs: Node) -> Node:
    return node("end", "end", title="End", outputs=list(outputs))


def _output(name: str, node_id: str, key: str, value_type: str = "string") -> Node:
    return {"variable": name, "value_selector": [node_id, key], "value_type": value_type}


def echo() -> str:
    start = _start(_text("input", max_length=0))
    return workflow_text([start, _end(_output("output", "start", "input"))], edges("start>end"))


def through_page(url: str) -> str:
    """Fetches a page before it echoes: slow or impossible, as the page is."""
    nodes = [
        _start(_text("input")),
        page("page", url),
        _end(_output("output", "start", "input")),
    ]
    return workflow_text(nodes, edges("start>page", "page>end"))


def _template(template: str, /, **variables: list[str]) -> Node:
    return node(
        "text",
        "template-transform",
        title="Text",
        template=template,
        variables=[{"variable": name, "value_selector": at} for name, at in variables.items()],
    )


def translate() -> str:
    start = _start(
        _text("input", max_length=0),
        _text("origin_language", type="text-input"),
        _text("target_language", type="text-input"),
    )
    text = _template(
        "{{ target }}:{{ text }}", target=["start", "target_language"], text=["start", "input"]
    )
    nodes = [start, text, _end(_output("output", "text", "output"))]
    return workflow_text(nodes, edges("start>text", "text>end"))


def greet() -> str:
    style = {
        "variable": "style",
        "label": "Style",
        "type": "select",
        "options": ["formal", "casual"],
        "default": "casual",
        "required": False,
    }
    start = _start(_text("name", type="text-input", max_length=20), style)
    text = _template(
        "Hi {{ name }} ({{ style }})", name=["start", "name"], style=["start", "style"]
    )
    nodes = [start, text, _end(_output("greeting", "text", "output"))]
    return workflow_text(nodes, edges("start>text", "text>end"))


def draw(url: str) -> str:
    """As many pictures as asked for: an iteration fetches them."""
    start = _start(
        _text("input", max_length=0),
        {"variable": "numberOfImages", "label": "Number", "type": "number", "required": True},
    )
    count = node(
        "count",
        "code",
        title="Count",
        code_language="python3",
        code="def main(n):\n    return {'items': list(range(int(n)))}",
        variables=[{"variable": "n", "value_selector": ["start", "numberOfImages"]}],
        outputs={"items": {"type": "array[number]", "children": None}},
    )
    each = node(
        "each",
        "iteration",
        title="Each",
        iterator_selector=["count", "items"],
        output_selector=["page", "files"],
        output_type="array[file]",
        start_node_id="eachstart",
    )
    inside = [
        node("eachstart", "iteration-start", title="", isInIteration=True, parent_id="each"),
        page("page", url, isInIteration=True, iteration_id="each", parent_id="each"),
    ]
    images = _end(_output("files", "each", "output", "array[file]"))
    return workflow_text(
        [start, count, each, *inside, images],
        edges("start>count", "count>each", "eachstart>page", "each>end"),
    )
