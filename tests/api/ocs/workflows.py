"""The workflows of the fixture (`nextcloud-ocs §21.1`), as files."""

from typing import Any

from tests.dsl.files import edges, node, workflow_text

Node = dict[str, Any]


def _text(name: str, **more: Any) -> Node:
    return {"variable": name, "label": name.title(), "type": "paragraph", "required": True, **more}


def _start(*variables: Node) -> Node:
    return node("start", "start", title="Start", variables=list(variables))


def _end(*outputs: Node) -> Node:
    return node("end", "end", title="End", outputs=list(outputs))


def _output(name: str, node_id: str, key: str, value_type: str = "string") -> Node:
    return {"variable": name, "value_selector": [node_id, key], "value_type": value_type}


def _page(node_id: str, url: str, **data: Any) -> Node:
    return node(
        node_id,
        "http-request",
        title=node_id,
        method="get",
        url=url,
        headers="",
        params="",
        authorization={"type": "no-auth", "config": None},
        body={"type": "none", "data": []},
        **data,
    )


def echo() -> str:
    start = _start(_text("input", max_length=0))
    return workflow_text([start, _end(_output("output", "start", "input"))], edges("start>end"))


def through_page(url: str) -> str:
    """Fetches a page before it echoes: slow or impossible, as the page is."""
    nodes = [
        _start(_text("input")),
        _page("page", url),
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
    """As many pictures as asked for, up to twelve: one node fetches each."""
    start = _start(
        _text("input", max_length=0),
        {"variable": "numberOfImages", "label": "Number", "type": "number", "required": True},
    )
    most = 12
    nodes, pairs = [start], ["start>page1"]
    for i in range(1, most + 1):
        keep = node(
            f"keep{i}",
            "assigner",
            title="Keep",
            version="2",
            items=[
                {
                    "variable_selector": ["conversation", "images"],
                    "input_type": "variable",
                    "operation": "extend",
                    "value": [f"page{i}", "files"],
                    "write_mode": "extend",
                }
            ],
        )
        more = node(
            f"more{i}",
            "if-else",
            title="More",
            cases=[
                {
                    "case_id": "yes",
                    "logical_operator": "and",
                    "conditions": [
                        {
                            "id": "c",
                            "variable_selector": ["start", "numberOfImages"],
                            "comparison_operator": ">",
                            "value": str(i),
                            "varType": "number",
                        }
                    ],
                }
            ],
        )
        nodes += [_page(f"page{i}", url), keep, more]
        pairs += [f"page{i}>keep{i}", f"keep{i}>more{i}"]
        pairs += [f"more{i}:false>end"]
        if i < most:
            pairs.append(f"more{i}:yes>page{i + 1}")
    images = _output("files", "conversation", "images", "array[file]")
    variable = {"id": "v", "name": "images", "value_type": "array[file]", "value": []}
    return workflow_text([*nodes, _end(images)], edges(*pairs), conversation_variables=[variable])
