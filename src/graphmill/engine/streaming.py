"""Which streamed text may be shown now (`workflow-dsl §13`): a filter behind the engine.

A response node has a *stream template*: literal texts and selectors. Its *session* is a cursor
through that template. A session activates once a path from the root to its node has no edge left
that could still turn another way; one session at a time shows its segments, the others wait in a
queue.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graphmill.engine.events import TextChunk
from graphmill.engine.graph import Edge, Graph, NodeClass
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Missing, render_markdown

Segment: TypeAlias = str | Selector


@dataclass(frozen=True, slots=True)
class ResponseStream:
    """The stream template of one response node."""

    node: int
    node_id: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Barrier:
    """What holds responses back (`workflow-dsl §13.2`); those with the same gates share it."""

    gates: frozenset[int]
    """Numbers of the edges that block streaming until they are taken."""
    before: frozenset[int]
    """The nodes that the root reaches without passing a gate."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What all runs of a version share: the templates, and what holds each of them back."""

    graph: Graph
    responses: tuple[ResponseStream, ...]
    """Ascending by node id: the order in which sessions activate together."""
    barriers: tuple[Barrier, ...]
    """By response."""
    gates: frozenset[int]
    """Of all barriers."""
    referenced: frozenset[Selector]
    producers: Mapping[str, int]
    """Numbers of the nodes that the templates refer to, by id."""


def plan_streams(
    graph: Graph, responses: Iterable[ResponseStream], writes: Mapping[int, frozenset[Selector]]
) -> StreamPlan:
    """`writes`: by node, the two-part selectors of the variables that it changes (assigners)."""
    ordered = tuple(sorted(responses, key=lambda response: response.node_id))
    always = frozenset(
        edge.index
        for edge in graph.edges
        if graph.nodes[edge.source].branches
        or graph.nodes[edge.source].node_class in (NodeClass.CONTAINER, NodeClass.RESPONSE)
    )
    barriers: dict[frozenset[int], Barrier] = {}
    held_by: list[Barrier] = []
    for response in ordered:
        variables = {selector[:2] for selector in _selectors(response)}
        writers = [node for node, targets in writes.items() if targets & variables]
        gates = always.union(edge.index for node in writers for edge in graph.outgoing[node])
        if gates not in barriers:
            reach = _Reach(graph, gates)
            reach.visit(graph.root)
            barriers[gates] = Barrier(gates, frozenset(reach.nodes))
        held_by.append(barriers[gates])
    referenced = frozenset(selector for response in ordered for selector in _selectors(response))
    heads = {selector[0] for selector in referenced}
    return StreamPlan(
        graph=graph,
        responses=ordered,
        barriers=tuple(held_by),
        gates=frozenset().union(*barriers),
        referenced=referenced,
        producers={node.id: node.index for node in graph.nodes if node.id in heads},
    )


def _selectors(response: ResponseStream) -> list[Selector]:
    return [segment for segment in response.segments if isinstance(segment, tuple)]


class _Reach:
    """The nodes that a run can no longer be turned away from: those that taken gates lead to."""

    __slots__ = ("_gates", "_graph", "_taken", "nodes")

    def __init__(self, graph: Graph, gates: frozenset[int], nodes: Iterable[int] = ()) -> None:
        self._graph = graph
        self._gates = gates
        self._taken: set[int] = set()
        self.nodes = set(nodes)

    def take(self, edge: Edge) -> None:
        if edge.index in self._gates:
            self._taken.add(edge.index)
            if edge.source in self.nodes:
                self.visit(edge.target)

    def visit(self, node: int) -> None:
        """Add `node` and all that lies behind it up to the next gates."""
        stack = [node]
        while stack:
            node = stack.pop()
            if node in self.nodes:
                continue
            self.nodes.add(node)
            stack.extend(
                edge.target
                for edge in self._graph.outgoing[node]
                if edge.index not in self._gates or edge.index in self._taken
            )


class _Buffer:
    """Chunks of one selector that no session has shown yet; it exists from the first chunk on."""

    __slots__ = ("is_closed", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.is_closed = False


class StreamFilter:
    """The sessions of one frame. Each method returns the chunks that may be shown now, in order."""

    __slots__ = (
        "_active", "_buffers", "_cursor", "_has_begun", "_held", "_is_skipped", "_plan", "_pool",
        "_reaches", "_waiting",
    )  # fmt: skip

    def __init__(self, plan: StreamPlan, pool: Pool, is_skipped: Callable[[int], bool]) -> None:
        """`is_skipped(number of a node)`: will it not run in this frame?"""
        self._plan = plan
        self._pool = pool
        self._is_skipped = is_skipped
        self._held = list(range(len(plan.responses)))
        self._has_begun = False
        self._reaches: dict[Barrier, _Reach] = {}
        """Made when the first gate is taken; until then `Barrier.before` says it all."""
        self._waiting: list[ResponseStream] = []
        self._active: ResponseStream | None = None
        self._cursor = 0
        self._buffers: dict[Selector, _Buffer] = {}

    def edges_taken(self, edges: Sequence[Edge]) -> list[TextChunk]:
        """Activate the sessions that nothing holds back any more.

        Dify looks at this when an edge is taken, so nothing is shown before the root is done."""
        if not edges or not self._held:
            return []
        gates = [edge for edge in edges if edge.index in self._plan.gates]
        if self._has_begun and not gates:
            return []
        self._has_begun = True
        if gates and not self._reaches:
            graph = self._plan.graph
            for barrier in self._plan.barriers:
                self._reaches[barrier] = _Reach(graph, barrier.gates, barrier.before)
        for reach in self._reaches.values():
            for edge in gates:
                reach.take(edge)
        free = [number for number in self._held if self._is_free(number)]
        self._held = [number for number in self._held if number not in free]
        self._waiting += [self._plan.responses[number] for number in free]
        return self.flush()

    def chunk(self, selector: Selector, text: str, *, is_final: bool = False) -> list[TextChunk]:
        """A node made a piece of the text at `selector`; `is_final` says that it was the last."""
        if selector not in self._plan.referenced:
            return []
        buffer = self._buffers.get(selector)
        if buffer is None:
            buffer = self._buffers[selector] = _Buffer()
        if buffer.is_closed:
            return []
        buffer.texts.append(text)
        buffer.is_closed = is_final
        return self.flush()

    def flush(self) -> list[TextChunk]:
        """Show what the active session can show; call it before a node's success is told."""
        shown: list[TextChunk] = []
        while self._active is not None or self._waiting:
            if self._active is None:
                self._active = self._waiting.pop(0)
                self._cursor = 0
            segments = self._active.segments
            while self._cursor < len(segments):
                if not self._show(segments[self._cursor], self._active, shown):
                    return shown
                self._cursor += 1
            self._active = None
        return shown

    def _is_free(self, number: int) -> bool:
        barrier = self._plan.barriers[number]
        nodes = self._reaches[barrier].nodes if self._reaches else barrier.before
        return self._plan.responses[number].node in nodes

    def _show(self, segment: Segment, response: ResponseStream, shown: list[TextChunk]) -> bool:
        """Show a segment as far as possible. Is it done?"""
        if isinstance(segment, str):
            shown.append(TextChunk((response.node_id, "answer"), segment))
            return True
        producer = self._plan.producers.get(segment[0])
        if producer is not None and self._is_skipped(producer):
            return True
        buffer = self._buffers.get(segment)
        if buffer is not None:
            shown.extend(TextChunk(segment, text) for text in buffer.texts)
            buffer.texts.clear()
            return buffer.is_closed
        value = self._pool.find(segment)
        if isinstance(value, Missing):
            return False
        shown.append(TextChunk(segment, render_markdown(value)))
        return True
