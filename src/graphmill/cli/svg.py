"""A workflow as an SVG picture that needs nothing else to be shown: no script, no fonts."""

from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from graphmill.cli.layout import place_nodes
from graphmill.dsl.canvas import ROOT_TYPES
from graphmill.dsl.check import RESPONSE_TYPES
from graphmill.dsl.model import Box, EdgeDefinition, NodeDefinition, Workflow
from graphmill.dsl.upgrade import START_TYPES

_MARGIN: Final = 40.0
_LETTER: Final = 8.0
"""Pixels that a letter of a title takes, about."""
_STYLE: Final = """
text { font-family: system-ui, sans-serif; font-size: 14px; fill: #1f2937 }
.title { font-weight: 600 }
.type, .handle { font-size: 12px; fill: #6b7280 }
.handle { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
rect { fill: #ffffff; stroke: #9ca3af; stroke-width: 1.5 }
.root rect { stroke: #16a34a }
.response rect { stroke: #ea580c }
.container rect { fill: #f3f4f6; stroke-dasharray: 6 4 }
path { fill: none; stroke: #6b7280; stroke-width: 1.5 }
marker path { fill: #6b7280 }
"""


def to_svg(workflow: Workflow) -> str:
    """Nodes where the editor has them; names that are too long are cut and shown on pointing."""
    boxes = place_nodes(workflow)
    nodes = {node.id: node for node in workflow.nodes}
    exits = _exits(workflow)
    svg = _canvas(workflow.app.name or "workflow", boxes)
    for node_id, box in boxes.items():
        if nodes[node_id].type in START_TYPES:
            _draw_node(svg, nodes[node_id], box)
    for edge in workflow.edges:
        if edge.source in boxes and edge.target in boxes:
            _draw_edge(svg, edge, boxes, exits[edge.source])
    for node_id, box in boxes.items():
        if nodes[node_id].type not in START_TYPES:
            _draw_node(svg, nodes[node_id], box)
    indent(svg)
    return tostring(svg, encoding="unicode") + "\n"


def _canvas(name: str, boxes: Mapping[str, Box]) -> Element:
    everything = boxes.values() or (Box(0, 0, 0, 0),)
    left = min(box.x for box in everything) - _MARGIN
    top = min(box.y for box in everything) - _MARGIN
    width = max(box.x + box.width for box in everything) + _MARGIN - left
    height = max(box.y + box.height for box in everything) + _MARGIN - top
    svg = Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{left:g} {top:g} {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
    )
    SubElement(svg, "title").text = _printable(name)
    SubElement(svg, "style").text = _STYLE
    marker = SubElement(
        SubElement(svg, "defs"),
        "marker",
        id="arrow",
        viewBox="0 0 10 10",
        refX="9",
        refY="5",
        markerWidth="7",
        markerHeight="7",
        orient="auto",
    )
    SubElement(marker, "path", d="M 0 0 L 10 5 L 0 10 z")
    return svg


def _draw_node(svg: Element, node: NodeDefinition, box: Box) -> None:
    title, kind = _printable(node.title or node.id), _printable(node.type)
    group = SubElement(svg, "g", {"class": _class(node)})
    SubElement(group, "title").text = f"{title} ({kind}, {_printable(node.id)})"
    SubElement(
        group,
        "rect",
        x=f"{box.x:g}",
        y=f"{box.y:g}",
        width=f"{box.width:g}",
        height=f"{box.height:g}",
        rx="10",
    )
    letters = max(3, int((box.width - 32) / _LETTER))
    _write(group, "title", box.x + 16, box.y + 28, _cut(title, letters))
    _write(group, "type", box.x + 16, box.y + 48, _cut(kind, letters))


def _class(node: NodeDefinition) -> str:
    if node.type in ROOT_TYPES:
        return "root"
    if node.type in RESPONSE_TYPES:
        return "response"
    return "container" if node.type in START_TYPES else "node"


def _exits(workflow: Workflow) -> dict[str, list[str]]:
    """By node, the handles that edges leave it by, in file order."""
    exits: dict[str, list[str]] = {}
    for edge in workflow.edges:
        handles = exits.setdefault(edge.source, [])
        if edge.handle not in handles:
            handles.append(edge.handle)
    return exits


def _draw_edge(
    svg: Element, edge: EdgeDefinition, boxes: Mapping[str, Box], exits: Sequence[str]
) -> None:
    """From the right side of the source, one point for each exit, to the left of the target."""
    source, target = boxes[edge.source], boxes[edge.target]
    x, end_x = source.x + source.width, target.x
    y = source.y + source.height * (exits.index(edge.handle) + 1) / (len(exits) + 1)
    end_y = target.y + target.height / 2
    bend = max(40.0, abs(end_x - x) / 2)
    SubElement(
        svg,
        "path",
        {
            "d": f"M {x:g} {y:g} C {x + bend:g} {y:g} {end_x - bend:g} {end_y:g} "
            f"{end_x:g} {end_y:g}",
            "marker-end": "url(#arrow)",
        },
    )
    if edge.handle != "source":
        _write(svg, "handle", x + 6, y - 5, _cut(_printable(edge.handle), 16))


def _write(parent: Element, kind: str, x: float, y: float, text: str) -> None:
    SubElement(parent, "text", {"class": kind, "x": f"{x:g}", "y": f"{y:g}"}).text = text


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _printable(text: str) -> str:
    """One line without the control characters that XML does not allow."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
