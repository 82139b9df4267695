"""Where the nodes of a picture go: where the editor put them, or in columns along the edges."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

import networkx as nx

from graphmill.dsl.flow import build_digraph
from graphmill.dsl.model import Box, NodeDefinition, Workflow
from graphmill.dsl.upgrade import START_TYPES

_WIDTH: Final = 244.0
_HEIGHT: Final = 90.0
_GAP_X: Final = 80.0
_GAP_Y: Final = 40.0
_PADDING: Final = 30.0
_HEADER: Final = 60.0
"""Height of what stands at the top of an iteration or loop."""
_LIMIT: Final = 1_000_000.0
"""Pixels beyond which a position cannot be meant."""

Nesting: TypeAlias = Mapping[str | None, list[NodeDefinition]]
"""The nodes directly inside each iteration and loop, and under None those inside nothing."""


def nest(workflow: Workflow) -> Nesting:
    """Iterations and loops come before what is inside them."""
    containers = {node.id for node in workflow.nodes if node.type in START_TYPES}
    inside: dict[str | None, list[NodeDefinition]] = {}
    for node in workflow.nodes:
        around = node.parent_id if node.parent_id in containers else None
        inside.setdefault(around, []).append(node)
    nesting: dict[str | None, list[NodeDefinition]] = {}
    ahead: list[str | None] = [None]
    for around in ahead:
        nesting[around] = inside.get(around, [])
        ahead += [node.id for node in nesting[around] if node.id in containers]
    return nesting


def place_nodes(workflow: Workflow) -> dict[str, Box]:
    """The box of each node, all counted from one corner; containers come before their nodes."""
    nesting = nest(workflow)
    drawn = {node.id: node.box for node in workflow.nodes if node.box and _is_sane(node.box)}
    boxes = drawn if _is_picture(nesting, drawn) else _in_columns(workflow, nesting)
    placed: dict[str, Box] = {}
    for around, nodes in nesting.items():
        corner = placed[around] if around is not None else Box(0, 0, 0, 0)
        for node in nodes:
            box = boxes[node.id]
            placed[node.id] = replace(box, x=box.x + corner.x, y=box.y + corner.y)
    return placed


def _is_sane(box: Box) -> bool:
    return all(abs(number) <= _LIMIT for number in (box.x, box.y, box.width, box.height))


def _is_picture(nesting: Nesting, drawn: Mapping[str, Box]) -> bool:
    """Has every node a place of its own, inside the iteration or loop that it belongs to?"""
    for around, nodes in nesting.items():
        places = set()
        for node in nodes:
            box = drawn.get(node.id)
            if box is None or (around is not None and not _holds(drawn[around], box)):
                return False
            places.add((box.x, box.y))
        if len(places) < len(nodes):
            return False
    return True


def _holds(container: Box, box: Box) -> bool:
    return (
        box.x >= 0
        and box.y >= 0
        and box.x + box.width <= container.width
        and box.y + box.height <= container.height
    )


def _in_columns(workflow: Workflow, nesting: Nesting) -> dict[str, Box]:
    """A column further right for each step along the edges; containers grow around their nodes."""
    graph = build_digraph(workflow)
    boxes: dict[str, Box] = {}
    sizes: dict[str, tuple[float, float]] = {}
    for around in reversed(list(nesting)):
        left, top = (0.0, 0.0) if around is None else (_PADDING, _HEADER)
        right, bottom = left, top
        for column in _columns(graph, nesting[around]):
            placed = dict(_stacked(column, sizes, right, top))
            boxes |= placed
            bottom = max(bottom, *(box.y + box.height for box in placed.values()))
            right = max(box.x + box.width for box in placed.values()) + _GAP_X
        if around is not None:
            width = right - _GAP_X + _PADDING
            sizes[around] = max(width, _WIDTH), max(bottom + _PADDING, _HEIGHT)
    return boxes


def _columns(graph: "nx.DiGraph[str]", nodes: Iterable[NodeDefinition]) -> Iterator[list[str]]:
    """Every node stands behind all that lead to it; the nodes of a cycle stand together."""
    ids = [node.id for node in nodes]
    order = {node_id: number for number, node_id in enumerate(ids)}
    groups = nx.condensation(graph.subgraph(ids))
    for generation in nx.topological_generations(groups):
        members = (member for group in generation for member in groups.nodes[group]["members"])
        yield sorted(members, key=order.__getitem__)


def _stacked(
    column: Iterable[str], sizes: Mapping[str, tuple[float, float]], x: float, y: float
) -> Iterator[tuple[str, Box]]:
    for node_id in column:
        width, height = sizes.get(node_id, (_WIDTH, _HEIGHT))
        yield node_id, Box(x, y, width, height)
        y += height + _GAP_Y
