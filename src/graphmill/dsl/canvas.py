"""Nodes and edges as the editor's canvas lists them, and where a run begins (`workflow-dsl §5`).

Much is forgiven here that Dify forgives, and some that only hand-written files do: numbers for
ids, truth values for handles.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from graphmill.dsl.model import Box, DataPath, EdgeDefinition, NodeDefinition
from graphmill.dsl.problems import Report, node_problem, shown
from graphmill.dsl.yaml_tree import Yaml

NODES: Final = ("workflow", "graph", "nodes")
EDGES: Final = ("workflow", "graph", "edges")

ROOT_TYPES: Final = frozenset(
    {"start", "datasource", "trigger-webhook", "trigger-schedule", "trigger-plugin"}
)
_NOTE: Final = "custom-note"


def load_nodes(items: list[Yaml], report: Report) -> list[NodeDefinition]:
    """Every node that can be read; notes are no nodes. Of two with one id the later counts."""
    nodes: dict[str, NodeDefinition] = {}
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("type") == _NOTE:
            continue
        path = (*NODES, index)
        node = _node(item, path, report)
        if node is None:
            continue
        if node.id in nodes:
            report.warning(
                "duplicate-node-id",
                f"Duplicate graph node id: {node.id}; the later node replaces the earlier one",
                path,
                "Give each node an id of its own.",
            )
        nodes[node.id] = node
    return _without_endless_nesting(nodes, report)


def load_edges(items: list[Yaml], report: Report) -> list[EdgeDefinition]:
    """Every edge with two ends, numbered as Dify numbers them in its messages."""
    edges: list[EdgeDefinition] = []
    number = 0
    for index, item in enumerate(items):
        path = (*EDGES, index)
        ends = item if isinstance(item, dict) else {}
        source, target = _name(ends.get("source")), _name(ends.get("target"))
        if source is None or target is None:
            report.warning(
                "bad-edge",
                "The edge is dropped: source and target must be node ids",
                path,
                "Remove it, or name two nodes.",
            )
            continue
        handle = _handle(ends.get("sourceHandle"), path, report)
        edges.append(EdgeDefinition(number, source, target, handle, report.places.of(path)))
        number += 1
    return edges


def find_roots(nodes: Iterable[NodeDefinition]) -> tuple[str | None, tuple[str, ...]]:
    """The node that runs start at, and the other nodes that could be it (`workflow-dsl §5.4`)."""
    roots = [node.id for node in nodes if node.type in ROOT_TYPES]
    return (roots[0], tuple(roots[1:])) if roots else (None, ())


def _node(item: Yaml, path: DataPath, report: Report) -> NodeDefinition | None:
    if not isinstance(item, dict):
        report.error("bad-node", "A node must be a mapping", path)
        return None
    node_id, data = _name(item.get("id")), item.get("data")
    if node_id is None:
        report.error("bad-node", "The node has no id", path, "Give it an id of its own.")
        return None
    if not isinstance(data, dict):
        report.error("bad-node", f"The node {shown(node_id)!r} has no data", path)
        return None
    node_type = data.get("type")
    if not isinstance(node_type, str) or not node_type:
        report.error(
            "bad-node",
            f"The node {shown(node_id)!r} has no type",
            (*path, "data", "type"),
            "Set data.type to a node type, for example start, end or template-transform.",
        )
        return None
    return NodeDefinition(
        id=node_id,
        type=node_type,
        version=_text(data.get("version")) or "1",
        title=_text(data.get("title")),
        data=data,
        place=report.places.of(path),
        parent_id=_container(item, data),
        box=_box(item),
        locate=report.places.below((*path, "data")),
    )


def _container(item: dict[str, Yaml], data: dict[str, Yaml]) -> str | None:
    """Id of the iteration or loop around a node; the oldest files say it in `data` only."""
    return _name(item.get("parentId") or data.get("iteration_id") or data.get("loop_id"))


def _without_endless_nesting(
    nodes: dict[str, NodeDefinition], report: Report
) -> list[NodeDefinition]:
    """Refuse a node inside itself: whoever follows `parent_id` must come to an end."""
    nodes = dict(nodes)
    ended: set[str] = set()
    for node_id in list(nodes):
        chain: list[str] = []
        step: str | None = node_id
        while step in nodes and step not in ended:
            ended.add(step)
            chain.append(step)
            step = nodes[step].parent_id
        if step in chain:
            node = nodes[step]
            report.problems.append(
                node_problem(
                    node,
                    "nested-in-itself",
                    "The node is inside itself: its parentId leads back to it",
                    hint="Remove parentId, or name the iteration or loop around the node.",
                )
            )
            nodes[step] = replace(node, parent_id=None)
    return list(nodes.values())


def _box(item: dict[str, Yaml]) -> Box | None:
    position = item.get("position")
    if not isinstance(position, dict):
        return None
    x, y = _number(position.get("x")), _number(position.get("y"))
    if x is None or y is None:
        return None
    return Box(x, y, _number(item.get("width")) or 244.0, _number(item.get("height")) or 90.0)


def _number(value: Yaml) -> float | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _text(value: Yaml) -> str:
    return "" if value is None else str(value)


def _name(value: Yaml) -> str | None:
    """An id: text, or a number that lost its quotes."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def _handle(value: Yaml, path: DataPath, report: Report) -> str:
    """The exit an edge leaves by. Dify drops an edge whose handle is no text."""
    match value:
        case str():
            return value
        case None:
            return "source"
        case bool():
            handle = "true" if value else "false"
        case int() | float():
            handle = str(value)
        case _:
            handle = "source"
    report.warning(
        "bad-handle",
        f"sourceHandle is no text; it is read as {handle!r}, while Dify drops the edge",
        (*path, "sourceHandle"),
        f"Write '{handle}' in quotes.",
    )
    return handle
