"""The shape of a workflow: nodes, edges and the indexes that the run path needs. Immutable.

Nodes and edges are numbered in file order, and everything below refers to them by number: states
are then arrays, and no identifier is looked up while a run goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class NodeClass(StrEnum):
    """How a node takes part in traversal and streaming (`workflow-dsl §6`)."""

    ROOT = "root"
    BRANCH = "branch"
    RESPONSE = "response"
    CONTAINER = "container"
    EXECUTABLE = "executable"
    ENTRY = "entry"
    """Where the rounds of a container begin: there is nothing to run, and nothing is told of it."""


class ErrorStrategy(StrEnum):
    FAIL_BRANCH = "fail-branch"
    DEFAULT_VALUE = "default-value"


@dataclass(frozen=True, slots=True)
class Edge:
    index: int
    source: int
    target: int
    handle: str


@dataclass(frozen=True, slots=True)
class GraphNode:
    index: int
    id: str
    type: str
    title: str
    node_class: NodeClass
    error_strategy: ErrorStrategy | None = None
    container: str | None = None
    """Id of the innermost iteration or loop around the node."""

    branches: bool = field(init=False)
    """Is exactly one handle followed? True for branch nodes and with a fail branch."""

    def __post_init__(self) -> None:
        is_branch = self.node_class is NodeClass.BRANCH
        has_fail_branch = self.error_strategy is ErrorStrategy.FAIL_BRANCH
        object.__setattr__(self, "branches", is_branch or has_fail_branch)


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: tuple[GraphNode, ...]
    edges: tuple[Edge, ...]
    outgoing: tuple[tuple[Edge, ...], ...]
    """By node, in file order."""
    in_degrees: tuple[int, ...]
    """By node: how many edges lead to it."""
    root: int
    inactive_roots: tuple[int, ...] = ()
    """Other start or trigger nodes: skipped before the run begins (`workflow-dsl §5.4`)."""


def build_graph(
    nodes: Sequence[GraphNode],
    edges: Sequence[Edge],
    *,
    root: int,
    inactive_roots: Sequence[int] = (),
) -> Graph:
    """Index `nodes` and `edges`, whose numbers must be their positions."""
    outgoing: list[list[Edge]] = [[] for _ in nodes]
    in_degrees = [0] * len(nodes)
    for edge in edges:
        outgoing[edge.source].append(edge)
        in_degrees[edge.target] += 1
    return Graph(
        nodes=tuple(nodes),
        edges=tuple(edges),
        outgoing=tuple(tuple(group) for group in outgoing),
        in_degrees=tuple(in_degrees),
        root=root,
        inactive_roots=tuple(inactive_roots),
    )
