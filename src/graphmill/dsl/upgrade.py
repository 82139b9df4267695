"""Repairs of old files that Dify's editor makes when it opens them (`workflow-dsl §5.3`).

Nothing is changed in place: aliases of a file may share a value. Left to others are selectors
written as one text (`variables.selectors` splits them), short provider names and the old form of
if-else (runs report them as they were written, so their nodes read both).
"""

from dataclasses import replace
from itertools import count
from typing import Any, Final

from graphmill.dsl.model import EdgeDefinition, NodeDefinition

START_TYPES: Final = {"iteration": "iteration-start", "loop": "loop-start"}
"""By type of container: the type of the node that its rounds begin at."""

_MEMBERSHIP: Final = {
    "iteration": ("isInIteration", "iteration_id"),
    "loop": ("isInLoop", "loop_id"),
}
"""By type of container: how `data` of a node inside says so."""

_ITERATION_DEFAULTS: Final = {
    "is_parallel": False,
    "parallel_nums": 10,
    "error_handle_mode": "terminated",
}


def upgrade(
    nodes: list[NodeDefinition], edges: list[EdgeDefinition]
) -> tuple[tuple[NodeDefinition, ...], tuple[EdgeDefinition, ...]]:
    """The graph as a current editor would save it."""
    nodes, edges = _with_start_nodes(nodes, edges)
    types = {node.id: node.type for node in nodes}
    return tuple(_upgrade_node(node, types) for node in nodes), tuple(edges)


def _with_start_nodes(
    nodes: list[NodeDefinition], edges: list[EdgeDefinition]
) -> tuple[list[NodeDefinition], list[EdgeDefinition]]:
    """Give every iteration and loop a start node.

    1. `start_node_id` names one: nothing to do.
    2. It names another node (old files): a start node is added in front of that one.
    3. It names nothing: a start node inside is taken, or one is added that leads nowhere.
    """
    by_id = {node.id: node for node in nodes}
    mended, links = dict(by_id), list(edges)
    number = count(max((edge.number for edge in edges), default=-1) + 1)
    for node in nodes:
        start_type = START_TYPES.get(node.type)
        if start_type is None:
            continue
        named = by_id.get(str(node.data.get("start_node_id")))
        if named is not None and named.type == start_type:
            continue
        start = None if named is not None else _start_inside(node, nodes)
        if start is None:
            start = _new_start(node, _free_id(f"{node.id}start", mended))
            mended[start.id] = start
        if named is not None:
            links.append(EdgeDefinition(next(number), start.id, named.id, "source", node.place))
        mended[node.id] = replace(node, data={**node.data, "start_node_id": start.id})
    return list(mended.values()), links


def _start_inside(container: NodeDefinition, nodes: list[NodeDefinition]) -> NodeDefinition | None:
    start_type = START_TYPES[container.type]
    for node in nodes:
        if node.type == start_type and node.parent_id == container.id:
            return node
    return None


def _new_start(container: NodeDefinition, node_id: str) -> NodeDefinition:
    start_type = START_TYPES[container.type]
    return NodeDefinition(
        id=node_id,
        type=start_type,
        version="1",
        title="",
        data={"type": start_type, "title": "", "desc": ""},
        place=container.place,
        parent_id=container.id,
    )


def _free_id(stem: str, taken: dict[str, NodeDefinition]) -> str:
    return next(name for number in count() if (name := f"{stem}{number}") not in taken)


def _upgrade_node(node: NodeDefinition, types: dict[str, str]) -> NodeDefinition:
    changes: dict[str, Any] = {}
    membership = _MEMBERSHIP.get(types.get(node.parent_id or "", ""))
    if membership is not None:
        inside, container_id = membership
        changes = {inside: True, container_id: node.parent_id}
    match node.type:
        case "iteration":
            missing = _ITERATION_DEFAULTS.keys() - node.data.keys()
            changes |= {key: _ITERATION_DEFAULTS[key] for key in missing}
        case "tool":
            changes |= _tool_settings(node.data)
        case "end":
            changes |= _end_outputs(node.data)
        case _:
            pass
    return replace(node, data={**node.data, **changes}) if changes else node


def _tool_settings(data: dict[str, Any]) -> dict[str, Any]:
    """Old tools hold plain values where current ones hold `{type, value}`."""
    settings = data.get("tool_configurations")
    if data.get("version") or data.get("tool_node_version") or not isinstance(settings, dict):
        return {}
    wrapped = {
        name: value if isinstance(value, dict | list) else {"type": "constant", "value": value}
        for name, value in settings.items()
    }
    return {"tool_node_version": "2", "tool_configurations": wrapped}


def _end_outputs(data: dict[str, Any]) -> dict[str, Any]:
    """Types in lower case, and `any` where there is none."""
    outputs = data.get("outputs")
    if not isinstance(outputs, list):
        return {}
    return {
        "outputs": [
            {**output, "value_type": str(output.get("value_type") or "any").lower()}
            if isinstance(output, dict)
            else output
            for output in outputs
        ]
    }
