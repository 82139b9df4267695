"""Which nodes of a graph can run at all (`workflow-dsl §9.2`): reachability, waits and cycles."""

from collections import deque
from dataclasses import dataclass

import networkx as nx

from graphmill.dsl.model import Workflow
from graphmill.dsl.upgrade import START_TYPES


@dataclass(frozen=True, slots=True)
class Flow:
    """The graph of a workflow and what follows from its shape. Sets hold node ids."""

    graph: "nx.DiGraph[str]"
    """Dangling edges are left out; iterations and loops lead to the start node inside them."""
    reached: frozenset[str]
    """Some path from a start node leads there."""
    settled: frozenset[str]
    """A run decides whether they run; the others wait for ever."""
    cycles: tuple[tuple[str, ...], ...]
    """Groups of nodes that wait for each other, each in file order."""

    def awaited_by(self, node_id: str) -> list[str]:
        """The nodes that `node_id` waits for in vain."""
        return [before for before in self.graph.predecessors(node_id) if before not in self.settled]

    def responds(self, node_id: str, responses: frozenset[str]) -> bool:
        """Is one of `responses` on a path through the node?"""
        around = nx.ancestors(self.graph, node_id) | nx.descendants(self.graph, node_id)
        return bool(responses & (around | {node_id}))


def trace(workflow: Workflow) -> Flow:
    """Follow all edges of a workflow."""
    graph = build_digraph(workflow)
    roots = (workflow.root, *workflow.inactive_roots)
    starts = [node_id for node_id in roots if node_id is not None and node_id in graph]
    reached: set[str] = set(starts)
    for start in starts:
        reached |= nx.descendants(graph, start)
    settled = _settle(graph, starts)
    order = {node.id: number for number, node in enumerate(workflow.nodes)}
    waiting = graph.subgraph([node_id for node_id in graph if node_id not in settled])
    cycles = (
        tuple(sorted(group, key=order.__getitem__))
        for group in nx.strongly_connected_components(waiting)
        if len(group) > 1 or any(waiting.has_edge(node_id, node_id) for node_id in group)
    )
    return Flow(graph, frozenset(reached), frozenset(settled), tuple(sorted(cycles)))


def build_digraph(workflow: Workflow) -> "nx.DiGraph[str]":
    """Nodes and the edges between them, as networkx has it."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(node.id for node in workflow.nodes)
    ends = [(edge.source, edge.target) for edge in workflow.edges]
    ends += [
        (node.id, str(node.data.get("start_node_id")))
        for node in workflow.nodes
        if node.type in START_TYPES
    ]
    graph.add_edges_from(
        (source, target) for source, target in ends if source in graph and target in graph
    )
    return graph


def _settle(graph: "nx.DiGraph[str]", starts: list[str]) -> set[str]:
    """The nodes all of whose edges are taken or skipped at some time: a node waits for all."""
    open_edges = dict(graph.in_degree())
    settled = set(starts)
    queue = deque(starts)
    while queue:
        for target in graph.successors(queue.popleft()):
            open_edges[target] -= 1
            if not open_edges[target] and target not in settled:
                settled.add(target)
                queue.append(target)
    return settled
