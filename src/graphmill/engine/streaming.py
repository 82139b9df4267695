"""Which streamed text may be shown now (`workflow-dsl §13`): a filter behind the engine, a pure function of its calls.

A response node has a *stream template*: literal texts and selectors. Its *session* is a cursor through that template.
A session activates once a path from the root to its node has no edge left that could still turn another way; active
sessions show their segments in order, the others wait in a queue.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graphmill.engine.events import TextChunk
from graphmill.engine.graph import Edge, Graph, NodeClass
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import MISSING, render_markdown

Segment: TypeAlias = str | Selector


@dataclass(frozen=True, slots=True)
class ResponseStream:
    """The stream template of one response node."""

    node: int
    node_id: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What all runs of a version share: the templates, and which edges hold each of them back."""

    graph: Graph
    responses: tuple[ResponseStream, ...]
    """Ascending by node id: the order in which sessions activate together."""
    referenced: frozenset[Selector]
    gates: tuple[frozenset[int], ...]
    """By response: numbers of the edges that block streaming until they are taken (`§13.2`)."""


def plan_streams(
    graph: Graph, responses: Iterable[ResponseStream], writes: dict[int, frozenset[Selector]]
) -> StreamPlan:
    """`writes`: by node, the two-part selectors of variables that it changes (assigners)."""
    ordered = tuple(sorted(responses, key=lambda response: response.node_id))
    always = frozenset(
        edge.index
        for edge in graph.edges
        if graph.nodes[edge.source].branches
        or graph.nodes[edge.source].node_class in (NodeClass.CONTAINER, NodeClass.RESPONSE)
    )
    gates = []
    for response in ordered:
        heads = {segment[:2] for segment in response.segments if isinstance(segment, tuple)}
        writers = {node for node, targets in writes.items() if targets & heads}
        held = {edge.index for node in writers for edge in graph.outgoing[node]}
        gates.append(always | held)
    referenced = frozenset(
        segment for response in ordered for segment in response.segments if isinstance(segment, tuple)
    )
    return StreamPlan(graph, ordered, referenced, tuple(gates))


class _Reach:
    """The nodes that edges can no longer turn a run away from: reachable through open or taken edges only."""

    __slots__ = ("_gates", "_graph", "_open", "nodes")

    def __init__(self, graph: Graph, gates: frozenset[int]) -> None:
        self._graph = graph
        self._gates = gates
        self._open: set[int] = set()
        self.nodes: set[int] = set()
        self._visit(graph.root)

    def take(self, edge: Edge) -> None:
        if edge.index in self._gates:
            self._open.add(edge.index)
            if edge.source in self.nodes:
                self._visit(edge.target)

    def _visit(self, node: int) -> None:
        stack = [node]
        while stack:
            node = stack.pop()
            if node in self.nodes:
                continue
            self.nodes.add(node)
            stack.extend(
                edge.target
                for edge in self._graph.outgoing[node]
                if edge.index not in self._gates or edge.index in self._open
            )


class _Buffer:
    """Chunks of one selector that no session has shown yet."""

    __slots__ = ("closed", "texts", "used")

    def __init__(self) -> None:
        self.texts: deque[str] = deque()
        self.used = False
        self.closed = False


class StreamFilter:
    """The sessions of one frame of one run. Every method returns the chunks that may be shown now, in order."""

    __slots__ = ("_active", "_buffers", "_cursor", "_idle", "_is_skipped", "_plan", "_pool", "_reach", "_waiting")

    def __init__(self, plan: StreamPlan, pool: Pool, is_skipped: Callable[[str], bool]) -> None:
        """`is_skipped(node id)`: is this a node of the graph that will not run in this frame?"""
        self._plan = plan
        self._pool = pool
        self._is_skipped = is_skipped
        self._buffers: dict[Selector, _Buffer] = {}
        self._active: ResponseStream | None = None
        self._cursor = 0
        self._waiting: deque[ResponseStream] = deque()
        self._idle = list(range(len(plan.responses)))
        self._reach: dict[frozenset[int], _Reach] = {}

    def edges_taken(self, edges: Sequence[Edge]) -> list[TextChunk]:
        """Activate the sessions that nothing holds back any more.

        Dify looks at this when an edge is taken, so nothing is shown before the root node has finished."""
        if not self._idle or not edges:
            return []
        shown: list[TextChunk] = []
        for gates in {self._plan.gates[index] for index in self._idle}:
            reach = self._reach.get(gates)
            if reach is None:
                reach = self._reach[gates] = _Reach(self._plan.graph, gates)
            for edge in edges:
                reach.take(edge)
        still_idle = []
        for index in self._idle:
            response = self._plan.responses[index]
            if response.node not in self._reach[self._plan.gates[index]].nodes:
                still_idle.append(index)
            elif self._active is None:
                self._activate(response)
                shown += self.flush()
            else:
                self._waiting.append(response)
        self._idle = still_idle
        return shown

    def chunk(self, selector: Selector, text: str, *, is_final: bool = False) -> list[TextChunk]:
        """A node produced a piece of the text at `selector`."""
        if selector not in self._plan.referenced:
            return []
        buffer = self._buffers.setdefault(selector, _Buffer())
        if buffer.closed:
            return []
        buffer.texts.append(text)
        buffer.used = True
        buffer.closed = is_final
        return self.flush()

    def flush(self) -> list[TextChunk]:
        """Show what the active session can show; call it before a node's success is passed on."""
        shown: list[TextChunk] = []
        while self._active is not None:
            segments = self._active.segments
            while self._cursor < len(segments) and self._show(segments[self._cursor], shown):
                self._cursor += 1
            if self._cursor < len(segments):
                break
            self._active = None
            if self._waiting:
                self._activate(self._waiting.popleft())
        return shown

    def _activate(self, response: ResponseStream) -> None:
        self._active = response
        self._cursor = 0

    def _show(self, segment: Segment, shown: list[TextChunk]) -> bool:
        """Show a segment as far as possible. Is it done?"""
        if isinstance(segment, str):
            assert self._active is not None, "segments are shown for the active session only"
            shown.append(TextChunk((self._active.node_id, "answer"), segment))
            return True
        if self._is_skipped(segment[0]):
            return True
        buffer = self._buffers.get(segment)
        if buffer is not None and buffer.used:
            while buffer.texts:
                shown.append(TextChunk(segment, buffer.texts.popleft()))
            return buffer.closed
        value = self._pool.find(segment)
        if value is MISSING:
            return False
        shown.append(TextChunk(segment, render_markdown(value)))
        return True
