"""Which node runs next: a state machine without I/O (`workflow-dsl §9`).

Completions go in, one `Decision` comes out; whoever drives it does the waiting. One scheduler
belongs to one frame (the root graph, or one round of an iteration or loop) and is the only writer
of its states.
"""

from dataclasses import dataclass
from typing import Final

from graphmill.engine.graph import Edge, Graph

UNDECIDED: Final = 0
CHOSEN: Final = 1
SKIPPED: Final = 2


@dataclass(slots=True)
class Decision:
    """What follows from one completion, in the order in which it was decided."""

    ready: list[tuple[int, int | None]]
    """Nodes to run now, each with the node whose edge made it ready."""
    taken: list[Edge]
    skipped: list[int]
    """Nodes that will never run."""


class Scheduler:
    """The states of one frame.

    Call `start` once, then `complete` once for each node it called ready. A node waits until all
    its incoming edges are decided and runs if at least one was taken; a node whose incoming edges
    are all skipped is skipped, and so on behind it. Nodes on a cycle, or behind an edge whose
    source is never reached, stay undecided for ever.
    """

    __slots__ = ("_graph", "_open", "_states", "_taken_from")

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._states = bytearray(len(graph.nodes))
        self._open = list(graph.in_degrees)
        """By node: how many incoming edges are undecided."""
        self._taken_from: list[int | None] = [None] * len(graph.nodes)
        """By node: the source of the incoming edge that was taken last."""

    def start(self, root: int) -> Decision:
        """Begin at node `root`; other root-type nodes are skipped first (`workflow-dsl §5.4`)."""
        decision = Decision([], [], [])
        for node in self._graph.inactive_roots:
            if node != root:
                self._states[node] = SKIPPED
                decision.skipped.append(node)
                for edge in self._graph.outgoing[node]:
                    self._skip(edge, decision)
        self._enqueue(root, decision)
        return decision

    def complete(self, node: int, handle: str | None) -> Decision:
        """`node` has finished. Follow the edges of `handle` only, or all of them with None."""
        decision = Decision([], [], [])
        for edge in self._graph.outgoing[node]:
            if handle is not None and edge.handle != handle:
                self._skip(edge, decision)
        for edge in self._graph.outgoing[node]:
            if handle is None or edge.handle == handle:
                self._take(edge, decision)
        return decision

    def is_skipped(self, node: int) -> bool:
        return self._states[node] == SKIPPED

    def _take(self, edge: Edge, decision: Decision) -> None:
        target = edge.target
        decision.taken.append(edge)
        self._taken_from[target] = edge.source
        self._open[target] -= 1
        if self._open[target] == 0:
            self._enqueue(target, decision)

    def _skip(self, edge: Edge, decision: Decision) -> None:
        """Skip an edge and, depth first, all that hangs on it alone.

        A stack, not recursion: a chain may be thousands of nodes long."""
        stack = [edge]
        while stack:
            target = stack.pop().target
            self._open[target] -= 1
            if self._open[target] > 0:
                continue
            if self._taken_from[target] is not None:
                self._enqueue(target, decision)
            elif self._states[target] == UNDECIDED:
                self._states[target] = SKIPPED
                decision.skipped.append(target)
                stack.extend(reversed(self._graph.outgoing[target]))

    def _enqueue(self, node: int, decision: Decision) -> None:
        if self._states[node] == UNDECIDED:
            self._states[node] = CHOSEN
            decision.ready.append((node, self._taken_from[node]))
