"""Which node runs next: a state machine without I/O (`workflow-dsl §9`).

Completions go in, one `Decision` comes out; whoever drives it does the waiting. One scheduler belongs to one frame (the
root graph, or one round of an iteration or loop) and is the only writer of its node and edge states.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from graphmill.engine.graph import Edge, Graph


class State(IntEnum):
    UNKNOWN = 0
    TAKEN = 1
    SKIPPED = 2


@dataclass(slots=True)
class Decision:
    """What follows from one completion, in the order in which it was decided."""

    ready: list[tuple[int, int | None]] = field(default_factory=list)
    """Nodes to run now, each with the node whose edge made it ready."""
    taken: list[Edge] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    """Nodes that will never run."""


class Scheduler:
    """The node and edge states of one frame.

    Call `start` once, then `complete` once for each node it called ready. A node waits until all its incoming edges are
    resolved and runs if at least one was taken; a node whose incoming edges are all skipped is skipped, and so on behind
    it. Nodes on a cycle, or behind an edge whose source is never reached, stay unknown for ever.
    """

    __slots__ = ("_edges", "_graph", "_nodes")

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes = bytearray(len(graph.nodes))
        self._edges = bytearray(len(graph.edges))

    def start(self, root: int) -> Decision:
        """Begin at node `root`; other root-type nodes are skipped first."""
        decision = Decision()
        for index in self._graph.inactive_roots:
            if index != root:
                self._skip_node(index, decision)
        self._enqueue(root, None, decision)
        return decision

    def complete(self, node: int, handle: str | None) -> Decision:
        """`node` has finished. With a `handle`, follow the edges of that handle only; with None, follow all."""
        decision = Decision()
        outgoing = self._graph.outgoing[node]
        if handle is None:
            for edge in outgoing:
                self._take(edge, decision)
            return decision
        for edge in outgoing:
            if edge.handle != handle:
                self._skip(edge, decision)
        for edge in outgoing:
            if edge.handle == handle:
                self._take(edge, decision)
        return decision

    def state(self, node: int) -> State:
        return State(self._nodes[node])

    def edge_state(self, edge: int) -> State:
        return State(self._edges[edge])

    def _take(self, edge: Edge, decision: Decision) -> None:
        self._edges[edge.index] = State.TAKEN
        decision.taken.append(edge)
        if self._may_run(edge.target):
            self._enqueue(edge.target, edge.source, decision)

    def _skip(self, edge: Edge, decision: Decision) -> None:
        """Skip an edge and all that hangs on it alone. A stack, not recursion: a chain may be thousands long."""
        stack = [edge]
        while stack:
            edge = stack.pop()
            self._edges[edge.index] = State.SKIPPED
            target = edge.target
            if self._is_undecided(target):
                continue
            taken_from = self._taken_source(target)
            if taken_from is not None:
                self._enqueue(target, taken_from, decision)
            elif self._nodes[target] == State.UNKNOWN:
                self._nodes[target] = State.SKIPPED
                decision.skipped.append(target)
                stack.extend(reversed(self._graph.outgoing[target]))

    def _skip_node(self, node: int, decision: Decision) -> None:
        self._nodes[node] = State.SKIPPED
        decision.skipped.append(node)
        for edge in self._graph.outgoing[node]:
            self._skip(edge, decision)

    def _enqueue(self, node: int, predecessor: int | None, decision: Decision) -> None:
        if self._nodes[node] == State.UNKNOWN:
            self._nodes[node] = State.TAKEN
            decision.ready.append((node, predecessor))

    def _may_run(self, node: int) -> bool:
        """Is no incoming edge undecided? The caller has just taken one."""
        return not self._is_undecided(node)

    def _is_undecided(self, node: int) -> bool:
        edges = self._edges
        return any(edges[edge.index] == State.UNKNOWN for edge in self._graph.incoming[node])

    def _taken_source(self, node: int) -> int | None:
        for edge in self._graph.incoming[node]:
            if self._edges[edge.index] == State.TAKEN:
                return edge.source
        return None
